"""Runs shown where messages stay: on every database, through restarts, failures and deaths at the worst moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agents.conversation import Conversations
from app.channels.delivery import Deliverer, Delivery, Undeliverable
from app.channels.web_view import RunView
from app.stores.database import Database
from app.stores.deliveries import StoredDeliveries
from app.stores.migrations import migrate
from app.stores.run_log import StoredRunLog
from app.stores.runs import StoredRuns
from tests.contracts.test_store import begun
from tests.scenarios.engine.script import StillClock

PLACE = {"channel": "C1", "thread": "1.0"}
PATIENCE = 20.0


class Wall:
    """A channel on whose wall each message is a line. `troubles` come first, one for each attempt."""

    name = "wall"

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self.sent: list[tuple[str, str]] = []
        self.troubles: list[BaseException] = []
        self.dies_after_sending = False
        self._parts: dict[str, str] = {}
        self._changed = asyncio.Event()

    def screen(self, view: RunView) -> Mapping[str, str]:
        if not view.seq:
            return {}
        shown = {"answer": f"{view.status}: {view.text}"}
        return shown | {f"note/{n}": text for n, text in enumerate(view.notices)}

    async def show(
        self, delivery: Delivery, part: str, payload: str, message: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        if self.troubles:
            raise self.troubles.pop(0)
        if message is not None and not message and part in self._parts:
            message = {"line": self._parts[part]}
        line = str(message["line"]) if message else f"line {len(self.lines) + 1}"
        self.lines[line] = payload
        self._parts[part] = line
        self.sent.append((part, payload))
        self._changed.set()
        if self.dies_after_sending:
            raise asyncio.CancelledError
        return {"line": line}

    async def until(self, look: Callable[[], bool]) -> None:
        """Waits for messages until it looks as it should."""
        async with asyncio.timeout(PATIENCE):
            while not look():
                self._changed.clear()
                await self._changed.wait()


class World:
    """A run, its log, and the wall; `deliverer` is a new process each time."""

    def __init__(self, database: Database, runs: StoredRuns, run: str, log: StoredRunLog) -> None:
        self.run, self.log, self.wall = run, log, Wall()
        self.runs = runs
        self.store = StoredDeliveries(database, StillClock())
        self.conversations = Conversations(runs, _ended)

    def deliverer(self) -> Deliverer[str]:
        return Deliverer(self.conversations, self.store, self.wall, pace=0.0, glance=0.01)

    async def emit(self, kind: Any, **data: Any) -> None:
        await self.log.emit(kind, **data)
        await self.log.flush()

    async def finish(self, text: str = "Done.") -> None:
        await self.emit("message.completed", text=text, claims=[], citations=[], suggestions=[])
        await self.emit("run.finished", status="answered", error=None, usage={})

    async def delivery(self) -> Delivery:
        found = await self.store.get(self.run, "wall")
        assert found is not None
        return found


async def _ended(run: str) -> None:
    """Nothing drives these runs."""


@pytest.fixture
async def world(database: Database) -> World:
    return World(database, *await begun(database))


async def test_a_run_is_shown_as_it_goes_and_kept_as_shown(world: World) -> None:
    deliverer = world.deliverer()
    async with deliverer.working():
        await deliverer.begin(world.run, PLACE)
        await world.wall.until(lambda: world.wall.lines == {"line 1": "running: "})
        await world.emit("notice", text="GitHub is slow.", level="info")
        await world.wall.until(lambda: len(world.wall.lines) == 2)
        await world.finish()
        async with asyncio.timeout(PATIENCE):
            await deliverer.settled()
    assert world.wall.lines == {"line 1": "answered: Done.", "line 2": "GitHub is slow."}
    kept = await world.delivery()
    assert kept.messages == {"answer": {"line": "line 1"}, "note/0": {"line": "line 2"}}
    assert kept.cursor == (await world.runs.events(world.run))[-1].seq
    assert await world.store.behind("wall") == []


async def test_to_begin_twice_is_to_begin_once(world: World) -> None:
    await world.finish()
    first = await world.store.begin(world.run, "wall", PLACE)
    assert await world.store.begin(world.run, "wall", {"channel": "C2"}) == first
    assert [one.run for one in await world.store.behind("wall")] == [world.run]
    assert await world.store.behind("another") == []


async def test_a_restart_goes_on_in_the_same_message_and_says_nothing_twice(world: World) -> None:
    async with (first := world.deliverer()).working():
        await first.begin(world.run, PLACE)
        await world.wall.until(lambda: bool(world.wall.lines))
    await world.finish()
    sent = len(world.wall.sent)
    async with (second := world.deliverer()).working():
        await world.wall.until(lambda: world.wall.lines == {"line 1": "answered: Done."})
        async with asyncio.timeout(PATIENCE):
            await second.settled()
    assert world.wall.sent[sent:] == [("answer", "answered: Done.")]
    async with (last := world.deliverer()).working():
        await last.begin(world.run, PLACE)
        async with asyncio.timeout(PATIENCE):
            await last.settled()
    assert len(world.wall.sent) == sent + 1


async def test_who_dies_between_sending_and_keeping_sends_no_second_message(world: World) -> None:
    world.wall.dies_after_sending = True
    async with (first := world.deliverer()).working():
        await first.begin(world.run, PLACE)
        await world.wall.until(lambda: bool(world.wall.lines))
    assert (await world.delivery()).messages == {"answer": {}}
    world.wall.dies_after_sending = False
    await world.finish()
    async with world.deliverer().working():
        await world.wall.until(lambda: "answered: Done." in world.wall.lines.values())
    assert len(world.wall.lines) == 1


async def test_what_fails_is_tried_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.finish()
    world.wall.troubles = [RuntimeError("no network"), RuntimeError("no network")]
    with caplog.at_level(logging.CRITICAL, "app.channels.delivery"):
        async with (deliverer := world.deliverer()).working():
            await deliverer.begin(world.run, PLACE)
            await world.wall.until(lambda: world.wall.lines == {"line 1": "answered: Done."})


async def test_a_place_that_is_closed_is_left_alone_and_why_is_kept(world: World) -> None:
    world.wall.troubles = [Undeliverable("The channel is archived.")]
    async with (deliverer := world.deliverer()).working():
        await deliverer.begin(world.run, PLACE)
        async with asyncio.timeout(PATIENCE):
            await deliverer.settled()
    assert world.wall.sent == []
    assert "archived" in str((await world.delivery()).trouble)
    await world.finish()
    assert await world.store.behind("wall") == []


async def test_a_place_that_closes_while_the_run_goes_on_is_left_too(world: World) -> None:
    async with (deliverer := world.deliverer()).working():
        await deliverer.begin(world.run, PLACE)
        await world.wall.until(lambda: bool(world.wall.lines))
        world.wall.troubles = [Undeliverable("The channel is archived.")]
        await world.emit("notice", text="GitHub is slow.", level="info")
        async with asyncio.timeout(PATIENCE):
            await deliverer.settled()
    assert "archived" in str((await world.delivery()).trouble)


async def test_what_comes_after_the_end_is_shown_too(world: World) -> None:
    await world.finish()
    async with (deliverer := world.deliverer()).working():
        await deliverer.begin(world.run, PLACE)
        await world.wall.until(lambda: world.wall.lines == {"line 1": "answered: Done."})
        async with asyncio.timeout(PATIENCE):
            await deliverer.settled()
        await world.emit("notice", text="It was taken back.", level="info")
        await world.wall.until(lambda: world.wall.lines.get("line 2") == "It was taken back.")


async def test_a_conversation_that_is_deleted_takes_its_deliveries_with_it(world: World) -> None:
    await world.store.begin(world.run, "wall", PLACE)
    assert await world.runs.delete("c1")
    assert await world.store.get(world.run, "wall") is None
    async with (deliverer := world.deliverer()).working():
        await deliverer.settled()
    assert world.wall.sent == []


async def test_migrations_make_the_table(database: Database) -> None:
    await migrate(database)
    assert await StoredDeliveries(database, StillClock()).behind("wall") == []
