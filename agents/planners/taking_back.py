"""Taking back one change that a button named: a plan of one step, made without any other planner."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from agents.effect import Effect
from agents.plan import Plan, Step
from agents.ports import PlanHeader, Planner, Situation, StepResult
from agents.undoing import UndoWrite

_ORDER = re.compile(r"^Undo “.*” \(receipt ([0-9a-f]{40})\)$", re.DOTALL)
PLAYBOOK = "undo"


def undo_order(effect: Effect) -> str:
    """The sentence that orders it, as it stands in the conversation."""
    return f"Undo “{effect.title}” (receipt {effect.key})"


class TakingBack:
    """Plans the orders of such buttons, and leaves every other sentence to the planner behind it."""

    def __init__(self, other: Planner) -> None:
        self._other = other

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        """One step for such an order; what the other planner says for everything else."""
        found = _ORDER.match(situation.turn.text)
        if found is None:
            async for item in self._other.plan(situation):
                yield item
            return
        yield PlanHeader(playbook=PLAYBOOK, slots={"waiting": None})
        yield Step(id="back", verb=UndoWrite.name, title="Take back what was done", args={"effect": found[1]})

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        """Further steps of the planner that made the plan; such an order is complete as it is."""
        if _ORDER.match(situation.turn.text) is None:
            async for item in self._other.replan(situation, plan, results):
                yield item
