"""One run while a process drives it: recall, plan, execute, review, answer, prove."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from agents.acting import Acting, Desk
from agents.admission import Admission
from agents.answer import numbered
from agents.approval import Proposal
from agents.asker import asked_by
from agents.budget import Books, Budget, Limits
from agents.dry_run import told
from agents.egress import guarded_answer
from agents.errand import Workroom
from agents.errors import NotUnderstood
from agents.evidence import Citations
from agents.executor import Company, Execution
from agents.plan import Plan, Step
from agents.ports import (
    Clock,
    Memory,
    Past,
    PlanHeader,
    Planner,
    Recalled,
    RunLog,
    Situation,
    StepResult,
    Toolbox,
    Turn,
    Writer,
)
from agents.proof import judge, prove
from agents.record import Answer, Claim
from agents.rights import Rights
from agents.room_steps import RoomSteps
from agents.undoing import UndoWrite
from agents.vocabulary import Vocabulary
from tools.kit.tool import Verb, verbs

MOST_REVISIONS = 3
NO_WRITES = "You may read here, and not have anything changed."
DRAFT = ("text", "claims", "citations")


class Earlier(Protocol):
    """Says which earlier runs may come back in a run."""

    async def open(self, runs: Collection[str]) -> frozenset[str]:
        """Those of some runs that may."""
        ...


class Archive(Protocol):
    """The earlier runs of conversations."""

    async def past(self, conversation: str, before: str, limit: int = 3) -> Sequence[Past]:
        """The last runs of a conversation that ended before the run `before` began, oldest first."""
        ...


@dataclass(frozen=True)
class Means:
    """What all runs of a workspace share; `agents.restricted.admitted` cuts it to the `rights` of one run."""

    toolbox: Toolbox
    planner: Planner
    writer: Writer
    memory: Memory
    archive: Archive
    vocabulary: Vocabulary
    clock: Clock
    company: Company
    limits: Limits
    desk: Desk | None = None
    books: Books | None = None
    admission: Admission | None = None
    rights: Rights | None = None
    earlier: Earlier | None = None
    rooms: tuple[Workroom, ...] = ()


class Drive:
    """The phases of one run. Each returns what the next needs as plain values, so that a checkpoint can hold it."""

    def __init__(
        self,
        means: Means,
        run_log: RunLog,
        turn: Turn,
        *,
        budget: Budget,
        citations: Citations,
        stored: Mapping[str, StepResult],
        group: asyncio.TaskGroup,
    ) -> None:
        self.log = run_log
        self.turn = turn
        self.budget = budget
        self._means = means
        self._citations = citations
        self._situation: Situation | None = None
        self._calls = (0, 0, 0, 0)
        self._order: tuple[str, ...] = ()
        self.acting = Acting(means.desk, run_log, turn) if means.desk is not None else None
        self._execution = Execution(
            run_log=run_log,
            toolbox=means.toolbox,
            citations=citations,
            budget=budget,
            company=means.company,
            clock=means.clock,
            turn=turn,
            stored=stored,
            group=group,
            acting=self.acting,
            no_writes=NO_WRITES if means.rights is not None and not means.rights.writes else "",
            rooms=RoomSteps(means.rooms, turn, run_log, budget, citations, means.clock, means.rights),
        )

    async def recall(self) -> list[dict[str, Any]]:
        """Pieces of context that may bear on the question, as plain values."""
        found = await self._means.memory.recall(self.turn.text)
        return [vars(piece) for piece in found]

    async def plan(self, recalled: Sequence[Mapping[str, Any]]) -> Plan:
        """Streams the plan into the execution, which begins each step at once; writes wait until the plan is kept.
        Raises NotUnderstood."""
        situation = await self._situate(recalled)
        plan = await self._take(Plan(), self._means.planner.plan(situation), 1)
        await self._spent()
        return plan

    async def execute(self, plan: Plan) -> Mapping[str, StepResult]:
        """Waits until every step of the plan has ended; begins those that another process left."""
        self._order = tuple(step.id for step in plan.steps)
        self._execution.describe(plan)
        for step in plan.steps:
            self._execution.add(step)
        self._execution.announce()
        self._execution.writes.stand()
        results = await self._execution.finish()
        await self._spent()
        return results

    def waiting(self) -> dict[str, StepResult]:
        """The steps of the plan that wait for a person or for the world."""
        return self._execution.waiting()

    def proposals(self) -> list[Proposal]:
        """What people are asked about next, in the order of the plan: each a microsecond younger than the last."""
        asked = {one.step: one for one in self.acting.proposals} if self.acting is not None else {}
        # An undo asks once for each change, under the step's name and the change's.
        found = [one for step in self._order for name, one in asked.items() if name.partition(":")[0] == step]
        asker = asked_by(self.turn)
        moments = [one.at + timedelta(microseconds=n) for n, one in enumerate(found)]
        return [one.model_copy(update={"at": at, "asker": asker}) for one, at in zip(found, moments, strict=True)]

    async def present(
        self, plan: Plan, recalled: Sequence[Mapping[str, Any]], draft: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What is known while the plan waits, proven as an answer is: {text, claims, citations}.

        The last `draft` holds where nothing new is asked of people, as when checks are looked at again.
        """
        if draft and not (self.acting and self.acting.proposals):
            return dict(draft)
        proven = await self._proven(await self.answer(plan, recalled))
        for artifact in proven.artifacts:
            if not self.log.has("artifact.created", str(artifact["id"])):
                self.log.note("artifact.created", **artifact)
        await self.log.flush()
        return {name: value for name, value in self._said(proven).items() if name in DRAFT}

    async def review(self, plan: Plan, recalled: Sequence[Mapping[str, Any]]) -> Plan:
        """The plan, with further steps where evidence is missing and budget is left."""
        results = await self.execute(plan)
        if plan.revision >= MOST_REVISIONS or self.budget.is_spent():
            return plan
        situation = await self._situate(recalled)
        longer = await self._take(plan, self._means.planner.replan(situation, plan, results), plan.revision + 1)
        await self._spent()
        return longer

    async def answer(self, plan: Plan, recalled: Sequence[Mapping[str, Any]]) -> Answer:
        """The answer as claims, not yet proven; the records that they cite are stored."""
        results = await self.execute(plan)
        situation = await self._situate(recalled)
        written = await self._means.writer.write(situation, plan, results, self._citations)
        shown = told(written, plan, results, dry=self.turn.dry, stands=self._stands)
        answer = self._stopped_early(shown)
        for item in self._citations.new:
            self.log.add_evidence(item)
        self._citations.new.clear()
        # The answer is checkpointed next; what it cites must be there by then.
        await self.log.flush()
        return answer

    async def prove(self, answer: Answer) -> str:
        """Lets the gate judge the answer, says what stands, and returns the run's status."""
        proven = await self._proven(answer)
        for artifact in proven.artifacts:
            if not self.log.has("artifact.created", str(artifact["id"])):
                self.log.note("artifact.created", **artifact)
        await self._spent()
        await self._say(proven)
        return "abstained" if proven.abstained else "answered"

    async def _proven(self, answer: Answer) -> Answer:
        zone = self._means.company.timezone
        proven = await asyncio.to_thread(prove, answer, list(self._citations), zone, self.turn.at)
        return guarded_answer(proven, self._citations)

    async def decline(self, error: NotUnderstood) -> str:
        """Says that the question was not understood, with what can be done instead."""
        self._execution.writes.stand(dropped=True)
        suggestions = tuple(str(option) for option in getattr(error, "options", ()))
        said = Answer(text=str(error), claims=(), suggestions=suggestions, abstained=True)
        await self._say(guarded_answer(said, self._citations))
        return "abstained"

    async def _say(self, answer: Answer) -> None:
        if self.log.has("message.completed"):
            return
        for piece in pieces(answer.text):
            await self.log.emit("text.delta", text=piece)
        await self.log.emit("message.completed", **self._said(answer))

    def _said(self, answer: Answer) -> dict[str, Any]:
        """An answer as message.completed carries it."""
        numbers = numbered(self._citations, answer.claims)
        return {
            "text": answer.text,
            "claims": [claim.model_dump(mode="json") for claim in answer.claims],
            "citations": [{"number": number, "evidence": item} for item, number in numbers.items()],
            "suggestions": list(answer.suggestions),
            "notes": list(answer.notes),
            "finding": answer.finding.model_dump(mode="json") if answer.finding else None,
        }

    async def _take(self, plan: Plan, coming: AsyncIterator[PlanHeader | Step], revision: int) -> Plan:
        """The plan with the steps that come, each begun at once; it is `revision` from its first new step on."""
        async for item in coming:
            if isinstance(item, PlanHeader):
                if item.notice:
                    await self.log.emit("notice", text=item.notice, level="warning")
                if plan.playbook is None:
                    plan = plan.model_copy(update={"playbook": item.playbook, "slots": dict(item.slots)})
                # What a planner has read it cannot forget: later headers add to it.
                read = tuple(dict.fromkeys((*plan.read, *item.read)))
                plan = plan.model_copy(update={"read": read, "quoted": {**plan.quoted, **item.quoted}})
            else:
                step = item.model_copy(update={"revision": revision})
                if revision > 1 and _writes(step):
                    # What a later revision wants to do was read somewhere; an order comes from the asker alone.
                    continue
                if self._execution.add(step):
                    plan = plan.model_copy(update={"steps": (*plan.steps, step), "revision": revision})
            self._execution.describe(plan)
        self._execution.announce()
        return plan

    async def _situate(self, recalled: Sequence[Mapping[str, Any]]) -> Situation:
        if self._situation is None:
            rights = self._means.rights
            reads = rights.reads if rights is not None else None
            words = await self._means.vocabulary.current(reads)
            accounts = self._means.vocabulary.accounts(reads)
            admission = self._means.admission
            past = await self._means.archive.past(self.turn.conversation, self.log.run)
            self._situation = Situation(
                turn=self.turn,
                now=self.turn.at,
                timezone=self._means.company.timezone.key,
                past=(*past, *_pointed_at(self.turn)),
                **vars(words),
                me=await admission.name_in_tools(self.turn.actor, accounts) if admission is not None else None,
                recalled=await self._recalled(recalled),
            )
        return self._situation

    async def _recalled(self, found: Sequence[Mapping[str, Any]]) -> tuple[Recalled, ...]:
        """What was recalled, and may still be known: a checkpoint may be of a time with other rights, or another's."""
        pieces = tuple(Recalled(**piece) for piece in found)
        if self._means.earlier is None:
            return pieces
        known = await self._means.earlier.open({one.run for one in pieces if one.run is not None})
        return tuple(one for one in pieces if one.run is None or one.run in known)

    def _stands(self, claim: Claim) -> bool:
        """Whether the gate lets a claim stand by what has been found so far."""
        known = {item.id: item for item in self._citations}
        return judge(claim, known, self._means.company.timezone, self.turn.at).outcome == "stands"

    def _stopped_early(self, answer: Answer) -> Answer:
        """The answer with each budget that ran out, where it does not say so itself."""
        said = "\n".join(answer.notes)
        more = tuple(f"I stopped early: {sentence}" for sentence in self.budget.refused if sentence not in said)
        return answer.model_copy(update={"notes": (*answer.notes, *more)}) if more else answer

    async def _spent(self) -> None:
        """Records what the run has used, if it is more than before, so that a restart goes on counting from there."""
        usage = self.budget.usage()
        calls = (usage.model_calls, usage.tokens_in, usage.tokens_out, usage.tool_calls)
        if calls != self._calls:
            self._calls = calls
            await self.log.emit("usage.updated", usage=usage.model_dump(mode="json"))


def _pointed_at(turn: Turn) -> tuple[Past, ...]:
    """The message that the asker points at, as the answer before this question."""
    if turn.quoted is None:
        return ()
    answer, evidence = turn.quoted.answer()
    return (Past("", "(a message that the asker points at)", Plan(), answer, (evidence,)),)


def _writes(step: Step) -> bool:
    verb = verbs(Verb).get(step.verb)
    return verb is not None and (verb.mode == "write" or issubclass(verb, UndoWrite))


def pieces(text: str, most: int = 160) -> list[str]:
    """A text in the pieces in which it streams, cut after lines, sentences and, in long ones, words."""
    found: list[str] = []
    for part in re.split(r"(?<=\n)|(?<=[.!?:] )", text):
        while len(part) > most and (cut := part.rfind(" ", 0, most) + 1) > 0:
            found.append(part[:cut])
            part = part[cut:]
        if part:
            found.append(part)
    return found
