"""Looking at a run while it goes on, whichever process drives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import sqlalchemy as sa

from agents.event import EPHEMERAL, Event
from agents.ports import Clock
from app.stores import events as event_table
from app.stores.database import Database
from app.stores.live import Live
from app.stores.schema import runs

# The states of a run that has not ended.
UNDER_WAY = ("running", "awaiting_approval")


class Following:
    """What happens here is seen at once, what another process appends after `glance` seconds at most."""

    def __init__(self, database: Database, live: Live, clock: Clock, glance: float) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._glance = glance

    async def follow(self, run: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """The stored events after `after`, then those that happen, until run.finished that no run.resumed follows."""
        cursor = after
        with self._live.subscribed(run) as queue:
            streamed = self._live.text(run)
            while True:
                over = False
                for event in await self._events(run, cursor):
                    cursor = event.seq
                    over = event.kind == "run.finished" or (over and event.kind != "run.resumed")
                    yield event
                if over:
                    return
                if streamed and cursor:
                    yield Event(run=run, seq=cursor, at=self._clock.now(), kind="text.delta", data={"text": streamed})
                streamed = ""
                async for event in self._arriving(queue, cursor):
                    cursor = event.seq if event.kind not in EPHEMERAL else cursor
                    yield event
                    if event.kind == "run.finished":
                        return
                if await self._has_ended(run, cursor):
                    return

    async def _arriving(self, queue: asyncio.Queue[Event], cursor: int) -> AsyncGenerator[Event, None]:
        """Live events in order, until none comes for a while or one was missed that another process wrote."""
        while True:
            try:
                async with asyncio.timeout(self._glance):
                    event = await queue.get()
            except TimeoutError:
                return
            if event.kind in EPHEMERAL:
                yield event
            elif event.seq == cursor + 1:
                cursor = event.seq
                yield event
            elif event.seq > cursor:
                return

    async def _has_ended(self, run: str, cursor: int) -> bool:
        """Whether all of a finished run's events lie before the cursor (or the run is gone)."""
        async with self._database.read() as connection:
            found = (await connection.execute(sa.select(runs).where(runs.c.run == run))).one_or_none()
        return found is None or (found.status not in UNDER_WAY and cursor >= found.last_seq)

    async def _events(self, run: str, after: int) -> list[Event]:
        async with self._database.read() as connection:
            return await event_table.after(connection, run, after)
