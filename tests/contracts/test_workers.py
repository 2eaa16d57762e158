"""What every database must do for several workers: who lives, who watches, who drives, and what a zombie may not."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from agents.ports import Turn
from app.stores.custody import Custody
from app.stores.database import Database
from app.stores.events import Superseded
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.run_log import Claim
from app.stores.runs import StoredRuns
from app.stores.schema import leases, runs, workers
from app.stores.workers import Workers
from app.watch import DUTY, Watch
from app.worker import Worker
from tests.scenarios.engine.script import NOW, StillClock


@pytest.fixture
async def database(database: Database) -> Database:
    await migrate(database)
    return database


def elsewhere(name: str) -> Worker:
    return Worker(name, "another machine", 1, "7")


async def age(database: Database, seconds: float, worker: str) -> None:
    async with database.write() as connection:
        older = workers.update().where(workers.c.id == worker)
        await connection.execute(older.values(beat=workers.c.beat - seconds))


async def test_a_worker_that_gives_no_sign_of_life_is_given_up_and_sees_it_when_it_comes_back(
    database: Database,
) -> None:
    one, two = (Workers(database, elsewhere(name), 10.0) for name in ("one", "two"))
    assert [await one.beat(), await two.beat(), await one.beat()] == [False, False, True]
    assert await one.alive() == {"one", "two"}
    await age(database, 11.0, "two")
    assert await one.alive() == {"one"}
    assert await one.bury({"one"}) == ["two"]
    assert not await two.beat()
    assert await one.alive() == {"one", "two"}
    await two.leave()
    assert await one.alive() == {"one"}


async def test_a_process_that_is_seen_to_have_ended_is_given_up_at_once(database: Database) -> None:
    me = Worker.here("me")
    mine = Workers(database, me, 10.0)
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    for other in (replace(me, id="gone", pid=ended.pid), replace(me, id="another start", born="0"), elsewhere("far")):
        await Workers(database, other, 10.0).beat()
    await mine.beat()
    assert await mine.alive() == {me.id, "far"}


async def test_one_worker_at_a_time_has_a_duty_until_it_is_gone(database: Database) -> None:
    one, two = (Workers(database, elsewhere(name), 10.0) for name in ("one", "two"))
    living = {"one", "two"}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker.lease("watch", living)) for worker in (one, two)]
    assert sorted(task.result() for task in tasks) == [False, True]
    first, second = (one, two) if tasks[0].result() else (two, one)
    assert [await first.lease("watch", living), await second.lease("watch", living)] == [True, False]
    assert await second.lease("watch", {second.me.id})
    assert not await first.lease("watch", living)
    async with database.write() as connection:
        await connection.execute(leases.update().values(until=0))
    assert await first.lease("watch", living)


async def begun(database: Database) -> tuple[StoredRuns, Custody, str, list[str]]:
    queued: list[str] = []

    def dispatch(connection: sa.Connection, run: str, n: int, delay: float) -> None:
        queued.append(f"{run}:{n}+{delay:g}")

    store = StoredRuns(database, Live(), StillClock(), dispatch)
    run = await store.begin(Turn("Why?", "ann", "web", "c1", NOW))
    return store, Custody(database, StillClock(), store.continue_run), run, queued


async def claimed(custody: Custody, run: str, n: int) -> Claim:
    claim = await custody.claim(run, n)
    assert claim is not None
    return claim


async def test_what_a_zombie_appends_is_not_taken_and_the_run_ends_once(database: Database) -> None:
    store, custody, run, _ = await begun(database)
    old = await claimed(custody, run, 1)
    zombie = await store.open_log(run, "c1", old)
    assert await custody.holds(old)
    await zombie.emit("notice", text="before", level="info")
    owner = await store.open_log(run, "c1", await claimed(custody, run, 1))
    assert not await custody.holds(old)
    with pytest.raises(Superseded):
        await zombie.emit("run.finished", status="failed", error="x", usage={})
    with pytest.raises(Superseded):
        zombie.note("notice", text="again", level="info")
    await owner.emit("run.finished", status="answered", error=None, usage={})
    assert [event.kind for event in await store.events(run)] == ["run.started", "notice", "run.finished"]
    summary = await store.summary(run)
    assert summary is not None
    assert summary.status == "answered"
    assert await custody.claim(run, 1) is None


async def test_only_the_last_segment_drives_a_run(database: Database) -> None:
    store, custody, run, queued = await begun(database)
    first = await claimed(custody, run, 1)
    async with database.write() as connection:
        await store.continue_run(connection, run, 5.0)
    assert queued == [f"{run}:1+0", f"{run}:2+5"]
    assert await custody.claim(run, 1) is None
    assert (await claimed(custody, run, 2)).epoch == first.epoch + 1
    assert await custody.claim(run, 3) is None


async def test_a_silent_run_is_told_of_once_and_goes_on_with_another_segment(database: Database) -> None:
    store, custody, run, queued = await begun(database)
    assert await custody.silent(60.0) == []
    async with database.write() as connection:
        await connection.execute(runs.update().values(active_at=runs.c.active_at - 100))
    (silent,) = await custody.silent(60.0)
    assert (silent.run, silent.segment, silent.stuck) == (run, 1, 0)
    assert await custody.wake(silent, lost=True)
    assert not await custody.wake(silent, lost=True)
    assert queued[1:] == [f"{run}:2+0"]
    assert [event.kind for event in await store.events(run)] == ["run.started", "notice"]
    assert await custody.silent(60.0) == []


async def test_a_run_that_is_given_up_has_failed_whoever_still_drives_it(database: Database) -> None:
    store, custody, run, _ = await begun(database)
    log = await store.open_log(run, "c1", await claimed(custody, run, 1))
    await custody.give_up(run)
    with pytest.raises(Superseded):
        await log.emit("notice", text="still here", level="info")
    last = (await store.events(run))[-1]
    assert (last.kind, last.data["status"]) == ("run.finished", "failed")
    assert "deus runs resume" in last.data["error"]


def test_no_two_starts_of_a_process_have_one_name() -> None:
    one, two = Worker.here("deus"), Worker.here("deus")
    assert one.id != two.id
    assert one.pid == os.getpid()
    assert not one.has_ended()


async def nothing() -> None:
    """For what is not lost here."""


async def test_a_worker_is_told_how_many_share_what_they_may_ask_of_services(database: Database) -> None:
    one, two = (Workers(database, elsewhere(name), 10.0) for name in ("one", "two"))
    await two.beat()
    assert await two.lease(DUTY, {"two"})
    told: list[int] = []
    nobodys: Any = None  # the one who has no duty looks after nobody
    watch = Watch(one, nobodys, nobodys, silence=60, given_up=nothing, shared=told.append)
    await watch.look()
    assert told == [2]
