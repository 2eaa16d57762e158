"""Names that a sentence uses as if the company knew them, and it does not. Pure."""

from __future__ import annotations

import re

from agents.answer_format import listed, plain
from agents.errors import NotUnderstood
from agents.planners.slots.fill import Slots
from agents.ports import Situation

_NAME = r"[\"“'‘]?(?P<name>[\w][\w.&-]*)[\"”'’]?"
_WORD = r"(?:milestone|meilensteins?|hito)"
_NAMED = (
    re.compile(rf"\b{_WORD}\s+(?:called\s+|named\s+|namens\s+|llamado\s+)?{_NAME}", re.IGNORECASE),
    re.compile(rf"\b(?:the|den|der|dem|das|el|la)\s+{_NAME}[\s-]+{_WORD}\b", re.IGNORECASE),
    re.compile(rf"{_NAME}[\s-]+{_WORD}\b", re.IGNORECASE),
)
_NOT_NAMES = (
    "a an the our this that next last current first any which what for in on by to is are was be and or of done late "
    "blocked stuck der die das den dem nächste nächsten letzte unser unsere ist sind el la este próximo está"
)
_NO_NAME = frozenset(_NOT_NAMES.split())
_SHOWN = 6


def unknown_milestone(situation: Situation, said: Slots) -> NotUnderstood | None:
    """What to say of a milestone that no tracker has, with those that there are; None where none is named so."""
    text = situation.turn.text
    if said.milestone is not None or said.refs:
        return None
    named = (match["name"] for pattern in _NAMED for match in pattern.finditer(text))
    name = next((one for one in named if one.lower() not in _NO_NAME), None)
    if name is None:
        return None
    there = situation.milestones[:_SHOWN]
    known = (
        f"There {'is' if len(there) == 1 else 'are'} {listed(map(plain, there))}." if there else "There is none at all."
    )
    return NotUnderstood(
        f"I know no milestone “{plain(name)}”. {known}",
        options=tuple(re.sub(re.escape(name), other, text, count=1) for other in there[:3]),
    )
