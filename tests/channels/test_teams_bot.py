"""A button that takes longer than Teams waits, and what is said when it fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from app.channels.delivery import Delivery
from app.channels.teams_activity import Activity
from app.channels.teams_bot import TeamsBot
from app.channels.teams_post import Post
from tests.channels.test_approvals import BEGUN, CREATE
from tools.kit.errors import Unavailable

PRESSED = Activity(
    type="invoke",
    id="1",
    service_url="https://smba.trafficmanager.net/emea/",
    channel="msteams",
    conversation="a:lena",
    kind="personal",
    tenant="t",
    sender="29:lena",
    sender_name="Lena",
    aad="1",
    bot="28:deus",
    name="adaptiveCard/action",
    value={"action": {"verb": "deus.approve", "data": {"id": CREATE.id, "digest": CREATE.digest}}},
)


class Office:
    """What stands behind the bot: an approval that is decided once `going` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.going, self.decided, self.error = asyncio.Event(), asyncio.Event(), error
        self.said: list[str] = []
        self.stored: list[str] = []
        self.spoke = asyncio.Event()
        self.slow = False
        office: Any = self
        self.bot = TeamsBot(office, office, office, office, office, office, office, "https://deus.test", 0.01, 0.05)

    async def person(self, place: Any, activity: Activity) -> Any:
        return SimpleNamespace(id="lena@acme.com")

    async def get(self, *of: str) -> Any:
        if len(of) == 2:
            return Delivery(of[0], "teams", {"conversation": "a:lena"})
        return SimpleNamespace(id=of[0], proposal=SimpleNamespace(run="r1"))

    async def decide(self, approval: str, choice: str, **_: Any) -> None:
        await self.going.wait()
        self.decided.set()
        if self.error:
            raise self.error

    async def events(self, run: str) -> Any:
        return BEGUN

    def now(self) -> datetime:
        return datetime(2026, 11, 18, 15, tzinfo=UTC)

    async def audience(self, place: Any, activity: Activity) -> None:
        return None

    async def say(self, turn: Any) -> str:
        await asyncio.sleep(0)
        if self.slow:
            await self.going.wait()
        self.stored.append(turn.text)
        return "r1"

    async def begin(self, run: str, place: Any) -> None:
        return None

    async def send(self, place: Any, post: Post) -> str:
        self.said.append(post.summary)
        self.spoke.set()
        return "m1"


async def test_what_takes_longer_than_teams_waits_goes_on() -> None:
    office = Office()
    status, body = await office.bot.invoke(PRESSED)
    assert (status, body["type"]) == (200, "application/vnd.microsoft.activity.message")
    assert "under way" in body["value"]
    office.going.set()
    await office.decided.wait()
    await office.bot.close()
    assert office.said == []


async def test_what_failed_after_teams_stopped_waiting_is_said_in_the_conversation() -> None:
    office = Office(Unavailable("Linear could not be reached."))
    await office.bot.invoke(PRESSED)
    office.going.set()
    await office.spoke.wait()
    assert office.said == ["Linear could not be reached."]
    await office.bot.close()


@pytest.mark.parametrize("error", [RuntimeError("secret of the inside"), Unavailable("Linear could not be reached.")])
async def test_what_fails_in_time_is_the_answer(error: Exception) -> None:
    office = Office(error)
    office.going.set()
    status, body = await office.bot.invoke(PRESSED)
    assert (status, body["type"]) == (200, "application/vnd.microsoft.activity.message")
    assert "secret" not in body["value"]
    assert ("Linear" in body["value"]) == isinstance(error, Unavailable)


async def test_what_is_decided_in_time_is_the_card_as_it_is_now() -> None:
    office = Office()
    office.going.set()
    status, body = await office.bot.invoke(PRESSED)
    assert (status, body["type"]) == (200, "application/vnd.microsoft.card.adaptive")
    assert body["value"]["type"] == "AdaptiveCard"


async def test_other_bots_are_not_answered() -> None:
    office = Office()
    await office.bot._heard(Activity(**{**vars(PRESSED), "type": "message", "sender": "28:other", "text": "Hello"}))
    assert office.said == []


ASKED = Activity(**{**vars(PRESSED), "type": "message", "text": "What is open?", "value": {}})


async def test_what_was_said_is_stored_before_teams_hears_that_it_was_taken() -> None:
    office = Office()
    await office.bot.hear(ASKED)
    assert office.stored == ["What is open?"]


async def test_teams_does_not_wait_for_a_store_that_is_slow_and_what_was_said_is_stored_all_the_same() -> None:
    office = Office()
    office.slow = True
    await office.bot.hear(ASKED)
    assert office.stored == []
    office.going.set()
    (task,) = office.bot._tasks
    await task
    assert office.stored == ["What is open?"]
