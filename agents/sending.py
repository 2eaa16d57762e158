"""How a write is sent so that it happens once: recorded before, settled by the service's own word, never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from agents.effect import Effect, Ledger
from agents.errors import DeusError
from agents.ports import Workbench
from tools.kit.action import Landed, drift
from tools.kit.errors import Malformed, TimedOut, Unavailable
from tools.kit.leave import sent_only_if
from tools.kit.tool import Write

# After these nobody knows whether the service did it.
OPEN_ENDED = (TimedOut, Unavailable, Malformed)
# A service that was asked too early may still be at it: it is looked up again after each of these pauses, in seconds.
PAUSES = (2.0, 4.0, 8.0, 16.0)


class Sender:
    """Sends writes whose intent is in the ledger, and finds out what became of those that were sent before."""

    def __init__(
        self,
        workbench: Workbench,
        ledger: Ledger,
        pauses: Sequence[float] = PAUSES,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._workbench = workbench
        self._ledger = ledger
        self._pauses = tuple(pauses)
        self._sleep = sleep

    async def send(self, effect: Effect, request: Write) -> Effect:
        """Sends a write for which this process holds the attempt, and settles it. Whoever cancels it waits for that."""
        sending = asyncio.ensure_future(self._send(effect, request))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            # What is under way at the service cannot be called back: its end is recorded before this run's is.
            await asyncio.wait([sending])
            raise

    async def find_out(self, effect: Effect, request: Write) -> Effect:
        """Settles a write that may have been sent: an idempotent one is sent again, a probe is looked up first."""
        if self._workbench.repeat(effect.service, effect.verb) == "probe":
            for pause in (0.0, *self._pauses):
                await self._sleep(pause)
                try:
                    found = await self._workbench.find(effect.service, request, effect.change, effect.key)
                except DeusError as error:
                    return await self._unknown(effect, error)
                if found is not None:
                    return await self._landed(effect, request, found)
        if not await self._ledger.attempt(effect.key, effect.attempt):
            there = await self._ledger.get(effect.key)
            assert there is not None, "an effect is never deleted"
            return there
        return await self.send(effect.model_copy(update={"attempt": effect.attempt + 1}), request)

    async def _send(self, effect: Effect, request: Write) -> Effect:
        there = await self._ledger.get(effect.key)
        if there is None or there.attempt != effect.attempt:
            # This process was asleep for so long that another one took the write over.
            return there or effect
        try:
            with sent_only_if(lambda: self._still_mine(effect)):
                landed = await self._workbench.do(effect.service, request, effect.change, effect.key)
        except OPEN_ENDED as error:
            return await self._unknown(effect, error)
        except DeusError as error:
            return await self._ledger.settle(effect.key, "failed", error=str(error), attempt=effect.attempt)
        return await self._landed(effect, request, landed)

    async def _still_mine(self, effect: Effect) -> None:
        """Raises Unavailable where another sender has taken the write over since it was begun here."""
        there = await self._ledger.get(effect.key)
        if there is None or there.attempt != effect.attempt:
            raise Unavailable("Another process has taken this over.", service=effect.service)

    async def _unknown(self, effect: Effect, error: DeusError) -> Effect:
        unclear = _unclear(effect, error)
        return await self._ledger.settle(effect.key, "unknown", error=unclear, attempt=effect.attempt)

    async def _landed(self, effect: Effect, request: Write, landed: Landed) -> Effect:
        """Reads back what the service says has happened, and records it as done."""
        try:
            now = await self._workbench.state(effect.service, request, effect.change, landed)
        except DeusError as error:
            read_back = f"It could not be read back: {error}"
        else:
            differs = drift(landed.state, now)
            read_back = f"It reads back differently: {', '.join(sorted(differs))}." if differs else ""
        return await self._ledger.settle(effect.key, "done", landed=landed, error=read_back, attempt=effect.attempt)


def _unclear(effect: Effect, error: DeusError) -> str:
    return f"Nobody can tell whether it happened: {error} Look at {effect.change.target.title or effect.service}."
