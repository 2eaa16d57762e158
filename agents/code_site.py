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

# How often a task that waits looks again and says that it is alive, in seconds.
GLANCE, SIGN = 0.5, 20.0
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
        until, told = monotonic() + self._patience, 0.0
        while True:
            try:
                return await self._sandboxes.create(
                    limits=needs.limits, network=needs.network, metadata=marks, mounts=needs.mounts
                )
            except SandboxBusy:
                if monotonic() >= until:
                    raise
            told = await self._sign(telling, told)
            await asyncio.sleep(self._glance)

    async def _waited(self, telling: Telling, waiting: asyncio.Future[Any]) -> None:
        until, told = monotonic() + self._patience, 0.0
        while not waiting.done():
            await asyncio.wait([waiting], timeout=self._glance)
            if not waiting.done():
                if monotonic() >= until:
                    raise SandboxBusy("Other code tasks take too long; this one has waited in vain.")
                told = await self._sign(telling, told)
        await waiting

    async def _sign(self, telling: Telling, told: float) -> float:
        """Says once that the step waits, and then that it is alive: a silent run would be taken for a dead one."""
        log, id = telling.errand.log, f"{telling.errand.step}:waits"
        if not log.has("notice", id):
            await log.emit("notice", id=id, text=WAITING, level="info")
            return monotonic()
        if monotonic() - told > SIGN:
            await log.emit("usage.updated", usage=telling.errand.budget.usage().model_dump(mode="json"))
            return monotonic()
        return told
