"""Runs with code work as events and views, for the tests of what channels show of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from app.channels.web import Page
from app.channels.web_view import RunView, fold
from tests.channels.code_script import (
    Emitted,
    code_script,
    hostile,
)
from tests.channels.script import NOW

CONVERSATION = "2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f"
TURN = Turn("Fix the auth bug from Sentry", "founder", "web", CONVERSATION, NOW)
HOME = "https://deus.test"


def recorded(script: Iterator[Emitted]) -> list[Event]:
    events: list[Event] = []
    stored = 0
    for _, kind, data in script:
        stored += kind not in EPHEMERAL
        events.append(Event.model_validate({"run": "r1", "seq": stored, "at": NOW, "kind": kind, "data": data}))
    return events


EVENTS = recorded(code_script(TURN))
STRANGE = recorded(hostile(TURN))


def folded(events: Sequence[Event]) -> RunView:
    view = RunView("r1")
    for event in events:
        view = fold(view, event)
    return view


def until(kind: str, name: str, events: Sequence[Event] = EVENTS) -> list[Event]:
    """The events up to the one of this kind and id."""
    at = next(n for n, one in enumerate(events) if one.kind == kind and one.data.get("id") == name)
    return list(events[: at + 1])


def props(shown: Page, name: str, part: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = [one["props"] for one in shown.elements if one["name"] == name][part]
    return found


def safe_text(text: str) -> bool:
    return not [
        one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs") and one not in "\n\t\u2060\u200b"
    ]
