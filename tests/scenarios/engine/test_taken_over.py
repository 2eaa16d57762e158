"""A person takes a conversation over while the engine is at work in it: whatever happens then, Deus does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from agents.evidence import Citations
from agents.inbox import Inbox
from agents.plan import Plan, Step
from agents.ports import PlanHeader, Situation, StepResult
from agents.record import Answer
from app.stores.conversations import StoredHandovers
from app.stores.live import Live
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import (
    ScriptedPlanner,
    ScriptedToolbox,
    ScriptedWriter,
    StillClock,
    Workspace,
    deployment,
    small,
)

STEPS = (PlanHeader("releases"), Step(id="d", verb="deploys.list"))


def tools() -> ScriptedToolbox:
    return ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})


class SlowWriter(ScriptedWriter):
    """Says when it begins to write, and waits before it is done."""

    def __init__(self) -> None:
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def write(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult], citations: Citations
    ) -> Answer:
        self.begun.set()
        await self.gate.wait()
        return await super().write(situation, plan, results, citations)


def inbox_of(deus: Workspace, database: SQLite) -> Inbox:
    handovers = StoredHandovers(database, deus.live, StillClock())
    return Inbox(handovers, deus.conversations, StillClock(), deus.engine.stop)


async def test_who_takes_over_while_the_answer_is_written_stops_it(tmp_path: Path) -> None:
    writer, database = SlowWriter(), SQLite(tmp_path / "deus.db")
    async with small(tmp_path, tools(), ScriptedPlanner(STEPS), writer=writer) as deus:
        run = await deus.ask("What was released?")
        async with asyncio.timeout(20):
            await writer.begun.wait()
        await inbox_of(deus, database).take("c1", "sam")
        writer.gate.set()
        events = await deus.watched(run)
    await database.close()
    assert (events[-1].kind, events[-1].data["status"]) == ("run.finished", "stopped")
    assert "message.completed" not in [event.kind for event in events]


async def test_what_was_taken_over_while_no_process_was_there_is_not_answered_after_the_restart(tmp_path: Path) -> None:
    async with small(tmp_path, tools(), ScriptedPlanner([*STEPS, asyncio.Event()])) as deus:
        run = await deus.ask("What was released?")
        async with asyncio.timeout(20):
            async for event in deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
    database = SQLite(tmp_path / "deus.db")
    handovers = StoredHandovers(database, Live(), StillClock())

    async def nowhere(run: str) -> None:
        """Nothing drives it."""

    await Inbox(handovers, deus.conversations, StillClock(), nowhere).take("c1", "sam")
    planner = ScriptedPlanner(STEPS)
    async with small(tmp_path, tools(), planner) as again:
        ended = (await again.watched(run))[-1]
        inbox = inbox_of(again, database)
        unplanned = await again.ask("Hello?")
        await inbox.write("c1", "sam", "d1, at noon.")
        await inbox.hand_back("c1", "sam")
        answered = (await again.watched(await again.ask("And before?")))[-1]
        standing = (await again.conversations.summary(unplanned)).status
    await database.close()
    assert (ended.data["status"], standing, answered.data["status"]) == ("stopped", "relayed", "answered")
    assert [(one.question, one.by) for one in planner.seen[-1].past] == [("Hello?", ""), ("", "sam")]
