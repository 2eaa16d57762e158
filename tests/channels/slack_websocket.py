"""Slack's end of Socket Mode on raw sockets, for no library's server can be open and say nothing, not even pong."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

PATIENCE = 20.0
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Line:
    """One open WebSocket. While it is `deaf` it stays open, and nothing that comes is answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, deaf: bool) -> None:
        self._reader = reader
        self._writer = writer
        self.deaf = deaf
        self.acknowledged: asyncio.Queue[str] = asyncio.Queue()

    async def tell(self, envelope: dict[str, Any]) -> None:
        await self._send(TEXT, json.dumps(envelope).encode())

    async def serve(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, data = await self._frame()
                if self.deaf:
                    continue
                if kind == PING:
                    await self._send(PONG, data)
                elif kind == TEXT:
                    self.acknowledged.put_nowait(str(json.loads(data)["envelope_id"]))
                elif kind == CLOSE:
                    await self._send(CLOSE, data)
                    return

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
        mask = await self._reader.readexactly(4)
        data = await self._reader.readexactly(size)
        return first & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data))

    async def _send(self, kind: int, data: bytes) -> None:
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2)
        self._writer.write(bytes([0x80 | kind]) + size + data)
        await self._writer.drain()


class Exchange:
    """Takes connections; the first `deaf` of them are so from the start."""

    def __init__(self, deaf: int = 0) -> None:
        self.url = ""
        self.deaf = deaf
        self.opened = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._lines: asyncio.Queue[Line] = asyncio.Queue()

    async def line(self) -> Line:
        """The next connection that is opened."""
        async with asyncio.timeout(PATIENCE):
            return await self._lines.get()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Exchange]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"ws://{host}:{port}/"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        asked = await reader.readuntil(b"\r\n\r\n")
        key = next(line[19:].strip() for line in asked.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        await writer.drain()
        self.opened += 1
        line = Line(reader, writer, deaf=self.opened <= self.deaf)
        self._lines.put_nowait(line)
        try:
            await line.serve()
        finally:
            writer.close()
