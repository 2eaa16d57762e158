"""What the audit log promises on every database: whole, in order, unchangeable, and written with what it tells of."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from agents.audit import Anchor, AuditEntry, AuditRow
from agents.effect import Effect
from agents.ports import Turn
from app.stores import audit as audit_table
from app.stores.audit import AuditLog
from app.stores.database import Database
from app.stores.effects import StoredLedger
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.postgres import Postgres
from app.stores.runs import StoredRuns
from app.stores.schema import audit, audit_head
from app.stores.sqlite import SQLite
from tools.kit.action import Change, Landed, Target

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


class StillClock:
    def now(self) -> datetime:
        return NOW


def store(database: Database) -> StoredRuns:
    return StoredRuns(database, Live(), StillClock(), lambda connection, run, n, delay: None)


def turn(text: str) -> Turn:
    return Turn(text, "ann", "test", "c1", NOW)


@pytest.fixture
async def database(database: Database) -> Database:
    await migrate(database)
    return database


async def write(database: Database, *names: str) -> None:
    async with database.write() as connection:
        await audit_table.append(connection, [AuditEntry("noted", NOW, "ann", None, {"name": name}) for name in names])


async def rows(database: Database) -> list[AuditRow]:
    return [row async for row in AuditLog(database).rows()]


async def unguarded(database: Database, *statements: str) -> None:
    """Changes the log as somebody does who owns the database and takes its guards away first."""
    async with database.write() as connection:
        if connection.dialect.name == "sqlite":
            for name in ("audit_keeps", "audit_stays", "audit_head_stays"):
                await connection.execute(sa.text(f"DROP TRIGGER {name}"))
        else:
            await connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            await connection.execute(sa.text(statement))


async def test_a_run_is_told_whole_and_the_chain_verifies(database: Database) -> None:
    runs = store(database)
    run = await runs.begin(turn("Why is the secret plan late?"))
    log = await runs.open_log(run, "c1")
    log.note("call.started", id="s.x", step="s", service="x", verb="issues.search", args={"text": "secret plan"})
    log.note("call.finished", id="s.x", step="s", service="x", ok=False, summary="", error="X is down.", ms=3)
    await log.emit("message.completed", text="The secret plan is late.", claims=[], citations=[])
    await log.emit("run.finished", status="answered", error=None, usage={"usd": 0.5})
    kept = await rows(database)
    assert [row.kind for row in kept] == ["turn", "tool.called", "failure", "answer", "run.finished"]
    assert {(row.actor, row.run) for row in kept} == {("ann", run)}
    assert not any("secret" in row.data for row in kept)
    assert await AuditLog(database).verify() == (5, None)


async def test_many_writers_leave_no_gap(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(30):
            group.create_task(write(database, f"a{n}", f"b{n}"))
    kept = await rows(database)
    assert [row.n for row in kept] == list(range(1, 61))
    assert await AuditLog(database).verify() == (60, None)


async def test_a_head_that_another_process_moved_is_looked_up_again(database: Database) -> None:
    elsewhere = SQLite(database.path) if isinstance(database, SQLite) else Postgres(database.url)
    for n in range(3):
        await write(database, f"here {n}")
        await write(elsewhere, f"there {n}", "and more")
    await elsewhere.close()
    assert await AuditLog(database).verify() == (9, None)


async def test_several_appends_of_one_transaction_are_settled_together(database: Database) -> None:
    async with database.write() as connection:
        await audit_table.append(connection, [AuditEntry("one", NOW, "ann")])
        await audit_table.append(connection, [AuditEntry("two", NOW, "ann")])
    assert [(row.n, row.kind) for row in await rows(database)] == [(1, "one"), (2, "two")]


async def test_a_transaction_that_fails_leaves_no_row(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as connection:
            await audit_table.append(connection, [AuditEntry("lost", NOW, "ann")])
            raise RuntimeError("no")

    await write(database, "before")
    with pytest.raises(RuntimeError):
        await fail()
    await write(database, "kept")
    assert [row.data for row in await rows(database)] == ['{"name":"before"}', '{"name":"kept"}']
    assert await AuditLog(database).verify() == (2, None)


async def test_a_commit_that_fails_after_the_rows_were_chained_leaves_no_gap(database: Database) -> None:
    await write(database, "before")

    async def fail() -> None:
        async with database.write() as connection:
            await audit_table.append(connection, [AuditEntry("lost", NOW, "ann")])
            await audit_table.settle(connection)
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        await fail()
    await write(database, "kept")
    assert await AuditLog(database).verify() == (2, None)


FORGED = "INSERT INTO audit VALUES (3, 'now', 'noted', 'eve', NULL, '{}', 'x', 'y')"


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "DELETE FROM audit_head", FORGED]
)
async def test_the_database_refuses_to_change_the_log(database: Database, statement: str) -> None:
    await write(database, "a", "b")
    with pytest.raises(sa.exc.DBAPIError, match=r"append-only|does not follow the head"):
        async with database.write() as connection:
            await connection.execute(sa.text(statement))
    assert await AuditLog(database).verify() == (2, None)


@pytest.mark.parametrize(
    ("statement", "kind", "n"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE n = 3", "changed", 3),
        ("UPDATE audit SET data = '{}' WHERE n = 6", "changed", 6),
        ("DELETE FROM audit WHERE n = 2", "missing", 2),
        ("DELETE FROM audit WHERE n > 4", "truncated", 5),
        ("DELETE FROM audit", "truncated", 1),
        ("UPDATE audit_head SET n = 5", "changed", 5),
    ],
)
async def test_whoever_gets_past_the_guards_is_found_out(database: Database, statement: str, kind: str, n: int) -> None:
    await write(database, *"abcdef")
    await unguarded(database, statement)
    _, fault = await AuditLog(database).verify()
    assert fault is not None
    assert (fault.kind, fault.n) == (kind, n)


async def test_two_rows_that_changed_places_are_found(database: Database) -> None:
    await write(database, *"abcdef")
    await unguarded(
        database,
        "UPDATE audit SET n = 100 WHERE n = 3",
        "UPDATE audit SET n = 3 WHERE n = 4",
        "UPDATE audit SET n = 4 WHERE n = 100",
    )
    _, fault = await AuditLog(database).verify()
    assert fault is not None
    assert (fault.kind, fault.n) == ("reordered", 3)


async def test_an_anchor_shows_that_the_end_was_cut_off_with_its_head(database: Database) -> None:
    await write(database, *"abc")
    anchor = await AuditLog(database).head()
    await write(database, *"de")
    assert await AuditLog(database).verify([anchor]) == (5, None)
    kept = await rows(database)
    await unguarded(database, "DELETE FROM audit WHERE n > 2", f"UPDATE audit_head SET n = 2, hash = '{kept[1].hash}'")
    assert await AuditLog(database).verify() == (2, None)
    _, fault = await AuditLog(database).verify([anchor])
    assert fault is not None
    assert (fault.kind, fault.n) == ("truncated", 3)


async def test_an_anchor_shows_that_all_was_written_anew(database: Database) -> None:
    await write(database, *"abc")
    anchor = await AuditLog(database).head()
    other = dataclasses.replace((await rows(database))[0])
    forged = Anchor(workspace=anchor.workspace, n=3, hash="0" * 64, at=other.at)
    _, fault = await AuditLog(database).verify([anchor, forged])
    assert fault is not None
    assert (fault.kind, fault.n) == ("rewritten", 3)


async def test_the_rows_outlive_the_conversation(database: Database) -> None:
    runs = store(database)
    await runs.begin(turn("Why did ünïcode words fall?"))
    assert await runs.delete("c1")
    kept = await rows(database)
    assert [row.kind for row in kept] == ["turn", "conversation.deleted"]
    assert "words" not in kept[0].data
    assert await AuditLog(database).verify() == (2, None)


async def test_the_newest_come_first_in_pages(database: Database) -> None:
    await write(database, *"abcde")
    log = AuditLog(database)
    assert [row.n for row in await log.latest(2)] == [5, 4]
    assert [row.n for row in await log.latest(2, before=4)] == [3, 2]
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(audit)) == 5
        assert await connection.scalar(sa.select(audit_head.c.n)) == 5


async def test_every_state_of_a_write_is_told(database: Database) -> None:
    ledger = StoredLedger(database, lambda: NOW)
    target = Target(service="slack", kind="channel")
    sent = Effect(
        key="k" * 40,
        run="run_1",
        step="s",
        service="slack",
        verb="messages.send",
        title="Tell the team",
        digest="d" * 64,
        args={"text": "It is mended."},
        change=Change(target=target, after={"text": "It is mended."}),
        requester="ann",
        at=NOW,
    )
    await ledger.intend(sent)
    await ledger.settle(sent.key, "unknown", error="Slack did not answer in time.")
    await ledger.settle(sent.key, "done", landed=Landed(ref="C1/1", url="https://s.test/1", state={}))
    kept = await rows(database)
    assert [(row.kind, row.actor, row.line()["data"]["state"]) for row in kept] == [
        ("effect", "ann", "intent"),
        ("effect", "ann", "unknown"),
        ("effect", "ann", "done"),
    ]
    assert not any("mended" in row.data for row in kept)
    assert await AuditLog(database).verify() == (3, None)
