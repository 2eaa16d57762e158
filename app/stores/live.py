"""Events as they happen, to everyone in this process who looks at a run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from agents.event import EPHEMERAL, Event


class Live:
    """Fans events out to subscribers. What was streamed of a text so far is given to those who come later."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[Event]]] = {}
        self._text: dict[str, str] = {}
        # Called after a run has ended in this process.
        self.on_end: Callable[[], None] | None = None
        self._stirred = asyncio.Event()

    def publish(self, event: Event) -> None:
        """Hands an event to all who look at its run now."""
        if event.kind == "text.delta":
            self._text[event.run] = self._text.get(event.run, "") + str(event.data.get("text", ""))
        elif event.kind in ("text.reset", "message.completed", "run.finished"):
            self._text.pop(event.run, None)
        for queue in self._queues.get(event.run, ()):
            queue.put_nowait(event)
        if event.kind not in EPHEMERAL:
            self._stirred.set()
            self._stirred = asyncio.Event()
        if event.kind == "run.finished" and self.on_end is not None:
            self.on_end()

    async def stirred(self, seconds: float) -> None:
        """Waits until anything is stored of any run in this process, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()

    def text(self, run: str) -> str:
        """What has been streamed of the answer, until it is complete."""
        return self._text.get(run, "")

    @contextlib.contextmanager
    def subscribed(self, run: str) -> Iterator[asyncio.Queue[Event]]:
        """A queue that receives the run's events while the block runs."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.setdefault(run, set()).add(queue)
        try:
            yield queue
        finally:
            self._queues[run].discard(queue)
            if not self._queues[run]:
                del self._queues[run]
