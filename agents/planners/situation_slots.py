"""What playbooks' holes are filled with: what the sentence says, and the dates and names that follow from it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agents.planners.slots.fill import Slots
from agents.ports import Situation

HISTORY = timedelta(days=56)
MONTH = timedelta(days=28)
# A breakdown takes so many properties; one with more values than this is an identifier rather than a segment.
MOST_DIMS, MOST_VALUES = 6, 60
MOST_METRICS = 12
CANCELLATION = re.compile(r"cancel|churn|unsubscrib", re.IGNORECASE)
WORK_IN_PROGRESS = re.compile(
    r"\b(left to do|still (?:open|to do)|remain\w*|outstanding|wrong with|why do|why does|fail\w*)\b", re.I
)


def filled(situation: Situation, slots: Slots) -> dict[str, Any]:
    """Every slot that a playbook may name; values are JSON (times as ISO 8601), absent ones are None or empty."""
    zone = ZoneInfo(situation.timezone)
    now = situation.now.astimezone(zone)
    metric = slots.metric.name if slots.metric and slots.metric.sure else None
    refs = list(slots.refs)
    values: dict[str, Any] = {
        "question": situation.turn.text,
        "metric": metric,
        "metric_dims": dims_of(situation.metrics.get(metric, {})) if metric else [],
        "all_metrics": relatives(metric, situation.metrics),
        "other_metrics": [name for name in relatives(metric, situation.metrics) if name != metric],
        "where": {},
        "period": None,
        "direction": slots.change.direction.value if slots.change and slots.change.direction else None,
        "percent": slots.change.percent if slots.change else None,
        "topic": slots.topic or None,
        "topic_or_question": slots.topic or situation.turn.text,
        "refs": refs,
        "ref": refs[0] if refs else None,
        "milestone": slots.milestone.name if slots.milestone else None,
        "person": slots.person.name if slots.person else None,
        "team": slots.team.name if slots.team else None,
        "customer": slots.customer.name if slots.customer else None,
        "component": slots.service.name if slots.service else None,
        "service": slots.service.name if slots.service else None,
        "priority": slots.priority,
        "bug_state": "closed" if {"closed", "done", "resolved"} & set(slots.status) else "open",
        "open_only": bool(WORK_IN_PROGRESS.search(situation.turn.text)),
        "churn": bool(metric and CANCELLATION.search(metric)),
        "cancellations": None,
        "cancellations_step": None,
        "since": None,
        "time": None,
        "files": [file.id for file in situation.files] or None,
    }
    values["anchor"] = values["milestone"] or values["ref"]
    for number, name in enumerate(values["all_metrics"], 1):
        if CANCELLATION.search(name):
            values |= {"cancellations": name, "cancellations_step": f"series_{number}"}
            break
    values |= _dates(now, slots)
    return values


def dims_of(dims: Mapping[str, Sequence[str]]) -> list[str]:
    """The properties worth a breakdown: those with a few values, at most as many as one table may have."""
    telling = [name for name, values in dims.items() if 2 <= len(values) <= MOST_VALUES]
    return telling[:MOST_DIMS]


def relatives(metric: str | None, metrics: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    """The metrics worth reading beside one: itself, then those that share most of its properties; all, if few."""
    if len(metrics) <= MOST_METRICS:
        return list(metrics)
    own = set(metrics.get(metric or "", {}))
    ranked = sorted(metrics, key=lambda name: (name != metric, -len(own & set(metrics[name])), name))
    return ranked[:MOST_METRICS]


def _dates(now: datetime, slots: Slots) -> dict[str, Any]:
    today = datetime.combine(now.date(), time(), now.tzinfo)
    monday = today - timedelta(days=today.weekday())
    found: dict[str, Any] = {
        "history_start": (today - HISTORY).isoformat(),
        "month_start": (today - MONTH).isoformat(),
        "week_start": monday.isoformat(),
        "week_end": (monday + timedelta(days=7)).isoformat(),
        "report_start": (monday - timedelta(days=7)).isoformat(),
        "report_end": monday.isoformat(),
    }
    return found | named_dates(now, slots)


def named_dates(now: datetime, slots: Slots) -> dict[str, Any]:
    """The slots that follow from a time that the sentence names; `now` is local. None where it names no time."""
    said, found = slots.time, dict[str, Any]()
    if said is None:
        return found
    found["period"] = period(said.start, said.end, said.grain.value, said.text)
    found["time"] = said.text
    if said.grain.value == "week":
        found |= {"week_start": said.start.isoformat(), "week_end": said.end.isoformat()}
        if said.end <= now:
            found |= {"report_start": said.start.isoformat(), "report_end": said.end.isoformat()}
    reach = timedelta(hours=3) if said.end - said.start <= timedelta(hours=6) else timedelta()
    found["around_start"] = (said.start - reach).isoformat()
    found["around_end"] = min(said.end + reach, now).isoformat()
    # What was merged or fired just before may show only later.
    found["around_before"] = (said.start - max(reach, timedelta(hours=12))).isoformat()
    return found


def period(start: datetime, end: datetime, grain: str, text: str) -> Mapping[str, str]:
    """A period as steps take it: half-open, ISO 8601, with the words that named it."""
    return {"start": start.isoformat(), "end": end.isoformat(), "grain": grain, "text": text}
