"""What a sandbox on this machine costs: its start, a command in it, its memory, ten at once; beside a plain subprocess.

Run it with `python -m bench.sandbox`. Ratios are to figures of the same run, taken in turn with them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from agents.sandbox import Mount
from app.sandboxes import processes
from app.sandboxes.bubblewrap import PYTHON
from app.sandboxes.environment import CodeEnvironment
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.local_sandbox import LocalSandbox
from bench.bound import Bounds

STARTS = 100
COMMANDS = 200
START_BOUND = 60.0
RUN_BOUND = 10.0
MEMORY_BOUND = 32.0
MOUNT_BOUND = 3.0
IMPORT_BOUND = 2.0
IMPORTS = 5
LIBRARIES = "import pandas, matplotlib.pyplot"
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


async def started(provider: LocalSandboxes, mounts: Sequence[Mount]) -> float:
    """The start of one sandbox, which is ended again."""
    kept: list[LocalSandbox] = []

    async def start() -> None:
        kept.append(await provider.create(mounts=mounts))

    took = await milliseconds(start)
    await kept[0].kill()
    return took


async def mounted(provider: LocalSandboxes, bounds: Bounds) -> None:
    """A start with what a task brings along, taken in turn with a bare one: ten files of 1 MiB each."""
    bare: list[float] = []
    full: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(10):
            (Path(folder) / f"{number}.csv").write_bytes(os.urandom(1 << 20))
        for _ in range(STARTS // 4):
            bare.append(await started(provider, ()))
            full.append(await started(provider, (Mount(Path(folder), "/evidence"),)))
    middle = statistics.median(full), statistics.median(bare)
    bounds.at_most("start with 10 MiB mounted over a bare one, x", middle[0] / middle[1], MOUNT_BOUND, 1)
    print(f"start p50: with 10 MiB in ten files {middle[0]:.1f} ms, bare {middle[1]:.1f} ms")


async def tools(environment: CodeEnvironment, bounds: Bounds) -> None:
    """What code works with: imported in a fresh sandbox each time, beside the same Python outside of one."""
    if environment.state != "ready":
        print("what code works with is not made (make setup), so it is not measured")
        return
    python = str(environment.place() / "bin" / "python3")
    provider = LocalSandboxes(environment=environment)
    rounds: list[tuple[float, float, float, float]] = []
    try:
        for _ in range(IMPORTS):
            rounds.append((plain([python, "-c", LIBRARIES]), *await imported(provider)))
    finally:
        await provider.aclose()
    outside, inside, again, node = (statistics.median(times) for times in zip(*rounds, strict=True))
    bounds.at_most("pandas and matplotlib, in a fresh sandbox over outside, x", inside / outside, IMPORT_BOUND, 2)
    print(f"imports p50: fresh {inside:.0f} ms, once more {again:.0f} ms, outside {outside:.0f} ms; node {node:.0f} ms")
    print(f"imports of the first round: inside {rounds[0][1]:.0f} ms, outside {rounds[0][0]:.0f} ms")


async def imported(provider: LocalSandboxes) -> tuple[float, float, float]:
    """The imports in a fresh sandbox, once more in it, and Node that does nothing."""
    sandbox = await provider.create()

    async def run(*argv: str) -> None:
        result = await sandbox.run(argv)
        assert result.succeeded, result

    python = ("python3", "-c", LIBRARIES)
    first, again = await milliseconds(lambda: run(*python)), await milliseconds(lambda: run(*python))
    node = await milliseconds(lambda: run("node", "-e", "0"))
    await sandbox.kill()
    return first, again, node


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
        await mounted(provider, bounds)
        await tools(CodeEnvironment(Path("~/.cache/deus"), Path(__file__).parents[1]), bounds)
        await ten(provider)
    finally:
        await provider.aclose()
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(asyncio.run(measured()))
