"""Sandboxes in turn: as many at once as the machine or the plan has room for, the others in the order of asking."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from time import monotonic
from types import MappingProxyType

from agents.sandbox import Info, Limits, Mount, Network, Sandbox, SandboxBusy, Sandboxes, SandboxUnavailable, State

# How often who waits looks for sandboxes that have ended by themselves.
SECONDS_BETWEEN = 0.2
SECONDS_REFUSED = (0.5, 1.0, 2.0, 5.0)
# What a sandbox that nobody has ended is granted beyond its time, before its place counts as free.
GRACE = 60.0


def claim(limits: Limits) -> int:
    """The bytes of memory that a sandbox is taken to need: its processes', and its files', which are in memory too."""
    return limits.memory + limits.disk


@dataclass(eq=False)
class _Place:
    """A sandbox's place, from the moment at which it may start."""

    claim: int
    until: float
    sandbox: Sandbox | None = None

    @property
    def is_free(self) -> bool:
        return self.sandbox is not None and (self.sandbox.state is State.GONE or monotonic() > self.until)


class QueuedSandboxes:
    """A provider whose `create` waits for a place instead of saying that there is none. Cancelling leaves the queue.

    `room` gives the bytes that all sandboxes may claim together, or None where that does not matter; one alone is
    always let in. `limits` are for those that are asked for without; `mark` is metadata that all of them get.
    """

    def __init__(
        self,
        provider: Sandboxes,
        *,
        most: int,
        room: Callable[[], int | None] = lambda: None,
        limits: Limits | None = None,
        mark: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._provider, self._most, self._room = provider, most, room
        self._limits, self._mark = limits or Limits(), dict(mark)
        self._queue: deque[object] = deque()
        self._places: list[_Place] = []
        self._stirred = asyncio.Event()
        self._closed = False

    @property
    def running(self) -> int:
        """How many have a place."""
        return sum(1 for place in self._places if not place.is_free)

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._queue)

    async def create(
        self,
        *,
        limits: Limits | None = None,
        network: Network | None = None,
        metadata: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
    ) -> Sandbox:
        limits = limits or self._limits
        marked = {**(metadata or {}), **self._mark}
        ticket = object()
        self._queue.append(ticket)
        try:
            for tries in count():
                place = await self._turn(ticket, limits)
                try:
                    place.sandbox = await self._provider.create(
                        limits=limits, network=network, metadata=marked, mounts=mounts
                    )
                    place.until = monotonic() + limits.lifetime_seconds + GRACE
                    return place.sandbox
                except SandboxBusy:
                    # Others use the same plan. Who waits longest still goes first.
                    self._places.remove(place)
                    self._queue.appendleft(ticket)
                    await asyncio.sleep(SECONDS_REFUSED[min(tries, len(SECONDS_REFUSED) - 1)])
                except BaseException:
                    self._places.remove(place)
                    raise
            raise AssertionError("counting ended")
        finally:
            with contextlib.suppress(ValueError):
                self._queue.remove(ticket)
            self._stirred.set()

    async def _turn(self, ticket: object, limits: Limits) -> _Place:
        """Waits until the ticket is the first and there is room for it; takes the place."""
        while self._queue[0] is not ticket or not self._fits(claim(limits)):
            await self._pause(SECONDS_BETWEEN)
            if self._closed:
                raise SandboxUnavailable("Code cannot run now: Deus is stopping.")
        self._queue.popleft()
        self._stirred.set()
        place = _Place(claim(limits), monotonic() + limits.lifetime_seconds + GRACE)
        self._places.append(place)
        return place

    def _fits(self, claimed: int) -> bool:
        self._places = [place for place in self._places if not place.is_free]
        if not self._places:
            return True
        room = self._room()
        within = room is None or sum(place.claim for place in self._places) + claimed <= room
        return within and len(self._places) < self._most

    async def _pause(self, seconds: float) -> None:
        self._stirred.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()

    async def list(self) -> tuple[Info, ...]:
        return await self._provider.list()

    async def connect(self, id: str) -> Sandbox:
        return await self._provider.connect(id)

    async def aclose(self) -> None:
        self._closed = True
        self._stirred.set()
        await self._provider.aclose()
