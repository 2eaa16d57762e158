"""Many sandboxes in few places, with starts and commands given up at any moment: nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from pathlib import Path

import pytest

from agents.sandbox import HOME, Ended, Mount, Sandbox, SandboxGone, SandboxUnavailable
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.queue import QueuedSandboxes
from tests.sandboxes import SMALL, needs_bubblewrap

TASKS, PLACES = 24, 4


def descriptors() -> set[str]:
    """What this process has open, but for what the event loop and the reader of this very folder hold."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return {link for link in found if not link.startswith(("anon_inode:[event", "/proc/"))}


def children() -> set[int]:
    """This process's children, zombies among them."""
    tasks = Path("/proc/self/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


async def used(queued: QueuedSandboxes, folder: Path, number: int, highest: list[int]) -> bytes:
    """A sandbox with a mount, a file and a command of its own."""
    sandbox: Sandbox = await queued.create(limits=SMALL, mounts=[Mount(folder, "/given")])
    try:
        highest.append(queued.running)
        await sandbox.write(f"{HOME}/own", str(number).encode())
        result = await sandbox.run(["sh", "-c", f"cat /given/file {HOME}/own; sleep 0.0{number % 10}"])
        return result.out
    finally:
        await sandbox.kill()


@needs_bubblewrap
async def test_many_in_few_places_and_a_third_of_them_given_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("given ")
    dice = random.Random(5)
    provider = LocalSandboxes(most=PLACES)
    queued = QueuedSandboxes(provider, most=PLACES)
    await used(queued, tmp_path, 0, [])
    before, threads, others = descriptors(), threading.active_count(), children()
    highest: list[int] = []
    tasks = [asyncio.create_task(used(queued, tmp_path, number, highest)) for number in range(TASKS)]
    for task in dice.sample(tasks, TASKS // 3):
        await asyncio.sleep(dice.random() / 20)
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for number, came in enumerate(ended):
        assert isinstance(came, asyncio.CancelledError | SandboxGone) or came == f"given {number}".encode(), came
    assert sum(isinstance(came, bytes) for came in ended) >= TASKS - TASKS // 3
    assert max(highest) <= PLACES
    assert (queued.running, queued.waiting, await provider.list()) == (0, 0, ())
    assert children() <= others
    assert descriptors() - before == set()
    await provider.aclose()
    assert threading.active_count() <= threads


@needs_bubblewrap
async def test_closing_ends_those_that_run_while_others_wait_for_a_place(tmp_path: Path) -> None:
    others = children()
    provider = LocalSandboxes(most=2)
    queued = QueuedSandboxes(provider, most=2)
    made = [await queued.create(limits=SMALL) for _ in range(2)]
    waiting = asyncio.create_task(queued.create(limits=SMALL))
    running = [asyncio.create_task(each.run(["sleep", "60"])) for each in made]
    await asyncio.sleep(0)
    await queued.aclose()
    ended = await asyncio.gather(waiting, *running, return_exceptions=True)
    assert [type(each) for each in ended] == [SandboxUnavailable, SandboxGone, SandboxGone]
    assert children() <= others


@needs_bubblewrap
def test_it_is_the_same_under_the_servers_event_loop(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")
    (tmp_path / "file").write_text("given ")
    others = children()

    async def work() -> list[bytes | BaseException]:
        provider = LocalSandboxes(most=PLACES)
        queued = QueuedSandboxes(provider, most=PLACES)
        tasks = [asyncio.create_task(used(queued, tmp_path, number, [])) for number in range(6)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        paused = await queued.create(limits=SMALL)
        await paused.pause()
        await paused.resume()
        slow = await paused.run(["sleep", "60"], seconds=0.1)
        assert slow.ended is Ended.TIME
        await queued.aclose()
        return ended

    ended = uvloop.run(work())
    assert [came for came in ended if not isinstance(came, BaseException)][-5:] == [
        f"given {number}".encode() for number in range(1, 6)
    ]
    assert children() <= others
