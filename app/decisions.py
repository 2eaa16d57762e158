"""The approvals opened alone, beside a running Deus or without one: a decision is recorded and its run queued.

Nothing is driven here, so that nothing is cut off when this process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import sqlalchemy as sa

from agents.approvals import Decisions
from agents.ports import Clock
from app.clock import clock_of
from app.settings import Settings
from app.stores.approvals import StoredApprovals
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.runs import StoredRuns
from app.stores.schema import runs as runs_table
from app.stores.workers import Workers
from app.worker import Worker
from app.workspace import open_database

# How many seconds a worker may be silent before it counts as gone, as the engine has it.
PATIENCE = 15.0


@dataclass(frozen=True)
class Table:
    """Where decisions are made. `at_work` says whether any process is there that goes on with the runs."""

    decisions: Decisions
    clock: Clock
    at_work: bool


@contextlib.asynccontextmanager
async def open_decisions(settings: Settings) -> AsyncIterator[Table]:
    """Opens the store of approvals and the queue in which decided runs go on."""
    from app.engine import CHAT, PRIORITIES
    from app.segments import Segments

    clock, database = clock_of(settings.clock), open_database(settings)
    me = Worker.here("decisions")
    segments = Segments(database, me.id, concurrency=1, at_once=None, polling=1.0)

    def dispatch(connection: sa.Connection, run: str, n: int, delay: float = 0.0) -> None:
        channel = connection.scalar(sa.select(runs_table.c.channel).where(runs_table.c.run == run))
        segments.enqueue(connection, run, n, priority=PRIORITIES.get(channel or "", CHAT), delay=delay)

    try:
        await migrate(database)
        await asyncio.to_thread(segments.connect)
        live = Live()
        store = StoredApprovals(database, live, clock, StoredRuns(database, live, clock, dispatch).continue_run)
        yield Table(store, clock, bool(await Workers(database, me, PATIENCE).alive()))
    finally:
        await asyncio.to_thread(segments.destroy)
        await database.close()
