"""The line to the supervisor in a sandbox of E2B: a socket on this side, a command's input and output on the other.

The SDK gives a command's output as text and loses what was written while a connection was broken, and a command that
ran before a pause is not always found again after it (e2b-dev/E2B, issues 1031, 1074 and 1352). So everything goes
through a carrier (inside/carrier.py) that stays in the sandbox: the supervisor's frames come out of it byte for byte,
over any number of commands that join it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import shlex
import socket
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.sandbox import HOME, Ending, Limits, SandboxGone
from app.sandboxes.e2b_errors import is_gone, said
from app.sandboxes.inside.carrier import NO_CARRIER, SAY_EVERY
from app.sandboxes.link import Link

if TYPE_CHECKING:
    from e2b import AsyncSandbox
    from e2b.sandbox_async.commands.command_handle import AsyncCommandHandle

# How our commands are known among those of a sandbox.
MARK = "deus-carrier"
MODULES = ("minder", "supervisor", "carrier")
# A template's own user may be root.
USER = "user"
PIECE = 192 * 1024
LONGEST_LINE = 1 << 20
SECONDS_TO_ANSWER = 30.0
SECONDS_FOR_AN_END = 0.5
# How long it is quiet before it is asked whether something was lost on its way.
SECONDS_QUIET = 5.0
SECONDS_BEFORE_TRIES = (0.0, 0.2, 1.0, 3.0)
BOOT = """
import base64, json, sys, types, zlib
package = "app.sandboxes.inside"
for name in ("app", "app.sandboxes", package):
    sys.modules[name] = types.ModuleType(name)
for name, source in json.loads(zlib.decompress(base64.b64decode(SOURCES))):
    module = sys.modules[package + "." + name] = types.ModuleType(package + "." + name)
    setattr(sys.modules[package], name, module)
    exec(compile(source, name, "exec"), module.__dict__)
sys.modules[package + ".carrier"].main(NUMBERS, FIRST)
"""


@cache
def sources() -> str:
    """The modules of the program inside, packed."""
    import json

    here = Path(__file__).parent / "inside"
    listed = [(name, (here / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    return base64.b64encode(zlib.compress(json.dumps(listed).encode(), 9)).decode()


def program(limits: Limits, *, first: bool) -> str:
    """The shell's words for a command that joins the carrier; the first one starts it."""
    numbers = [limits.file, limits.processes, min(1024, limits.descriptors), 2 * limits.memory]
    code = f"SOURCES={sources()!r}\nNUMBERS={numbers!r}\nFIRST={first}\n{BOOT}"
    return f"exec python3 -I -S -c {shlex.quote(code)} {MARK}"


