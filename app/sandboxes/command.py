"""A command in the local sandbox: what it writes is taken in as it comes, and its limits are kept on this side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

from agents.sandbox import Ended, Ending, Limits, Output, Result, SandboxGone, Stream
from app.sandboxes.link import Fields, Link, Talk, command_refused

# How long the supervisor has to end a command that it was told to end, and to start one; then the sandbox goes.
SECONDS_TO_END = 5.0
SECONDS_TO_START = 30.0
STREAMS = {b"out": Stream.OUT, b"err": Stream.ERR}


class LocalCommand:
    """A command under way. `awake` is set while the sandbox is not paused; `give_up` ends the sandbox."""

    def __init__(
        self,
        link: Link,
        talk: Talk,
        limits: Limits,
        program: str,
        awake: asyncio.Event,
        give_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._link, self._talk, self._limits, self._program = link, talk, limits, program
        self._awake, self._give_up = awake, give_up
        self._began = monotonic()
        self._pieces: asyncio.Queue[Output | None] = asyncio.Queue()
        self._kept: dict[Stream, list[bytes]] = {Stream.OUT: [], Stream.ERR: []}
        self._room = limits.output
        self._ended = Ended.EXITED
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taking = asyncio.create_task(self._take())
        # Whoever waits is told of a failure; that nobody waits is no fault of its own.
        self._taking.add_done_callback(_seen)
        self._started.add_done_callback(_seen)

    async def started(self) -> None:
        """Waits until the program runs. CommandRefused if it does not."""
        try:
            async with asyncio.timeout(SECONDS_TO_START):
                await asyncio.shield(self._started)
        except TimeoutError:
            await self._give_up()
            raise SandboxGone(Ending.LOST) from None

    async def output(self) -> AsyncIterator[Output]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def wait(self) -> Result:
        return await asyncio.shield(self._taking)

    async def kill(self) -> None:
        await self.end(Ended.KILLED)

    async def end(self, ended: Ended) -> None:
        """Ends the command for a reason; with the whole sandbox, if it would not go otherwise."""
        if self._taking.done():
            return
        await self.order(ended)
        await self._awake.wait()
        await asyncio.wait([self._taking], timeout=SECONDS_TO_END)
        if not self._taking.done():
            await self._give_up()
            await asyncio.wait([self._taking])

    async def order(self, ended: Ended) -> None:
        """Has the supervisor end the command, and does not wait for it."""
        if self._ended is Ended.EXITED and not self._taking.done():
            self._ended = ended
            await self._link.tell("kill", self._talk.id)

    async def _take(self) -> Result:
        try:
            async for fields in self._talk.answers():
                if fields[0] == b"end":
                    return await self._result(fields)
                if fields[0] == b"refused":
                    raise command_refused(self._program, fields)
                if fields[0] == b"started":
                    self._begin()
                elif fields[0] in STREAMS and len(fields) == 2:
                    await self._keep(Output(STREAMS[fields[0]], fields[1]))
            raise SandboxGone(self._link.ending)
        except (SandboxGone, ValueError) as error:
            gone = error if isinstance(error, SandboxGone) else SandboxGone(Ending.LOST)
            self._fail(gone)
            raise gone from None
        except Exception as error:
            self._fail(error)
            raise
        finally:
            self._pieces.put_nowait(None)

    def _begin(self) -> None:
        if not self._started.done():
            self._started.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self._started.done():
            self._started.set_exception(error)

    async def _keep(self, piece: Output) -> None:
        data = piece.data[: self._room]
        self._room -= len(data)
        if data:
            self._kept[piece.stream].append(data)
            self._pieces.put_nowait(Output(piece.stream, data))
        if len(data) < len(piece.data):
            await self.order(Ended.OUTPUT)

    async def _result(self, fields: Fields) -> Result:
        self._begin()
        _, code, clean = fields
        if clean != b"1":
            await self._give_up()
            raise SandboxGone(Ending.LOST)
        out, err = (b"".join(self._kept[stream]) for stream in Stream)
        return Result(self._ended, int(code), out, err, monotonic() - self._began)


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
