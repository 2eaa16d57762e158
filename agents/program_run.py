"""One program, run in a fresh sandbox over what it is handed; what it writes is told as it comes."""

from __future__ import annotations

import asyncio
import codecs
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from agents.errand import Errand
from agents.errors import DeusError, ModelMayRetry, StepFailed
from agents.handing import EVIDENCE, OUT
from agents.sandbox import (
    HOME,
    MIB,
    Ended,
    EntryKind,
    FileRefused,
    Limits,
    Mount,
    Output,
    Result,
    Sandbox,
    Sandboxes,
    Stream,
)

MOST_MADE = 20
LARGEST_MADE = 8 * MIB
MOST_TAIL = 4000
SECONDS_TO_START = 45.0
LIMITS = Limits(processes=64, disk=256 * MIB, output=2_000_000, command_seconds=60.0, lifetime_seconds=120.0)


@dataclass(frozen=True)
class Interpreter:
    """The Python of programs: how it is called in a sandbox, and what of this machine is mounted for it."""

    argv: tuple[str, ...] = ("python3",)
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """What came of a program: what it wrote, and the files that it made, by name; `left` are those that were not
    brought out, with the reason."""

    result: Result
    made: Mapping[str, bytes]
    left: Mapping[str, str]

    @property
    def printed(self) -> str:
        """What it wrote to its output."""
        return self.result.out.decode(errors="replace")


class ProgramRuns:
    """Runs programs in sandboxes of their own, without a network."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        interpreter: Interpreter | None = None,
        limits: Limits = LIMITS,
        patience: float = SECONDS_TO_START,
    ) -> None:
        self._sandboxes = sandboxes
        self._python = interpreter or Interpreter()
        self._limits = limits
        self._patience = patience

    async def run(
        self, errand: Errand, program: bytes, handed: Mapping[str, bytes], *, runner: bytes, number: int = 1
    ) -> Ran:
        """Runs a program by its runner, which gets the program's path and OUT, over the files that it is handed: they
        lie below EVIDENCE and cannot be changed.

        Raises ModelMayRetry with the end of its traceback where it fails, StepFailed where it takes too much,
        SandboxUnavailable where there is no sandbox.
        """
        words = (f"{HOME}/.runner.py", f"{HOME}/program.py", OUT)
        return await self._run(errand, {"program.py": program, ".runner.py": runner}, handed, words, number)

    async def run_module(
        self,
        errand: Errand,
        module: str,
        programs: Mapping[str, bytes],
        handed: Mapping[str, bytes],
        *,
        arguments: Sequence[str],
        number: int = 1,
    ) -> Ran:
        """Runs a module of programs, by their paths, in the same way."""
        inside = {f".programs/{name}": text for name, text in programs.items()}
        return await self._run(errand, inside, handed, ("-m", module, *arguments), number, folder=f"{HOME}/.programs")

    async def _run(
        self,
        errand: Errand,
        programs: Mapping[str, bytes],
        handed: Mapping[str, bytes],
        words: Sequence[str],
        number: int,
        folder: str = HOME,
    ) -> Ran:
        laid = await asyncio.to_thread(_laid_out, handed)
        try:
            mounts = (Mount(Path(laid.name), EVIDENCE), *self._python.mounts)
            metadata = {"run": errand.log.run, "step": errand.step}
            async with asyncio.timeout(self._patience):
                sandbox = await self._sandboxes.create(limits=self._limits, metadata=metadata, mounts=mounts)
        except TimeoutError:
            raise StepFailed(
                f"No sandbox was ready within {self._patience:g} seconds.",
                remedy="Others are at work, or what programs need is still being made. Ask again in a minute.",
            ) from None
        finally:
            await asyncio.to_thread(laid.cleanup)
        try:
            for name, text in {**programs, "out/.keep": b""}.items():
                await sandbox.write(f"{HOME}/{name}", text)
            return await self._in(sandbox, errand, words, number, folder)
        finally:
            await sandbox.kill()

    async def _in(self, sandbox: Sandbox, errand: Errand, words: Sequence[str], number: int, folder: str) -> Ran:
        environment = {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **self._python.environment}
        async with Told(errand, "sandbox.run", {"command": "python program.py"}, number) as told:
            result = await sandbox.run(
                [*self._python.argv, *words], folder=folder, environment=environment, on_output=told.wrote
            )
            told.output = _tail(result)
            refuse(result, self._limits)
            made, left = await _brought(sandbox)
            told.summary = _summary(result, made)
        return Ran(result, made, left)


class Told:
    """A call in a sandbox, as a run's events tell it: its start, what it writes as it comes, its end."""

    def __init__(self, errand: Errand, verb: str, args: Mapping[str, str], number: int = 1) -> None:
        self._log, self._step = errand.log, errand.step
        self._id = f"{errand.step}.{number}"
        self._verb, self._args = verb, dict(args)
        self._pieces: asyncio.Queue[tuple[Stream, str] | None] = asyncio.Queue()
        # A character may come in two pieces.
        self._decoders = {one: codecs.getincrementaldecoder("utf-8")("replace") for one in Stream}
        self._telling: asyncio.Task[None] | None = None
        self._began = monotonic()
        self.summary, self.output = "", ""

    async def __aenter__(self) -> Told:
        self._log.note(
            "call.started", id=self._id, step=self._step, service="sandbox", verb=self._verb, args=self._args
        )
        self._telling = asyncio.create_task(self._tell())
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._pieces.put_nowait(None)
        if self._telling is not None:
            await self._telling
        self._log.note(
            "call.finished",
            id=self._id,
            step=self._step,
            service="sandbox",
            verb=self._verb,
            ok=error is None,
            summary=self.summary,
            error=str(error) if isinstance(error, DeusError) else "It was stopped." if error is not None else None,
            ms=round((monotonic() - self._began) * 1000),
            output=self.output,
        )

    def wrote(self, piece: Output) -> None:
        """Takes a piece of what the call writes."""
        text = self._decoders[piece.stream].decode(piece.data)
        if text:
            self._pieces.put_nowait((piece.stream, text))

    async def _tell(self) -> None:
        while (piece := await self._pieces.get()) is not None:
            await self._log.emit("output.delta", call=self._id, stream=piece[0].value, text=piece[1])


