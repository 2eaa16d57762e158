"""The line to the supervisor inside a sandbox: requests out, their answers back, side by side.

What comes back is read as from a stranger: frames are bounded, and one that is not in the form ends the line.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from itertools import count

from agents.sandbox import CommandRefused, Ending, FileRefused, SandboxGone

LARGEST = 4_000_000
FIELDS = 100_000
NOT_FOUND, NO_ACCESS, IS_FOLDER, NO_PROCESS = 2, 13, 21, 11
Fields = tuple[bytes, ...]


class Broken(Exception):
    """A frame is not in the form."""


def packed(fields: list[bytes]) -> bytes:
    """A frame: its length, then each field with its own."""
    body = b"".join(struct.pack(">I", len(part)) + part for part in fields)
    return struct.pack(">I", len(body)) + body


def unpacked(body: bytes) -> Fields:
    """The fields of a frame's body."""
    fields: list[bytes] = []
    at = 0
    while at < len(body):
        if at + 4 > len(body) or len(fields) >= FIELDS:
            raise Broken
        size = struct.unpack_from(">I", body, at)[0]
        if at + 4 + size > len(body):
            raise Broken
        fields.append(body[at + 4 : at + 4 + size])
        at += 4 + size
    return tuple(fields)


class Link:
    """Requests to one supervisor. `closed` is set when the line has ended, for whatever reason."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, asyncio.Queue[Fields | None]] = {}
        self._ids = count(1)
        self.closed = asyncio.Event()
        self.ending = Ending.LOST

    async def ready(self) -> bool:
        """Waits for the supervisor's first word; False if the line ended before."""
        try:
            return await self._frame() == (b"ready",)
        except (Broken, OSError, asyncio.IncompleteReadError):
            return False

    async def serve(self) -> None:
        """Hands answers to whoever waits for them, until the line ends."""
        try:
            while True:
                operation, id, *rest = await self._frame()
                waiting = self._waiting.get(int(id))
                if waiting is not None:
                    waiting.put_nowait((operation, *rest))
        except (Broken, ValueError, OSError, asyncio.IncompleteReadError):
            return
        finally:
            self.close()

    def close(self) -> None:
        """Ends the line; everybody who waits is told."""
        self.closed.set()
        for waiting in self._waiting.values():
            waiting.put_nowait(None)
        self._writer.close()

    async def _frame(self) -> Fields:
        size = struct.unpack(">I", await self._reader.readexactly(4))[0]
        if size > LARGEST:
            raise Broken
        return unpacked(await self._reader.readexactly(size))

    async def open(self, operation: str, *fields: bytes) -> Talk:
        """Sends a request."""
        id = next(self._ids)
        answers: asyncio.Queue[Fields | None] = asyncio.Queue()
        self._waiting[id] = answers
        talk = Talk(self, id, answers)
        try:
            await self.tell(operation, id, *fields)
        except BaseException:
            talk.end()
            raise
        return talk

    async def tell(self, operation: str, id: int, *fields: bytes) -> None:
        """Sends a word about a request, to which no answer of its own is due."""
        if self.closed.is_set():
            raise SandboxGone(self.ending)
        self._writer.write(packed([operation.encode(), str(id).encode(), *fields]))
        try:
            await self._writer.drain()
        except OSError as error:
            raise SandboxGone(self.ending) from error

    def forget(self, id: int) -> None:
        """Nobody waits for these answers any more."""
        self._waiting.pop(id, None)


class Talk:
    """One request and its answers."""

    def __init__(self, link: Link, id: int, answers: asyncio.Queue[Fields | None]) -> None:
        self._link, self.id, self._answers = link, id, answers

    async def answer(self) -> Fields:
        """The next answer. SandboxGone when the line has ended."""
        fields = await self._answers.get()
        if fields is None:
            raise SandboxGone(self._link.ending)
        return fields

    async def answers(self, within: float | None = None) -> AsyncIterator[Fields]:
        """All answers up to the one that ends the request, each `within` so many seconds; else TimeoutError."""
        try:
            while True:
                async with asyncio.timeout(within):
                    fields = await self.answer()
                yield fields
                if fields[0] in (b"done", b"end", b"refused"):
                    return
        finally:
            self.end()

    def end(self) -> None:
        """No more answers are wanted."""
        self._link.forget(self.id)


def command_refused(program: str, fields: Fields) -> CommandRefused:
    """What a supervisor's refusal to start a command means."""
    number, said = _refusal(fields)
    if number == NO_PROCESS:
        return CommandRefused(f"{program} was not started: the sandbox has as many processes as it may.")
    return CommandRefused(f"{program} was not started: {said}.")


def file_refused(path: str, fields: Fields) -> FileRefused:
    """What a supervisor's refusal to touch a file means."""
    number, said = _refusal(fields)
    told = {
        NOT_FOUND: "is not there",
        NO_ACCESS: "may not be touched",
        IS_FOLDER: "is a folder",
    }.get(number, said)
    return FileRefused(f"{path[:200]} in the sandbox {told}.")


def _refusal(fields: Fields) -> tuple[int, str]:
    said = fields[2].decode("utf-8", "replace")[:200] if len(fields) > 2 else "it was refused"
    number = int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
    return number, "".join(letter for letter in said if letter.isprintable())
