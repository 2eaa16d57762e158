"""Wall clock over critical path: six tools of 300 ms, three deep, on the whole engine.

The lower bound is 900 ms from the moment the plan's first line is there. Goal: a ratio under 1.05, as a median.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from agents.plan import Step
from agents.ports import PlanHeader
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, deployment, small
from tools.kit.tool import Verb
from tools.nouns import Noun

TOOL = 0.3
DEEP = 3
RUNS = 10
GOAL = 1.05

STEPS = (
    PlanHeader("bench"),
    Step(id="a", verb="deploys.list"),
    Step(id="b", verb="deploys.list"),
    Step(id="c", verb="deploys.list", needs=("a",)),
    Step(id="d", verb="deploys.list", needs=("a", "b")),
    Step(id="e", verb="deploys.list", needs=("c",)),
    Step(id="f", verb="deploys.list", needs=("c", "d")),
)


async def slow(request: Verb) -> Sequence[Noun]:
    await asyncio.sleep(TOOL)
    return [deployment("d1")]


class Watched(ScriptedPlanner):
    """Notes when its first line was there."""

    first = 0.0

    async def plan(self, situation):  # type: ignore[no-untyped-def]
        self.first = time.perf_counter()
        async for item in super().plan(situation):
            yield item


async def ratios() -> tuple[list[float], list[float]]:
    """For each run: first line to the last step's end, and to the whole answer, over the critical path."""
    to_steps: list[float] = []
    to_answer: list[float] = []
    planner = Watched(STEPS)
    with tempfile.TemporaryDirectory() as folder:
        async with small(Path(folder), ScriptedToolbox({"vercel": {"deploys.list": slow}}), planner) as deus:
            for n in range(RUNS + 1):
                run = await deus.ask("Bench", conversation=f"c{n}")
                ended = 0.0
                async for event in deus.conversations.follow(run):
                    if event.kind == "step.finished":
                        ended = time.perf_counter()
                    elif event.kind == "message.completed":
                        to_answer.append((time.perf_counter() - planner.first) / (TOOL * DEEP))
                to_steps.append((ended - planner.first) / (TOOL * DEEP))
    return to_steps[1:], to_answer[1:]


def main() -> int:
    steps, answers = asyncio.run(ratios())
    print(f"critical path {TOOL * DEEP * 1000:.0f} ms, {RUNS} runs, from the plan's first line")
    print(f"to the last step's end: median {statistics.median(steps):.3f}  worst {max(steps):.3f}")
    print(f"to the whole answer:    median {statistics.median(answers):.3f}  worst {max(answers):.3f}   goal {GOAL}")
    return 0 if statistics.median(answers) < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
