"""What a sandbox on this machine costs: its start, a command in it, its memory, ten at once; beside a plain subprocess.

Run it with `python -m bench.sandbox`. Ratios are to figures of the same run, taken in turn with them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

from app.sandboxes import processes
from app.sandboxes.bubblewrap import PYTHON
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.local_sandbox import LocalSandbox
from bench.bound import Bounds

STARTS = 100
COMMANDS = 200
START_BOUND = 60.0
RUN_BOUND = 10.0
MEMORY_BOUND = 32.0
CHEAP_BWRAP = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--dev", "/dev", "true"]


async def milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    """The wall time of one call."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


def plain(argv: list[str]) -> float:
    """The wall time of a plain subprocess."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def starts(provider: LocalSandboxes, bounds: Bounds) -> None:
    """Sandboxes one after the other, with the parts that bound them beside."""
    made: dict[str, list[float]] = {name: [] for name in ("sandbox", "true", "python", "bwrap", "end")}
    for _ in range(STARTS):
        made["true"].append(plain(["true"]))
        made["python"].append(plain([PYTHON, "-I", "-S", "-c", "import ctypes, resource, select, struct"]))
        made["bwrap"].append(plain(CHEAP_BWRAP))
        kept: list[LocalSandbox] = []

        async def start(kept: list[LocalSandbox] = kept) -> None:
            kept.append(await provider.create())

        made["sandbox"].append(await milliseconds(start))
        made["end"].append(await milliseconds(kept[0].kill))
    middle = {name: statistics.median(values) for name, values in made.items()}
    bounds.at_most("start p50, ms", middle["sandbox"], START_BOUND, 1)
    print(f"start p99: {percentile(made['sandbox'], 0.99):.1f} ms")
    print(f"start over a plain `true` ({middle['true']:.1f} ms): {middle['sandbox'] / middle['true']:.1f} x")
    print(f"what bounds it: bwrap alone {middle['bwrap']:.1f} ms, the supervisor's Python {middle['python']:.1f} ms")
    print(f"end p50: {middle['end']:.1f} ms, p99: {percentile(made['end'], 0.99):.1f} ms")


async def commands(sandbox: LocalSandbox, bounds: Bounds) -> None:
    """A command that does nothing, in a sandbox that is there."""
    inside, outside = [], []
    for _ in range(COMMANDS):
        outside.append(plain(["true"]))
        inside.append(await milliseconds(lambda: sandbox.run(["true"])))
    middle = statistics.median(inside), statistics.median(outside)
    bounds.at_most("run over a plain `true`, x", middle[0] / middle[1], RUN_BOUND, 1)
    print(f"run p50: {middle[0]:.1f} ms, p99: {percentile(inside, 0.99):.1f} ms; plain p50: {middle[1]:.1f} ms")


async def ten(provider: LocalSandboxes) -> None:
    """Ten sandboxes made at once, each with a command, against ten plain subprocesses at once."""
    made: list[LocalSandbox] = []

    async def one() -> None:
        made.append(await provider.create())
        await made[-1].run(["true"])

    async def one_plain() -> None:
        await (await asyncio.create_subprocess_exec("true")).wait()

    async def all_of(each: Callable[[], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(_run(each))

    bare = await milliseconds(lambda: all_of(one_plain))
    taken = await milliseconds(lambda: all_of(one))
    print(f"ten at once, started and one command each: {taken:.0f} ms, {taken / bare:.1f} x ten plain subprocesses")
    began, watched = time.process_time(), 2.0
    await asyncio.sleep(watched)
    print(f"watching ten idle ones: {(time.process_time() - began) / watched * 100:.1f}% of a core")
    for sandbox in made:
        await sandbox.kill()


async def _run(each: Callable[[], Awaitable[None]]) -> None:
    await each()


async def measured() -> int:
    """Prints all figures; 0 where every bound held."""
    bounds = Bounds()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    provider = LocalSandboxes()
    try:
        await starts(provider, bounds)
        sandbox = await provider.create()
        await commands(sandbox, bounds)
        idle = processes.memory(processes.use(sandbox.first).pids) / 2**20
        bounds.at_most("memory of an idle sandbox, MiB", idle, MEMORY_BOUND, 1)
        await sandbox.kill()
        await ten(provider)
    finally:
        await provider.aclose()
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(asyncio.run(measured()))
