"""Model calls that a sandbox makes by itself, held to the run's budget and to the task's, as if Deus had made them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agents.audit_facts import current_model_calls
from agents.budget import Budget, current_budget
from agents.errors import BudgetSpent
from agents.record import Usage
from agents.tally import Tally
from app.sandboxes.broker_questions import BYTES_A_TOKEN, Question, question
from app.sandboxes.broker_usage import Tokens, UsageReader

# US dollars for so many tokens of a model.
Price = Callable[[str, Tokens], Awaitable[float]]


@dataclass
class Charge:
    """One call: what was set aside for it, and what its answer says."""

    asked: Question
    reserved: float
    reservation: str
    reader: UsageReader = field(default_factory=UsageReader)

    def spent(self) -> Tokens:
        """What it took, by the answer's word or by its length."""
        return self.reader.end() or Tokens(self.asked.read, self.reader.bytes // BYTES_A_TOKEN)


class Meter:
    """Counts for one run: made where its budget is the current one."""

    def __init__(self, price: Price) -> None:
        self._price = price
        self._budget: Budget | None = current_budget.get()
        self._tell: Callable[..., Any] | None = current_model_calls.get()

    async def before(self, tally: Tally, body: bytes) -> Charge:
        """Sets the most aside that a call can cost. Raises BudgetSpent, and NotAsked for what is no mere question."""
        wanted = question(body)
        usd = await self._price(wanted.model, Tokens(wanted.read, wanted.written))
        if not tally.reserve(usd):
            raise BudgetSpent(tally.refusal or "The budget is used up.")
        reservation = ""
        if self._budget is not None:
            try:
                reservation = await self._budget.before_model(usd, wanted.read + wanted.written)
            except BudgetSpent as spent:
                tally.held, tally.refusal = max(0.0, tally.held - usd), spent.message
                raise
        return Charge(wanted, usd, reservation)

    async def after(self, tally: Tally, charge: Charge, status: int) -> None:
        """Books what the call did cost; one that was refused by the provider cost nothing."""
        tokens = charge.spent() if 200 <= status < 300 else Tokens()
        cost = Usage(
            tokens_in=tokens.read + tokens.cached + tokens.caching,
            tokens_out=tokens.written,
            usd=await self._price(charge.asked.model, tokens),
        )
        tally.settle(charge.reserved, cost)
        if self._budget is not None:
            most = charge.asked.read + charge.asked.written
            await self._budget.after_model(charge.reservation, charge.reserved, most, cost)
        if self._tell is not None:
            error = None if 200 <= status < 300 else f"status {status}" if status else "not reached"
            told = cost.model_dump(include={"tokens_in", "tokens_out", "usd"})
            self._tell(model=charge.asked.model, workflow="code", error=error, **told)
