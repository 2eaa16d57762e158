"""How a write is sent so that it happens once: recorded before, settled by the service's own word, never guessed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.effect import Effect, Ledger
from agents.errors import DeusError, StepFailed
from agents.ports import Workbench
from tools.kit.action import SETTLES, Landed, drift
from tools.kit.errors import Malformed, TimedOut, Unavailable
from tools.kit.leave import sent_only_if
from tools.kit.tool import Write

log = logging.getLogger(__name__)

# After these nobody knows whether the service did it.
OPEN_ENDED = (TimedOut, Unavailable, Malformed)
# How long a service is asked what became of a write that it may have by now, before a person has to look.
ASKED_FOR = timedelta(minutes=5)
# Older writes may be further back than services are searched (thirty days): that they are not found says nothing.
BELIEVED = timedelta(days=7)
# How often a write of which nobody knows is sent again without asking a person.
RESENT = 1


@dataclass(frozen=True)
class Looks:
    """How many seconds lie between the looks for a write that may have been sent: as many as it is old, but for
    these bounds."""

    least: float = 2.0
    most: float = 60.0

    def after(self, age: timedelta) -> float:
        return min(max(age.total_seconds(), self.least), self.most)


@dataclass(frozen=True)
class Open:
    """A write of which nobody knows yet whether it happened. It is looked for again after `again` seconds; None: only
    a person can say whether it is sent again."""

    effect: Effect
    again: float | None


class Sender:
    """Sends writes whose intent is in the ledger, and finds out what became of those that were sent before.

    `settles` says for a service and a verb how long after it was sent a write may still be done; None for ever.
    """

    def __init__(
        self,
        workbench: Workbench,
        ledger: Ledger,
        looks: Looks | None = None,
        settles: Callable[[str, str], timedelta | None] = lambda service, verb: SETTLES,
    ) -> None:
        self._workbench = workbench
        self._ledger = ledger
        self._looks = looks or Looks()
        self._settles = settles

    async def send(self, effect: Effect, request: Write) -> Effect:
        """Sends a write for which this process holds the attempt, and settles it. Whoever cancels it waits for that."""
        sending = asyncio.ensure_future(self._send(effect, request))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            # What is under way at the service cannot be called back: its end is recorded before this run's is.
            await asyncio.wait([sending])
            raise

    async def find_out(self, effect: Effect, request: Write) -> Effect | Open:
        """Settles a write that may have been sent, as far as that can be done now.

        One that was certainly not sent is sent, and an idempotent one is sent again. A probe is looked up; only once
        the service has had the time that its action states, and does not have it then, it is sent again.
        """
        now = await self._ledger.now()
        begun = effect.begun or effect.at
        tried, old = effect.state == "unknown" and now >= begun + ASKED_FOR, now >= begun + BELIEVED
        if effect.unsent:
            if tried or old:
                error = effect.error if tried else "Nothing was sent: it was ordered too long ago to be sent unseen."
                failed = await self._ledger.settle(effect.key, "failed", error=error, attempt=effect.attempt)
                return _open(failed, self._looks.least)
            return await self._again(effect, request, now, unsent=True)
        repeat = self._workbench.repeat(effect.service, effect.verb)
        if repeat == "idempotent":
            if old and not tried:
                # Setting it now could overwrite what others have set since.
                return _open(await self._unknown(effect, StepFailed("It was begun long ago.")), None)
            return Open(effect, None) if tried else await self._again(effect, request, now)
        left, settles = effect.left or effect.at, self._settles(effect.service, effect.verb)
        if repeat == "blind":
            return _open(await self._unknown(effect, StepFailed("It cannot be looked up.")), None)
        until = left + (settles or timedelta())
        try:
            found = await self._workbench.find(effect.service, request, effect.change, effect.key)
        except DeusError as error:
            again = self._looks.after(now - left) if now < until + ASKED_FOR else None
            return _open(await self._unknown(effect, error), again)
        if found is not None:
            return await self._landed(effect, request, found)
        if now < until:
            rest = (until - now).total_seconds()
            missing = StepFailed(f"{effect.service.capitalize()} does not have it so far; it is looked for again.")
            return _open(await self._unknown(effect, missing), min(self._looks.after(now - left), rest))
        if settles is None or effect.sent > RESENT or now >= left + BELIEVED:
            return _open(await self._unknown(effect, StepFailed("It cannot be found there.")), None)
        return await self._again(effect, request, now)

    async def _again(self, effect: Effect, request: Write, now: datetime, *, unsent: bool = False) -> Effect | Open:
        """Sends it once more, unless somebody else does."""
        mine = await self._ledger.attempt(effect.key, effect.attempt, unsent=unsent)
        there = await self._ledger.get(effect.key)
        assert there is not None, "an effect is never deleted"
        if mine:
            there = await self.send(there, request)
        return _open(there, self._looks.after(now - (there.begun or now)))

    async def _send(self, effect: Effect, request: Write) -> Effect:
        there = await self._ledger.get(effect.key)
        if there is None or there.attempt != effect.attempt:
            # This process was asleep for so long that another one took the write over.
            return there or effect
        try:
            with sent_only_if(lambda: self._leave(effect)):
                landed = await self._workbench.do(effect.service, request, effect.change, effect.key)
        except OPEN_ENDED as error:
            return await self._unknown(effect, error)
        except DeusError as error:
            return await self._ledger.settle(effect.key, "failed", error=str(error), attempt=effect.attempt)
        except Exception as bug:
            # It may have come after the request went out: as after a crash, what became of it is looked up.
            log.error("run %s, step %s: sending failed inside Deus", effect.run, effect.step, exc_info=bug)
            return await self._unknown(effect, StepFailed("Deus itself failed while it sent this."))
        return await self._landed(effect, request, landed)

    async def _leave(self, effect: Effect) -> None:
        """Records that a request goes out; raises Unavailable where another sender has taken the write over."""
        if not await self._ledger.leave(effect.key, effect.attempt):
            raise Unavailable("Another process has taken this over.", service=effect.service)

    async def _unknown(self, effect: Effect, error: DeusError) -> Effect:
        there = await self._ledger.get(effect.key)
        unclear = f"Nothing was sent: {error}" if there is not None and there.unsent else _unclear(effect, error)
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


def _open(settled: Effect, again: float | None) -> Effect | Open:
    """How a write stands after a look: settled, be it by another sender in the meantime, or still open."""
    return Open(settled, again) if settled.state in ("intent", "unknown") else settled


def _unclear(effect: Effect, error: DeusError) -> str:
    return f"Nobody can tell whether it happened: {error} Look at {effect.change.target.title or effect.service}."
