"""What stands against a question is told to who asked it, and to nobody who reads along."""

from __future__ import annotations

from typing import Any

import pytest

from agents.errors import Forbidden
from app.channels.slack_asking import Place, Tasks
from app.channels.slack_bot import SlackBot
from app.channels.slack_people import Person


class Front:
    """Slack, and the door behind it, which lets nobody ask."""

    def __init__(self) -> None:
        self.openly: list[tuple[str, str]] = []
        self.alone: list[tuple[str, str, str]] = []

    async def person(self, user: str, team: str) -> Person:
        return Person("ann@acme.test", "Ann", ours=True)

    async def listens(self, channel: str) -> bool:
        return True

    async def begin(self, text: str, place: Place, message: str) -> str:
        raise Forbidden("Deus does not know 'ann@acme.test'.")

    async def post(self, channel: str, text: str, thread: str | None = None) -> str:
        self.openly.append((channel, text))
        return "1.2"

    async def chat_postEphemeral(self, *, channel: str, user: str, text: str, thread_ts: str) -> None:
        self.alone.append((channel, user, text))


@pytest.mark.parametrize(("channel", "kind", "alone"), [("C1", "channel", True), ("D1", "im", False)])
async def test_a_refusal_is_told_to_who_asked(channel: str, kind: str, alone: bool) -> None:
    front: Any = Front()
    bot = SlackBot(front, front, front, front, front, front, Tasks())
    event = {"type": "app_mention", "user": "U1", "channel": channel, "channel_type": kind, "ts": "1.1", "text": "Why?"}
    await bot.hear({"event_id": "Ev1", "event": event}, "UDEUS", "T1")
    said = "Deus does not know 'ann@acme.test'."
    assert front.alone == ([(channel, "U1", said)] if alone else [])
    assert front.openly == ([] if alone else [(channel, said)])
