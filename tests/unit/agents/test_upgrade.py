"""A checkpoint that another version of the code wrote is good for its plan, and never for doing something twice."""

from __future__ import annotations

from typing import Any

import pytest

from agents.plan import Plan, Step
from agents.upgrade import STATE_VERSION, UNTOLD, is_ours, seeded

PLAN = Plan(steps=(Step(id="a", verb="deploys.list"), Step(id="b", verb="errors.search", needs=("a",))), playbook="why")


def test_a_checkpoint_is_known_by_its_version_even_before_its_first_step() -> None:
    assert is_ours({"v": STATE_VERSION, "plan": {}})
    assert is_ours({"__start__": {"v": STATE_VERSION}})
    assert not is_ours({"v": STATE_VERSION + 1})
    assert not is_ours({})


def test_a_plan_is_taken_over_as_it_is() -> None:
    state = seeded({"v": 0, "plan": PLAN.model_dump(mode="json"), "recalled": [{"title": "x"}], "status": "answered"})
    assert state == {"v": STATE_VERSION, "plan": PLAN.model_dump(mode="json"), "recalled": [{"title": "x"}]}


def test_a_plan_of_another_form_keeps_what_is_known_and_counts_as_made_after_reading_anything() -> None:
    steps: list[dict[str, Any]] = [{"id": "a", "verb": "deploys.list", "colour": "red"}]
    plan = Plan.model_validate(seeded({"plan": {"steps": steps, "mood": 1, "playbook": "why"}})["plan"])
    assert (plan.steps, plan.playbook, plan.read) == ((Step(id="a", verb="deploys.list"),), "why", (UNTOLD,))


def test_without_a_plan_the_run_begins_at_its_start() -> None:
    assert seeded({"v": 0, "todo": ["x"]}) == {"v": STATE_VERSION}


@pytest.mark.parametrize("plan", [{}, {"steps": "all"}, {"steps": [{"id": "a"}]}, "why", None])
def test_a_plan_that_cannot_be_read_is_not_guessed(plan: object) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        seeded({"plan": plan})
