"""What a further question builds on: the last run's playbook with another slot, or the records it cited. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from agents.planners.order import is_order
from agents.planners.places import named_country
from agents.planners.situation_slots import named_dates
from agents.planners.slots.fill import Slots
from agents.ports import Past, Situation

_CONTINUES = re.compile(
    r"^(?:and|but|what about|how about|same|only|just|also|now|und|aber|nur|was ist mit|y|pero|solo|qué tal)\b"
    r"|^(?:for|in|on|per|by|für|para|en)\b",
    re.IGNORECASE,
)
# A sentence that goes on with "and" and has a question or an order of its own stands on its own.
_OWN = re.compile(
    r"^(?:and|but|now|also|und|aber|y|pero)\s+(?:what|who|which|why|how|when|where|show|list|generate|escalate|fix|create|"
    r"is|are|do|does|did|was|were|wer|was|warum|wie|welche\w*|zeig\w*|quién|por qué|cuál\w*|cómo)\b(?! about)",
    re.IGNORECASE,
)
_OPEN = re.compile(r"^(?:and|what about|how about|und|was ist mit|y|qué tal)\b", re.IGNORECASE)
_OWNER = re.compile(
    r"\bwho(?:'s| is| has| owns?| wrote| made| did| works?| fixes)?\b.*\b(?:it|that|this|on it|owner)\b"
    r"|\b(?:wer|quién)\b.*\b(?:das|es|eso|esto|daran)\b",
    re.IGNORECASE,
)
_OWNED = ("issue", "pull_request")
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
_SHORT = 5
# Playbooks whose question can be asked of another record; of others the record's status is told.
_ABOUT_CHANGE = frozenset({"metric_change", "metric_part"})
_TAKE_REFS = frozenset({"blockers", "affected_customers", "status"})


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
    if len(text.split()) > _LONGEST or is_order(text):
        return None
    shown = _records(text, past)
    if shown:
        return _show(shown[0])
    if _OWN.search(text) or not _CONTINUES.search(text):
        return None
    changed = _changed(text, said, situation, past)
    if not changed:
        return None
    if "where" in changed and past.plan.playbook in _ABOUT_CHANGE:
        return FollowUp("metric_part", {**past.plan.slots, **changed})
    goes_on = "refs" not in changed or past.plan.playbook in _TAKE_REFS
    return FollowUp(past.plan.playbook if goes_on else "status", {**past.plan.slots, **changed})


def cut_short(situation: Situation) -> bool:
    """Whether a sentence only makes sense after the one before: "and for the moon?"; to be asked about if unclear."""
    text = situation.turn.text.strip()
    planned = any(run.plan.playbook for run in situation.past)
    return planned and len(text.split()) <= _SHORT and bool(_OPEN.search(text)) and not _OWN.search(text)


def _show(record: Mapping[str, Any]) -> FollowUp:
    return FollowUp("show_record", {"ref": record["ref"], "kind": record["kind"], f"shows_{record['kind']}": True})


def _changed(text: str, said: Slots, situation: Situation, past: Past) -> dict[str, Any]:
    """The slots that the sentence gives anew."""
    changed: dict[str, Any] = {}
    metric = past.plan.slots.get("metric")
    where = selection(text, situation.metrics.get(str(metric), {}))
    if where:
        changed["where"] = {**(past.plan.slots.get("where") or {}), **where}
    if said.time is not None:
        changed |= named_dates(situation.now.astimezone(ZoneInfo(situation.timezone)), said)
    if said.refs:
        changed |= {
            "refs": list(said.refs),
            "ref": said.refs[0],
            "anchor": said.refs[0],
            "milestone": None,
            "topic": None,
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
        country = named_country(text, values) if not named else None
        if len(named) == 1 or country:
            found[dim] = country or named[0]
    return found


def _records(text: str, past: Past) -> list[Mapping[str, Any]]:
    """Records that the last answer cites: of the kind that the text asks to see, or those whose owner it asks for."""
    if past.answer is None:
        return []
    order = dict.fromkeys(e for claim in past.answer.claims for e in claim.evidence)
    by_id = {item.id: item for item in past.evidence}
    cited = [by_id[e].content[0] for e in order if e in by_id and len(by_id[e].content) == 1]
    if _OWNER.search(text):
        return [record for kind in _OWNED for record in cited if record.get("kind") == kind]
    if not _SHOW.search(text) or not _POINTS.search(text) or _ALL.search(text):
        return []
    wanted = next((kind for kind, pattern in _KINDS.items() if pattern.search(text)), None)
    found: list[Mapping[str, Any]] = [record for record in cited if record.get("kind") == wanted]
    if not found and wanted == "pull_request":
        named = [ref for record in cited if record.get("kind") == "deployment" for ref in record.get("pulls") or ()]
        return [{"kind": wanted, "ref": ref} for ref in named]
    return found
