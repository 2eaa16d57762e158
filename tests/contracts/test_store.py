"""What every database must do for the stores and the engine: the same suite on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from agents.evidence import Citations
from agents.plan import Step
from agents.ports import PlanHeader, StepResult, Turn
from app.stores.database import Database
from app.stores.live import Live
from app.stores.migrations import migrate, migrations
from app.stores.run_log import StoredRunLog
from app.stores.runs import StoredRuns
from tests.scenarios.engine.script import (
    NOW,
    ScriptedPlanner,
    ScriptedToolbox,
    StillClock,
    deployment,
    error,
    workspace,
)


def store(database: Database, live: Live | None = None, dispatched: list[str] | None = None) -> StoredRuns:
    def dispatch(connection: sa.Connection, run: str, n: int, delay: float) -> None:
        if dispatched is not None:
            dispatched.append(f"{run}:{n}")

    return StoredRuns(database, live or Live(), StillClock(), dispatch, glance=0.05)


def turn(text: str = "Why?", conversation: str = "c1", message_id: str | None = None) -> Turn:
    return Turn(text, "ann", "test", conversation, NOW - timedelta(days=9), message_id)


async def begun(database: Database) -> tuple[StoredRuns, str, StoredRunLog]:
    await migrate(database)
    runs = store(database)
    run = await runs.begin(turn())
    return runs, run, await runs.open_log(run, "c1")


async def test_migrations_run_once_even_from_several_processes(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(migrate(database)) for _ in range(3)]
    assert sorted(number for task in tasks for number in task.result()) == sorted(migrations())
    assert await migrate(database) == []


async def test_a_turn_is_kept_with_the_products_time_and_queued(database: Database) -> None:
    await migrate(database)
    queued: list[str] = []
    runs = store(database, dispatched=queued)
    run = await runs.begin(turn("Why «ünïcode» 🙂?", message_id="m1"))
    assert await runs.begin(turn("Why «ünïcode» 🙂?", message_id="m1")) == run
    kept = await runs.turn(run)
    assert kept is not None
    assert (kept.text, kept.at, kept.message_id) == ("Why «ünïcode» 🙂?", NOW, "m1")
    assert queued == [f"{run}:1"]
    assert [event.kind for event in await runs.events(run)] == ["run.started"]


async def test_a_dispatch_that_fails_leaves_no_run(database: Database) -> None:
    await migrate(database)

    def refuse(connection: sa.Connection, run: str, n: int, delay: float) -> None:
        raise RuntimeError("the queue is closed")

    runs = StoredRuns(database, Live(), StillClock(), refuse)
    with pytest.raises(RuntimeError, match="queue"):
        await runs.begin(turn())
    assert await runs.list_runs(None, None, 10) == []
    assert await runs.list_conversations("ann", 10) == []


async def test_numbers_have_no_gaps_when_several_write_at_once(database: Database) -> None:
    runs, run, log = await begun(database)
    other = await runs.open_log(run, "c1")
    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task((log, other)[n % 2].emit("notice", text=str(n), level="info"))
    events = await runs.events(run)
    assert [event.seq for event in events] == list(range(1, 22))
    assert {event.data["text"] for event in events[1:]} == {str(n) for n in range(20)}
    assert [event.seq for event in await runs.events(run, after=19)] == [20, 21]


async def test_evidence_is_stored_whole_and_announced_once(database: Database) -> None:
    runs, run, log = await begun(database)
    citations = Citations(run)
    item = citations.record(
        step="e",
        service="sentry",
        verb="errors.search",
        title="2",
        at=NOW,
        nouns=[error("A"), error("B")],
        asked={"a": 1},
    )
    log.add_evidence(item)
    log.add_evidence(item)
    await log.emit("notice", text="stored", level="info")
    again = await runs.open_log(run, "c1")
    assert await again.evidence() == [item]
    again.add_evidence(item)
    assert await runs.one_evidence(run, "e1") == item
    assert await runs.one_evidence(run, "e2") is None
    assert [event.kind for event in await runs.events(run)] == ["run.started", "evidence.added", "notice"]
    with pytest.raises(ValueError, match="another content"):
        again.add_evidence(item.model_copy(update={"sha256": "0" * 64}))


async def test_results_come_back_without_their_nouns(database: Database) -> None:
    runs, run, log = await begun(database)
    kept = StepResult("d", "done", (deployment("d1"),), ("e1",), {"fly": "down"}, None, 12)
    log.keep_result("key", kept)
    log.keep_result("key", StepResult("d", "failed"))
    await log.emit("notice", text="stored", level="info")
    again = await runs.open_log(run, "c1")
    assert await again.results() == {"key": StepResult("d", "done", (), ("e1",), {"fly": "down"}, None, 12)}
    assert again.has("run.started")
    assert not again.has("step.finished", "d")


async def test_a_viewer_in_another_process_sees_the_run_to_its_end(database: Database) -> None:
    _, run, log = await begun(database)
    viewer = store(database, Live())
    seen: list[str] = []

    async def watch() -> None:
        async for event in viewer.follow(run):
            seen.append(event.kind)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(watch())
        await log.emit("notice", text="one", level="info")
        await log.emit("run.finished", status="answered", error=None, usage={})
    assert seen == ["run.started", "notice", "run.finished"]
    summary = await viewer.summary(run)
    assert summary is not None
    assert summary.status == "answered"


async def test_a_request_to_stop_reaches_whoever_drives_the_run(database: Database) -> None:
    runs, run, log = await begun(database)
    stopped: list[str] = []
    log.on_stop = stopped.append
    assert await runs.ask_to_stop(run, "ann")
    await log.emit("notice", text="x", level="info")
    assert stopped == ["ann"]
    await log.emit("run.finished", status="stopped", error=None, usage={})
    assert not await runs.ask_to_stop(run, "ann")


async def test_a_conversation_is_deleted_with_all_that_its_runs_left(database: Database) -> None:
    runs, run, log = await begun(database)
    log.keep_result("key", StepResult("d", "done"))
    await log.flush()
    kept = await runs.begin(turn(conversation="c2"))
    assert await runs.delete("c1")
    assert await runs.events(run) == []
    assert [one.run for one in await runs.list_runs(None, None, 10)] == [kept]


async def test_a_run_goes_from_question_to_answer(database: Database) -> None:
    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1"), deployment("d2", 5)]}})
    steps = [
        PlanHeader("why"),
        Step(id="d", verb="deploys.list"),
        Step(id="n", verb="analyze.test_count", args={"nouns": "$d"}),
    ]
    async with workspace(database, toolbox, ScriptedPlanner(steps)) as deus:
        runs = [await deus.ask("What?", conversation=f"c{n}") for n in range(3)]
        documents = []
        for run in runs:
            await deus.watched(run)
            documents.append(await deus.conversations.document(run))
    assert [document.status for document in documents] == ["answered"] * 3
    assert {document.answer for document in documents} == {documents[0].answer}


async def test_what_was_asked_first_sorts_first_even_while_the_clock_stands_still(database: Database) -> None:
    await migrate(database)
    runs = store(database)
    asked = [await runs.begin(turn(f"{n}?", conversation=f"c{n % 2}")) for n in range(6)]
    assert [one.run for one in await runs.list_runs("c0", None, 9)] == asked[4::-2]
    assert [one.id for one in await runs.list_conversations("ann", 9)] == ["c1", "c0"]
    await runs.begin(turn("again?", conversation="c0"))
    assert [one.id for one in await runs.list_conversations("ann", 9)] == ["c0", "c1"]
