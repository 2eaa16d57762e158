"""What a further question builds on: the last run's playbook with another slot, or the records it cited. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.planners.slots.fill import Slots
from agents.ports import Past, Situation

_CONTINUES = re.compile(
    r"^(?:and|but|what about|how about|same|only|just|also|now|und|aber|nur|was ist mit|y|pero|solo|qué tal)\b"
    r"|^(?:for|in|on|per|by|für|para|en)\b",
    re.IGNORECASE,
)
_SHOW = re.compile(
    r"\b(?:show|open|see|read|which|what|where|link|give|zeig\w*|welche\w*|muestra\w*|cuál|enseña\w*)\b", re.IGNORECASE
)
_POINTS = re.compile(r"\b(?:the|that|this|its|it|der|die|das|den|dem|el|la|ese|esa|este|esta)\b", re.IGNORECASE)
_ALL = re.compile(r"\b(?:all|any|every|each|open|urgent|alle|todos|todas)\b(?! (?:it|the|that))", re.IGNORECASE)
_KINDS: Mapping[str, re.Pattern[str]] = {
    "pull_request": re.compile(r"\bpull[ -]?requests?\b|\bprs?\b|\bdiff\b|\bcode change\b|\bmerge request\b", re.I),
    "deployment": re.compile(r"\bdeploy(?:s|ments?|ed)?\b|\brelease\b|\bdespliegue\b", re.I),
    "error": re.compile(r"\berrors?\b|\bexceptions?\b|\bstack(?: ?trace)?\b|\bfehler\b|\bsentry\b", re.I),
    "issue": re.compile(r"\bissues?\b|\bbugs?\b", re.I),
    "ticket": re.compile(r"\btickets?\b", re.I),
    "message": re.compile(r"\bmessages?\b|\bthread\b|\bconversation\b|\bslack\b|\bnachrichten?\b|\bmensajes?\b", re.I),
    "incident": re.compile(r"\bincidents?\b|\boutage\b|\bvorfall\b", re.I),
    "document": re.compile(r"\bdoc(?:ument)?s?\b|\brunbook\b|\bdokument\b", re.I),
}
_LONGEST = 9


@dataclass(frozen=True)
class FollowUp:
    """A playbook to run, with slots that replace those of the sentence."""

    playbook: str
    slots: Mapping[str, Any] = field(default_factory=dict)


def follow_up(situation: Situation, said: Slots) -> FollowUp | None:
    """What a sentence adds to the conversation's last planned run; None where it stands on its own."""
    past = next((run for run in reversed(situation.past) if run.plan.playbook), None)
    if past is None or past.plan.playbook is None:
        return None
    text = situation.turn.text.strip()
    if len(text.split()) > _LONGEST:
        return None
    shown = _records(text, past)
    if shown:
        first = shown[0]
        return FollowUp("show_record", {"ref": first["ref"], "kind": first["kind"], f"shows_{first['kind']}": True})
    if not _CONTINUES.search(text):
        return None
    changed = _changed(text, said, situation, past)
    return FollowUp(past.plan.playbook, {**past.plan.slots, **changed}) if changed else None


def _changed(text: str, said: Slots, situation: Situation, past: Past) -> dict[str, Any]:
    """The slots that the sentence gives anew."""
    changed: dict[str, Any] = {}
    metric = past.plan.slots.get("metric")
    where = selection(text, situation.metrics.get(str(metric), {}))
    if where:
        changed["where"] = {**(past.plan.slots.get("where") or {}), **where}
    if said.time is not None:
        t = said.time
        changed["period"] = {
            "start": t.start.isoformat(),
            "end": t.end.isoformat(),
            "grain": t.grain.value,
            "text": t.text,
        }
    if not where and said.metric is not None and said.metric.sure and said.metric.name != metric:
        dims = list(situation.metrics.get(said.metric.name, {}))
        others = [name for name in situation.metrics if name != said.metric.name]
        changed |= {"metric": said.metric.name, "metric_dims": dims, "other_metrics": others}
    for name in ("person", "team", "milestone", "customer"):
        match = getattr(said, name)
        if match is not None:
            changed[name] = match.name
    if said.priority:
        changed["priority"] = said.priority
    return changed


def selection(text: str, dims: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The property values that a text names: "and for mobile?" → {device: mobile}; two of one property are none."""
    lowered = text.lower()
    found: dict[str, str] = {}
    for dim, values in dims.items():
        named = [v for v in values if re.search(rf"(?<!\w){re.escape(v.lower())}(?!\w)", lowered)]
        if len(named) == 1:
            found[dim] = named[0]
    return found


def _records(text: str, past: Past) -> list[dict[str, Any]]:
    """The records of the kind that the text asks to see, those that the last answer cites."""
    if not _SHOW.search(text) or not _POINTS.search(text) or _ALL.search(text):
        return []
    wanted = [kind for kind, pattern in _KINDS.items() if pattern.search(text)]
    if not wanted or past.answer is None:
        return []
    order = [e for claim in past.answer.claims for e in claim.evidence]
    by_id = {item.id: item for item in past.evidence}
    found: dict[str, dict[str, Any]] = {}
    for evidence_id in order:
        item = by_id.get(evidence_id)
        for record in item.content if item is not None and len(item.content) == 1 else ():
            if record.get("kind") == wanted[0]:
                found.setdefault(str(record.get("ref")), record)
    return [
        {"kind": r["kind"], "ref": r["ref"], "service": r["service"], "title": r.get("title", "")}
        for r in list(found.values())[:3]
    ]
