"""Run overhead: tools that answer at once and a scripted planner, so that all the time is Deus' own.

Prints milliseconds per run and per step, for runs one after another. Bound: 25 ms a step, as a median.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from agents.plan import Step
from agents.ports import PlanHeader
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, deployment, small

STEPS = 10
RUNS = 30
BOUND = 25.0


def plan(steps: int) -> ScriptedPlanner:
    """A plan of pairs: a read, and another that waits for it."""
    found = [Step(id=f"s{n}", verb="deploys.list", needs=(f"s{n - 1}",) if n % 2 else ()) for n in range(steps)]
    return ScriptedPlanner([PlanHeader("bench"), *found])


async def timed(steps: int) -> list[float]:
    """Milliseconds from the moment a segment takes the run up to its last event, run by run."""
    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with small(Path(folder), toolbox, plan(steps)) as deus:
            for n in range(RUNS + 3):
                run = await deus.ask("Bench", conversation=f"c{n}")
                began = 0.0
                async for event in deus.conversations.follow(run):
                    if event.kind == "plan.updated":
                        began = began or time.perf_counter()
                times.append((time.perf_counter() - began) * 1000)
    return times[3:]


async def queued() -> list[float]:
    """Milliseconds from the question to the plan: the queue's polling and the graph's start."""
    toolbox = ScriptedToolbox({})
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with small(Path(folder), toolbox, plan(0), polling=0.05) as deus:
            for n in range(RUNS + 3):
                began = time.perf_counter()
                run = await deus.ask("Bench", conversation=f"c{n}")
                async for event in deus.conversations.follow(run):
                    if event.kind == "plan.updated":
                        times.append((time.perf_counter() - began) * 1000)
    return times[3:]


def main() -> int:
    bare, full, waits = asyncio.run(timed(0)), asyncio.run(timed(STEPS)), asyncio.run(queued())
    base, whole = statistics.median(bare), statistics.median(full)
    a_step = (whole - base) / STEPS
    print(f"question to plan, queue included:  median {statistics.median(waits):6.1f} ms")
    print(f"run without steps, plan to end:    median {base:6.1f} ms")
    print(f"run of {STEPS} steps, plan to end:     median {whole:6.1f} ms")
    print(f"overhead a step:                   median {a_step:6.1f} ms   bound {BOUND:g} ms")
    return 0 if a_step <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
