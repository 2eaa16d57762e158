"""A run after its end: resumed, tried again from a step, forked; what was done is never done again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.approval import Approval, Choice, Decision
from agents.event import Event, pauses
from agents.ports import Turn
from agents.record import RunDocument
from tests.chaos.crew import Crew, company
from tests.chaos.world import AT, World, served
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, deployment, small
from tests.scenarios.engine.test_run import STEPS


@pytest.fixture
def world() -> World:
    return World(1, {"well": 1})


@pytest.fixture
def address(world: World) -> Iterator[str]:
    with served(world) as url:
        yield url


@pytest.fixture
async def crew(tmp_path: Path, address: str) -> AsyncIterator[Crew]:
    async with company(str(tmp_path / "deus.db"), address) as opened:
        yield opened


async def until(crew: Crew, run: str, *, over: bool) -> list[Event]:
    """The run's events up to its end, or up to where it waits."""
    seen: list[Event] = []
    async with asyncio.timeout(30):
        async for event in crew.conversations.follow(run):
            seen.append(event)
            if not over and pauses(event):
                break
    return seen


async def waiting(crew: Crew, run: str) -> list[Approval]:
    return [one for one in await crew.approvals.of_run(run) if one.state == "requested"]


async def proposed(crew: Crew, run: str) -> list[Approval]:
    async with asyncio.timeout(30):
        while not (found := await waiting(crew, run)):  # noqa: ASYNC110 - the log shows older ones first
            await asyncio.sleep(0.05)
    return found


def said(document: RunDocument) -> set[str]:
    return {claim.text for claim in document.claims}


async def decide(crew: Crew, run: str, rejected: str = "") -> None:
    for one in await waiting(crew, run):
        choice: Choice = "reject" if one.proposal.step == rejected else "approve"
        decision = Decision(choice=choice, by="sam", channel="web", at=AT, digest=one.proposal.digest)
        await crew.approvals.decide(one.id, decision)


async def asked(crew: Crew, rejected: str = "") -> tuple[str, RunDocument]:
    run = await crew.conversations.say(Turn("a-probe", "ann", "web", "c1", AT))
    await until(crew, run, over=False)
    await decide(crew, run, rejected)
    await until(crew, run, over=True)
    return run, await crew.conversations.document(run)


async def test_a_step_is_tried_again_with_what_depends_on_it_and_writes_stand(crew: Crew, world: World) -> None:
    run, before = await asked(crew)
    assert before.status == "answered"
    assert await crew.conversations.retry(run, "ann", "r1")
    events = await until(crew, run, over=True)
    assert world.reads == {f"a-probe/r{n}": 1 + (n == 1) for n in range(5)}
    assert world.writes == {"a-probe/put": 1, "a-probe/add": 1}
    after = await crew.conversations.document(run)
    assert (after.status, said(after)) == ("answered", said(before))
    resumed = next(event for event in events if event.kind == "run.resumed" and "dropped" in event.data)
    assert resumed.data["dropped"] == ["r1"]
    assert [event.kind for event in events].count("message.completed") == 2


async def test_a_write_that_was_turned_down_is_asked_about_anew(crew: Crew, world: World) -> None:
    run, _ = await asked(crew, "add")
    assert world.writes == {"a-probe/put": 1}
    assert await crew.conversations.retry(run, "ann")
    (one,) = await proposed(crew, run)
    assert (one.proposal.step, one.proposal.revision) == ("add", 2)
    await decide(crew, run)
    await until(crew, run, over=True)
    assert world.writes == {"a-probe/put": 1, "a-probe/add": 1}
    assert {step["id"]: step["state"] for step in (await crew.conversations.document(run)).plan}["add"] == "done"


async def test_a_fork_has_what_was_found_and_does_nothing_that_was_done(crew: Crew, world: World) -> None:
    run, before = await asked(crew)
    new = await crew.conversations.fork(run, "bob", "r2")
    assert new is not None
    assert new != run
    await until(crew, new, over=True)
    assert world.reads["a-probe/r2"] == 2
    assert sum(world.reads.values()) == 6
    assert world.writes == {"a-probe/put": 1, "a-probe/add": 1}
    document = await crew.conversations.document(new)
    assert (document.status, said(document)) == ("answered", said(before))
    assert {receipt["of_run"] for receipt in document.receipts} == {run}
    assert await crew.approvals.of_run(new) == []
    assert (await crew.conversations.summary(run)).status == "answered"


async def test_a_run_stopped_while_it_waits_asks_again_when_it_is_resumed(crew: Crew, world: World) -> None:
    run = await crew.conversations.say(Turn("a-probe", "ann", "web", "c1", AT))
    await until(crew, run, over=False)
    assert await crew.conversations.stop(run, "ann")
    await until(crew, run, over=True)
    assert (await crew.conversations.document(run)).status == "stopped"
    assert await crew.conversations.resume(run, "ann")
    assert len(await proposed(crew, run)) == 2
    await decide(crew, run)
    await until(crew, run, over=True)
    assert (await crew.conversations.document(run)).status == "answered"
    assert world.writes == {"a-probe/put": 1, "a-probe/add": 1}
    assert max(world.reads.values()) == 1


async def test_a_run_that_failed_goes_on_where_it_stood(tmp_path: Path) -> None:
    class Failing:
        async def write(self, *given: object) -> object:
            raise RuntimeError("the pen broke")

    def tools() -> ScriptedToolbox:
        return ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": []}})

    async with small(tmp_path, tools(), ScriptedPlanner(STEPS), writer=Failing()) as deus:
        run = await deus.ask("Why?")
        assert (await deus.watched(run))[-1].data["status"] == "failed"
        assert [one.run for one in await deus.conversations.runs(status="failed")] == [run]
        assert await deus.conversations.runs(status="answered") == []
    async with small(tmp_path, tools(), ScriptedPlanner(STEPS)) as deus:
        assert await deus.conversations.resume(run, "ann")
        assert (await deus.watched(run))[-1].data["status"] == "answered"
        assert deus.toolbox.asked == []
        assert not await deus.conversations.resume(run, "ann")
        with pytest.raises(LookupError):
            await deus.conversations.retry(run, "ann", "nowhere")
        with pytest.raises(LookupError):
            await deus.conversations.fork("nowhere", "ann")
