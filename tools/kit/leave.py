"""The last look before a request that changes something goes out: whether whoever sends it still may."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar

READING = frozenset({"GET", "HEAD", "OPTIONS"})

_leave: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("wire_leave", default=None)


@contextlib.contextmanager
def sent_only_if(allowed: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Lets `allowed` be awaited before every request with which this task and its children may change something while
    the block runs; what it raises keeps the request from being sent.

    A process may lie still for minutes between taking a write up and sending it, while another one does it.
    """
    token = _leave.set(allowed)
    try:
        yield
    finally:
        _leave.reset(token)


async def leave(method: str) -> None:
    """Awaits the leave to send a request, if one is needed; raises what refuses it."""
    allowed = _leave.get()
    if allowed is not None and method not in READING:
        await allowed()
