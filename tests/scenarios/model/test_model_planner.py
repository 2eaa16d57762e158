"""A model plans over the same verbs; whatever it does wrong ends in the playbooks, never in a hang."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from agents.budget import Budget, Limits, current_budget
from agents.errors import BudgetSpent, ModelUnusable, NotUnderstood
from agents.plan import Plan, Step
from agents.planners.model import FallbackPlanner, ModelPlanner
from agents.ports import PlanHeader, Situation, StepResult, Turn
from app.models import Gateway, ModelOptions
from prompts.library import prompt
from tests.scenarios.model.scripted import Say, ScriptedModel, serving
from tools import verbs as _defined  # noqa: F401
from tools.kit.tool import Verb, verbs

# LiteLLM warns of its own use of pydantic; whatever we cause stays an error.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    # It keeps its connections for as long as the process lives, beyond the loop of one test.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
SITUATION = Situation(
    turn=Turn("what broke?", "ada", "web", "c1", NOW),
    now=NOW,
    timezone="UTC",
    metrics={"$pageview": {}, "signed_up": {}},
)
ERRORS = {"id": "s1", "verb": "errors.search", "args": {"since": "2026-11-11T00:00:00Z"}, "why": "errors of the week"}
VIEWS = {"id": "s2", "verb": "metrics.series", "args": {"metric": "$pageview", "since": "2026-11-01T00:00:00Z"}}
EVENTS = {"id": "s3", "verb": "errors.events", "args": {"ref": "$s1[0].ref"}, "needs": ["s1"]}


class OneStep:
    """A planner that needs no model."""

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        yield PlanHeader(playbook="fallback")
        yield Step(id="p1", verb="errors.search")

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        steps: tuple[Step, ...] = ()
        for step in steps:
            yield step


def planner(model: ScriptedModel, patience: float = 30.0) -> ModelPlanner:
    options = ModelOptions("scripted", base_url=model.url, first=patience, between=patience)
    return ModelPlanner(Gateway(options), lambda: verbs(Verb), prompt)


async def planned(items: AsyncIterator[PlanHeader | Step]) -> list[Step]:
    return [item async for item in items if isinstance(item, Step)]


async def test_steps_come_line_by_line_however_the_stream_is_cut() -> None:
    text = "\n".join(json.dumps(line) for line in (ERRORS, VIEWS, EVENTS))
    async with serving([Say([text[i : i + 7] for i in range(0, len(text), 7)])]) as model:
        steps = await planned(planner(model).plan(SITUATION))
    assert [step.verb for step in steps] == ["errors.search", "metrics.series", "errors.events"]
    # The metric's dollar sign is its own and no reference.
    assert steps[1].args["metric"] == "$$pageview"
    assert "errors.search(" in model.asked[0]["messages"][0]["content"]


async def test_function_calls_are_steps_too() -> None:
    async with serving([Say(calls=[ERRORS, EVENTS])]) as model:
        steps = await planned(planner(model).plan(SITUATION))
    assert [step.id for step in steps] == ["s1", "s3"]
    assert model.asked[0]["tools"][0]["function"]["name"] == "plan_step"


async def test_a_bad_line_is_left_out_and_the_good_ones_run() -> None:
    lines = ["```json", json.dumps({"id": "x", "verb": "nothing.here", "args": {}}), "{oops", json.dumps(ERRORS), "```"]
    async with serving([Say(["\n".join(lines)])]) as model:
        assert [step.id for step in await planned(planner(model).plan(SITUATION))] == ["s1"]


@pytest.mark.parametrize(
    "say",
    [
        Say(["I would look at Sentry first."]),
        Say([json.dumps({"id": "x", "verb": "nothing.here", "args": {}})]),
        Say(["no json\n" * 50]),
        Say(endless="and again\n"),
        Say(endless="for ever and "),
        Say(status=500),
        Say(status=401),
        Say(silent=True),
    ],
    ids=["prose", "unknown verb", "no json", "repetition", "endless line", "500", "401", "silence"],
)
async def test_whatever_goes_wrong_the_playbooks_take_over(say: Say) -> None:
    async with serving([say]) as model:
        patience = 0.5 if say.silent else 30.0
        both = FallbackPlanner(planner(model, patience), OneStep())
        items = [item async for item in both.plan(SITUATION)]
    assert [item.id for item in items if isinstance(item, Step)] == ["p1"]
    assert [item.notice for item in items if isinstance(item, PlanHeader) and item.notice]


async def test_a_dead_endpoint_is_unusable() -> None:
    async with serving([]) as model:
        pass
    with pytest.raises(ModelUnusable):
        await planned(planner(model).plan(SITUATION))


async def test_a_refusal_is_said() -> None:
    async with serving([Say([json.dumps({"refuse": "this is about the weather"})])]) as model:
        with pytest.raises(NotUnderstood, match="weather"):
            await planned(planner(model).plan(SITUATION))


async def test_a_call_that_the_run_cannot_pay_is_not_made() -> None:
    budget = Budget(Limits(model_calls=1))
    token = current_budget.set(budget)
    try:
        async with serving([Say([json.dumps(ERRORS)]), Say([json.dumps(ERRORS)])]) as model:
            await planned(planner(model).plan(SITUATION))
            with pytest.raises(BudgetSpent):
                await planned(planner(model).plan(SITUATION))
        assert len(model.asked) == 1
        assert (budget.usage().model_calls, budget.usage().tokens_in) == (1, 1000)
    finally:
        current_budget.reset(token)


async def test_replanning_adds_steps_or_says_enough() -> None:
    plan = Plan(steps=(Step(id="s1", verb="errors.search"),))
    more = {**ERRORS, "id": "s9"}
    async with serving([Say([json.dumps(more)]), Say([json.dumps({"enough": True})])]) as model:
        assert [s.id for s in await planned(planner(model).replan(SITUATION, plan, {}))] == ["s9"]
        assert await planned(planner(model).replan(SITUATION, plan, {})) == []
