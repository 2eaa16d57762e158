"""The budget: what is reserved is counted, what is settled replaces it, and nothing goes beyond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.budget import Budget, Limits
from agents.errors import BudgetSpent
from agents.record import Usage


def budget(limits: Limits, used: Usage | None = None, at: float = 0.0) -> Budget:
    return Budget(limits, used, now=lambda: at)


def test_a_call_beyond_the_limit_is_refused_before_it_is_made() -> None:
    spent = budget(Limits(tool_calls=2))
    spent.reserve_tool()
    spent.reserve_tool()
    with pytest.raises(BudgetSpent, match="2 tool calls"):
        spent.reserve_tool()
    assert spent.usage().tool_calls == 2
    assert spent.is_spent()


def test_a_restart_goes_on_from_what_was_used() -> None:
    resumed = budget(Limits(tool_calls=5, seconds=10), Usage(tool_calls=4, ms=9_000))
    assert resumed.seconds_left() == pytest.approx(1.0)
    resumed.reserve_tool()
    with pytest.raises(BudgetSpent):
        resumed.reserve_tool()


def test_time_that_is_up_refuses_every_call() -> None:
    late = budget(Limits(seconds=1), Usage(ms=1_000))
    for reserve in (late.reserve_tool, lambda: late.reserve_model(0.0)):
        with pytest.raises(BudgetSpent, match="1 seconds"):
            reserve()


@given(st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 1)), max_size=30))
def test_dollars_never_pass_the_limit_if_calls_cost_no_more_than_reserved(calls: list[tuple[float, float]]) -> None:
    spent = budget(Limits(usd=1.0, model_calls=100))
    for reserved, share in calls:
        try:
            spent.reserve_model(reserved)
        except BudgetSpent:
            continue
        spent.settle_model(reserved, Usage(usd=reserved * share, tokens_in=3, tokens_out=2))
    assert spent.usage().usd <= 1.0 + 1e-9
    assert spent.usage().tokens_in == 3 * spent.usage().model_calls


def test_reservations_that_are_not_settled_hold_their_dollars() -> None:
    spent = budget(Limits(usd=1.0))
    spent.reserve_model(0.7)
    with pytest.raises(BudgetSpent, match=r"\$1\.00"):
        spent.reserve_model(0.7)
    spent.settle_model(0.7, Usage(usd=0.1))
    spent.reserve_model(0.7)


def test_tokens_are_held_until_they_are_settled() -> None:
    spent = budget(Limits(tokens=1000))
    spent.reserve_model(0.0, 700)
    with pytest.raises(BudgetSpent, match="1,000 tokens"):
        spent.reserve_model(0.0, 700)
    spent.settle_model(0.0, Usage(tokens_in=100, tokens_out=50), 700)
    spent.reserve_model(0.0, 700)


async def test_the_very_same_is_asked_so_often_and_no_more() -> None:
    spent = budget(Limits(equal_calls=2))
    spent.remember("before", "same")
    await spent.before_tool("one", "same")
    await spent.before_tool("one", "same")
    await spent.before_tool("other", "another")
    with pytest.raises(BudgetSpent, match="asked 2 times already"):
        await spent.before_tool("two", "same")
    assert spent.usage().tool_calls == 3
    assert spent.refused == ["The same was asked 2 times already in this run; it is not asked again."]
