"""Who goes first, how many at once, what happens to a run that hangs, and to one that other code began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph

from agents.plan import Plan, Step
from agents.ports import PlanHeader, Situation, Turn
from app.engine import Engine
from app.stores.checkpoints import open_checkpoints
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.runs import StoredRuns
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import NOW, ScriptedPlanner, ScriptedToolbox, StillClock, deployment, error, small
from tests.scenarios.engine.test_run import STEPS, toolbox
from tools.kit.tool import Verb
from tools.nouns import Noun


class Gate:
    """A planner that lets runs through one by one, and knows how many were there at once."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.open = asyncio.Event()
        self.entered: asyncio.Queue[str] = asyncio.Queue()
        self.most = self._inside = 0

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        self.order.append(situation.turn.text)
        self.entered.put_nowait(situation.turn.text)
        self._inside += 1
        self.most = max(self.most, self._inside)
        await self.open.wait()
        await asyncio.sleep(0)
        self._inside -= 1
        yield PlanHeader("gate")

    async def replan(self, *given: object) -> AsyncIterator[PlanHeader | Step]:
        return
        yield


async def test_who_waits_in_a_chat_goes_before_programs_and_schedules(tmp_path: Path) -> None:
    gate = Gate()
    async with small(tmp_path, ScriptedToolbox({}), gate, concurrency=1) as deus:
        asked = [await deus.ask("first", conversation="c0")]
        async with asyncio.timeout(20):
            await gate.entered.get()
        for n, channel in enumerate(("schedule", "api", "web")):
            turn = Turn(channel, "ann", channel, f"c{n + 1}", NOW)
            asked.append(await deus.conversations.say(turn))
        gate.open.set()
        for run in asked:
            await deus.watched(run)
    assert gate.order == ["first", "web", "api", "schedule"]


async def test_a_workspace_drives_no_more_runs_at_once_than_it_may(tmp_path: Path) -> None:
    gate = Gate()
    async with small(tmp_path, ScriptedToolbox({}), gate, at_once=2) as deus:
        asked = [await deus.ask(str(n), conversation=f"c{n}") for n in range(6)]
        async with asyncio.timeout(20):
            await gate.entered.get()
            await gate.entered.get()
        gate.open.set()
        for run in asked:
            await deus.watched(run)
    assert gate.most == 2


async def test_a_run_that_hangs_is_told_of_and_taken_up_again(tmp_path: Path) -> None:
    calls = 0

    async def hangs_once(request: Verb) -> list[Noun]:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        return [error("WEB-1")]

    tools = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": hangs_once}})
    async with small(tmp_path, tools, ScriptedPlanner(STEPS), takeover=1.0, silence=1.0) as deus:
        events = await deus.watched(await deus.ask("Why?"))
        assert deus.engine.health()["workers"] == 1
    kinds = [event.kind for event in events]
    assert "notice" in kinds
    assert kinds.index("notice") < kinds.index("run.resumed")
    assert events[-1].data["status"] == "answered"
    assert [service for service, _ in tools.asked] == ["vercel", "sentry", "sentry"]


class OldState(TypedDict, total=False):
    v: int
    plan: dict[str, Any]
    chapter: str


async def old_code(folder: Path, plan: dict[str, Any]) -> str:
    """A run as a version of long ago left it: its graph had other nodes, and its state another form."""
    database = SQLite(folder / "deus.db")
    await migrate(database)
    engine = Engine(database)
    try:
        await asyncio.to_thread(engine._segments.connect)
        runs = StoredRuns(database, Live(), StillClock(), engine.dispatch)
        run = await runs.begin(Turn("Why?", "ann", "web", "c1", NOW))
        async with open_checkpoints(database) as checkpoints:
            graph = StateGraph(OldState)
            graph.add_node("ponder", lambda state: {"plan": plan, "chapter": "two"})
            graph.add_node("act", lambda state: {})
            graph.add_edge(START, "ponder")
            graph.add_edge("ponder", "act")
            built = graph.compile(checkpointer=checkpoints, interrupt_before=["act"])
            await built.ainvoke({"v": 0}, {"configurable": {"thread_id": run}})
    finally:
        await asyncio.to_thread(engine._segments.destroy)
        await database.close()
    return run


async def test_a_run_that_an_older_version_began_goes_on_with_its_plan(tmp_path: Path) -> None:
    steps = [{"id": "d", "verb": "deploys.list", "mood": "old"}, {"id": "e", "verb": "errors.search"}]
    run = await old_code(tmp_path, {"steps": steps, "playbook": "why", "colour": "red"})
    planner = ScriptedPlanner([RuntimeError("nobody asks the planner")])
    async with small(tmp_path, toolbox(), planner) as deus:
        events = await deus.watched(run)
        document = await deus.conversations.document(run)
    assert events[-1].data["status"] == "answered"
    assert [step["id"] for step in document.plan] == ["d", "e"]
    assert planner.seen == []


async def test_a_run_whose_old_plan_cannot_be_read_is_planned_anew(tmp_path: Path) -> None:
    run = await old_code(tmp_path, {"chapters": []})
    async with small(tmp_path, toolbox(), ScriptedPlanner(STEPS)) as deus:
        assert (await deus.watched(run))[-1].data["status"] == "answered"
        assert len((await deus.conversations.document(run)).plan) == 3


def test_a_plan_keeps_its_form() -> None:
    """Whoever changes this must see to it that agents/upgrade.py still reads what is out there."""
    assert {"steps", "playbook", "slots", "revision", "read"} <= set(Plan.model_fields)
    assert {"id", "verb", "args", "needs", "why", "title", "revision"} <= set(Step.model_fields)
