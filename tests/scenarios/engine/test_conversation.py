"""Conversations: follow-ups see what was said, viewers come and go, a message delivered twice is one run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.plan import Step
from agents.ports import PlanHeader
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, deployment, small

STEPS = (PlanHeader("releases", {"service": "web"}), Step(id="d", verb="deploys.list", args={"limit": 5}))


def toolbox() -> ScriptedToolbox:
    return ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})


async def test_a_follow_up_sees_the_earlier_plan_and_answer(tmp_path: Path) -> None:
    planner = ScriptedPlanner(STEPS)
    async with small(tmp_path, toolbox(), planner) as deus:
        await deus.watched(await deus.ask("What was released?"))
        await deus.watched(await deus.ask("Something else", conversation="c2"))
        await deus.watched(await deus.ask("And before?"))
    assert [len(situation.past) for situation in planner.seen] == [0, 0, 1]
    earlier = planner.seen[2].past[0]
    assert (earlier.question, earlier.plan.playbook) == ("What was released?", "releases")
    assert (earlier.plan.slots, earlier.plan.steps[0].args) == ({"service": "web"}, {"limit": 5})
    assert earlier.answer is not None
    assert earlier.answer.claims[0].text == "Release d1."
    assert earlier.evidence[0].content[0]["ref"] == "d1"


async def test_conversations_are_listed_renamed_and_deleted(tmp_path: Path) -> None:
    async with small(tmp_path, toolbox(), ScriptedPlanner(STEPS)) as deus:
        run = await deus.ask("What was released?")
        await deus.watched(run)
        assert await deus.conversations.rename("c1", "Releases")
        titles = [(one.id, one.title) for one in await deus.conversations.conversations("ann@acme.com")]
        others = await deus.conversations.conversations("bob@acme.com")
        assert await deus.conversations.delete("c1")
        assert not await deus.conversations.delete("c1")
        with pytest.raises(LookupError):
            await deus.conversations.document(run)
    assert titles == [("c1", "Releases")]
    assert others == []


async def test_a_message_that_is_delivered_twice_is_one_run(tmp_path: Path) -> None:
    async with small(tmp_path, toolbox(), ScriptedPlanner(STEPS)) as deus:
        runs = [await deus.ask("What was released?", message_id="m1") for _ in range(2)]
        await deus.watched(runs[0])
        listed = await deus.conversations.runs()
    assert runs[0] == runs[1]
    assert len(listed) == 1


async def test_whoever_comes_late_sees_the_same_events(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with small(tmp_path, toolbox(), ScriptedPlanner([*STEPS, gate])) as deus:
        run = await deus.ask("What was released?")
        early: list[int] = []
        async with asyncio.TaskGroup() as group:

            async def watch() -> None:
                async for event in deus.conversations.follow(run):
                    early.append(event.seq)
                    if event.kind == "step.finished":
                        gate.set()

            group.create_task(watch())
        late = [event.seq for event in await deus.watched(run)]
        rest = [event.seq for event in await deus.watched(run, after=4)]
    assert sorted(set(early)) == late
    assert rest == late[4:]


async def test_an_unknown_run_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with small(tmp_path, toolbox(), ScriptedPlanner(STEPS)) as deus:
        for act in (deus.conversations.document("x"), deus.conversations.stop("x", "ann"), deus.watched("x")):
            with pytest.raises(LookupError, match="no run 'x'"):
                await act
