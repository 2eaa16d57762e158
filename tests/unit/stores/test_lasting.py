"""What a write rests on is on the disk, and not only in the system's memory, before the write is sent."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from app.stores.effects import StoredLedger
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from tests.scenarios.writes.test_late import EFFECT

NORMAL, FULL = 1, 2


async def test_a_lasting_transaction_is_synced_with_its_commit_and_the_next_one_is_not(tmp_path: Path) -> None:
    database = SQLite(tmp_path / "deus.sqlite")
    await migrate(database)
    seen: list[int] = []

    def look(connection: sa.Connection) -> None:
        seen.append(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    sa.event.listen(database._writer.sync_engine, "commit", look)
    for lasting in (False, True, True, False):
        async with database.write(lasting=lasting) as connection:
            await connection.execute(sa.text("SELECT 1"))
    await database.close()
    assert seen == [NORMAL, FULL, FULL, NORMAL]


async def test_an_intent_its_leave_and_its_end_are_synced(tmp_path: Path) -> None:
    database = SQLite(tmp_path / "deus.sqlite")
    await migrate(database)
    ledger, seen = StoredLedger(database), []
    sa.event.listen(
        database._writer.sync_engine,
        "commit",
        lambda connection: seen.append(connection.exec_driver_sql("PRAGMA synchronous").scalar_one()),
    )
    await ledger.intend(EFFECT)
    assert await ledger.leave(EFFECT.key, EFFECT.attempt)
    await ledger.settle(EFFECT.key, "failed", error="Refused.", attempt=EFFECT.attempt)
    await database.close()
    assert seen == [FULL, FULL, FULL]
