"""Where code tasks run: fresh sandboxes, as many at once as this machine or the plan allows; the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from agents.code_agent import Needs
from agents.code_telling import Telling
from agents.errand import Errand
from agents.sandbox import Sandbox, SandboxBusy, Sandboxes, SandboxGone

# After how many seconds a task that waits says so, and looks again.
GLANCE = 0.5
WAITING = "Waiting until a sandbox is free."


class Site:
    """Makes the sandboxes of code tasks. `at_once` tasks are worked on at a time, in the order in which they came.

    A sandbox ends with the block that it was made for, however that ends. What a process that died left behind is
    found by its metadata and ended before the step is done again.
    """

    def __init__(
        self, sandboxes: Sandboxes, *, at_once: int = 2, patience: float = 900.0, glance: float = GLANCE
    ) -> None:
        self._sandboxes = sandboxes
        self._places = asyncio.Semaphore(at_once)
        self._patience = patience
        self._glance = glance

    @asynccontextmanager
    async def turn(self, telling: Telling) -> AsyncIterator[None]:
        """Holds one of the places while the block runs. Raises SandboxBusy if none comes free in time."""
        waiting = asyncio.ensure_future(self._places.acquire())
        try:
            await self._waited(telling, waiting)
        except BaseException:
            if not waiting.cancel() and not waiting.cancelled():
                self._places.release()
            raise
        try:
            yield
        finally:
            self._places.release()

    @asynccontextmanager
    async def sandbox(self, telling: Telling, needs: Needs) -> AsyncIterator[Sandbox]:
        """A fresh sandbox for the block. Raises SandboxUnavailable, and SandboxBusy if none comes free in time."""
        sandbox = await self._made(telling, needs)
        try:
            yield sandbox
        finally:
            await sandbox.kill()

    async def clear(self, errand: Errand) -> int:
        """Ends the sandboxes that an earlier try of this very step left; returns how many there were."""
        left = [
            info.id
            for info in await self._sandboxes.list()
            if (info.metadata.get("run"), info.metadata.get("step")) == (errand.log.run, errand.step)
        ]
        for id in left:
            try:
                await (await self._sandboxes.connect(id)).kill()
            except SandboxGone:
                continue
        return len(left)

    async def _made(self, telling: Telling, needs: Needs) -> Sandbox:
        marks = {"run": telling.errand.log.run, "step": telling.errand.step, "work": "code"}
        until = monotonic() + self._patience
        while True:
            making = asyncio.ensure_future(
                self._sandboxes.create(limits=needs.limits, network=needs.network, metadata=marks, mounts=needs.mounts)
            )
            try:
                await self._waited(telling, making)
                return making.result()
            except SandboxBusy:
                if monotonic() >= until:
                    raise
                await asyncio.sleep(self._glance)
            except BaseException:
                await _given_up(making)
                raise

    async def _waited(self, telling: Telling, waiting: asyncio.Future[Any]) -> None:
        """Waits, and says so if it takes longer than a moment."""
        await asyncio.wait([waiting], timeout=self._glance)
        log, id = telling.errand.log, f"{telling.errand.step}:waits"
        if not waiting.done() and not log.has("notice", id):
            await log.emit("notice", id=id, text=WAITING, level="info")
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.wait([waiting])
        except TimeoutError:
            raise SandboxBusy("Other code tasks take too long; this one has waited in vain.") from None
        await waiting


async def _given_up(making: asyncio.Future[Sandbox]) -> None:
    """Ends a sandbox that comes although nobody waits for it any more."""
    making.cancel()
    await asyncio.wait([making])
    if not making.cancelled() and making.exception() is None:
        await making.result().kill()
