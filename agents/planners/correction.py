"""A sentence that corrects what is proposed and waits for a yes: another service, person, channel or priority. Pure."""

from __future__ import annotations

import re
from typing import Any

from agents.approval import Source
from agents.planners.followup import FollowUp
from agents.planners.order import is_order, title
from agents.planners.order_slots import channel
from agents.planners.order_words import share, switch
from agents.planners.slots.fill import Slots
from agents.planners.subject import QUOTED_SLOTS
from agents.ports import Past, Situation

_BEGINS = re.compile(
    r"^\s*(?:no|nope|not|nein|nicht|wrong|falsch\w*|persona equivocada|te equivocas|actually|"
    r"instead|rather|better|please\s+not|lieber|besser|"
    r"sondern|mejor|en lugar|"
    r"(?:but\s+|and\s+|please\s+)?(?:in|on|to|for|mit|in|auf|für|en|a|para)\s+\S+(?:\s+\S+)?\s*(?:instead|please|"
    r"bitte|stattdessen|mejor)?\s*[.!]?$|"
    r"(?:please\s+|and\s+|but\s+|better\s+)?(?:make|assign|give|put|send|set|post|move|call|name|title|create|"
    r"file|open)\s+(?:it|this|that|them)\b|"
    r"(?:mach|gib|weise?|schick|leg|nenn)\s+(?:es|ihn|sie|das)\b|(?:asígna|ponl|hazl|envía|dá|crea)\w*(?:lo|la|"
    r"sel[oa])\b)"
    r"|\b(?:instead|stattdessen|en su lugar)\s*[.!]?\s*$",
    re.IGNORECASE,
)
_DROP = re.compile(
    r"^\s*(?:no(?:\s+thanks)?|nope|nein(?:\s+danke)?|never\s*mind|forget (?:it|that)|cancel(?: (?:it|that|this))?|"
    r"stop|don['’]t|lass es|"
    r"vergiss es|abbrechen|olvídalo|cancela(?:lo)?|déjalo|undo(?: (?:it|that|this))?|take (?:it|that) back)[\s.!]*$",
    re.IGNORECASE,
)
# "The form belongs to Mateo": whose a part of the product is.
_BELONGS = re.compile(
    r"(?:^|[,;:–—-]\s*|\b(?:because|since|denn|weil|porque)\s+)(?:the|our|das|die|der|unser\w*|el|la|los|las|nuestr[oa])\s+"
    r"(?P<part>[\w][\w /-]{1,60}?)\s+(?:belongs?\s+to|is\s+owned\s+by|is(?=\s+\w+['’]s\b)|gehört(?:\s+zu)?|ist\s+von|"
    r"pertenece\s+a|es\s+de)\s+\w",
    re.IGNORECASE,
)
_LONGEST = 14


def correction(situation: Situation, said: Slots) -> FollowUp | None:
    """The last run's playbook once more, with what the sentence changes; None where it changes nothing that waits.

    The playbook `undo` where the sentence only takes back what waits.
    """
    past = situation.answered[-1] if situation.answered else None
    if past is None or past.plan.playbook is None:
        return None
    text = situation.turn.text.strip()
    if not past.waits:
        return _given_anew(text, said, past)
    if _DROP.match(text):
        return FollowUp("undo", {"waiting": past.run})
    if (
        len(text.split()) > _LONGEST
        or not (_BEGINS.search(text) or _BELONGS.search(text))
        or (is_order(text) and title(text) and not _IT.search(text))
    ):
        return None
    changed = _changed(text, said, past)
    return FollowUp(past.plan.playbook, {**past.plan.slots, **changed, "ordered": _before(past), "corrects": past.run})


def _before(past: Past) -> str:
    """What the asker had said until now."""
    return " \n".join(part for part in (past.question, str(past.plan.slots.get("ordered") or "")) if part)


def _given_anew(text: str, said: Slots, past: Past) -> FollowUp | None:
    """The issue that was just made, given to somebody else; None where the sentence says no such thing."""
    made = [
        str(record.get("ref"))
        for item in past.evidence
        for record in item.content
        if record.get("kind") == "receipt" and record.get("verb") == "issues.create" and not record.get("dry")
    ]
    begins = _BEGINS.search(text) or _BELONGS.search(text)
    if len(set(made)) != 1 or said.person is None or said.refs or not begins or len(text.split()) > _LONGEST:
        return None
    if is_order(text) and not _IT.search(text):
        return None
    slots = {"issue_ref": made[0], "assignee": said.person.name, "issue_change": said.person.name, "issue_state": None}
    part = belonging(text) or past.plan.slots.get("owned_part")
    return FollowUp("change_issue", {**slots, "priority": None, "owned_part": part, "ordered": _before(past)})


def belonging(text: str) -> str | None:
    """The part of the product whose owner a sentence names: the form of "the form belongs to Mateo"."""
    found = _BELONGS.search(text)
    return found["part"] if found else None


def kept_quotations(past: Past) -> dict[str, Source]:
    """The slots of a run that an earlier answer had filled: they keep their taint when the run is proposed anew."""
    words = f"{past.question}\n{past.plan.slots.get('ordered') or ''}".casefold()
    return {
        slot: Source(title="A record that an earlier answer named", excerpt=str(value))
        for slot in QUOTED_SLOTS
        if (value := past.plan.slots.get(slot)) and str(value).casefold() not in words
    }


def _is_new(text: str) -> bool:
    """Whether a sentence orders something of its own rather than correcting "it"."""
    return is_order(text) and bool(title(text)) and not _IT.search(text)


_IT = re.compile(r"\b(?:it|this|that|them|es|ihn|das|lo|la)\b", re.IGNORECASE)
_CALLED = re.compile(
    r"\b(?:call|name|title|nenn\w*|llámal\w*)\b.*?[:“\"]?\s*(?P<title>[^“”\":]{3,})[”\"]?\s*$", re.IGNORECASE
)


_LEVELS = {
    "urgent": r"urgent|critical|dringend|kritisch|urgente|crític[oa]",
    "high": r"high|hoch|alta",
    "medium": r"medium|normal|mittel|media",
    "low": r"low|niedrig|baja",
}


def _level(text: str) -> str | None:
    """The priority that a correction names with one bare word: "make it low"."""
    found = [level for level, words in _LEVELS.items() if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE)]
    return found[0] if len(found) == 1 else None


def _changed(text: str, said: Slots, past: Past) -> dict[str, Any]:
    slots, changed = past.plan.slots, dict[str, Any]()
    if said.person is not None:
        changed |= {
            "person": said.person.name,
            "assignee": said.person.name,
            "assigns": said.person.name,
            "resolves": False,
        }
        changed |= {"looks_for_owner": bool(slots.get("subject")), "literal_owned": False, "subject_owned": False}
        changed |= {"literal_person": not slots.get("subject"), "subject_person": bool(slots.get("subject"))}
        changed |= {"to": said.person.name} if slots.get("to") else {}
        changed |= {"owned_part": owned} if (owned := belonging(text)) else {}
    if priority := said.priority or _level(text):
        changed["priority"] = priority
    if said.team is not None:
        changed["team"] = said.team.name
    if room := channel(text):
        changed |= {"channel": room, "to": room}
    if past.plan.playbook == "set_flag":
        on, part = switch(text), share(text)
        changed |= {"flag_share": part} if part is not None else {}
        changed |= {"flag_on": on, "flag_change": "on" if on else "off"} if on is not None else {}
    if past.plan.playbook == "create_issue" and (called := _CALLED.search(text)):
        changed["title"] = called["title"].strip()
    return changed
