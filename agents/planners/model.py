"""The planner that a language model drives: it streams steps over the same verbs; playbooks take over if it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast
from zoneinfo import ZoneInfo

from jinja2.sandbox import SandboxedEnvironment
from pydantic import ValidationError

from agents.errors import BudgetSpent, ModelUnusable, NotUnderstood, PlanRefused
from agents.plan import Plan, Step, check_step, literal
from agents.planners.model_lines import objects
from agents.planners.model_view import (
    asked_text,
    company_text,
    context_text,
    files_text,
    past_text,
    plan_text,
    results_text,
    texts_read,
    verbs_text,
)
from agents.ports import Model, PlanHeader, Planner, Situation, StepResult
from agents.record import Evidence
from tools.kit.tool import Verb
from tools.nouns import dump

MOST_STEPS = 20
# Playbooks that are followed also where a model could plan: what each step may read and write is part of their safety.
FIXED = frozenset({"fix_bug"})
# Models that would rather call a function than write a line may.
STEP_TOOL: Mapping[str, Any] = {
    "name": "plan_step",
    "description": "Adds one step to the plan.",
    "parameters": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "verb": {"type": "string"},
            "args": {"type": "object"},
            "needs": {"type": "array", "items": {"type": "string"}},
            "why": {"type": "string"},
        },
        "required": ["id", "verb", "args"],
    },
}
Prompt = Callable[[str], str]


class ModelPlanner:
    """Plans with a model. Raises ModelUnusable where it gives no usable step, NotUnderstood where it refuses."""

    def __init__(self, model: Model, verbs: Callable[[], Mapping[str, type[Verb]]], prompt: Prompt) -> None:
        self._model = model
        self._verbs = verbs
        self._prompt = prompt
        self._env = SandboxedEnvironment(autoescape=False)

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        """A header, then each step as soon as its line is there."""
        yield PlanHeader(read=() if self._acts() else texts_read(situation))
        count = 0
        async for step in self._steps(situation, self._system(situation, first=True), situation.turn.text, ()):
            count += 1
            yield step
        if not count:
            raise ModelUnusable("The model gave no step that can be run.")

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        """Further steps where the model finds that something is missing."""
        if plan.playbook is not None:
            return
        shown = self._render("replan", plan=plan_text(plan, results), results=_results(results))
        question = f"{situation.turn.text}\n\n{shown}"
        try:
            async for step in self._steps(
                situation, self._system(situation), question, [step.id for step in plan.steps]
            ):
                yield step
        except (ModelUnusable, BudgetSpent):
            # What there is already is answered from.
            return

    async def _steps(
        self, situation: Situation, system: str, question: str, earlier: Sequence[str]
    ) -> AsyncIterator[Step]:
        verbs = self._verbs()
        known = list(earlier)
        stream = self._model.stream(system, question, workflow="plan", most_tokens=3000, tool=STEP_TOOL)
        async for line in objects(stream):
            if isinstance(line.get("refuse"), str) and len(known) == len(earlier):
                raise NotUnderstood(f"I can't help with that: {line['refuse']}")
            if line.get("enough") is True or len(known) >= MOST_STEPS:
                return
            step = read_step(line, situation.metrics)
            if step is None or step.id in known:
                continue
            try:
                check_step(step, verbs, known)
            except PlanRefused:
                # One bad line does not spoil the others; a plan without a good one is unusable.
                continue
            known.append(step.id)
            yield step

    def _acts(self) -> bool:
        """Whether a write can be planned. A first plan is then made before any untrusted text is read, so that none can
        order a write; a further revision may read it, and is not bound."""
        return any(verb.mode == "write" for verb in self._verbs().values())

    def _system(self, situation: Situation, *, first: bool = False) -> str:
        unread = first and self._acts()
        return self._render(
            "plan",
            verbs=verbs_text(self._verbs()),
            writes=verbs_text(self._verbs(), "write") if first else "",
            company=company_text(situation, unread=unread),
            today=situation.now.astimezone(ZoneInfo(situation.timezone)).isoformat(timespec="minutes"),
            timezone=situation.timezone,
            past=asked_text(situation) if unread else past_text(situation),
            context="" if unread else context_text(situation),
            files=files_text(situation),
        )

    def _render(self, name: str, **values: str) -> str:
        return self._env.from_string(self._prompt(name)).render(**values)


class FallbackPlanner:
    """Asks the first planner, and the second from the start where the first cannot be used, or where the second has a
    plan of its own that is always followed."""

    def __init__(self, first: Planner, second: Planner) -> None:
        self._first = first
        self._second = second

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        """The first planner's plan; steps that it gave before it failed stay, and the second's follow."""
        if await self._is_fixed(situation):
            async for item in self._second.plan(situation):
                yield item
            return
        begun = False
        try:
            header = PlanHeader()
            async for item in self._first.plan(situation):
                if isinstance(item, PlanHeader):
                    header = item
                    continue
                if not begun:
                    begun = True
                    yield header
                yield item
            return
        except (ModelUnusable, BudgetSpent) as error:
            if begun:
                # The steps that run already are answered from.
                return
            yield PlanHeader(notice=f"{error} The playbooks take over.")
        async for item in self._second.plan(situation):
            yield item

    async def _is_fixed(self, situation: Situation) -> bool:
        """Whether the second planner is sure that this is one of FIXED."""
        async with aclosing(cast(AsyncGenerator[PlanHeader | Step, None], self._second.plan(situation))) as coming:
            try:
                header = await anext(coming, None)
            except NotUnderstood:
                return False
        return isinstance(header, PlanHeader) and header.playbook in FIXED

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        """Further steps of the planner that made the plan."""
        chosen = self._second if plan.playbook is not None else self._first
        async for item in chosen.replan(situation, plan, results):
            yield item


def read_step(line: Mapping[str, Any], metrics: Mapping[str, Any]) -> Step | None:
    """A step from a model's line; None where it is none. A metric that begins with a dollar sign is no reference."""
    args = line.get("args")
    known = {name for name in metrics if name.startswith("$")}
    if isinstance(args, dict):
        args = {name: _escaped(value, known) for name, value in args.items()}
    try:
        return Step.model_validate(
            {
                "id": line.get("id"),
                "verb": line.get("verb"),
                "args": args or {},
                "needs": line.get("needs") or (),
                "why": str(line.get("why") or ""),
                "title": str(line.get("title") or line.get("why") or line.get("verb") or ""),
            }
        )
    except ValidationError:
        return None


def _escaped(value: Any, known: set[str]) -> Any:
    if isinstance(value, str) and value in known:
        return literal(value)
    if isinstance(value, list):
        return [_escaped(part, known) for part in value]
    return value


def _results(results: Mapping[str, StepResult]) -> str:
    """Step results in the form in which evidence is shown."""
    shown = [
        Evidence(
            id=step_id, run="", step=step_id, number=1, service=result.nouns[0].service, verb=result.nouns[0].kind,
            title="", at=result.nouns[0].at, sha256="", content=tuple(dump(noun) for noun in result.nouns),
        )
        for step_id, result in results.items()
        if result.nouns
    ]  # fmt: skip
    return results_text(shown)
