"""Taking back while others do the same, or while the process lay still: nothing is overwritten that nobody saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from agents.approvals import Approvals, UndoAsked
from agents.effect import Effect
from agents.policy import Policy, acting
from agents.ports import Turn
from agents.rules import Rule, When
from agents.undoing import NotUndone, Undoing
from app.stores.database import Database
from app.stores.effects import StoredLedger
from app.stores.runs import run_id
from tests.contracts.test_approvals import LANDED, Workspace, effect, opened
from tools.kit import leave as leaving
from tools.kit.action import Change, Target
from tools.kit.errors import Unavailable
from tools.kit.wire import Wire, WireOptions

CHANGE = Change(
    target=Target(service="slack", kind="message"), before={"text": "It was broken."}, undo="The old text is back."
)


class Service:
    """A service with one text; `meanwhile` happens between a look at it and the request that puts it back."""

    def __init__(self, client: httpx.AsyncClient, meanwhile: Callable[[], Any]) -> None:
        self.text = str(LANDED.state["text"])
        self.wire = Wire(client, "slack", WireOptions("https://slack.test"))
        self.meanwhile = meanwhile

    def services(self, verb: str) -> tuple[str, ...]:
        return ("slack",)

    async def state(self, *_: Any) -> Mapping[str, Any]:
        return {"text": self.text}

    async def undo(self, *_: Any) -> None:
        await self.meanwhile()
        await self.wire.post("put", {"text": "It was broken."})
        self.text = "It was broken."


async def done(space: Workspace) -> Effect:
    args = {"to": "#product", "text": "It is mended."}
    one = effect(space.run, change=CHANGE, approval=None, requester="ann", args=args)
    await space.ledger.intend(one)
    return await space.ledger.settle(one.key, "done", landed=LANDED)


def undoing(space: Workspace, service: Service) -> Undoing:
    return Undoing(service, space.ledger, space.approvals, space.clock, acting("critical"))  # type: ignore[arg-type]


class Sent:
    """What came at the service."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return httpx.Response(200, json={})


async def test_it_is_not_taken_back_where_another_process_has_just_done_so(database: Database) -> None:
    space, sent = await opened(database), Sent()
    one = await done(space)

    async def another() -> None:
        await space.ledger.settle(one.key, "undone", undone_by="run_2")

    async with httpx.AsyncClient(transport=httpx.MockTransport(sent)) as client:
        with pytest.raises(Unavailable, match="being taken back already"):
            await undoing(space, Service(client, another)).undo(one.key, "ann", "api")
    assert sent.count == 0


async def test_a_process_that_lay_still_after_its_look_writes_nothing_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, sent, clocks = await opened(database), Sent(), [100.0, 5000.0]
    one = await done(space)
    monkeypatch.setattr(leaving, "_clocks", lambda: tuple(clocks))

    async def asleep() -> None:
        # A machine that was paused: its wall clock alone has gone on.
        clocks[1] += 3600.0

    async with httpx.AsyncClient(transport=httpx.MockTransport(sent)) as client:
        service = Service(client, asleep)
        with pytest.raises(Unavailable, match="was not taken back"):
            await undoing(space, service).undo(one.key, "ann", "api")
        assert sent.count == 0

        async def awake() -> None:
            return None

        service.meanwhile = awake
        back = await undoing(space, service).undo(one.key, "ann", "api")
    assert (sent.count, back.said) == (1, "The old text is back.")
    after = await space.ledger.get(one.key)
    assert after is not None
    assert after.state == "undone"


async def test_a_dry_undo_says_what_stands_in_its_way_and_tells_it_nowhere(database: Database) -> None:
    """“It would be taken back” is not said of what somebody has changed since."""
    space = await opened(database)
    one = await done(space)
    before = await space.kinds()
    async with httpx.AsyncClient(transport=httpx.MockTransport(Sent())) as client:
        service = Service(client, lambda: None)
        assert (await undoing(space, service).undo(one.key, "ann", "api", dry=True)).dry
        service.text = "It is mended. Thanks, Sam!"
        with pytest.raises(NotUndone, match="somebody changed it"):
            await undoing(space, service).undo(one.key, "ann", "api", dry=True)
    assert await space.kinds() == before


class LaterLedger(StoredLedger):
    """The ledger so much later."""

    later = timedelta()

    async def now(self) -> datetime:
        return await super().now() + self.later


async def test_a_question_that_came_to_nothing_does_not_keep_an_undo_from_being_asked_about(database: Database) -> None:
    """A run that could not ask, as its service was away, is over; the button must not point to it for ever."""
    space = await opened(database)
    one, turns = await done(space), list[Turn]()
    ledger = LaterLedger(database)

    async def say(turn: Turn) -> str:
        turns.append(turn)
        return run_id(turn)

    async def ready() -> None:
        return None

    policy = Policy(rules=(Rule(name="looked at", when=When(undo=True), then="ask"),))
    async with httpx.AsyncClient(transport=httpx.MockTransport(Sent())) as client:
        service: Any = Service(client, lambda: None)
        asking = Undoing(service, ledger, space.approvals, space.clock, policy)
        door = Approvals(space.approvals, ledger, asking, space.clock, ready, say=say)
        asked = []
        for later in (0, 120):
            ledger.later = timedelta(seconds=later)
            with pytest.raises(UndoAsked) as raised:
                await door.undo(one.key, by="ann", channel="web")
            asked.append(raised.value)
        with pytest.raises(UndoAsked) as others:
            await door.undo(one.key, by="eve", channel="web")
    assert asked[0].run != asked[1].run
    assert [turn.conversation for turn in turns[:2]] == ["c1", "c1"]
    assert all(one.begun for one in asked)
    assert others.value.conversation not in ("c1", None)
