"""Who drives a run: claims, which take the run from whoever had it, and runs that have fallen silent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.ports import Clock
from agents.record import Usage
from app.stores import events as event_table
from app.stores.database import Database, Seconds
from app.stores.run_log import Claim
from app.stores.schema import events, runs

SILENT = "Nothing was heard of this run for {seconds} seconds; it is taken up again."
GIVEN_UP = "This run fell silent again and again and was given up. `deus runs resume` tries it once more."


@dataclass(frozen=True)
class SilentRun:
    """A run under way of which nothing was written for some seconds. `stuck` counts how often that was noticed."""

    run: str
    segment: int
    seconds: float
    active_at: float
    stuck: int


class Custody:
    """Hands runs to those who drive them. Every method is one transaction."""

    def __init__(
        self, database: Database, clock: Clock, continue_run: Callable[[AsyncConnection, str], Awaitable[None]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._continue = continue_run

    async def claim(self, run: str, n: int) -> Claim | None:
        """Takes the right to drive a run from whoever had it; None if segment `n` has ended, or is not the last."""
        due = sa.and_(runs.c.run == run, runs.c.segment == n, runs.c.ended < n)
        taken = (
            runs.update()
            .where(due)
            .values(epoch=runs.c.epoch + 1, status="running", active_at=Seconds())
            .returning(runs.c.epoch, runs.c.generation, runs.c.seed)
        )
        async with self._database.write() as connection:
            row = (await connection.execute(taken)).one_or_none()
        return None if row is None else Claim(run, n, row.epoch, row.generation, row.seed)

    async def holds(self, claim: Claim) -> bool:
        """Whether a claim is still the newest of its run."""
        async with self._database.read() as connection:
            epoch = await connection.scalar(sa.select(runs.c.epoch).where(runs.c.run == claim.run))
        return bool(epoch == claim.epoch)

    async def silent(self, seconds: float) -> list[SilentRun]:
        """The runs under way of which nothing was written for that long, whether they are driven or queued."""
        idle = Seconds() - runs.c.active_at
        columns = (runs.c.run, runs.c.segment, idle.label("seconds"), runs.c.active_at, runs.c.stuck)
        query = sa.select(*columns).where(runs.c.status == "running", idle > seconds).limit(500)
        async with self._database.read() as connection:
            return [SilentRun(**row) for row in (await connection.execute(query)).mappings()]

    async def wake(self, one: SilentRun, *, lost: bool) -> bool:
        """Tells of the silence in the run's log and, if nobody has its segment, queues the next one.

        False if something was written of the run meanwhile.
        """
        same = sa.and_(
            runs.c.run == one.run,
            runs.c.segment == one.segment,
            runs.c.status == "running",
            runs.c.active_at == one.active_at,
        )
        text = SILENT.format(seconds=round(one.seconds))
        async with self._database.write() as connection:
            if not (await connection.execute(runs.update().where(same).values(stuck=runs.c.stuck + 1))).rowcount:
                return False
            told = {"text": text, "level": "warning"}
            await event_table.append(connection, one.run, self._clock.now(), [("notice", told)])
            if lost:
                await self._continue(connection, one.run)
        return True

    async def give_up(self, run: str) -> None:
        """Ends a run as failed, whoever may still drive it."""
        spent = (
            sa.select(events.c.data)
            .where(events.c.run == run, events.c.kind == "usage.updated")
            .order_by(events.c.seq.desc())
            .limit(1)
        )
        over = {"status": "failed", "ended": runs.c.segment, "epoch": runs.c.epoch + 1}
        async with self._database.write() as connection:
            changed = await connection.execute(
                runs.update().where(runs.c.run == run, runs.c.status == "running").values(**over)
            )
            if not changed.rowcount:
                return
            used = await connection.scalar(spent)
            usage = used["usage"] if used else Usage().model_dump(mode="json")
            ending = {"status": "failed", "error": GIVEN_UP, "usage": usage}
            await event_table.append(connection, run, self._clock.now(), [("run.finished", ending)])
