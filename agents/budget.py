"""A run's hard budget: dollars, model calls, tool calls and seconds, reserved before each call."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

from agents.errors import BudgetSpent
from agents.record import Usage


@dataclass(frozen=True)
class Limits:
    """The most that a run may use. `usd` is in US dollars, `seconds` is wall clock from its first moment."""

    usd: float = 0.5
    model_calls: int = 20
    tool_calls: int = 120
    seconds: float = 120.0


class Budget:
    """What one run has used and may still use. A reservation is counted at once; settling replaces it by the truth."""

    def __init__(self, limits: Limits, used: Usage | None = None, now: Callable[[], float] = monotonic) -> None:
        self.limits = limits
        self._used = used or Usage()
        self._reserved_usd = 0.0
        self._now = now
        self._began = now() - self._used.ms / 1000

    def usage(self) -> Usage:
        """What has been used so far; reservations that are not settled count as calls, not as dollars."""
        return self._used.model_copy(update={"ms": round((self._now() - self._began) * 1000)})

    def seconds_left(self) -> float:
        """The time that is left, never below 0."""
        return max(0.0, self.limits.seconds - (self._now() - self._began))

    def reserve_tool(self) -> None:
        """Counts a call of a service before it is made; raises BudgetSpent."""
        self._check_time()
        if self._used.tool_calls >= self.limits.tool_calls:
            raise BudgetSpent(f"This run's budget of {self.limits.tool_calls} tool calls is used up.")
        self._used = self._used.model_copy(update={"tool_calls": self._used.tool_calls + 1})

    def reserve_model(self, usd: float) -> None:
        """Counts a model call before it is made, with the most that it can cost; raises BudgetSpent."""
        self._check_time()
        if self._used.model_calls >= self.limits.model_calls:
            raise BudgetSpent(f"This run's budget of {self.limits.model_calls} model calls is used up.")
        if self._used.usd + self._reserved_usd + usd > self.limits.usd:
            raise BudgetSpent(f"This run's budget of ${self.limits.usd:.2f} is used up.")
        self._reserved_usd += usd
        self._used = self._used.model_copy(update={"model_calls": self._used.model_calls + 1})

    def settle_model(self, reserved_usd: float, cost: Usage) -> None:
        """Replaces a reservation by what the call truly cost (tokens and dollars; the call itself is counted)."""
        self._reserved_usd = max(0.0, self._reserved_usd - reserved_usd)
        self._used = self._used.model_copy(
            update={
                "usd": self._used.usd + cost.usd,
                "tokens_in": self._used.tokens_in + cost.tokens_in,
                "tokens_out": self._used.tokens_out + cost.tokens_out,
            }
        )

    def is_spent(self) -> bool:
        """Whether nothing more can be asked of any service."""
        return self.seconds_left() <= 0 or self._used.tool_calls >= self.limits.tool_calls

    def _check_time(self) -> None:
        if self.seconds_left() <= 0:
            raise BudgetSpent(f"This run's budget of {self.limits.seconds:g} seconds is used up.")


# A model is shared by all runs; this tells its gateway whose budget a call draws on.
current_budget: ContextVar[Budget | None] = ContextVar("current_budget", default=None)
