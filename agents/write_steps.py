"""The steps of a plan that change something or take it back; their receipts become evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from agents.acting import Acted, Acting
from agents.admission import ASK_ADMIN
from agents.effect import Effect
from agents.errors import DeusError, PersonMustDecide, StepFailed
from agents.evidence import Citations
from agents.plan import Plan, Step
from agents.ports import RunLog, StepResult, Toolbox
from agents.taint import trace
from agents.undoing import UndoWrite
from agents.wanted import wanted_of
from tools.kit.tool import Verb, Write
from tools.nouns import Receipt

# The states of a step that is taken up again: it waits for a person, for the world, or for such a step.
OPEN = frozenset({"awaiting", "later", "waiting"})


class WriteSteps:
    """Performs the write steps of one run; without `acting` nothing can be changed, and `closed` says why."""

    def __init__(
        self, acting: Acting | None, toolbox: Toolbox, citations: Citations, run_log: RunLog, closed: str = ""
    ) -> None:
        self._acting = acting
        self._closed = closed
        self._toolbox = toolbox
        self._citations = citations
        self._log = run_log
        self._stands, self._dropped = asyncio.Event(), False

    def stand(self, *, dropped: bool = False) -> None:
        """Says that the plan is kept, or that it is not followed."""
        self._dropped = dropped
        self._stands.set()

    async def standing(self) -> None:
        """Waits until the plan is kept. A process that dies earlier may plan otherwise the next time, and would then
        take what was done under one step's name for another. Raises StepFailed if the plan is not followed."""
        await self._stands.wait()
        if self._dropped:
            raise StepFailed("Nothing was done: this plan is not followed.")

    async def perform(
        self,
        step: Step,
        verb: type[Write],
        plan: Plan,
        results: Mapping[str, StepResult],
        known: Mapping[str, type[Verb]],
    ) -> StepResult:
        """Brings a write as far as it may go now. Raises the typed errors."""
        wanted = wanted_of(step, verb, plan, results, known, self._toolbox.services(step.verb))
        acted = await self._desk().perform(wanted)
        if acted.receipt is None:
            state = "skipped" if acted.state == "declined" else acted.state
            return StepResult(step.id, state, error=acted.reason or None, again=acted.again)
        return self._kept(step, (acted.receipt,), wanted.shown)

    async def undo(self, step: Step, request: UndoWrite, plan: Plan, results: Mapping[str, StepResult]) -> StepResult:
        """Takes back what the conversation's last run did, or one effect. Raises the typed errors."""
        if trace(step, plan, UndoWrite, results).decisive:
            raise PersonMustDecide("Something is taken back only if you say so yourself.", remedy="Say “undo that”.")
        if request.waiting is not None:
            await self._desk().withdraw(request.waiting)
            return StepResult(step.id, "done")
        receipts: list[Receipt] = []
        refused: list[DeusError] = []
        open_ones: list[Acted] = []
        for effect in await self._to_undo(request):
            try:
                acted = await self._desk().undo(step.id, effect)
            except DeusError as error:
                refused.append(error)
                continue
            if acted.receipt is not None:
                receipts.append(acted.receipt)
            elif acted.state in OPEN:
                open_ones.append(acted)
            else:
                refused.append(PersonMustDecide(acted.reason, service=acted.service))
        if open_ones:
            # What is taken back already is found so when the others are decided.
            return StepResult(step.id, open_ones[0].state, error=open_ones[0].reason or None)
        if refused and not receipts:
            raise refused[0]
        if not receipts:
            raise StepFailed("There is nothing here to take back: nothing was changed in this conversation.")
        kept = self._kept(step, tuple(receipts), request.model_dump(mode="json"))
        left = {error.service or f"change {n}": str(error) for n, error in enumerate(refused, start=1)}
        return StepResult(step.id, "done", kept.nouns, kept.evidence, unchecked=left)

    async def _to_undo(self, request: UndoWrite) -> Sequence[Effect]:
        try:
            return await self._desk().to_undo(request.effect)
        except LookupError as error:
            raise StepFailed(str(error)) from error

    def _kept(self, step: Step, receipts: tuple[Receipt, ...], asked: Mapping[str, object]) -> StepResult:
        service = receipts[0].service
        item = self._citations.record(
            step=step.id,
            service=service,
            verb=step.verb,
            title=f"{self._toolbox.title(service)}: {receipts[0].said or receipts[0].title}",
            at=receipts[0].at,
            nouns=receipts,
            asked={"args": dict(asked)},
        )
        self._log.add_evidence(item)
        return StepResult(step.id, "done", receipts, (item.id,))

    def _desk(self) -> Acting:
        if self._acting is None and self._closed:
            raise StepFailed(self._closed, remedy=ASK_ADMIN)
        if self._acting is None:
            raise StepFailed("Nothing can be changed from here.", remedy="Ask in a running Deus.")
        return self._acting
