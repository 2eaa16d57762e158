"""The channels: how soon something is seen in Slack, how many events each of them folds, and how heavy the widget is.

The demo company's Slack and Deus speak over real sockets, signed as Slack signs. There is no model, so all the time is
Deus' own; it is printed beside a bare HTTP round trip to the same server. Both share one process: compare within a run.
"""

from __future__ import annotations

import gzip
import os
import queue
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.bound import Bounds
from tests.contracts.channel_screens import RECORDED, RUN, found

EVENTS = 30
WARM = 3
SLOWEST = 3000.0  # milliseconds, after which Slack thinks that nobody is there
MEDIAN_RATIO, SLOW_RATIO = 60.0, 250.0  # times a bare round trip; our own bounds
FOLDED_BOUND = 1000.0  # events in a second of the processor; a run has some hundred
WIDGET_BOUND = 15_000.0  # bytes, of the issue
SHOWN = ("/slack/api/chat.startStream", "/slack/api/chat.postMessage")


class Watched:
    """Notes when the demo's Slack has taken a message that people see."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.seen: queue.Queue[float] = queue.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)
        if scope["type"] == "http" and scope["path"] in SHOWN:
            self.seen.put(time.perf_counter())


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def seen_after() -> tuple[list[float], list[float]]:
    """Milliseconds from each event to the first message of its answer, and of bare round trips in between."""
    from app.demo.company import PUBLIC_URL, open_company
    from app.demo.history import generate
    from app.demo.place import built_in, company_settings, slack_settings
    from app.demo.server import build
    from app.demo.world import read_world
    from app.settings import load_settings
    from tests.scenarios.playbooks.company import _served
    from tests.scenarios.slack.workspace import SECRET, Workspace

    world = read_world(built_in())
    company = open_company(world, PUBLIC_URL)
    watched = Watched(build(company, generate(world)))
    times, bare = [], []
    with _served(watched) as base, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        nothing_more = Path(folder) / "deus.toml"
        nothing_more.touch()
        served = company_settings(open_company(world, base), base, Path(folder))
        slack = slack_settings(company, base, SECRET)
        settings = load_settings({**served, **slack, "DEUS_CONFIG": str(nothing_more)})
        workspace = Workspace(world, base, settings)
        try:
            workspace.start()
            for _ in range(EVENTS + WARM):
                began = time.perf_counter()
                workspace.deus.get("/api/nothing")
                bare.append((time.perf_counter() - began) * 1000)
                began = time.perf_counter()
                said = workspace.say("What's our churn rate trending?", workspace.direct())
                times.append((watched.seen.get(timeout=60) - began) * 1000)
                workspace.answer(str(said["event"]["ts"]))
                while not watched.seen.empty():
                    watched.seen.get()
        finally:
            workspace.stop()
            workspace.slack.close()
    return times[WARM:], bare[WARM:]


def folded_a_second(channel: Any) -> float:
    """Events folded and shown in a second of the processor, each with all that it changes on the screen."""
    count, began = 0, time.process_time()
    while time.process_time() - began < 1.0:
        for events in RECORDED.values():
            view = channel.begin(RUN)
            for event in events:
                after = channel.fold(view, event)
                channel.effects(view, after)
                view = after
            count += len(events)
    return count / (time.process_time() - began)


def main() -> int:
    """Prints the figures; 1 if a bound is missed."""
    bounds = Bounds()
    times, bare = seen_after()
    round_trip = statistics.median(bare)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"bare HTTP round trip, median: {round_trip:.1f} ms")
    half, slow = statistics.median(times), percentile(times, 0.95)
    print(f"Slack event to the first message, p50: {half:.0f} ms")
    bounds.at_most("Slack event to the first message, p95, ms", slow, SLOWEST, 0)
    bounds.at_most("… p50 over a bare round trip", half / round_trip, MEDIAN_RATIO, 1)
    bounds.at_most("… p95 over a bare round trip", slow / round_trip, SLOW_RATIO, 1)
    for name, channel in found().items():
        bounds.at_least(
            f"{name}: events folded and shown in a second of CPU", folded_a_second(channel), FOLDED_BOUND, 0
        )
    script = Path(__file__).parents[1] / "app" / "channels" / "widget" / "widget.js"
    if script.exists():
        bounds.at_most("widget, bytes gzipped", len(gzip.compress(script.read_bytes(), 9, mtime=0)), WIDGET_BOUND, 0)
    else:
        print("widget: not there")
        bounds.held = False
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(main())