def refuse(result: Result, limits: Limits) -> None:
    """Raises what a program's end means: ModelMayRetry for a fault of its own, StepFailed for too much of anything."""
    if result.succeeded:
        return
    if result.ended is Ended.TIME:
        raise StepFailed(f"The program ran longer than {limits.command_seconds:g} seconds and was ended.")
    if result.ended is Ended.OUTPUT:
        raise StepFailed(f"The program wrote more than {limits.output // 1_000_000} MB and was ended.")
    if result.ended is Ended.KILLED or result.code < 0:
        raise StepFailed("The program was ended, most likely because it used more memory than it may.")
    lines = result.err.decode(errors="replace").strip().splitlines()
    said = "\n".join(lines[-12:])[-1500:] or f"It ended with status {result.code} and said nothing."
    raise ModelMayRetry(f"The program failed: {said}")


async def _brought(sandbox: Sandbox) -> tuple[dict[str, bytes], dict[str, str]]:
    """The plain files in the folder for what is made."""
    made: dict[str, bytes] = {}
    left: dict[str, str] = {}
    try:
        entries = await sandbox.list(OUT)
    except FileRefused:
        return made, left
    for entry in entries:
        if entry.name == ".keep":
            continue
        if entry.kind is not EntryKind.FILE:
            left[entry.name] = "it is no plain file"
        elif len(made) >= MOST_MADE:
            left[entry.name] = f"there are more than {MOST_MADE} files"
        elif entry.size > LARGEST_MADE:
            left[entry.name] = f"it has more than {LARGEST_MADE // MIB} MB"
        else:
            made[entry.name] = await sandbox.read(f"{OUT}/{entry.name}", most=LARGEST_MADE)
    return made, left


def _laid_out(handed: Mapping[str, bytes]) -> tempfile.TemporaryDirectory[str]:
    """A folder with the files, for as long as the sandbox is being made."""
    folder: tempfile.TemporaryDirectory[str] = tempfile.TemporaryDirectory(prefix="deus-evidence-")
    for name, content in handed.items():
        path = Path(folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _tail(result: Result) -> str:
    text = result.out.decode(errors="replace")
    if result.err:
        text = f"{text.rstrip()}\n{result.err.decode(errors='replace')}".lstrip()
    return text if len(text) <= MOST_TAIL else f"…{text[-MOST_TAIL + 1 :]}"


def _summary(result: Result, made: Mapping[str, bytes]) -> str:
    files = [name for name in made if not name.endswith(".alt")]
    what = (
        f"made {', '.join(files[:5])}" if files else "printed its result" if result.out.strip() else "printed nothing"
    )
    return f"Ran {result.seconds:.1f} s, {what}"
