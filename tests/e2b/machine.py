"""A machine of the loopback E2B: a local sandbox with the program of `inside.py` in it. Nothing of it is the host's."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from agents.sandbox import MIB, FileRefused, Limits, Mount
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.local_sandbox import LocalSandbox

ROOMY = Limits(
    memory=384 * MIB,
    disk=64 * MIB,
    temporary=32 * MIB,
    processes=200,
    output=1 << 30,
    command_seconds=600,
    lifetime_seconds=600,
)
INBOX = "/tmp/inbox"
SOURCE = (Path(__file__).parent / "inside.py").read_text(encoding="utf-8")


class Lost(Exception):
    """The connection to a machine was lost."""


Event = dict[str, Any]


@dataclass
class Process:
    """A process of a machine, and those who listen to it. As with envd, what nobody listens to is lost."""

    pid: int
    argv: list[str]
    listeners: list[asyncio.Queue[Event | None]] = field(default_factory=list)

    def listen(self) -> asyncio.Queue[Event | None]:
        """Where from now on everything is put that it says."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.listeners.append(queue)
        return queue

    async def events(self, queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event]:
        """What was put there, up to its end. Lost when the connection is cut."""
        try:
            while (event := await queue.get()) is not None:
                yield event
                if "end" in event:
                    return
            raise Lost
        finally:
            self.listeners.remove(queue)


Started = tuple[Process, asyncio.Queue[Event | None]]


class Machine:
    """One machine. It boots when it is first used, so that what root puts in before can be in its read-only part."""

    def __init__(self, boxes: LocalSandboxes) -> None:
        self._boxes = boxes
        self.token = secrets.token_hex(8)
        self.processes: dict[int, Process] = {}
        self.root_files: dict[str, bytes] = {}
        # So many pieces of output are lost on their way.
        self.losing = 0
        self._box: LocalSandbox | None = None
        self._booting = asyncio.Lock()
        self._asked: dict[int, tuple[asyncio.Future[Started], list[str]]] = {}
        self._numbers = count(1)
        self._listening: asyncio.Task[None] | None = None
        self._folder: str | None = None

    async def box(self, mounts: tuple[Mount, ...] = ()) -> LocalSandbox:
        """The sandbox, made if it is not there yet."""
        async with self._booting:
            if self._box is None:
                self._box = await self._boxes.create(limits=ROOMY, mounts=mounts)
                await self._box.write(f"{INBOX}/ready", b"")
                await self._box.run(["rm", f"{INBOX}/ready"])
                command = await self._box.start(["/usr/bin/python3", "-I", "-S", "-c", SOURCE, INBOX])
                ready = asyncio.Event()
                self._listening = asyncio.create_task(self._listen(command.output(), ready))
                await ready.wait()
        return self._box

    async def _listen(self, output: AsyncIterator[Any], ready: asyncio.Event) -> None:
        text = b""
        async for piece in output:
            *lines, text = (text + piece.data).split(b"\n")
            for line in lines:
                told = json.loads(line) if line.startswith(b"{") else {}
                if "ready" in told:
                    ready.set()
                elif "id" in told:
                    self._started(told)
                elif "pid" in told:
                    self._hand_on(told)

    def _hand_on(self, told: Event) -> None:
        process = self.processes.get(told["pid"])
        if process is None:
            return
        if self.losing and "data" in told:
            self.losing -= 1
            return
        if "end" in told:
            del self.processes[told["pid"]]
        for queue in process.listeners:
            queue.put_nowait(told)

    async def order(self, **order: Any) -> None:
        box = await self.box()
        await box.write(f"{INBOX}/{next(self._numbers)}", json.dumps(order).encode())

    def _started(self, told: Event) -> None:
        """Tells whoever started a process, before anything that it says is handed on."""
        answer, argv = self._asked.pop(told["id"])
        if "error" in told:
            answer.set_exception(ValueError(told["error"]))
            return
        process = self.processes[told["pid"]] = Process(told["pid"], argv)
        answer.set_result((process, process.listen()))

    async def start(self, argv: list[str], environment: dict[str, str], folder: str, stdin: bool) -> Started:
        """Starts a process. ValueError with envd's words if it cannot be."""
        id = next(self._numbers)
        answer: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        self._asked[id] = answer, argv
        await self.order(do="start", id=id, argv=argv, environment=environment, folder=folder, stdin=stdin)
        return await answer

    async def give(self, pid: int, data: bytes) -> None:
        await self.order(do="input", pid=pid, data=base64.b64encode(data).decode())

    async def place(self, archive: str, targets: list[str]) -> str:
        """What the program of `e2b_mounts.PLACE` does as root, which cannot be done in a sandbox; its complaint."""
        self._folder = tempfile.mkdtemp()
        with tarfile.open(fileobj=io.BytesIO(self.root_files.pop(archive))) as opened:
            opened.extractall(self._folder, filter="data")
        mounts = tuple(Mount(Path(self._folder) / str(number), target) for number, target in enumerate(targets))
        try:
            await self.box(mounts)
        except FileRefused as error:
            return str(error)
        return ""

    def cut(self) -> None:
        """Ends every connection; the processes go on."""
        for process in self.processes.values():
            for queue in process.listeners:
                queue.put_nowait(None)

    async def pause(self) -> None:
        if self._box is not None:
            await self._box.pause()
        self.cut()

    async def resume(self, *, forgetful: bool = False) -> None:
        """Goes on. The processes do so in any case; `forgetful`, envd knows of none of them any more."""
        if self._box is not None:
            await self._box.resume()
        if forgetful:
            self.processes.clear()

    async def end(self) -> None:
        async with self._booting:
            if self._box is not None:
                await self._box.kill()
        self.cut()
        if self._listening is not None:
            await asyncio.wait([self._listening])
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder)
