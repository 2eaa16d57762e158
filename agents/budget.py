"""Hard budgets: dollars, calls, tokens and seconds of a run, of an actor's and the workspace's month. What a call may
cost is reserved before it, and settled by what it did cost after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol

from agents.errors import BudgetSpent
from agents.record import Usage

# Calls of services are drawn from an account in blocks: one row of the database for so many calls.
BLOCK = 8
# Where a month has not the whole time left that a run may take, so many seconds are drawn at a time.
SHORT = 10.0


@dataclass(frozen=True)
class Limits:
    """The most that a run may use. `usd` is in US dollars, `seconds` is wall clock from its first moment, `equal_calls`
    how often the very same may be asked by different steps."""

    usd: float = 0.5
    model_calls: int = 20
    tool_calls: int = 120
    seconds: float = 120.0
    tokens: int = 1_000_000
    equal_calls: int = 5


@dataclass(frozen=True)
class Cost:
    """An amount of each thing that budgets count."""

    usd: float = 0.0
    model_calls: float = 0
    tool_calls: float = 0
    tokens: float = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Ceiling:
    """The most of each thing in a month; None for no end."""

    usd: float | None = None
    model_calls: float | None = None
    tool_calls: float | None = None
    tokens: float | None = None
    seconds: float | None = None


class Account(Protocol):
    """What a run, its actor and the workspace have spent, shared by all processes and kept when they die."""

    async def reserve(self, most: Cost) -> str:
        """Sets an amount aside, all or nothing, and returns the reservation's id. Raises BudgetSpent, naming whose."""
        ...

    async def settle(self, reservation: str, cost: Cost) -> None:
        """Puts what it did cost in the place of a reservation; one that is gone was counted as spent already."""
        ...

    async def spend(self, cost: Cost) -> None:
        """Books what was used and not set aside before."""
        ...

    async def recover(self) -> Cost:
        """Counts what a process that died had set aside as spent, but for its time; returns all that the run has used.
        Called when a run is taken up."""
        ...


class Books(Protocol):
    """The accounts of a workspace."""

    def account(self, run: str, actor: str) -> Account:
        """The account on which somebody's run draws."""
        ...