class E2BLine:
    """Made, then linked, then started; held while the sandbox is paused. Its far socket is closed when it is over.

    `secret` is for joining the carrier; whoever runs in the sandbox does not know it.
    """

    def __init__(self, sandbox: AsyncSandbox, limits: Limits, secret: str) -> None:
        self._commands, self._limits, self._secret = sandbox.commands, limits, secret
        self._near, self._far = socket.socketpair()
        for end in (self._near, self._far):
            end.setblocking(False)
        self._handle: AsyncCommandHandle[Any] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._joined = asyncio.Event()
        self._mending = asyncio.Lock()
        self._made = 0
        self._partial = ""
        self._arrived = self._told = 0
        self._asked_at = -1
        self._sent = 0
        self._unheard: list[tuple[int, bytes]] = []
        self._answered: asyncio.Future[int] | None = None
        self.complaint = ""

    async def link(self) -> Link:
        """The near end, as the supervisor's line."""
        reader, writer = await asyncio.open_connection(sock=self._near)
        return Link(reader, writer)

    async def start(self) -> bool:
        """Starts a carrier, and ends one that is there from before with all that it runs. False if it does not run."""
        from e2b import CommandExitException

        try:
            await self._open(first=True)
        except CommandExitException:
            return False
        self._keep(self._pump())
        self._keep(self._listen())
        return True

    def hold(self) -> None:
        """The sandbox is about to be paused: that the connection breaks means nothing."""
        self._joined.clear()

    async def go_on(self) -> None:
        """The sandbox runs again; what was under way is carried on."""
        await self._mend(self._made)

    async def aclose(self) -> None:
        """Lets go of the sandbox, whatever runs in it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._far.close()
        if self._handle is not None:
            await self._handle.disconnect()

    def _keep(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _end(self) -> None:
        """Whoever reads from the near end sees that it is over."""
        try:
            self._far.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    async def _watch(self, ending: asyncio.Future[Any], made: int) -> None:
        """Waits for the end of a command: the carrier's with it, or the connection's alone."""
        await asyncio.wait({ending})
        if ending.cancelled() or made != self._made or not self._joined.is_set():
            return
        error = ending.exception()
        if error is None or _is_over(error):
            self._end()
        else:
            await self._mend_or_end(made)

    async def _mend_or_end(self, made: int) -> None:
        try:
            await self._mend(made)
        # The top of a task: what could not be mended is over, whatever it was, and whoever asks next is told so.
        except Exception as error:  # noqa: BLE001
            self.complaint = self.complaint or said(error)
            if self._joined.is_set():
                self._end()

    async def _mend(self, made: int) -> None:
        """Connects again and sends on what has not arrived, unless somebody else has done so since `made`."""
        async with self._mending:
            if made != self._made or self._handle is None:
                return
            for number, seconds in enumerate(SECONDS_BEFORE_TRIES, 1):
                await asyncio.sleep(seconds)
                try:
                    await self._handle.disconnect()
                    await self._open(first=False)
                    break
                except Exception as error:
                    if _is_over(error) or number == len(SECONDS_BEFORE_TRIES):
                        raise

    async def _open(self, *, first: bool) -> None:
        """Joins the carrier, hears on from where it was heard last, and sends on what has not arrived."""
        self._partial = ""
        self._answered = asyncio.get_running_loop().create_future()
        handle = await self._commands.run(
            program(self._limits, first=first),
            background=True,
            user=USER,
            stdin=True,
            timeout=0,
            cwd=HOME,
            on_stdout=self._hear,
            on_stderr=self._hear_complaint,
            retain_output=False,
        )
        ending: asyncio.Future[Any] = asyncio.ensure_future(handle.wait())
        ending.add_done_callback(_seen)
        try:
            known = f"T {self._secret}\n"
            waited: tuple[asyncio.Future[Any], ...] = (self._answered, ending)
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                while not any(each.done() for each in waited):
                    await handle.send_stdin(f"{known}R {self._arrived}\n", SECONDS_TO_ANSWER)
                    known = ""
                    await asyncio.wait(waited, timeout=SECONDS_QUIET, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                ending.result()
                raise SandboxGone(Ending.LOST)
            for offset, data in list(self._unheard):
                await handle.send_stdin(_line(offset, data), SECONDS_TO_ANSWER)
        except BaseException as error:
            # A command that has ended by itself says more than that nothing can be sent to it; but whoever is cancelled
            # must not take its end for a fault of the line, and go on.
            await asyncio.wait({ending}, timeout=SECONDS_FOR_AN_END)
            await handle.disconnect()
            if isinstance(error, Exception) and ending.done() and not ending.cancelled():
                ending.result()
            raise
        finally:
            self._answered = None
        self._handle = handle
        self._made += 1
        self._joined.set()
        self._keep(self._watch(ending, self._made))

    async def _pump(self) -> None:
        """Sends what is written at the near end, in pieces and in order."""
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(self._far, PIECE):
            await self._joined.wait()
            # Not while a connection is made anew: what it sends again comes before this.
            async with self._mending:
                offset, made = self._sent, self._made
                self._sent += len(data)
                self._unheard.append((offset, data))
                lost = await self._lost(_line(offset, data))
            if lost:
                await self._mend_or_end(made)

    async def _listen(self) -> None:
        """Asks now and then what is there and has arrived; nothing else would tell that the last piece was lost."""
        while True:
            before, waiting, made = self._arrived, self._unheard[:1], self._made
            await asyncio.sleep(SECONDS_QUIET)
            await self._joined.wait()
            if made != self._made or before != self._arrived:
                continue
            if waiting and waiting == self._unheard[:1]:
                await self._mend_or_end(made)
            else:
                await self._ask(f"R {self._arrived}\n")

    async def _lost(self, line: str) -> bool:
        """Sends a line; True if it may not have arrived and the connection has to be made anew."""
        assert self._handle is not None
        try:
            await self._handle.send_stdin(line, SECONDS_TO_ANSWER)
        # The same: whether the line has arrived is not known, and mending finds out.
        except Exception as error:  # noqa: BLE001
            if not self._joined.is_set():
                return False
            if is_gone(error):
                self._end()
                return False
            return True
        return False

    async def _ask(self, line: str) -> None:
        """Sends a line that is about the lines of the other side. If it is lost, the next one says the same."""
        made = self._made
        if await self._lost(line):
            await self._mend_or_end(made)

    async def _hear(self, text: str) -> None:
        """Takes in what the carrier says; the SDK waits with the next until this is done."""
        *lines, self._partial = (self._partial + text).split("\n")
        if len(self._partial) > LONGEST_LINE:
            self._end()
        for line in lines:
            await self._take(line.split(" "))

    async def _take(self, words: list[str]) -> None:
        try:
            if words[0] == "A" and len(words) == 2:
                self._heard_of(int(words[1]))
            elif words[0] == "D" and len(words) == 4:
                offset, length = int(words[1]), int(words[2])
                data = base64.b64decode(words[3], validate=True)
                if len(data) == length:
                    await self._pass_on(offset, data)
        except (ValueError, binascii.Error):
            # It is no line of a carrier: broken where the connection was, or of somebody inside. Both are passed over.
            return

    async def _pass_on(self, offset: int, data: bytes) -> None:
        if offset > self._arrived and self._asked_at != self._arrived:
            # Something between was lost on its way, though the connection stands.
            self._asked_at = self._arrived
            self._keep(self._ask(f"R {self._arrived}\n"))
        if not offset <= self._arrived < offset + len(data):
            return
        new = data[self._arrived - offset :]
        self._arrived += len(new)
        try:
            await asyncio.get_running_loop().sock_sendall(self._far, new)
        except OSError:
            return
        if self._arrived - self._told >= SAY_EVERY:
            self._told = self._arrived
            self._keep(self._ask(f"A {self._arrived}\n"))

    def _heard_of(self, count: int) -> None:
        self._unheard = [(offset, data) for offset, data in self._unheard if offset + len(data) > count]
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(count)

    def _hear_complaint(self, text: str) -> None:
        self.complaint = (self.complaint + text)[:2000]


def _seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _is_over(error: BaseException) -> bool:
    """The sandbox is gone, or the carrier in it."""
    from e2b import CommandExitException

    if isinstance(error, CommandExitException):
        return error.exit_code == NO_CARRIER
    return isinstance(error, SandboxGone) or is_gone(error)


def _line(offset: int, data: bytes) -> str:
    return f"D {offset} {len(data)} {base64.b64encode(data).decode()}\n"
