"""The workroom of code tasks: `code.prepare` finds the facts, `code.fix` has a fix written and proves it.

The agent's sandbox ends before its patch is tried, and each run of the tests has a fresh one. The host never checks out
what an agent wrote: its patch is applied in the mirror's index, by plumbing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import cast

from agents.budget import Cost
from agents.code_agent import AgentEvent, CodeAgent, CodeBudget, CodeTask
from agents.code_showing import evidence_early, shown, was_stopped
from agents.code_site import Site
from agents.code_telling import Telling, alive
from agents.code_verbs import CodeFix, CodePrepare, first, given, repository_of
from agents.code_verdict import Runs, verdict
from agents.errand import Brought, Errand
from agents.errors import BudgetSpent, ModelMayRetry, ModelUnusable, NothingFound, StepFailed
from agents.patch import check
from agents.patch_record import Proven, patch_record
from agents.ports import Clock
from agents.preparing import Known, Preparing, materials
from agents.pull_body import Subject, message
from agents.repositories import Applied, PatchRefused, Repositories, Tried
from agents.sandbox import Sandbox
from agents.verification import Verification
from agents.work_tree import Base, lay_out, take_patch
from tools.kit.tool import Verb
from tools.nouns import Workplace

# Besides the agent's own time: six runs of tests, their sandboxes, and the wait for a free place.
AROUND = 2_400.0
# What a task's dollars may buy at most; the dollars themselves bound it long before.
MODEL_CALLS, TOKENS = 300, 6_000_000
# The agent whose model is called through the gateway, which counts it.
HOUSE = "deus"
NOT_YOURS = "You may read here, and not have anything changed, so no fix was begun."
CLOSED = "The code is not open to those who read this, so none of it was read."


@dataclass(frozen=True)
class CodeRoom:
    """Does the verbs of code tasks. `service` is where the code is from: its readers alone may see what comes of it."""

    repositories: Repositories
    site: Site
    verification: Verification
    preparing: Preparing
    agent: CodeAgent
    clock: Clock
    budget: CodeBudget = field(default_factory=CodeBudget)
    service: str = "github"
    # The page of a run, with {} for its id.
    page: str = ""

    @property
    def patience(self) -> float | None:
        """How many seconds an errand may take."""
        return self.budget.seconds + AROUND

    def verbs(self) -> Mapping[str, type[Verb]]:
        """What can be asked of it."""
        return {CodePrepare.name: CodePrepare, CodeFix.name: CodeFix}

    async def perform(self, errand: Errand) -> Brought:
        """Does one step. Raises the typed errors; cancelling ends the sandboxes and what the agent has begun."""
        if not errand.may_read(self.service) or (errand.rights is not None and errand.rights.public_only):
            raise StepFailed(CLOSED, service=self.service)
        request = errand.request
        async with alive(errand):
            if isinstance(request, CodePrepare):
                return await self._prepare(errand, request)
            if isinstance(request, CodeFix):
                return await self._fix(errand, request)
        raise ModelMayRetry(f"{request.name} is not done here.")

    async def _prepare(self, errand: Errand, request: CodePrepare) -> Brought:
        known = Known.of(request.records, errand.turn.text)
        repo = request.repo or repository_of(known.records) or repository_of(given(request.within))
        telling = Telling(errand)
        await self.site.clear(errand)
        evidence_early(errand, self.service, self.clock.now())
        nouns = await self.preparing.facts(telling, known, repo)
        return Brought(nouns, f"The place of {known.about.ref}, and the tests as they stand")

    async def _fix(self, errand: Errand, request: CodeFix) -> Brought:
        known = Known.of(request.records, errand.turn.text)
        place = first(known.records, Workplace)
        if place is None or not place.base:
            raise NothingFound(place.untested if place is not None else "The place of the bug is not known.")
        if errand.rights is not None and not errand.rights.writes:
            raise NothingFound(NOT_YOURS)
        if lacking := await self.agent.missing():
            raise NothingFound(lacking)
        await self.site.clear(errand)
        budget = self.budget
        errand.budget.allow(errand.step, Cost(budget.usd, MODEL_CALLS, budget.tool_calls + 20, TOKENS))
        telling = Telling(errand, counted=self.agent.name == HOUSE)
        evidence_early(errand, self.service, self.clock.now())
        subject = Subject(place, known.error, known.issue)
        async with self.site.turn(telling), self.preparing.opened(place.repo, place.base) as base:
            command = self.preparing.command(base, place.path)
            task = CodeTask(
                id=f"{errand.log.run}:{errand.step}",
                goal=errand.turn.text,
                repo=base.repo,
                base=base.commit,
                test=command,
                budget=budget,
                context=materials(known, place, known.records),
            )
            patch, stopped = await self._worked(telling, task, base)
            proven = await self._proven(telling, task, base, subject, patch, stopped)
        made = patch_record(proven, subject, self.page.format(errand.log.run))
        return Brought([made], f"A fix for {known.about.ref}: {made.verdict}", shown(errand.step, made))

    async def _worked(self, telling: Telling, task: CodeTask, base: Base) -> tuple[bytes, str]:
        """The patch that the agent made, and why it was stopped, if it was. Raises StepFailed for none at all."""
        stopped = ""
        needs = self.agent.needs(task)
        # What goes through a sandbox's broker is counted there, on the run's budget, as each call is made.
        telling.counted |= any(route.tally is not None for route in needs.network.routes)
        async with self.site.sandbox(telling, needs) as sandbox:
            commit = await lay_out(sandbox, base)
            try:
                async with asyncio.timeout(task.budget.seconds), aclosing(self._events(task, sandbox)) as events:
                    async for event in events:
                        await telling.event(event)
            except TimeoutError:
                stopped = f"This task's budget of {task.budget.seconds:g} seconds is used up."
            except (BudgetSpent, ModelUnusable) as reason:
                stopped = str(reason)
            if stopped:
                await telling.break_off(stopped)
            patch = await take_patch(sandbox, commit)
        if not patch.strip():
            said = telling.finished.summary if telling.finished is not None else ""
            raise StepFailed(was_stopped(stopped) if stopped else f"The agent changed nothing. It said: {said}")
        return patch, stopped

    def _events(self, task: CodeTask, sandbox: Sandbox) -> AsyncGenerator[AgentEvent, None]:
        return cast(AsyncGenerator[AgentEvent, None], self.agent.work(task, sandbox))

    async def _proven(
        self, telling: Telling, task: CodeTask, base: Base, subject: Subject, patch: bytes, stopped: str
    ) -> Proven:
        """The patch checked and tried; committed in the mirror if it may be proposed."""
        finished = telling.finished
        said = finished.summary if finished is not None else ""
        proven = Proven(patch, self.agent.name, said, self.clock.now())
        try:
            applied = await self.repositories.apply(base.repo, base.commit, patch)
        except PatchRefused as reason:
            return proven.with_(refused=(str(reason),))
        checked = check(applied)
        if checked.refused:
            return proven.with_(applied=applied, refused=checked.refused, attention=checked.attention)
        runs = await self.verification.runs(telling, base, task.test, patch, applied.touched)
        outcome, why = verdict(runs, finished.says_green if finished is not None else None)
        proven = proven.with_(applied=applied, runs=runs, verdict=outcome, attention=checked.attention, why=why)
        if stopped and outcome != "confirmed":
            return proven.with_(refused=(was_stopped(stopped),))
        if stopped:
            proven = proven.with_(why=(was_stopped(stopped),))
        if outcome == "refuted":
            return proven
        commit = await self._committed(base, applied, subject, proven)
        return proven.with_(commit=commit)

    async def _committed(self, base: Base, applied: Applied, subject: Subject, proven: Proven) -> str:
        words = message(subject, proven.said)
        commit = await self.repositories.commit(base.repo, base.commit, applied.tree, words, proven.at)
        runs: Runs = proven.runs
        tried = Tried(proven.verdict, runs.before, runs.after, runs.base_tests, proven.why)
        await self.repositories.vouch(base.repo, commit, tried)
        return commit
