"""The watch of a worker over itself and the others: signs of life, runs of the dead, runs that have fallen silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from app.segments import Segments
from app.stores.custody import Custody, SilentRun
from app.stores.workers import Workers

log = logging.getLogger(__name__)

DUTY = "watch"
# How many signs of life may be lost before a worker is given up.
BEATS = 5
# How often a silent run is taken up again before it is given up.
MOST_RESUMPTIONS = 3

Sweep = Callable[[], Awaitable[object]]
# Is told how many workers live, this one included.
Shared = Callable[[int], None]


def alone(workers: int) -> None:
    """For what need not be shared between workers."""


class Watch:
    """Beats for this worker. One worker at a time also sees to the others, and to what is due in this workspace.

    A run counts as stuck when nothing was written of it for `silence` seconds while somebody drives it, or for as long
    as a worker may be silent while nobody does.
    """

    def __init__(
        self,
        workers: Workers,
        segments: Segments,
        custody: Custody,
        *,
        silence: float,
        given_up: Callable[[], Awaitable[None]],
        sweeps: Sequence[Sweep] = (),
        shared: Shared = alone,
    ) -> None:
        self.living: frozenset[str] = frozenset()
        self.stuck: tuple[str, ...] = ()
        self.taken_over = 0
        self._workers = workers
        self._segments = segments
        self._custody = custody
        self._silence = silence
        self._given_up = given_up
        self._sweeps = sweeps
        self._shared = shared

    async def go_on(self) -> None:
        """Looks again and again, until it is cancelled. A look that fails is logged; the next comes."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the watch over workers and runs failed this time")
            await asyncio.sleep(self._workers.patience / BEATS)

    async def look(self) -> None:
        """One look: a sign of life, then, if the duty is this worker's, the others."""
        if not await self._workers.beat():
            await self._given_up()
        self.living = frozenset(await self._workers.alive())
        self._shared(len(self.living | {self._workers.me.id}))
        if not await self._workers.lease(DUTY, self.living):
            return
        await self._workers.bury(self.living)
        held = await asyncio.to_thread(self._segments.held)
        left = [segment for segment, worker in held.items() if worker not in self.living]
        if left:
            log.warning("taking over %d segments whose workers have gone: %s", len(left), ", ".join(left[:5]))
            await asyncio.to_thread(self._segments.put_back, left)
            self.taken_over += len(left)
        await self._see_to_silent()
        for sweep in self._sweeps:
            await sweep()

    async def _see_to_silent(self) -> None:
        patience = min(self._silence, self._workers.patience)
        silent = await self._custody.silent(patience)
        states = await asyncio.to_thread(self._segments.states, [f"{one.run}:{one.segment}" for one in silent])
        stuck = []
        for one in silent:
            state, worker = states.get(f"{one.run}:{one.segment}", ("over", None))
            if state == "over" or (state == "held" and worker in self.living and one.seconds > self._silence):
                stuck.append(one.run)
                await self._wake(one, state)
        self.stuck = tuple(stuck)

    async def _wake(self, one: SilentRun, state: str) -> None:
        if one.stuck >= MOST_RESUMPTIONS:
            log.error("run %s was taken up %d times and fell silent each time; it is given up", one.run, one.stuck)
            await self._custody.give_up(one.run)
            return
        log.warning("run %s has been silent for %.0f seconds (%s); it is taken up again", one.run, one.seconds, state)
        if await self._custody.wake(one, lost=state == "over") and state == "held":
            await asyncio.to_thread(self._segments.put_back, [f"{one.run}:{one.segment}"])
