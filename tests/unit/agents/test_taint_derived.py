"""What a program made of words and files stays theirs: not even a number of it decides a write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import agents.describing  # noqa: F401
from agents.plan import Plan, Step
from agents.ports import StepResult
from agents.taint import trace
from tools.nouns import Message, Noun, Output, Table
from tools.writes import IssuesComment, IssuesUpdate

AT = datetime(2026, 11, 18, 9, tzinfo=UTC)
PRINTED = Output(service="deus", ref="program of c", url="", at=AT, title="t", code="x", printed="WEB-1", status=7)
MADE = Table(service="deus", ref="ENG-1", url="", at=AT, title="t", columns=("ref",), rows=(("ENG-1",),), rows_in_all=1)
PATHS = ["$c[0].ref", "$c[0].status", "$c[0].seconds", "$c[0].rows_in_all", "$c.printed", "$c[].ref"]


def run(step: Step, *nouns: Noun, before: Step | None = None) -> tuple[Plan, dict[str, StepResult]]:
    plan = Plan(steps=tuple(one for one in (before, step) if one is not None))
    results = {step.id: StepResult(step.id, "done", nouns, ("e2",))}
    if before is not None:
        title = "a stranger's words"
        said = Message(service="slack", ref="m1", url="", at=AT, title=title, channel="c", author="x", body="y")
        results[before.id] = StepResult(before.id, "done", (said,), ("e1",))
    return plan, results


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("verb", ["code.run", "files.describe"])
def test_nothing_that_comes_of_a_file_is_clean(path: str, verb: str) -> None:
    args = {"files": ["file_1"], **({"code": "print(1)"} if verb == "code.run" else {})}
    step = Step(id="c", verb=verb, args=args)
    plan, results = run(step, PRINTED, MADE)
    write = Step(id="w", verb="issues.update", args={"ref": path, "priority": "low"})
    found = trace(write, plan.model_copy(update={"steps": (*plan.steps, write)}), IssuesUpdate, results)
    assert found.decisive


def test_the_words_behind_a_program_are_named() -> None:
    before = Step(id="m", verb="messages.search", args={"text": "limit"})
    step = Step(id="c", verb="code.run", args={"code": "print(1)", "records": ["$m"]})
    plan, results = run(step, PRINTED, before=before)
    write = Step(id="w", verb="issues.comment", args={"ref": "WEB-1", "text": "$c[0].printed"})
    found = trace(write, plan.model_copy(update={"steps": (*plan.steps, write)}), IssuesComment, results)
    assert found.decisive == ()
    assert "a stranger's words" in [one.title for one in found.content]
