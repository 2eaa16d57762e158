"""One sandbox on this machine: paused, resumed and ended by its first process, with a watchdog over it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from time import monotonic

from agents.sandbox import Ending, Limits, Network, SandboxGone, State
from app.sandboxes import processes
from app.sandboxes.gate import Gate, way_out
from app.sandboxes.link import Link
from app.sandboxes.spawning import Spawned
from app.sandboxes.supervised import SupervisedSandbox
from app.sandboxes.watchdog import Watchdog, Watched


class LocalSandbox(SupervisedSandbox):
    """One sandbox on this machine."""

    def __init__(
        self,
        id: str,
        limits: Limits,
        network: Network,
        metadata: Mapping[str, str],
        link: Link,
        spawned: Spawned,
        first: int,
        watchdog: Watchdog,
        gate: Gate | None = None,
    ) -> None:
        super().__init__(id, limits, network, metadata, link)
        self._spawned, self.first, self._watchdog, self._gate = spawned, first, watchdog, gate
        self._pidfd = os.pidfd_open(first)
        self._watched = Watched(first, self._pidfd, limits, monotonic() + limits.lifetime_seconds, self._over)
        watchdog.watch(self._watched)
        self.life = asyncio.create_task(self._live())

    def way_out(self) -> Mapping[str, str]:
        return way_out(self.network)

    async def pause(self) -> None:
        self._check()
        self._awake.clear()
        if self._asking:
            await asyncio.wait(self._asking)
        if not await asyncio.to_thread(processes.stop, self.first):
            await self._over_with()
            raise SandboxGone(self._link.ending)

    async def resume(self) -> None:
        if self.state is State.GONE:
            raise SandboxGone(self._link.ending)
        await asyncio.to_thread(processes.go_on, self.first)
        self._awake.set()

    async def kill(self) -> None:
        if not self._link.closed.is_set() and self._link.ending is Ending.LOST:
            self._link.ending = Ending.KILLED
        await self._over_with()

    def _over(self, ending: Ending) -> None:
        """Called by the watchdog, from its thread, before it ends the sandbox."""
        self._link.ending = ending

    async def _over_with(self) -> None:
        self._link.close()
        await asyncio.shield(self.life)

    async def _live(self) -> None:
        """From the first request to the last process: whatever ends the line, nothing is left after it."""
        await self._link.serve()
        self._awake.set()
        processes.end(self._pidfd)
        await _readable(self._pidfd)
        self._watchdog.leave(self._watched)
        os.close(self._pidfd)
        await asyncio.to_thread(self._spawned.process.wait)
        if self._gate is not None:
            await self._gate.aclose()


async def _readable(fd: int) -> None:
    """Waits until a descriptor can be read: a process's, when the process has ended."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
