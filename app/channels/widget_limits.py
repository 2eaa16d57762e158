"""How often something may be done: so many times in a window, by whoever does it."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic

# So many callers are told apart; beyond them those that were quiet longest are forgotten first.
MOST_KEYS = 10_000


class Limits:
    """Sliding windows, in this process. `tick` gives seconds that never go back."""

    def __init__(self, tick: Callable[[], float] = monotonic) -> None:
        self._tick = tick
        self._done: dict[str, deque[float]] = {}
        self._held: dict[str, int] = {}

    def wait(self, key: str, most: int, seconds: float) -> float:
        """Counts one more time, and returns 0; or counts nothing, and returns the seconds until it may be done."""
        now = self._tick()
        times = self._done.pop(key, deque())
        while times and times[0] <= now - seconds:
            times.popleft()
        self._done[key] = times
        if len(self._done) > MOST_KEYS:
            del self._done[next(iter(self._done))]
        if len(times) >= most:
            return times[0] + seconds - now
        times.append(now)
        return 0.0

    def forgive(self, key: str) -> None:
        """Takes back the last time that was counted."""
        if times := self._done.get(key):
            times.pop()

    @contextlib.contextmanager
    def hold(self, key: str, most: int) -> Iterator[bool]:
        """Whether this may go on beside the others of that key for as long as the block runs."""
        held = self._held.get(key, 0)
        if held >= most:
            yield False
            return
        self._held[key] = held + 1
        try:
            yield True
        finally:
            left = self._held[key] - 1
            if left:
                self._held[key] = left
            else:
                del self._held[key]
