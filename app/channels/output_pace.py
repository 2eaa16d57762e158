"""Output of calls in bundles: a program may write a thousand times a second, and nobody reads so fast."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from agents.event import Event

PACE = 0.15  # seconds between two looks at what a call writes


async def together(events: AsyncIterator[Event], pace: float = PACE) -> AsyncGenerator[list[Event], None]:
    """The events in bundles: what calls write is gathered for `pace` seconds, anything else comes at once with it."""
    loop = asyncio.get_running_loop()
    coming: asyncio.Future[Event] | None = None
    kept: list[Event] = []
    until = 0.0
    try:
        while True:
            if kept:
                coming = coming or asyncio.ensure_future(anext(events))
                await asyncio.wait([coming], timeout=max(until - loop.time(), 0.0))
                if not coming.done():
                    yield kept
                    kept = []
                    continue
            try:
                event = await (coming or anext(events))
            except StopAsyncIteration:
                break
            coming = None
            until = until if kept else loop.time() + pace
            kept.append(event)
            if event.kind != "output.delta" or loop.time() >= until:
                yield kept
                kept = []
        if kept:
            yield kept
    finally:
        if coming is not None and not coming.done():
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
