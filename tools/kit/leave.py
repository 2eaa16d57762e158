"""The last look before a request that changes something goes out: whether whoever sends it still may."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

from tools.kit.errors import Unavailable

READING = frozenset({"GET", "HEAD", "OPTIONS"})
# How many seconds a leave is good for, and how often it is taken anew where the machine is too slow for that.
FRESH, TRIES = 1.0, 5

_allowed: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("wire_leave", default=None)


@contextlib.contextmanager
def sent_only_if(allowed: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Lets `allowed` be awaited before every request with which this task and its children may change something while
    the block runs; what it raises keeps the request from being sent.

    A process may lie still for minutes between taking a write up and sending it, while another one does it.
    """
    token = _allowed.set(allowed)
    try:
        yield
    finally:
        _allowed.reset(token)


class Moment:
    """Now, by two clocks: one stands still while a machine sleeps, the other one may be set."""

    def __init__(self) -> None:
        self._clocks = _clocks()

    def past(self, seconds: float) -> bool:
        """Whether it is longer ago than that by either clock."""
        return any(abs(now - then) > seconds for now, then in zip(_clocks(), self._clocks, strict=True))


class Leave:
    """The leave for one request. It is taken when the connection stands, and is good for a second: what lies still
    after it was given must take it anew before the first byte, and does not send the last one."""

    def __init__(self, allowed: Callable[[], Awaitable[None]], fresh: float = FRESH) -> None:
        self.limit: asyncio.Timeout | None = None
        self._allowed = allowed
        self._fresh = fresh
        self._began = Moment()

    async def take(self) -> None:
        """Raises what refuses it, and Unavailable where no leave is ever fresh. While it is asked for, the `limit` for
        the service's answer stands still: it is not the service that takes that time."""
        now, limit = asyncio.get_running_loop().time, self.limit
        until = limit.when() if limit is not None else None
        left = until - now() if until is not None else None
        if limit is not None:
            limit.reschedule(None)
        try:
            await self._ask()
        finally:
            if limit is not None and left is not None and not limit.expired():
                limit.reschedule(now() + left)

    async def _ask(self) -> None:
        for _ in range(TRIES):
            self._began = Moment()
            await self._allowed()
            if not self._stale():
                return
        raise Unavailable("This machine is too busy to send anything safely.")

    async def at(self, event: str, info: dict[str, Any]) -> None:
        """What the transport calls at each stage of a request, under httpx's extension `trace`."""
        if event.endswith("send_request_headers.started"):
            await self.take()
        elif event.endswith("send_request_body.started") and self._stale():
            # Without its body no service does what the headers announce.
            raise Unavailable("This process lay still while it sent; the request was broken off.")

    def _stale(self) -> bool:
        return self._began.past(self._fresh)


def leave_of(method: str) -> Leave | None:
    """The leave that a request of this method needs here, if any."""
    allowed = _allowed.get()
    return None if allowed is None or method in READING else Leave(allowed)


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()
