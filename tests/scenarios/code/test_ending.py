"""A code task that is stopped, or whose process is killed: nothing of it runs on, and it is done again, once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agents.event import Event
from agents.plan import Step
from agents.ports import PlanHeader
from app.repositories.mirrors import Mirrors
from app.sandboxes.local import LocalSandboxes
from tests.git.hosts import Host, code_host, commit
from tests.sandboxes import needs_bubblewrap
from tests.scenarios.code.script import FILES, MENDING, Scripted, Use
from tests.scenarios.code.workshop import ERROR, Bench
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, Workspace, small

pytestmark = needs_bubblewrap

STEPS = (
    PlanHeader("why"),
    Step(id="e", verb="errors.search"),
    Step(id="place", verb="code.prepare", args={"records": ["$e"], "repo": "acme/portal"}),
    Step(id="fix", verb="code.fix", args={"records": ["$place", "$e"]}),
)


@asynccontextmanager
async def working(folder: Path, host: Host, model: Scripted) -> AsyncIterator[tuple[Workspace, LocalSandboxes]]:
    """A workspace whose room mends what the host has."""
    sandboxes = LocalSandboxes()
    room = Bench(Mirrors(folder / "mirrors", lambda: [host]), sandboxes).room(model)
    toolbox = ScriptedToolbox({"sentry": {"errors.search": [ERROR]}})
    try:
        async with small(folder, toolbox, ScriptedPlanner(STEPS), rooms=(room,)) as deus:
            yield deus, sandboxes
    finally:
        await sandboxes.aclose()


def die(messages: Sequence[Mapping[str, Any]]) -> list[Use]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


async def doomed(folder: Path, base: str) -> None:
    """Has a bug mended and is killed in the middle of it. Runs in a process of its own."""
    host = Host(folder / "host" / "portal.git", base)
    script = Scripted([[("run", {"command": "(sleep 876543 &) ; echo here"})], die])
    async with working(folder, host, script) as (deus, _):
        await deus.watched(await deus.ask("Fix it"))


async def test_a_killed_process_leaves_nothing_that_runs_and_the_step_is_done_again_from_its_start(
    tmp_path: Path,
) -> None:
    async with code_host(tmp_path) as host:
        commit(host.bare, FILES, "Sessions end")
        dead = await asyncio.to_thread(_run_apart, f"doomed(pathlib.Path({str(tmp_path)!r}), {host.base!r})")
        assert dead.returncode == -9, dead.stderr.decode()
        await asyncio.to_thread(_gone, b"sleep\x00876543")
        model = Scripted(MENDING)
        async with working(tmp_path, host, model) as (deus, sandboxes):
            run = (await deus.conversations.runs())[0].run
            events = await deus.watched(run)
            assert await sandboxes.list() == ()
    assert [service for service, _ in deus.toolbox.asked] == []
    assert len(model.asked) == len(MENDING)
    kinds = Counter(event.kind for event in events if event.kind != "text.delta")
    assert (kinds["run.resumed"], kinds["message.completed"]) == (1, 1)
    ended = {event.data["id"]: event.data["state"] for event in events if event.kind == "step.finished"}
    assert ended == {"e": "done", "place": "done", "fix": "done"}
    artifacts = [event.data["id"] for event in events if event.kind == "artifact.created"]
    assert sorted(one for one in artifacts if one.startswith("fix")) == ["fix:diff", "fix:tests"]
    started = [event.data["id"] for event in events if event.kind == "call.started"]
    assert len(started) == len(set(started))


async def test_stopping_a_run_ends_its_sandbox_and_all_that_runs_there(tmp_path: Path) -> None:
    script = Scripted([[("run", {"command": "echo begun; sleep 765432"})]])
    async with code_host(tmp_path) as host, working(tmp_path, host, script) as (deus, sandboxes):
        commit(host.bare, FILES, "Sessions end")
        run = await deus.ask("Fix it")
        last: Event | None = None
        async with asyncio.timeout(30):
            async for event in deus.conversations.follow(run):
                if event.kind == "output.delta" and "begun" in event.data["text"]:
                    assert await deus.conversations.stop(run, "ann@acme.com")
                last = event
        assert last is not None
        assert (last.kind, last.data["status"]) == ("run.finished", "stopped")
        assert await sandboxes.list() == ()
    await asyncio.to_thread(_gone, b"sleep\x00765432")


def _gone(words: bytes) -> None:
    """Waits until no process of this machine has these words in its command line."""
    while any(words in _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")):
        pass


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _run_apart(call: str) -> subprocess.CompletedProcess[bytes]:
    code = f"import asyncio, pathlib; from tests.scenarios.code import test_ending as t; asyncio.run(t.{call})"
    root = Path(__file__).parents[3]
    return subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True)
