"""What a playbook that writes is filled with: what the order says, and what it points at in the last answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agents.approval import Source
from agents.planners.order import points, title
from agents.planners.slots.fill import Slots
from agents.planners.subject import owned, subject
from agents.ports import Situation

_CHANNEL = re.compile(r"(?<![\w/#&])#(?P<name>(?!\d+\b)[\w-]{2,80})")


def ordered(situation: Situation, slots: Slots) -> tuple[dict[str, Any], Mapping[str, Source]]:
    """The slots of an order, and the texts behind those that the asker's own words did not fill."""
    text = situation.turn.text
    pointing = points(text)
    said = None if pointing else title(text) or _sentence(slots.topic)
    part = owned(text)
    found, quoted = subject(situation) if pointing else ({}, {})
    about, owner = bool(found), part is not None
    values = {
        "title": said,
        "title_or_subject": said or (about or None),
        "channel": channel(text) or "team",
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


def channel(text: str) -> str | None:
    """The channel that a sentence names: #incidents; a number is an issue or a pull request."""
    found = _CHANNEL.search(text)
    return f"#{found['name']}" if found else None


_SUBJECTS = ("subject_error", "subject_deploy", "subject_pull", "subject_ticket", "subject_message")


def _sentence(words: str | None) -> str | None:
    return words[0].upper() + words[1:] if words else None
