"""Runs shown where messages stay: on every database, through restarts, failures and deaths at the worst moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from agents.conversation import Conversations
from app.channels.delivery import Deliverer, Delivery, Overtaken, Undeliverable
from app.channels.web_view import RunView
from app.stores.database import Database
from app.stores.deliveries import StoredDeliveries, deliveries
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
        self.retracted: list[str] = []
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

    async def retract(self, delivery: Delivery, message: Mapping[str, Any]) -> None:
        self.retracted.append(str(message["line"]))
        self.lines.pop(str(message["line"]))
        self._changed.set()

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

    def deliverer(self, store: Any = None, wall: Wall | None = None, lease: float = 30.0) -> Deliverer[str]:
        """A process that carries to the wall."""
        on = wall or self.wall
        return Deliverer(self.conversations, store or self.store, on, pace=0.0, glance=0.01, lease=lease)

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


class Frozen:
    """The store as a process sees it that stands still: no sign of life gets through. One that is `dead` says nothing
    when it leaves, either."""

    def __init__(self, store: StoredDeliveries, *, dead: bool = False) -> None:
        self._store = store
        self._dead = dead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def beat(self, channel: str, holder: str, seconds: float) -> None:
        """Nothing comes through."""

    async def release(self, delivery: Delivery) -> None:
        if not self._dead:
            await self._store.release(delivery)


class Slow(Wall):
    """A process' way to the wall that stands still before or after it sends, until it is let go."""

    def __init__(self, wall: Wall, *, before: bool) -> None:
        self._wall = wall
        self._before = before
        self.arrived, self.go, self.back = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def screen(self, view: RunView) -> Mapping[str, str]:
        return self._wall.screen(view)

    async def show(
        self, delivery: Delivery, part: str, payload: str, message: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        if self._before:
            await self._stand()
            # It looked for a message before it stood still, and found none.
            self._wall._parts.pop(part, None)
        sent = await self._wall.show(delivery, part, payload, message)
        if not self._before:
            await self._stand()
        return sent

    async def retract(self, delivery: Delivery, message: Mapping[str, Any]) -> None:
        await self._wall.retract(delivery, message)
        self.back.set()

    async def _stand(self) -> None:
        self.arrived.set()
        await self.go.wait()


async def test_of_two_processes_one_carries_a_run(world: World) -> None:
    first, second = world.deliverer(), world.deliverer()
    async with first.working(), second.working():
        await first.begin(world.run, PLACE)
        await second.begin(world.run, PLACE)
        await world.wall.until(lambda: bool(world.wall.lines))
        for n in range(5):
            await world.emit("notice", text=f"Note {n}", level="info")
        await world.finish()
        await world.wall.until(lambda: world.wall.lines.get("line 1") == "answered: Done.")
        async with asyncio.timeout(PATIENCE):
            await first.settled()
            await second.settled()
    assert len(world.wall.lines) == 6
    assert len(world.wall.sent) == len(set(world.wall.sent)), "nothing was sent twice"


async def test_one_that_dies_is_followed_by_the_other_in_the_same_messages(world: World) -> None:
    async with (first := world.deliverer(Frozen(world.store, dead=True), lease=0.2)).working():
        await first.begin(world.run, PLACE)
        await world.wall.until(lambda: bool(world.wall.lines))
    await world.finish()
    async with world.deliverer().working():
        await world.wall.until(lambda: world.wall.lines == {"line 1": "answered: Done."})
    assert world.wall.retracted == []


async def test_while_one_gives_signs_of_life_no_other_takes_what_it_carries(world: World) -> None:
    wall = Slow(world.wall, before=False)
    async with (first := world.deliverer(wall=wall, lease=1.5)).working():
        await first.begin(world.run, PLACE)
        await wall.arrived.wait()
        kept = await world.delivery()
        async with asyncio.timeout(PATIENCE):
            first_term = await _until(world)
            while await _until(world) <= first_term + 0.5:  # noqa: ASYNC110 - the database's
                await asyncio.sleep(0.02)
        assert await world.store.take(world.run, "wall", "another", 1.0) is None
        wall.go.set()
        await world.finish()
        await world.wall.until(lambda: world.wall.lines == {"line 1": "answered: Done."})
    assert (await world.delivery()).fence == kept.fence


async def test_what_one_sends_again_that_stood_still_is_taken_back(world: World) -> None:
    wall = Slow(world.wall, before=True)
    async with (first := world.deliverer(Frozen(world.store), wall, lease=0.1)).working():
        await first.begin(world.run, PLACE)
        await wall.arrived.wait()
        async with (other := world.deliverer()).working():
            await world.wall.until(lambda: bool(world.wall.lines))
            await world.finish()
            await world.wall.until(lambda: world.wall.lines == {"line 1": "answered: Done."})
            async with asyncio.timeout(PATIENCE):
                await other.settled()
                wall.go.set()
                await wall.back.wait()
        assert world.wall.retracted == ["line 2"]
        assert world.wall.lines == {"line 1": "answered: Done."}
    kept = await world.delivery()
    assert kept.messages == {"answer": {"line": "line 1"}}


async def test_an_old_text_that_one_brings_back_that_stood_still_is_set_right(world: World) -> None:
    await world.emit("notice", text="GitHub is slow.", level="info")
    async with (before := world.deliverer()).working():
        await before.begin(world.run, PLACE)
        await world.wall.until(lambda: len(world.wall.lines) == 2)
    wall = Slow(world.wall, before=True)
    async with (first := world.deliverer(Frozen(world.store), wall, lease=0.1)).working():
        await world.emit("text.delta", text="Sign")
        await world.emit("notice", text="Linear is slow.", level="info")
        await wall.arrived.wait()
        async with (other := world.deliverer()).working():
            await world.finish()
            await world.wall.until(lambda: world.wall.lines.get("line 1") == "answered: Done.")
            async with asyncio.timeout(PATIENCE):
                await other.settled()
            sent = len(world.wall.sent)
            wall.go.set()
            await world.wall.until(lambda: ("answer", "answered: Done.") in world.wall.sent[sent:])
            async with asyncio.timeout(PATIENCE):
                await first.settled()
    assert world.wall.lines["line 1"] == "answered: Done."


async def test_what_is_kept_without_the_fence_is_refused(world: World) -> None:
    await world.store.begin(world.run, "wall", PLACE)
    first = await world.store.take(world.run, "wall", "first", 0.0)
    assert first is not None
    second = await world.store.take(world.run, "wall", "second", 60.0)
    assert second is not None
    assert second.fence == first.fence + 1
    with pytest.raises(Overtaken):
        await world.store.keep(replace(first, cursor=7))
    assert not await world.store.renew(first, 60.0)
    await world.store.release(first)
    assert await world.store.take(world.run, "wall", "third", 1.0) is None, "the second still has it"
    assert not await world.store.disturb(world.run, "wall")
    await world.store.keep(replace(second, cursor=1))
    await world.store.release(second)
    assert await world.store.disturb(world.run, "wall")
    assert (await world.delivery()).cursor == 0
    assert await world.runs.delete("c1")
    with pytest.raises(LookupError):
        await world.store.keep(second)


async def _until(world: World) -> float:
    async with world.store._database.read() as connection:
        return float(await connection.scalar(sa.select(deliveries.c.until)) or 0.0)


async def test_migrations_make_the_table(database: Database) -> None:
    await migrate(database)
    assert await StoredDeliveries(database, StillClock()).behind("wall") == []
