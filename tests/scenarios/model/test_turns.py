"""A conversation with tools, held with a model on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from agents.budget import Budget, Limits, current_budget
from agents.errors import BudgetSpent, ModelUnusable
from agents.model_turn import ModelTurn, WantedCall
from app.models import Gateway, ModelOptions
from tests.scenarios.model.scripted import Say, serving

pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]

READ = {"name": "read", "description": "Reads a file.", "parameters": {"type": "object", "properties": {}}}
ASKED = [{"role": "user", "content": "mend it"}]


async def turn(url: str, messages: list[dict[str, Any]] | None = None, **options: Any) -> ModelTurn:
    gateway = Gateway(ModelOptions("scripted", base_url=url, key="none", **options))
    return await gateway.turn("Be brief.", messages or ASKED, [READ], workflow="code", most_tokens=500)


async def test_words_and_calls_come_together_with_their_cost() -> None:
    say = Say(["Let me ", "look."], uses=[("read", {"path": "a.ts"}), ("read", {"path": "b.ts"})])
    async with serving([say]) as model:
        answered = await turn(model.url)
    assert answered.text == "Let me look."
    assert answered.calls == (
        WantedCall("call_0", "read", '{"path": "a.ts"}'),
        WantedCall("call_1", "read", '{"path": "b.ts"}'),
    )
    assert (answered.usage.tokens_in, answered.usage.tokens_out) == (1000, 100)
    assert model.asked[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert model.asked[0]["tools"][0]["function"]["name"] == "read"


async def test_what_was_said_and_returned_goes_back_in_the_vendors_form() -> None:
    async with serving([Say(uses=[("read", "{no json")]), Say(["Done."])]) as model:
        first = await turn(model.url)
        messages = [*ASKED, first.message(), {"role": "tool", "tool_call_id": "call_0", "content": "no JSON"}]
        second = await turn(model.url, messages)
    assert first.calls[0].arguments == "{no json"
    assert (second.text, second.calls) == ("Done.", ())
    assert [one["role"] for one in model.asked[1]["messages"]] == ["system", "user", "assistant", "tool"]


async def test_a_dead_a_silent_and_an_endless_model_are_unusable() -> None:
    for say in (Say(status=500), Say(silent=True), Say(endless="x" * 100)):
        async with serving([say]) as model:
            with pytest.raises(ModelUnusable):
                await turn(model.url, first=0.5, between=5.0)


async def test_a_turn_counts_on_the_runs_budget_and_stops_at_its_end() -> None:
    budget = Budget(Limits(model_calls=1))
    token = current_budget.set(budget)
    try:
        async with serving([Say(["a"]), Say(["b"])]) as model:
            await turn(model.url)
            with pytest.raises(BudgetSpent):
                await turn(model.url)
    finally:
        current_budget.reset(token)
    assert (budget.usage().model_calls, budget.usage().tokens_out) == (1, 100)
    assert len(model.asked) == 1
