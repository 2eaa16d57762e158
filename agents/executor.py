"""Runs the steps of a plan side by side, each as soon as its needs are there; turns exceptions into events."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from agents.acting import Acting
from agents.budget import Budget
from agents.dry_run import rests_on
from agents.errors import BudgetSpent, DeusError, NothingFound, PlanRefused
from agents.evidence import Citations, EvidenceSearch, call_digest, counted, digest, search
from agents.evidence_title import evidence_title
from agents.plan import Plan, Step, refusal, resolve
from agents.ports import Clock, Reply, RunLog, StepResult, Toolbox, Turn
from agents.record import Evidence
from agents.resolver import chosen, merged, not_connected
from agents.room_steps import RoomSteps
from agents.undoing import UndoWrite
from agents.write_steps import OPEN, WriteSteps
from tools.kit.analysis import Analysis, Frame
from tools.kit.tool import Verb, Write, verbs
from tools.nouns import load

log = logging.getLogger(__name__)

Likeness = Callable[[str, Sequence[str]], Sequence[float]]


@dataclass(frozen=True)
class Company:
    """What holds for every run of a workspace: its timezone, the countries whose holidays count, an ear for meaning."""

    timezone: ZoneInfo
    countries: tuple[str, ...] = ()
    likeness: Likeness | None = None


class Execution:
    """The steps of one run. `add` starts a step's task in `group`; results that a dead process stored are not asked for
    again. A step ends as done, failed or skipped; no expected failure leaves here as an exception."""

    def __init__(
        self,
        *,
        run_log: RunLog,
        toolbox: Toolbox,
        citations: Citations,
        budget: Budget,
        company: Company,
        clock: Clock,
        turn: Turn,
        stored: Mapping[str, StepResult],
        group: asyncio.TaskGroup,
        acting: Acting | None = None,
        no_writes: str = "",
        rooms: RoomSteps,
    ) -> None:
        self.results: dict[str, StepResult] = {}
        self._log = run_log
        self._toolbox = toolbox
        self._citations = citations
        self._budget = budget
        self._company = company
        self._clock = clock
        self._turn = turn
        self._stored = stored
        self._group = group
        self.writes = WriteSteps(acting, toolbox, citations, run_log, no_writes)
        self._rooms = rooms
        self._known: dict[str, type[Verb]] = {**verbs(Verb), **toolbox.verbs()}
        self._steps: dict[str, Step] = {}
        self._keys: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._again: dict[str, bool] = {}
        self._plan = Plan()
        self._announced: tuple[int, int] = (0, 0)

    def describe(self, plan: Plan) -> None:
        """Says which plan the steps belong to: its playbook, slots and revision, as plan.updated shows them."""
        self._plan = plan

    def add(self, step: Step) -> bool:
        """Takes a step up. Says no to one that is there already; one that breaks a rule ends as failed."""
        if step.id in self._steps:
            return False
        problem = refusal(step, self._known, self._steps)
        needs = {need: self._keys[need] for need in sorted(step.uses()) if need in self._keys}
        self._keys[step.id] = digest([{"id": step.id, "verb": step.verb, "args": step.args, "needs": needs}])
        self._steps[step.id] = step
        self._states[step.id] = "waiting"
        self._ended[step.id] = asyncio.Event()
        self._group.create_task(self._run(step, problem), name=f"step {step.id}")
        return True

    async def finish(self) -> Mapping[str, StepResult]:
        """Waits until every step that was added has ended."""
        for ended in list(self._ended.values()):
            await ended.wait()
        return self.results

    def announce(self) -> None:
        """Notes plan.updated if steps came, or the revision changed, since it was last noted."""
        shown = (self._plan.revision, len(self._steps))
        if shown == self._announced:
            return
        self._announced = shown
        self._log.note(
            "plan.updated",
            revision=self._plan.revision,
            playbook=self._plan.playbook,
            slots=self._plan.model_dump(mode="json")["slots"],
            steps=[self._shown(step) for step in self._steps.values()],
        )

    def _shown(self, step: Step) -> dict[str, Any]:
        services = list(chosen(step.verb, self._toolbox.services(step.verb)))
        return {
            "id": step.id,
            "title": step.title or step.verb,
            "verb": step.verb,
            "state": self._states[step.id],
            "needs": sorted(step.uses()),
            "args": step.model_dump(mode="json")["args"],
            "why": step.why,
            "service": ", ".join(services) or "deus",
            "services": services or ["deus"],
        }

    async def _run(self, step: Step, problem: PlanRefused | None) -> None:
        for need in step.uses():
            if need in self._ended:
                await self._ended[need].wait()
        if self._must_wait(step):
            self.results[step.id] = StepResult(step.id, "waiting")
            self._ended[step.id].set()
            return
        key = self._keys[step.id]
        self.announce()
        kept = self._stored.get(key)
        told: Coroutine[Any, Any, object] | None = None
        if kept is not None and kept.state == "done":
            result = self._restored(kept)
            if not self._log.has("step.finished", step.id):
                told = self._report(step, result)
        else:
            self._states[step.id] = "running"
            self._again[step.id] = self._log.has("step.started", step.id)
            self._log.note("step.started", id=step.id, title=step.title or step.verb)
            began = monotonic()
            result = await self._guarded(step, problem)
            result = replace(result, ms=round((monotonic() - began) * 1000))
            if result.state not in OPEN:
                self._log.keep_result(key, result)
                told = self._report(step, result)
        self._states[step.id] = result.state
        self.results[step.id] = result
        # Those that wait for this step begin now; they need not wait for the disk as well.
        self._ended[step.id].set()
        if told is not None:
            await told

    async def _report(self, step: Step, result: StepResult) -> None:
        summary = result.error or counted(result.nouns, self._known[step.verb].returns.kind)
        if result.unchecked and not result.error:
            summary += f" (not checked: {', '.join(sorted(result.unchecked))})"
        shown = {"id": step.id, "verb": step.verb, "state": result.state, "summary": summary, "ms": result.ms}
        await self._log.emit("step.finished", **shown, evidence=result.evidence)

    async def _guarded(self, step: Step, problem: PlanRefused | None) -> StepResult:
        """The one place where an exception becomes a result."""
        try:
            if problem is not None:
                raise problem
            # A write is not broken off: it would count as failed, and be done.
            async with asyncio.timeout(None if self._is_write(step) else self._rooms.patience(step.verb)):
                return await self._perform(step)
        except (NothingFound, BudgetSpent) as reason:
            return self._unsuccessful(step, "skipped", str(reason))
        except Exception as error:  # noqa: BLE001
            return self._unsuccessful(step, "failed", self._sentence(step, error))

    def _sentence(self, step: Step, error: Exception) -> str:
        """What a person is told of an exception: of a bug no more than the number under which it is logged."""
        if isinstance(error, DeusError):
            return str(error)
        if isinstance(error, TimeoutError):
            return f"This run's budget of {self._budget.limits.seconds:g} seconds is used up."
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "an argument"
            return f"{step.verb} cannot take {name}: {first['msg']}."
        mark = secrets.token_hex(4)
        log.error("run %s, step %s (%s) failed, error %s", self._log.run, step.id, step.verb, mark, exc_info=error)
        return f"{step.verb} failed inside Deus. The log has it as error {mark}."

    def _unsuccessful(self, step: Step, state: str, reason: str) -> StepResult:
        unchecked = dict(self._inherited(step))
        if state == "failed" or not step.uses():
            for service in self._toolbox.services(step.verb):
                unchecked.setdefault(service, reason)
        return StepResult(step.id, state, unchecked=unchecked, error=reason)

    async def _perform(self, step: Step) -> StepResult:
        verb = self._known[step.verb]
        if issubclass(verb, Write):
            await self.writes.standing()
            if not self._again[step.id]:
                # What waits is looked at again and again, for as long as people or checks take.
                await self._budget.before_tool(step.id, call_digest("", step.verb, step.args))
            return await self.writes.perform(step, verb, self._plan_so_far(), self.results, self._known)
        if shown := rests_on(step, self._plan_so_far(), self.results):
            raise NothingFound(f"It builds on “{shown}”, which was only shown.")
        values = resolve(step.args, {name: result.nouns for name, result in self.results.items()})
        missing = [n for n, spec in verb.model_fields.items() if spec.is_required() and n not in values]
        if missing:
            raise NothingFound(f"Nothing was found for {', '.join(missing)}.")
        if issubclass(verb, Analysis):
            return await self._compute(step, verb, values)
        request = verb.model_validate(values)
        if isinstance(request, EvidenceSearch):
            return self._search(step, request)
        if isinstance(request, UndoWrite):
            await self.writes.standing()
            return await self.writes.undo(step, request, self._plan_so_far(), self.results)
        if self._rooms.has(step.verb):
            done = await self._rooms.perform(step, request, {need: self.results[need] for need in step.uses()})
            return replace(done, unchecked={**self._inherited(step), **done.unchecked})
        if services := chosen(step.verb, self._toolbox.services(step.verb)):
            return await self._ask_all(step, request, services)
        why = f"No connected service serves {step.verb}."
        return StepResult(step.id, "skipped", unchecked=not_connected(step.verb), error=why)

    def waiting(self) -> dict[str, StepResult]:
        """The steps that have not ended because they wait for a person or for the world, by id."""
        return {name: result for name, result in self.results.items() if result.state in OPEN}

    def _must_wait(self, step: Step) -> bool:
        """Whether a step reads what a write brings that is not done yet."""
        waits = any(need in self.results and self.results[need].state in OPEN for need in step.uses())
        return waits and not self._is_write(step)

    def _is_write(self, step: Step) -> bool:
        verb = self._known.get(step.verb)
        return verb is not None and issubclass(verb, Write)

    def _plan_so_far(self) -> Plan:
        return self._plan.model_copy(update={"steps": tuple(self._steps.values())})

    async def _ask_all(self, step: Step, request: Verb, services: Sequence[str]) -> StepResult:
        async with asyncio.TaskGroup() as group:
            tasks = {service: group.create_task(self._ask(step, request, service)) for service in services}
        replies = {service: task.result() for service, task in tasks.items()}
        unchecked = {service: reply.error for service, (reply, _) in replies.items() if reply.error is not None}
        evidence = tuple(item.id for _, item in replies.values() if item is not None)
        nouns = merged(reply.nouns for reply, _ in replies.values())
        if len(unchecked) == len(services):
            return StepResult(step.id, "failed", unchecked=unchecked, error=" ".join(unchecked.values()))
        return StepResult(step.id, "done", nouns, evidence, unchecked)

    async def _ask(self, step: Step, request: Verb, service: str) -> tuple[Reply, Evidence | None]:
        args = request.model_dump(mode="json", exclude_none=True)
        try:
            await self._budget.before_tool(step.id, call_digest(service, step.verb, args))
        except BudgetSpent as spent:
            return Reply(service, error=spent.message), None
        call = f"{step.id}.{service}"
        self._log.note("call.started", id=call, step=step.id, service=service, verb=step.verb, args=args)
        try:
            reply = await self._toolbox.ask(service, request)
        except Exception as error:  # noqa: BLE001
            # What the other services said stays; this one counts as not asked.
            reply = Reply(service, error=self._sentence(step, error))
        item: Evidence | None = None
        if reply.error is None:
            item = self._citations.record(
                step=step.id,
                service=service,
                verb=step.verb,
                title=evidence_title(self._toolbox.title(service), request, reply.nouns, self._company.timezone),
                at=self._clock.now(),
                nouns=reply.nouns,
                asked={"args": args, "requests": list(reply.asked)},
            )
            self._log.add_evidence(item)
        self._log.note(
            "call.finished",
            id=call,
            step=step.id,
            service=service,
            ok=reply.error is None,
            summary=item.title if item else "",
            error=f"{reply.error} {reply.remedy}" if reply.error and reply.remedy else reply.error,
            ms=reply.ms,
        )
        return reply, item

    async def _compute(self, step: Step, verb: type[Analysis], values: Mapping[str, Any]) -> StepResult:
        unchecked = self._inherited(step)
        frame = Frame(
            now=self._turn.at,
            timezone=self._company.timezone,
            question=self._turn.text,
            countries=self._company.countries,
            unchecked=unchecked,
            likeness=self._company.likeness,
        )
        nouns = await asyncio.to_thread(lambda: tuple(verb.model_validate(values).compute(frame)))
        sources = [item for need in sorted(step.uses()) for item in self.results[need].evidence]
        item = self._citations.record(
            step=step.id,
            service="deus",
            verb=step.verb,
            title=f"Deus: {step.title or step.verb}",
            at=self._clock.now(),
            nouns=nouns,
            asked={"args": step.model_dump(mode="json")["args"], "evidence": sources},
        )
        self._log.add_evidence(item)
        return StepResult(step.id, "done", nouns, (item.id,), unchecked)

    def _search(self, step: Step, request: EvidenceSearch) -> StepResult:
        item = self._citations.get(request.evidence)
        if item is None:
            raise PlanRefused(f"Step {step.id}: there is no evidence {request.evidence!r} in this run.")
        return StepResult(step.id, "done", tuple(search(item, request)), (item.id,))

    def _inherited(self, step: Step) -> dict[str, str]:
        """What the steps that this one builds on, near or far, could not look at."""
        found: dict[str, str] = {}
        for need in step.uses():
            if need in self.results:
                found.update(self.results[need].unchecked)
                found.update(self._inherited(self._steps[need]))
        return found

    def _restored(self, kept: StepResult) -> StepResult:
        items = [item for e in kept.evidence if (item := self._citations.get(e)) is not None]
        return replace(kept, nouns=merged([load(record) for record in item.content] for item in items))
