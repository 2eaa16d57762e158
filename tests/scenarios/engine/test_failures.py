"""What a run does when services fail, arguments are missing, the budget ends, or Deus itself is at fault."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.budget import Limits
from agents.errors import NotUnderstood
from agents.plan import Step
from agents.ports import PlanHeader
from agents.record import Evidence
from tests.scenarios.engine.script import (
    ScriptedPlanner,
    ScriptedToolbox,
    deployment,
    error,
    small,
)
from tools.kit.tool import Verb
from tools.nouns import Noun


async def test_a_service_that_fails_is_unchecked_and_the_others_answer_stays(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox(
        {
            "vercel": {"deploys.list": [deployment("d1"), deployment("d2", 3)]},
            "render": {"deploys.list": [deployment("d3", 2, "render"), deployment("d3", 2, "render")]},
            "fly": {"deploys.list": "fly did not answer within 10 s."},
            "heroku": {"deploys.list": RuntimeError("a bug with a secret")},
        }
    )
    count = Step(id="n", verb="analyze.test_count", args={"nouns": "$d"})
    async with small(tmp_path, toolbox, ScriptedPlanner([Step(id="d", verb="deploys.list"), count])) as deus:
        run = await deus.ask("What?")
        events = await deus.watched(run)
        counted = [e for e in await deus.runs.evidence(run) if e.verb == "analyze.test_count"]
    finished = {e.data["id"]: e.data for e in events if e.kind == "call.finished"}
    assert {call: data["ok"] for call, data in finished.items()} == {
        "d.vercel": True, "d.render": True, "d.fly": False, "d.heroku": False,
    }  # fmt: skip
    assert finished["d.fly"]["error"] == "fly did not answer within 10 s. Try later."
    assert "secret" not in finished["d.heroku"]["error"]
    assert counted[0].content[0]["title"].startswith("3 records")
    assert "fly: fly did not answer" in str(counted[0].content[0]["body"])


async def test_where_every_service_failed_the_dependents_still_run(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox({"sentry": {"errors.search": "sentry could not be reached."}})
    steps = [
        Step(id="e", verb="errors.search"),
        Step(id="d", verb="deploys.list"),
        Step(id="n", verb="analyze.test_count", args={"nouns": "$e"}, needs=("d",)),
        Step(id="g", verb="errors.get", args={"ref": "$e.ref"}),
    ]
    async with small(tmp_path, toolbox, ScriptedPlanner(steps)) as deus:
        run = await deus.ask("What?")
        events = await deus.watched(run)
        body = (await deus.runs.evidence(run))[0].content[0]["body"]
    ended = {e.data["id"]: (e.data["state"], e.data["summary"]) for e in events if e.kind == "step.finished"}
    assert ended["e"] == ("failed", "sentry could not be reached.")
    assert ended["d"] == ("skipped", "No connected service serves deploys.list.")
    assert ended["n"][0] == "done"
    assert ended["g"] == ("skipped", "Nothing was found for ref.")
    assert body == "deploys: not connected, sentry: sentry could not be reached."


async def test_a_step_that_breaks_a_rule_fails_alone(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})
    steps = [
        Step(id="a", verb="deploys.explode"),
        Step(id="b", verb="deploys.list", args={"limit": 0}),
        Step(id="c", verb="deploys.list", needs=("nowhere",)),
        Step(id="d", verb="deploys.list"),
    ]
    async with small(tmp_path, toolbox, ScriptedPlanner(steps)) as deus:
        document = await _asked(deus)
    assert [(step["id"], step["state"]) for step in document.plan] == [
        ("a", "failed"), ("b", "failed"), ("c", "failed"), ("d", "done"),
    ]  # fmt: skip
    assert document.status == "answered"


async def test_what_is_not_understood_offers_what_can_be_done(tmp_path: Path) -> None:
    planner = ScriptedPlanner([NotUnderstood("I can't order lunch.")])
    async with small(tmp_path, ScriptedToolbox({}), planner) as deus:
        document = await _asked(deus)
    assert (document.status, document.answer) == ("abstained", "I can't order lunch.")


async def test_a_bug_ends_the_run_with_a_safe_sentence_and_a_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    planner = ScriptedPlanner([RuntimeError("postgres://user:secret@host")])
    async with small(tmp_path, ScriptedToolbox({}), planner) as deus:
        document = await _asked(deus)
    assert document.status == "failed"
    assert "secret" not in str(document.error)
    mark = str(document.error).rsplit(" ", 1)[1].rstrip(".")
    assert f"error {mark}" in caplog.text


async def test_the_tool_budget_ends_in_what_was_found_so_far(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox(
        {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("WEB-1")]}}
    )
    steps = [Step(id="d", verb="deploys.list"), Step(id="e", verb="errors.search", needs=("d",))]
    limits = Limits(tool_calls=1)
    async with small(tmp_path, toolbox, ScriptedPlanner(steps), limits=limits) as deus:
        document = await _asked(deus)
    assert document.status == "answered"
    assert [claim.text for claim in document.claims] == ["Release d1."]
    assert [step["state"] for step in document.plan] == ["done", "failed"]
    assert document.usage.tool_calls == 1


async def test_the_time_budget_ends_a_step_that_hangs(tmp_path: Path) -> None:
    never = asyncio.Event()

    async def hang(request: Verb) -> list[Noun]:
        await never.wait()
        return []

    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": hang}})
    steps = [Step(id="d", verb="deploys.list"), Step(id="e", verb="errors.search")]
    async with small(tmp_path, toolbox, ScriptedPlanner(steps), limits=Limits(seconds=0.5)) as deus:
        document = await _asked(deus)
    assert {step["id"]: step["state"] for step in document.plan} == {"d": "done", "e": "failed"}


async def test_steps_start_before_the_plan_is_complete(tmp_path: Path) -> None:
    asked, rest = asyncio.Event(), asyncio.Event()

    async def answer(request: Verb) -> list[Noun]:
        asked.set()
        return [deployment("d1")]

    toolbox = ScriptedToolbox({"vercel": {"deploys.list": answer}, "sentry": {"errors.search": [error("WEB-1")]}})
    planner = ScriptedPlanner([Step(id="d", verb="deploys.list"), rest, Step(id="e", verb="errors.search")])
    async with small(tmp_path, toolbox, planner) as deus:
        run = await deus.ask("What?")
        async with asyncio.timeout(20):
            await asked.wait()
        rest.set()
        await deus.watched(run)
        document = await deus.conversations.document(run)
    assert [step["state"] for step in document.plan] == ["done", "done"]


async def test_review_adds_steps_until_the_planner_is_content(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox(
        {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("WEB-1")]}}
    )
    planner = ScriptedPlanner(
        [PlanHeader("why"), Step(id="d", verb="deploys.list")],
        more=[[Step(id="e", verb="errors.search", needs=("d",))]],
    )
    async with small(tmp_path, toolbox, planner) as deus:
        run = await deus.ask("What?")
        events = await deus.watched(run)
    assert [e.data["revision"] for e in events if e.kind == "plan.updated"] == [1, 2]
    assert [e.data["id"] for e in events if e.kind == "step.finished"] == ["d", "e"]


async def test_stored_evidence_can_be_searched_and_paged(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox({"sentry": {"errors.search": [error(f"WEB-{n}", f"Error {n % 2}") for n in range(10)]}})
    search = Step(
        id="s",
        verb="evidence.search",
        args={"evidence": "e1", "words": "error 1", "offset": 1, "limit": 2},
        needs=("e",),
    )
    count = Step(id="n", verb="analyze.test_count", args={"nouns": "$s"})
    async with small(tmp_path, toolbox, ScriptedPlanner([Step(id="e", verb="errors.search"), search, count])) as deus:
        run = await deus.ask("What?")
        await deus.watched(run)
        found = [e for e in await deus.runs.evidence(run) if e.step == "n"]
    assert found[0].content[0]["title"].startswith("2 records")


async def test_evidence_says_what_was_asked_and_each_citation_opens_one_record(tmp_path: Path) -> None:
    toolbox = ScriptedToolbox({"sentry": {"errors.search": [error("WEB-1"), error("WEB-2")]}})
    steps = [Step(id="e", verb="errors.search", args={"since": "2026-11-11T00:00:00Z", "text": "form"})]
    async with small(tmp_path, toolbox, ScriptedPlanner(steps)) as deus:
        run = await deus.ask("What?")
        await deus.watched(run)
        stored: list[Evidence] = list(await deus.runs.evidence(run))
    whole, cited = stored
    assert whole.title == "Sentry: 2 error groups, “form”, since 11 Nov"
    assert whole.asked["args"]["text"] == "form"
    assert (len(whole.content), len(cited.content)) == (2, 1)
    assert (cited.parent, cited.ref, cited.url) == (whole.id, "WEB-1", "https://s.test/WEB-1")


async def _asked(deus, text: str = "What?"):  # type: ignore[no-untyped-def]
    run = await deus.ask(text)
    await deus.watched(run)
    return await deus.conversations.document(run)
