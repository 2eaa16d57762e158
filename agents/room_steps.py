"""The steps of a plan that a workroom does; what it brings becomes evidence and artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.budget import Budget, Cost
from agents.errand import Errand, Workroom
from agents.evidence import Citations, call_digest
from agents.plan import Step
from agents.ports import Clock, RunLog, StepResult, Turn
from agents.rights import Rights
from tools.kit.tool import Verb


class RoomSteps:
    """Sends the steps of one run to the workrooms that do them."""

    def __init__(
        self,
        rooms: Sequence[Workroom],
        turn: Turn,
        run_log: RunLog,
        budget: Budget,
        citations: Citations,
        clock: Clock,
        rights: Rights | None = None,
    ) -> None:
        self._rooms = {name: room for room in rooms for name in room.verbs()}
        self._turn = turn
        self._log = run_log
        self._budget = budget
        self._citations = citations
        self._clock = clock
        self._rights = rights

    def has(self, verb: str) -> bool:
        """Whether a workroom does the verb."""
        return verb in self._rooms

    def patience(self, verb: str) -> float | None:
        """How many seconds a step with this verb may take: what its room grants, else what is left to the run."""
        room = self._rooms.get(verb)
        granted = room.patience if room is not None else None
        return self._budget.seconds_left() if granted is None else granted

    async def perform(self, step: Step, request: Verb, needs: Mapping[str, StepResult]) -> StepResult:
        """Has a step done. Raises the typed errors."""
        room = self._rooms[step.verb]
        if room.patience is not None:
            self._budget.allow(f"{step.id} in time", Cost(seconds=room.patience))
        asked = request.model_dump(mode="json", exclude_none=True)
        await self._budget.before_tool(step.id, call_digest(room.service, step.verb, asked))
        title = step.title or step.verb
        brought = await room.perform(
            Errand(step.id, title, request, self._turn, self._log, self._budget, self._citations, needs, self._rights)
        )
        item = self._citations.record(
            step=step.id,
            service=room.service,
            verb=step.verb,
            title=brought.title or f"{room.service.capitalize()}: {title}",
            at=self._clock.now(),
            nouns=brought.nouns,
            asked={"args": asked, "evidence": [one for result in needs.values() for one in result.evidence]},
        )
        self._log.add_evidence(item)
        for artifact in brought.artifacts:
            if not self._log.has("artifact.created", str(artifact["id"])):
                self._log.note("artifact.created", **artifact)
        return StepResult(step.id, "done", tuple(brought.nouns), (item.id,), brought.unchecked)
