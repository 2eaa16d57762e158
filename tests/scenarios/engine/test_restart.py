"""A run outlives the process that drives it: what was stored is not asked again, and nothing is said twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from agents.event import Event
from agents.plan import Step
from agents.ports import PlanHeader
from agents.record import RunDocument
from tests.scenarios.engine.script import (
    ScriptedPlanner,
    ScriptedToolbox,
    Workspace,
    deployment,
    error,
    small,
)
from tools.kit.tool import Verb
from tools.nouns import Noun

STEPS = (
    PlanHeader("why"),
    Step(id="d", verb="deploys.list"),
    Step(id="e", verb="errors.search", needs=("d",)),
    Step(id="n", verb="analyze.test_count", args={"nouns": "$d"}, needs=("e",)),
)


def die() -> None:
    """Ends this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


async def doomed(folder: Path, moment: str) -> None:
    """Asks a question and dies once its first step is stored. Runs in a process of its own."""
    never = asyncio.Event()

    async def last(request: Verb) -> list[Noun]:
        if moment == "execute":
            await never.wait()
        return [error("WEB-1")]

    class Writer:
        async def write(self, *given):  # type: ignore[no-untyped-def]
            die()

    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": last}})
    planner = ScriptedPlanner([*STEPS[:2], never] if moment == "plan" else STEPS)
    async with small(folder, toolbox, planner, writer=Writer() if moment == "answer" else None) as deus:
        async for event in deus.conversations.follow(await deus.ask("Why?")):
            if moment != "answer" and event.kind == "step.finished":
                die()


async def resumed(folder: Path, moment: str) -> tuple[Workspace, list[Event], RunDocument]:
    dead = await asyncio.to_thread(_run_apart, f"doomed(pathlib.Path({str(folder)!r}), {moment!r})")
    assert dead.returncode == -9, dead.stderr.decode()
    toolbox = ScriptedToolbox(
        {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("WEB-1")]}}
    )
    async with small(folder, toolbox, ScriptedPlanner(STEPS)) as deus:
        run = (await deus.conversations.runs())[0].run
        events = await deus.watched(run)
        return deus, events, await deus.conversations.document(run)


async def test_dying_in_a_step_repeats_that_step_alone(tmp_path: Path) -> None:
    deus, events, document = await resumed(tmp_path, "execute")
    assert [service for service, _ in deus.toolbox.asked] == ["sentry"]
    told_whole(events, document)


async def test_dying_while_planning_reuses_what_was_stored(tmp_path: Path) -> None:
    deus, events, document = await resumed(tmp_path, "plan")
    assert [service for service, _ in deus.toolbox.asked] == ["sentry"]
    told_whole(events, document)


async def test_dying_while_answering_asks_nothing_again(tmp_path: Path) -> None:
    deus, events, document = await resumed(tmp_path, "answer")
    assert deus.toolbox.asked == []
    told_whole(events, document)


def told_whole(events: list[Event], document: RunDocument) -> None:
    """The log is gapless, each step and each piece of evidence ended in it once, and the answer is there."""
    stored = [event for event in events if event.kind != "text.delta"]
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    counts = Counter(event.kind for event in stored)
    assert (counts["run.started"], counts["run.resumed"], counts["message.completed"]) == (1, 1, 1)
    assert stored[-1].kind == "run.finished"
    ids = [event.data["id"] for event in stored if event.kind in ("evidence.added", "step.finished")]
    assert len(ids) == len(set(ids))
    assert document.status == "answered"
    assert [(step["id"], step["state"]) for step in document.plan] == [("d", "done"), ("e", "done"), ("n", "done")]


async def test_a_run_that_was_under_way_at_an_orderly_shutdown_goes_on_at_the_next_start(tmp_path: Path) -> None:
    def tools() -> ScriptedToolbox:
        return ScriptedToolbox(
            {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("WEB-1")]}}
        )

    async with small(tmp_path, tools(), ScriptedPlanner([*STEPS[:2], asyncio.Event()])) as deus:
        run = await deus.ask("Why?")
        async with asyncio.timeout(20):
            async for event in deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
    async with small(tmp_path, tools(), ScriptedPlanner(STEPS)) as deus:
        events = await deus.watched(run)
        told_whole(events, await deus.conversations.document(run))
    assert [service for service, _ in deus.toolbox.asked] == ["sentry"]


async def companion(folder: Path) -> None:
    """Opens the same workspace in another process, asks there, and dies in the middle of it."""
    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": []}})
    async with small(folder, toolbox, ScriptedPlanner([STEPS[0], STEPS[1], asyncio.Event()])) as deus:
        async for event in deus.conversations.follow(await deus.ask("Theirs", conversation="c2")):
            if event.kind == "step.finished":
                die()


async def test_a_second_process_leaves_the_firsts_runs_alone_and_what_it_leaves_is_taken_up(tmp_path: Path) -> None:
    gate = asyncio.Event()
    toolbox = ScriptedToolbox(
        {"vercel": {"deploys.list": [deployment("d1")]}, "sentry": {"errors.search": [error("WEB-1")]}}
    )
    async with small(tmp_path, toolbox, ScriptedPlanner([*STEPS, gate])) as deus:
        ours = await deus.ask("Ours")
        dead = await asyncio.to_thread(_run_apart, f"companion(pathlib.Path({str(tmp_path)!r}))")
        assert dead.returncode == -9, dead.stderr.decode()
        gate.set()
        events = await deus.watched(ours)
    assert "run.resumed" not in [event.kind for event in events]
    async with small(tmp_path, toolbox, ScriptedPlanner(STEPS)) as deus:
        for one in await deus.conversations.runs():
            assert (await deus.watched(one.run))[-1].data["status"] == "answered"


def _run_apart(call: str) -> subprocess.CompletedProcess[bytes]:
    code = f"import asyncio, pathlib; from tests.scenarios.engine import test_restart as t; asyncio.run(t.{call})"
    root = Path(__file__).parents[3]
    return subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True)
