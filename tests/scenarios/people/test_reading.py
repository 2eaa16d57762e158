"""What a run reads, and what comes back of earlier ones, is no more than all who read its answer may see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import tools.writes  # noqa: F401 - the verb must be known
from agents.plan import Step
from agents.ports import Turn
from tests.scenarios.engine.script import NOW, ScriptedPlanner
from tests.scenarios.people.office import SECRET_WORDS, Remembering, both, office
from tests.scenarios.people.office import tools as services

NOT_OPEN = "It is not open to those who read this."


async def test_what_is_closed_to_a_reader_is_not_asked_and_said_to_be_unchecked(tmp_path: Path) -> None:
    toolbox = services()
    async with office(tmp_path, toolbox=toolbox) as there:
        run = await there.ask("ann", "What broke?", "thread", audience="viewer")
        events = await there.deus.conversations.events(run)
        document = await there.deus.conversations.document(run)
    assert {service for service, _ in toolbox.asked} == {"vercel"}
    (failed,) = (event for event in events if event.kind == "step.finished" and event.data["id"] == "e")
    assert failed.data["state"] == "failed"
    assert failed.data["summary"] == NOT_OPEN
    (said,) = (event for event in events if event.kind == "message.completed")
    assert f"sentry: {NOT_OPEN}" in said.data["text"]
    assert f"stripe: {NOT_OPEN}" in said.data["text"]
    assert SECRET_WORDS not in document.model_dump_json()


async def test_the_same_question_alone_is_answered_whole(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        run = await there.ask("ann", "What broke?", "direct")
        document = await there.deus.conversations.document(run)
    assert SECRET_WORDS in document.answer
    assert NOT_OPEN in document.answer, "an agent may not look into Stripe"


async def test_a_restart_keeps_who_reads_along(tmp_path: Path) -> None:
    toolbox = services()
    held = ScriptedPlanner([Step(id="d", verb="deploys.list"), asyncio.Event(), Step(id="e", verb="errors.search")])
    async with office(tmp_path, held, toolbox) as there:
        turn = Turn("What broke?", "ann@acme.com", "slack", "thread", NOW, audience="viewer")
        run = await there.deus.conversations.say(turn)
        async with asyncio.timeout(20):
            async for event in there.deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
    async with office(tmp_path, both(), toolbox) as there:
        events = await there.deus.watched(run)
        kept = await there.deus.runs.turn(run)
    assert kept is not None
    assert (kept.audience, kept.role, kept.name) == ("viewer", "agent", "Ann")
    assert events[-1].data["status"] == "answered"
    assert "sentry" not in {service for service, _ in toolbox.asked}


async def test_a_role_that_was_lowered_counts_from_the_next_segment_on(tmp_path: Path) -> None:
    toolbox = services()
    held = ScriptedPlanner([Step(id="d", verb="deploys.list"), asyncio.Event()])
    async with office(tmp_path, held, toolbox) as there:
        run = await there.deus.conversations.say(Turn("What broke?", "ann@acme.com", "slack", "direct", NOW))
        async with asyncio.timeout(20):
            async for event in there.deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
        await there.people.set_role("ann@acme.com", "viewer", by="founder")
    async with office(tmp_path, both(), toolbox) as there:
        await there.deus.watched(run)
    assert "sentry" not in {service for service, _ in toolbox.asked}


async def test_what_was_read_before_a_role_was_lowered_is_not_told_after_it(tmp_path: Path) -> None:
    held = ScriptedPlanner([Step(id="e", verb="errors.search"), asyncio.Event()])
    async with office(tmp_path, held) as there:
        run = await there.deus.conversations.say(Turn("What broke?", "ann@acme.com", "slack", "direct", NOW))
        async with asyncio.timeout(20):
            async for event in there.deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
        await there.people.set_role("ann@acme.com", "viewer", by="founder")
    async with office(tmp_path) as there:
        events = await there.deus.watched(run)
    assert events[-1].data["status"] == "failed"
    assert "sentry, which by now is not open" in events[-1].data["error"]
    assert "message.completed" not in {event.kind for event in events}


async def test_a_follow_up_for_more_readers_does_not_know_what_was_found_for_fewer(tmp_path: Path) -> None:
    planner = both()
    async with office(tmp_path, planner) as there:
        await there.ask("ann", "What broke?", "thread", audience="agent")
        await there.ask("bob", "And before?", "thread", audience="agent")
        known = planner.seen[-1].past
        await there.ask("vic", "And that?", "thread", audience="viewer")
        narrower = planner.seen[-1].past
        await there.ask("vic", "And this?", "thread", audience="viewer")
        own = planner.seen[-1].past
    assert [one.question for one in known] == ["What broke?"]
    assert narrower == ()
    assert [one.question for one in own] == ["And that?"]


async def test_what_was_found_for_fewer_is_not_remembered_for_more(tmp_path: Path) -> None:
    planner, memory = both(), Remembering()
    async with office(tmp_path, planner, memory=memory) as there:
        await there.ask("ann", "What broke?", "c1")
        await there.ask("vic", "What is new?", "c2")
        await there.ask("val", "What is wrong?", "c3")
        viewer = planner.seen[-1].recalled
        await there.ask("bob", "What failed?", "c4", audience="viewer")
        channel = planner.seen[-1].recalled
        await there.ask("bob", "What failed?", "c5")
        agent = planner.seen[-1].recalled
        await there.ask("vic", "And then?", "c6")
        again = planner.seen[-1].recalled
    assert SECRET_WORDS in memory.kept[0].text
    assert viewer == channel == ()
    assert [one.title for one in again] == ["Asked before: What is new?"]
    assert "Asked before: What broke?" in [one.title for one in agent]


async def test_an_admins_answer_does_not_come_back_to_agents_who_may_not_read_its_source(tmp_path: Path) -> None:
    planner, memory = both(), Remembering()
    async with office(tmp_path, planner, memory=memory) as there:
        await there.ask("root", "What was charged?", "c1")
        await there.ask("ann", "What was charged?", "c2")
        agent = planner.seen[-1].recalled
        await there.ask("root", "And now?", "c3")
        admin = planner.seen[-1].recalled
    assert agent == ()
    assert {one.run for one in admin} == {one.run for one in memory.kept[:2]}


async def test_whoever_may_only_read_has_nothing_changed(tmp_path: Path) -> None:
    writes = ScriptedPlanner([Step(id="w", verb="issues.create", args={"title": "Mend it"})])
    async with office(tmp_path, writes) as there:
        run = await there.ask("vic", "Create an issue", "c1")
        events = await there.deus.conversations.events(run)
    (ended,) = (event for event in events if event.kind == "step.finished")
    assert ended.data["state"] == "failed"
    assert "You may read here, and not have anything changed." in ended.data["summary"]
    assert "approval.requested" not in {event.kind for event in events}


async def test_the_companys_names_are_those_of_open_services(tmp_path: Path) -> None:
    from agents.vocabulary import Vocabulary
    from tests.scenarios.engine.script import deployment

    toolbox = services()
    toolbox.script["stripe"]["deploys.list"] = [
        deployment("ch", service="stripe").model_copy(update={"component": "billing"})
    ]
    vocabulary = Vocabulary(toolbox)
    assert (await vocabulary.current()).components == ("billing", "web")
    assert (await vocabulary.current(lambda service: service != "stripe")).components == ("web",)