class Budget:
    """What one run has used and may still use. A reservation is counted at once; settling replaces it by the truth.

    `refused` holds the sentences with which something was refused, each once.
    """

    def __init__(
        self,
        limits: Limits,
        used: Usage | None = None,
        now: Callable[[], float] = monotonic,
        account: Account | None = None,
    ) -> None:
        self.limits = limits
        self.refused: list[str] = []
        self._used = used or Usage()
        self._held = Cost()
        self._now = now
        self._began = now() - self._used.ms / 1000
        self._account = account
        self._drawing = asyncio.Lock()
        self._block, self._drawn, self._size = "", 0, 0
        self._until = self._told = now()
        self._asked: dict[str, set[str]] = {}
        self._allowed: set[str] = set()

    def remember(self, step: str, call: str) -> None:
        """Counts a call among the equal ones that was made before this process took the run up."""
        self._asked.setdefault(call, set()).add(step)

    def allow(self, work: str, more: Cost) -> None:
        """Widens the run's own limits for a piece of work that takes more than a question, once under each name; the
        months' limits hold as before."""
        if work in self._allowed:
            return
        self._allowed.add(work)
        was = self.limits
        self.limits = replace(
            was,
            usd=was.usd + more.usd,
            model_calls=was.model_calls + round(more.model_calls),
            tool_calls=was.tool_calls + round(more.tool_calls),
            tokens=was.tokens + round(more.tokens),
            seconds=was.seconds + more.seconds,
        )

    def usage(self) -> Usage:
        """What has been used so far; reservations that are not settled count as calls, not as dollars."""
        return self._used.model_copy(update={"ms": round((self._now() - self._began) * 1000)})

    def seconds_left(self) -> float:
        """The time that is left, never below 0."""
        return max(0.0, self.limits.seconds - (self._now() - self._began))

    def is_spent(self) -> bool:
        """Whether nothing more can be asked of any service."""
        return self.seconds_left() <= 0 or self._used.tool_calls >= self.limits.tool_calls

    async def before_tool(self, step: str = "", call: str = "") -> None:
        """Counts a call of a service before it is made; raises BudgetSpent. `call` is a digest of what is asked: the
        same from too many steps is refused, while a step may try its own again."""
        if call:
            self._not_again(step, call)
        self.reserve_tool()
        if self._account is None:
            return
        async with self._drawing:
            if self._drawn >= self._size or self._now() >= self._until:
                await self._close()
                try:
                    await self._open()
                except BudgetSpent as refusal:
                    self._used = self._used.model_copy(update={"tool_calls": self._used.tool_calls - 1})
                    raise self._no(refusal.message) from None
            self._drawn += 1

    async def prepare(self) -> None:
        """Draws the first calls while the plan is still being made; what is refused is said when it is needed."""
        async with self._drawing:
            if self._account is not None and not self._block:
                with suppress(BudgetSpent):
                    await self._open()

    async def before_model(self, usd: float, tokens: int) -> str:
        """Counts a model call before it is made, with the most that it can cost, and returns the reservation; raises
        BudgetSpent."""
        self.reserve_model(usd, tokens)
        if self._account is None:
            return ""
        try:
            return await self._account.reserve(Cost(usd=usd, model_calls=1, tokens=tokens))
        except BudgetSpent as spent:
            self.settle_model(usd, Usage(), tokens)
            self._used = self._used.model_copy(update={"model_calls": self._used.model_calls - 1})
            raise self._no(spent.message) from None

    async def after_model(self, reservation: str, usd: float, tokens: int, cost: Usage) -> None:
        """Replaces a reservation of so many dollars and tokens by what the call truly cost."""
        self.settle_model(usd, cost, tokens)
        if self._account is not None:
            spent = Cost(usd=cost.usd, model_calls=1, tokens=cost.tokens_in + cost.tokens_out)
            await self._account.settle(reservation, spent)

    async def spent(self, cost: Usage) -> None:
        """Counts what was spent on a model elsewhere than through the gateway, as by a program in a sandbox."""
        self.settle_model(0.0, cost)
        self._used = self._used.model_copy(update={"model_calls": self._used.model_calls + cost.model_calls})
        if self._account is not None:
            tokens = cost.tokens_in + cost.tokens_out
            await self._account.spend(Cost(usd=cost.usd, model_calls=cost.model_calls, tokens=tokens))

    async def flush(self) -> None:
        """Settles what is drawn from the account and not used. What is used later is drawn anew."""
        async with self._drawing:
            await self._close()

    async def close(self) -> None:
        """Settles all at the run's end; what was set aside for a call that was broken off counts as spent."""
        await self.flush()
        if self._account is not None:
            await self._account.recover()

    def reserve_tool(self) -> None:
        """Counts a call of a service against the run's own limits; raises BudgetSpent."""
        self._check_time()
        if self._used.tool_calls >= self.limits.tool_calls:
            raise self._no(f"This run's budget of {self.limits.tool_calls} tool calls is used up.")
        self._used = self._used.model_copy(update={"tool_calls": self._used.tool_calls + 1})

    def reserve_model(self, usd: float, tokens: int = 0) -> None:
        """Counts a model call against the run's own limits; raises BudgetSpent."""
        self._check_time()
        used = self._used
        if used.model_calls >= self.limits.model_calls:
            raise self._no(f"This run's budget of {self.limits.model_calls} model calls is used up.")
        if used.usd + self._held.usd + usd > self.limits.usd:
            raise self._no(f"This run's budget of ${self.limits.usd:.2f} is used up.")
        if used.tokens_in + used.tokens_out + self._held.tokens + tokens > self.limits.tokens:
            raise self._no(f"This run's budget of {self.limits.tokens:,} tokens is used up.")
        self._held = replace(self._held, usd=self._held.usd + usd, tokens=self._held.tokens + tokens)
        self._used = used.model_copy(update={"model_calls": used.model_calls + 1})

    def settle_model(self, usd: float, cost: Usage, tokens: int = 0) -> None:
        """Replaces a reservation by what the call truly cost (tokens and dollars; the call itself is counted)."""
        held = self._held
        self._held = replace(held, usd=max(0.0, held.usd - usd), tokens=max(0, held.tokens - tokens))
        self._used = self._used.model_copy(
            update={
                "usd": self._used.usd + cost.usd,
                "tokens_in": self._used.tokens_in + cost.tokens_in,
                "tokens_out": self._used.tokens_out + cost.tokens_out,
            }
        )

    async def _open(self) -> None:
        """Draws a block of calls and the time that the run may still take; near the end of a budget, less of both.

        Raises BudgetSpent where not even one is left.
        """
        assert self._account is not None
        left = self.seconds_left()
        refusal: BudgetSpent | None = None
        for calls, seconds in ((BLOCK, left), (BLOCK, min(left, SHORT)), (1, left), (1, min(left, SHORT))):
            try:
                self._block = await self._account.reserve(Cost(tool_calls=calls, seconds=seconds))
            except BudgetSpent as spent:
                refusal = spent
            else:
                self._size, self._until = calls, self._now() + seconds
                return
        assert refusal is not None
        raise refusal

    async def _close(self) -> None:
        """Books the calls that were drawn, and the time since it was booked last."""
        if self._account is None:
            return
        now = self._now()
        cost = Cost(tool_calls=self._drawn, seconds=max(0.0, now - self._told))
        block, self._block, self._drawn, self._size, self._told = self._block, "", 0, 0, now
        if block:
            await self._account.settle(block, cost)
        elif cost.seconds > 0:
            await self._account.spend(cost)

    def _not_again(self, step: str, call: str) -> None:
        steps = self._asked.setdefault(call, set())
        if step not in steps and len(steps) >= self.limits.equal_calls:
            raise self._no(f"The same was asked {len(steps)} times already in this run; it is not asked again.")
        steps.add(step)

    def _check_time(self) -> None:
        if self.seconds_left() <= 0:
            raise self._no(f"This run's budget of {self.limits.seconds:g} seconds is used up.")

    def _no(self, sentence: str) -> BudgetSpent:
        if sentence not in self.refused:
            self.refused.append(sentence)
        return BudgetSpent(sentence)


# A model is shared by all runs; this tells its gateway whose budget a call draws on.
current_budget: ContextVar[Budget | None] = ContextVar("current_budget", default=None)
