"""A sandbox with a supervisor in it: what is asked of the one goes over a line to the other, wherever it runs."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from agents.sandbox import (
    HOME,
    MIB,
    CommandRefused,
    Download,
    Ended,
    Entry,
    Limits,
    Network,
    Output,
    Result,
    SandboxGone,
    SandboxPaused,
    State,
)
from app.sandboxes import transfer
from app.sandboxes.command import LocalCommand
from app.sandboxes.link import Link

T = TypeVar("T")
ENVIRONMENT = {
    "PATH": "/opt/code/bin:/usr/local/bin:/usr/bin:/bin",
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",
    "USER": "user",
    "MPLBACKEND": "Agg",
    # One thread a processor, each with memory of its own, is more than a sandbox may have on a large machine.
    "OPENBLAS_NUM_THREADS": "4",
}
LARGEST_GIVEN = 64 * MIB


class SupervisedSandbox(ABC):
    """What a provider adds is how its sandboxes are paused, resumed and ended."""

    def __init__(self, id: str, limits: Limits, network: Network, metadata: Mapping[str, str], link: Link) -> None:
        self.id, self.limits, self.network = id, limits, network
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata))
        self._link = link
        self._awake = asyncio.Event()
        self._awake.set()
        self._asking: set[asyncio.Future[Any]] = set()

    @property
    def state(self) -> State:
        if self._link.closed.is_set():
            return State.GONE
        return State.RUNNING if self._awake.is_set() else State.PAUSED

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: str = HOME,
        environment: Mapping[str, str] | None = None,
        given: bytes = b"",
        seconds: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Result:
        most = min(seconds or self.limits.command_seconds, self.limits.command_seconds)
        command = await self._open(argv, folder, environment, given)
        async with self._tended(command):
            try:
                async with asyncio.timeout(most):
                    await command.started()
                    async for piece in command.output():
                        if on_output is not None:
                            on_output(piece)
            except TimeoutError:
                await command.end(Ended.TIME)
            return await command.wait()

    async def start(
        self,
        argv: Sequence[str],
        *,
        folder: str = HOME,
        environment: Mapping[str, str] | None = None,
        given: bytes = b"",
    ) -> LocalCommand:
        command = await self._open(argv, folder, environment, given)
        async with self._tended(command):
            await command.started()
        return command

    def way_out(self) -> Mapping[str, str]:
        """What every command is told of the way out, where that is not the network itself."""
        return {}

    async def _open(
        self, argv: Sequence[str], folder: str, environment: Mapping[str, str] | None, given: bytes
    ) -> LocalCommand:
        self._check()
        words = [*argv, folder, *(f"{name}={value}" for name, value in (environment or {}).items())]
        if not argv or any("\0" in word for word in words) or any("=" in name for name in environment or {}):
            raise CommandRefused("A command has a program, no NUL in its words, and no = in a variable's name.")
        if len(given) > LARGEST_GIVEN:
            raise CommandRefused(f"A command is given {LARGEST_GIVEN} bytes at most; write a file instead.")
        known = {**ENVIRONMENT, **self.way_out(), **(environment or {})}
        variables = [f"{name}={value}".encode() for name, value in known.items()]
        fields = [folder.encode(), given, str(len(argv)).encode(), *(os.fsencode(word) for word in argv), *variables]
        talk = await self._link.open("run", *fields)
        return LocalCommand(self._link, talk, self.limits, argv[0], self._awake, self._over_with)

    @asynccontextmanager
    async def _tended(self, command: LocalCommand) -> AsyncIterator[None]:
        """Whatever goes wrong meanwhile, and whoever stops waiting: the command does not run on."""
        try:
            yield
        except SandboxGone:
            await self._over_with()
            raise SandboxGone(self._link.ending) from None
        except BaseException:
            await self._abandon(command)
            raise

    async def _abandon(self, command: LocalCommand) -> None:
        """Ends a command that nobody waits for any more; while paused, as soon as it goes on."""
        if self.state is State.RUNNING:
            await asyncio.shield(asyncio.ensure_future(command.kill()))
        elif self.state is State.PAUSED:
            await command.order(Ended.KILLED)

    async def read(self, path: str, *, most: int = 10 * MIB) -> bytes:
        self._check()
        return await self._told(transfer.read(self._link, path, most))

    async def write(self, path: str, data: bytes, *, executable: bool = False) -> None:
        self._check()
        await self._told(transfer.write(self._link, path, data, executable))

    async def list(self, path: str) -> tuple[Entry, ...]:
        self._check()
        return await self._told(transfer.entries(self._link, path))

    async def upload(self, source: Path, path: str) -> None:
        self._check()
        await self._told(transfer.upload(self._link, source, path))

    async def download(self, path: str, target: Path, *, most: int = 100 * MIB) -> Download:
        self._check()
        return await self._told(transfer.download(self._link, path, target, most))

    async def _told(self, request: Awaitable[T]) -> T:
        """A request that says why the sandbox is gone, if it is."""
        asked = asyncio.ensure_future(request)
        self._asking.add(asked)
        asked.add_done_callback(self._asking.discard)
        try:
            return await asked
        except SandboxGone:
            await self._over_with()
            raise SandboxGone(self._link.ending) from None

    def _check(self) -> None:
        if self.state is State.GONE:
            raise SandboxGone(self._link.ending)
        if self.state is State.PAUSED:
            raise SandboxPaused("The sandbox is paused; resume it first.")

    @abstractmethod
    async def _over_with(self) -> None:
        """Ends the sandbox, and returns when nothing of it is left."""
