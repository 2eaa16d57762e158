"""Where a sentence means whoever asks: “my issues”, “mir zugewiesen”, “asignadas a mí”. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agents.planners.playbook_file import Playbook
from agents.ports import Situation

PERSON = "person"
_THINGS = (
    r"(?:issues?|bugs?|tickets?|tasks?|errors?|work|todos?|to-dos?|backlog|pull requests?|prs?|reviews?|assignments?"
    r"|plate|aufgaben?|fehler|vorgänge|arbeit|tareas?|errores|incidencias?|trabajo|revisiones)"
)
_BETWEEN = r"(?:[\w-]+\s+){0,3}?"
# What is the asker's, in English, German and Spanish.
_OWN = re.compile(
    rf"\b(?:my|meine?[nrs]?|mis?)\s+{_BETWEEN}{_THINGS}\b"
    r"|\bassigned\s+to\s+me\b|\bof\s+mine\b|\bmine\b|\bwaiting\s+(?:for|on)\s+me\b|\bon\s+my\s+(?:plate|list)\b"
    r"|\bmir\s+zugewiesen\w*|\bbei\s+mir\b|\bmir\s+zugeteilt\w*"
    r"|\basignad[oa]s?\s+a\s+m[ií]\b|\bme\s+han\s+asignado\b|\btengo\s+asignad[oa]s?\b",
    re.IGNORECASE,
)
# A question that is about somebody's work speaks of the asker by any word for them.
_FIRST = re.compile(
    r"\b(?:i|i'm|i’m|me|my|mine|ich|mich|mir|mein\w*|yo|mí|mis?|debo|debería|tengo|hago|puedo|terminé)\b",
    re.IGNORECASE,
)
_TAKE = re.compile(
    r"\bassign\w*\b[^.?!]*\bto\s+me\b|\bgive\b[^.?!]*\bto\s+me\b|\bi(?:'ll|’ll|\s+will)\s+take\b"
    r"|\b(?:weise?|teile?)\b[^.?!]*\bmir\b[^.?!]*\bzu\b|\bmir\s+zuweisen\b"
    r"|\basígna(?:me|melo|mela)\b|\basign\w*\b[^.?!]*\ba\s+mí\b",
    re.IGNORECASE,
)


def takes(text: str) -> bool:
    """Whether the asker wants something assigned to themselves."""
    return bool(_TAKE.search(text))


def about_asker(text: str, book: Playbook) -> bool:
    """Whether the person that a playbook is about is whoever asks. What writes needs the words of an assignment."""
    if book.writes:
        return takes(text)
    return bool(_OWN.search(text) or (book.of_asker and _FIRST.search(text)))


def with_asker(situation: Situation, book: Playbook, values: Mapping[str, Any]) -> dict[str, Any]:
    """The slots with the asker as the person, where the playbook has one, nobody is named and the words mean them."""
    named = values.get(PERSON) or values.get("team") or not any(slot.name == PERSON for slot in book.slots)
    if named or situation.me is None or not about_asker(situation.turn.text, book):
        return dict(values)
    return {**values, PERSON: situation.me}
