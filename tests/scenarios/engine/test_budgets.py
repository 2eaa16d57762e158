"""Budgets that run out: the best answer so far, with the budget's name; what is used stays used in the next run."""

from __future__ import annotations

from pathlib import Path

from agents.budget import Ceiling, Limits
from agents.plan import Step
from agents.record import RunDocument
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, Workspace, deployment, error, small

MONTH = "ann@acme.com's budget of 2 tool calls for November 2026 is used up."


async def asked(deus: Workspace) -> RunDocument:
    run = await deus.ask("What?")
    await deus.watched(run)
    return await deus.conversations.document(run)


async def test_a_months_budget_ends_with_what_was_found_and_says_whose_it_was(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox(
        {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("e1")]}}
    )
    steps = [Step(id="d", verb="deploys.list"), Step(id="e", verb="errors.search", needs=("d",))]
    more = [Step(id="f", verb="errors.search", args={"text": "form"}, needs=("e",))]
    async with small(tmp_path, toolbox, ScriptedPlanner([*steps, *more]), actors=Ceiling(tool_calls=2)) as deus:
        first, second = await asked(deus), await asked(deus)
    assert first.status == "answered"
    assert [step["state"] for step in first.plan] == ["done", "done", "failed"]
    assert "Release d1" in first.answer
    assert MONTH in first.answer
    assert first.usage.tool_calls == 2
    assert MONTH in second.answer
    assert second.usage.tool_calls == 0
    assert len(toolbox.asked) == 2


async def test_the_same_call_is_cut_off(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})
    steps = [Step(id=f"d{n}", verb="deploys.list") for n in range(4)]
    other = Step(id="o", verb="deploys.list", args={"limit": 7})
    async with small(tmp_path, toolbox, ScriptedPlanner([*steps, other]), limits=Limits(equal_calls=2)) as deus:
        document = await asked(deus)
    assert sorted(step["state"] for step in document.plan) == ["done", "done", "done", "failed", "failed"]
    assert len(toolbox.asked) == 3
    assert "The same was asked 2 times already in this run" in document.answer
