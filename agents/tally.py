"""What a sandbox's own calls of a model have cost, counted on this side from what the model's provider answers."""

from __future__ import annotations

from agents.record import Usage


class Tally:
    """One task's model calls. It is shared by whoever may refuse the next call and whoever tells what was spent."""

    def __init__(self, most_usd: float) -> None:
        self.most_usd = most_usd
        self.usage = Usage()
        self.held = 0.0
        self.refusal: str | None = None

    def reserve(self, usd: float) -> bool:
        """Sets the most that a call can cost aside; False, and says so, where the task cannot pay it."""
        if self.usage.usd + self.held + usd > self.most_usd:
            self.refusal = f"This task's budget of ${self.most_usd:.2f} is used up."
            return False
        self.held += usd
        return True

    def settle(self, usd: float, cost: Usage) -> None:
        """Replaces what was set aside by what the call did cost."""
        self.held = max(0.0, self.held - usd)
        was = self.usage
        self.usage = was.model_copy(
            update={
                "model_calls": was.model_calls + 1,
                "tokens_in": was.tokens_in + cost.tokens_in,
                "tokens_out": was.tokens_out + cost.tokens_out,
                "usd": was.usd + cost.usd,
            }
        )
