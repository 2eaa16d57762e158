"""What a playbook that writes is filled with: what the order says, and what it points at in the last answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.approval import Source
from agents.planners import order_words as words
from agents.planners.order import points, title
from agents.planners.places import country
from agents.planners.slots.fill import Slots
from agents.planners.subject import cited, owned, source_of, subject
from agents.ports import Situation

_CHANNEL = re.compile(r"(?<![\w/#&])#(?P<name>(?!\d+\b)[\w-]{2,80})")
_ERROR = re.compile(r"\b(?:errors?|exceptions?|crash\w*|sentry|fehler|excepción|fallo)\b", re.IGNORECASE)
_NOBODY = re.compile(r"\bunassign\b|\bassign\w*\s+(?:it\s+)?to\s+nobody\b", re.IGNORECASE)
_MINE = re.compile(r"\b(?:assign\w*\b.*\bto me|give\b.*\bto me|i(?:'ll| will) take|mir|a mí)\b", re.IGNORECASE)
_SUBJECTS = ("subject_error", "subject_deploy", "subject_pull", "subject_ticket", "subject_message")


def ordered(situation: Situation, slots: Slots) -> tuple[dict[str, Any], Mapping[str, Source]]:
    """The slots of an order, and the texts behind those that the asker's own words did not fill."""
    made, quoted = _making(situation, slots)
    changed, more = _changing(situation, slots)
    back, last = _rolling_back(situation, slots)
    return {**made, **changed, **back}, {**quoted, **more, **last}


def channel(text: str) -> str | None:
    """The channel that a sentence names: #incidents; a number is an issue or a pull request."""
    found = _CHANNEL.search(text)
    return f"#{found['name']}" if found else None


def _making(situation: Situation, slots: Slots) -> tuple[dict[str, Any], Mapping[str, Source]]:
    """What shall be created or said, about what, and whose it shall be."""
    text = situation.turn.text
    pointing = points(text)
    said = None if pointing else title(text) or _sentence(slots.topic)
    part = owned(text)
    found, quoted = subject(situation) if pointing else ({}, {})
    about, owner = bool(found), part is not None
    person = slots.person.name if slots.person else None
    if said and slots.person and said.casefold() in (slots.person.text.casefold(), slots.person.name.casefold()):
        # "Create an issue for Sarah" says whose it is, not what it is.
        said = None
    values = {
        "title": said,
        "title_or_subject": said or (about or None),
        "channel": channel(text) or "team",
        "to": channel(text) or person or "team",
        "message": words.message(text),
        "owned_part": part or None,
        "looks_for_owner": owner or about,
        "subject": about,
        "literal_person": bool(said) and not about and not owner,
        "literal_owned": bool(said) and not about and owner,
        "subject_person": about and not owner,
        "subject_owned": about and owner,
        **dict.fromkeys(_SUBJECTS),
        **found,
    }
    return values, quoted


def _changing(situation: Situation, slots: Slots) -> tuple[dict[str, Any], Mapping[str, Source]]:
    """Which record shall change, and how: an issue, an error, a pull request, a flag."""
    text, quoted = situation.turn.text, dict[str, Source]()
    named = next(iter(slots.refs), None)
    is_error = bool(_ERROR.search(text))
    pull = named if named and named.startswith("#") else None
    values: dict[str, Any] = {"issue_ref": None, "error_ref": None, "pull_ref": pull, "pull_topic": None}
    if named and not pull:
        values["error_ref" if is_error else "issue_ref"] = named
    for slot, kind in (("issue_ref", "issue"), ("error_ref", "error"), ("pull_ref", "pull_request")):
        record = cited(situation, kind) if named is None else None
        if record is not None:
            values[slot], quoted[slot] = record["ref"], source_of(record)
    if values["pull_ref"] is None:
        values["pull_topic"] = words.pull_topic(text)
    state = words.issue_state(text)
    assignee = "nobody" if _NOBODY.search(text) else None
    assignee = assignee or (slots.person.name if slots.person else None)
    assignee = assignee or ((situation.me or situation.turn.actor) if _MINE.search(text) else None)
    on = words.switch(text)
    return values | {
        "pull": values["pull_ref"] or values["pull_topic"],
        "about_pull": values["pull_ref"] if pull else None,
        "issue_or_pull": values["issue_ref"] or pull,
        "issue_state": None if assignee and state == "done" and "close" not in text.lower() else state,
        "issue_change": state or slots.priority or assignee,
        "assignee": assignee,
        "resolves": assignee is None,
        "assigns": assignee,
        "when_green": words.when_green(text),
        "flag": words.flag(text),
        "flag_on": on,
        "flag_change": None if on is None else "on" if on else "off",
        "flag_share": words.share(text),
        "flag_where": _where(text, situation),
    }, quoted


def _rolling_back(situation: Situation, slots: Slots) -> tuple[dict[str, Any], Mapping[str, Source]]:
    """What shall be rolled back: what the last answer named as the cause, or what broke a metric, or a component."""
    metric = slots.metric is not None and slots.metric.sure
    record = None if metric or slots.service else cited(situation, "deployment")
    bad = record["ref"] if record else None
    component = slots.service.name if slots.service else record["component"] if record else None
    searched = metric and not component
    quoted = {"bad": source_of(record), "rollback_component": source_of(record)} if record else {}
    return {
        "bad": bad,
        "rollback_component": component,
        "rollback_cause": searched,
        "waiting": None,
        "ordered": "",
        "rollback_what": component or searched or None,
    }, quoted


def _where(text: str, situation: Situation) -> dict[str, str]:
    """For whom a flag shall change, in the words of analytics: {country: DE, browser: Safari}."""
    known: dict[str, set[str]] = {}
    for dims in situation.metrics.values():
        for dim, values in dims.items():
            known.setdefault(dim, set()).update(values)
    found = {dim: value for dim, values in known.items() if (value := _named(text, sorted(values))) is not None}
    code = country(text)
    dims_of_countries = [dim for dim in known if "country" in dim.lower()]
    if code and not any(dim in found for dim in dims_of_countries):
        found[dims_of_countries[0] if dims_of_countries else "country"] = code
    return found


def _named(text: str, values: Sequence[str]) -> str | None:
    named = [v for v in values if len(v) > 2 and re.search(rf"(?<![\w-]){re.escape(v)}(?![\w-])", text, re.IGNORECASE)]
    return named[0] if len(named) == 1 else None


def _sentence(text: str | None) -> str | None:
    return text[0].upper() + text[1:] if text else None
