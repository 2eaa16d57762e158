"""Bytes of a tunnel, both ways, within their limits; the first are a TLS client's, who asks for the tunnel's host."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agents.sandbox import Traffic
from app.sandboxes.broker_addresses import Streams
from app.sandboxes.broker_hello import LONGEST, NoHello, server_name

PIECE = 65_536


class Counted(Protocol):
    """Where the bytes of a tunnel are counted, and why it was cut."""

    verdict: str
    why: str
    sent: int
    received: int


async def carried(
    inside: Streams, outside: Streams, host: str, early: bytes, traffic: Traffic, exchange: Counted
) -> None:
    """Carries what both sides say until both have ended, it is too much, or nothing comes."""
    first = await _hello(inside[0], host, early, traffic.quiet)
    if first is None:
        exchange.verdict, exchange.why = "cut", "no TLS, or for another host"
        return
    outside[1].write(first)
    exchange.sent = len(first)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(traffic.quiet) as patience, asyncio.TaskGroup() as both:

            async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, most: int) -> None:
                while data := await reader.read(PIECE):
                    setattr(exchange, name, getattr(exchange, name) + len(data))
                    if getattr(exchange, name) > most:
                        raise _TooMuch
                    patience.reschedule(loop.time() + traffic.quiet)
                    writer.write(data)
                    await writer.drain()
                if writer.can_write_eof():
                    writer.write_eof()

            both.create_task(carry(inside[0], outside[1], "sent", traffic.sent))
            both.create_task(carry(outside[0], inside[1], "received", traffic.received))
    except* _TooMuch:
        exchange.verdict, exchange.why = "cut", "too much"
    except* TimeoutError:
        exchange.verdict, exchange.why = "cut", "time"
    except* OSError:
        exchange.why = "broken off"


class _TooMuch(Exception):
    pass


async def _hello(reader: asyncio.StreamReader, host: str, early: bytes, quiet: float) -> bytes | None:
    """What the client says first, if it is a TLS client who asks for the host."""
    data = early
    try:
        async with asyncio.timeout(quiet):
            while (name := server_name(data)) is None:
                more = await reader.read(PIECE)
                if not more or len(data) > 2 * LONGEST:
                    return None
                data += more
    except (NoHello, TimeoutError):
        return None
    return data if name == host else None
