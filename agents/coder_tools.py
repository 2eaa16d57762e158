"""What the coder can do in its sandbox: search, read, edit, write, run, test. What goes wrong is told to the model."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.code_agent import FOLDER
from agents.coder_text import QUIET, found_at, numbered, one_line, tail
from agents.errors import ModelMayRetry
from agents.sandbox import Ended, Output, Result, Sandbox

MOST_READ = 400_000
MOST_LINES = 400
MOST_OUTPUT = 6_000
MOST_HITS = 80

OnOutput = Callable[[Output], None]


class Tool(BaseModel):
    """The arguments of a tool; its docstring is what the model reads."""

    model_config = ConfigDict(extra="forbid")


class Search(Tool):
    """Find lines by a regular expression (extended grep) in the repository's files. Gives path:line:text."""

    pattern: str = Field(min_length=1)
    path: str = Field(default=".", description="a file or folder to look in")


class Read(Tool):
    """Read a file with line numbers, which are not part of its text."""

    path: str
    start: int = Field(default=1, ge=1, description="the first line")
    lines: int = Field(default=200, ge=1, le=MOST_LINES)


class Edit(Tool):
    """Replace a piece of a file by another. `old` must stand in the file exactly once, to the last space."""

    path: str
    old: str = Field(min_length=1)
    new: str
    every: bool = Field(default=False, description="replace it wherever it stands")


class Write(Tool):
    """Write a whole file, new or old."""

    path: str
    content: str


class Run(Tool):
    """Run a shell command in the repository's folder. There is no network."""

    command: str = Field(min_length=1)
    seconds: float = Field(default=60, ge=1, le=240)


class Test(Tool):
    """Run the repository's tests."""

    __test__ = False


class Finish(Tool):
    """Say that you are done: what was wrong, what you changed and why, and whether the tests were green at the end."""

    summary: str = Field(min_length=1)
    green: bool | None = None


TOOLS: dict[str, type[Tool]] = {
    "search": Search, "read": Read, "edit": Edit, "write": Write, "run": Run, "test": Test, "finish": Finish,
}  # fmt: skip


def schemas() -> list[dict[str, Any]]:
    """The tools as functions with JSON schemas, in OpenAI's form."""
    return [
        {"name": name, "description": " ".join((tool.__doc__ or "").split()), "parameters": _schema(tool)}
        for name, tool in TOOLS.items()
    ]


def _schema(tool: type[Tool]) -> dict[str, Any]:
    made = tool.model_json_schema()
    return {"type": "object", "properties": made.get("properties", {}), "required": made.get("required", [])}


def parsed(tool: str, arguments: str) -> Tool:
    """The arguments that a model wrote. Raises ModelMayRetry, in words for the model."""
    kind = TOOLS.get(tool)
    if kind is None:
        raise ModelMayRetry(f"There is no tool {tool[:60]!r}. There are: {', '.join(TOOLS)}.")
    try:
        given = json.loads(arguments or "{}")
    except ValueError as error:
        raise ModelMayRetry(f"The arguments of {tool} are no JSON ({error}). Send them again as one object.") from None
    if not isinstance(given, dict):
        raise ModelMayRetry(f"The arguments of {tool} must be one JSON object.")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "an argument"
        raise ModelMayRetry(f"{tool} cannot take {name}: {first['msg']}.") from None


@dataclass(frozen=True)
class Used:
    """What a tool call gave: one line for people, and what the model reads."""

    ok: bool
    summary: str
    output: str
    changed: bool = False


class Bench:
    """The coder's tools over one sandbox. SandboxGone travels; everything else that goes wrong is an answer."""

    def __init__(self, sandbox: Sandbox, test: tuple[str, ...] | None, seconds_left: Callable[[], float]) -> None:
        self._sandbox = sandbox
        self._test = test
        self._seconds_left = seconds_left

    async def use(self, tool: Tool, on_output: OnOutput) -> Used:
        """Does what a tool is asked for."""
        try:
            match tool:
                case Search():
                    return await self._search(tool)
                case Read():
                    return await self._read(tool)
                case Edit():
                    return await self._edit(tool)
                case Write():
                    return await self._write(tool)
                case Run():
                    return await self._run(("bash", "-c", tool.command), tool.seconds, on_output)
                case Test() if self._test is not None:
                    return await self._run(self._test, 240.0, on_output)
                case Test():
                    return _no("It is not known how this repository's tests are run. Use run.")
        except ModelMayRetry as error:
            return _no(str(error))
        raise TypeError(f"{type(tool).__name__} is not done in a sandbox.")

    async def _search(self, tool: Search) -> Used:
        path = inside(tool.path)
        argv = ("git", "grep", "--untracked", "-nIE", "-e", tool.pattern, "--", posixpath.relpath(path, FOLDER))
        result = await self._sandbox.run(argv, folder=FOLDER, environment=QUIET, seconds=self._limited(30))
        if result.code not in (0, 1):
            return _no(tail(result.err.decode("utf-8", "replace"), 400) or "The search could not be made.")
        lines = result.out.decode("utf-8", "replace").splitlines()
        shown = "\n".join(one_line(line, 300) for line in lines[:MOST_HITS])
        more = f"\n… and {len(lines) - MOST_HITS} more lines" if len(lines) > MOST_HITS else ""
        count = f"{len(lines)} line{'' if len(lines) == 1 else 's'}"
        return Used(True, f"{count} found", (shown + more) or "Nothing was found.")

    async def _read(self, tool: Read) -> Used:
        text = await self._text(tool.path)
        lines = text.splitlines()
        if tool.start > max(1, len(lines)):
            return _no(f"{tool.path} has {len(lines)} lines.")
        last = min(len(lines), tool.start + tool.lines - 1)
        shown = numbered(lines[tool.start - 1 : last], tool.start)
        more = f"\n… {len(lines) - last} more lines" if last < len(lines) else ""
        return Used(True, f"lines {tool.start} to {last} of {len(lines)}", (shown + more) or "(an empty file)")

    async def _edit(self, tool: Edit) -> Used:
        text = await self._text(tool.path)
        if tool.old == tool.new:
            return _no("`old` and `new` are the same.")
        places = found_at(text, tool.old)
        if not places:
            first = next((line for line in tool.old.splitlines() if line.strip()), "")
            near = [n for n, line in enumerate(text.splitlines(), 1) if first.strip() and first.strip() in line]
            hint = f" Its first line is like line {near[0]}." if near else ""
            return _no(
                f"`old` does not stand in {tool.path} as written.{hint} Read the lines again and copy them exactly."
            )
        if len(places) > 1 and not tool.every:
            where = ", ".join(map(str, places[:8]))
            return _no(f"`old` stands {len(places)} times (lines {where}). Take more lines around it, or set `every`.")
        await self._put(tool.path, text.replace(tool.old, tool.new))
        after = text.replace(tool.old, tool.new).splitlines()
        start = max(1, places[0] - 2)
        shown = numbered(after[start - 1 : start + 4 + tool.new.count("\n")], start)
        times = f", {len(places)} times" if len(places) > 1 else ""
        return Used(True, f"changed at line {places[0]}{times}", f"Done. It now reads:\n{tail(shown, 3000)}", True)

    async def _write(self, tool: Write) -> Used:
        if len(tool.content) > MOST_READ:
            return _no(f"That is more than {MOST_READ:,} characters.")
        await self._put(tool.path, tool.content)
        count = len(tool.content.splitlines())
        return Used(True, f"{count} lines written", "Written.", True)

    async def _run(self, argv: tuple[str, ...], seconds: float, on_output: OnOutput) -> Used:
        began = monotonic()
        limit = self._limited(seconds)
        written: list[bytes] = []

        def heard(piece: Output) -> None:
            written.append(piece.data)
            on_output(piece)

        result = await self._sandbox.run(argv, folder=FOLDER, environment=QUIET, seconds=limit, on_output=heard)
        said = tail(b"".join(written).decode("utf-8", "replace"), MOST_OUTPUT)
        how = ended(result, limit)
        return Used(result.succeeded, f"{how} after {monotonic() - began:.1f} s", f"[{how}]\n{said}")

    async def _text(self, path: str) -> str:
        data = await self._sandbox.read(inside(path), most=MOST_READ)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise ModelMayRetry(f"{path} is not text in UTF-8.") from None
        if "\0" in text:
            raise ModelMayRetry(f"{path} is a binary file.")
        return text

    async def _put(self, path: str, text: str) -> None:
        target = inside(path)
        if target == FOLDER:
            raise ModelMayRetry("Name a file, not the repository's folder.")
        await self._sandbox.write(target, text.encode("utf-8", "replace"), executable=await self._executes(target))

    async def _executes(self, target: str) -> bool:
        """Whether the file is there and may be executed, which a change of its text leaves as it was."""
        try:
            entries = await self._sandbox.list(posixpath.dirname(target))
        except ModelMayRetry:
            return False
        return any(one.executable for one in entries if one.name == posixpath.basename(target))

    def _limited(self, seconds: float) -> float:
        return max(1.0, min(seconds, self._seconds_left()))


def inside(path: str) -> str:
    """The path in the sandbox of a path in the repository. Raises ModelMayRetry for one that leads out of it."""
    whole = posixpath.normpath(posixpath.join(FOLDER, path))
    parts = posixpath.relpath(whole, FOLDER).split("/")
    if "\0" in path or parts[0] == ".." or ".git" in (part.lower() for part in parts):
        raise ModelMayRetry(f"{path[:200]!r} is not in the repository. Paths are relative to its folder.")
    return whole


def ended(result: Result, limit: float) -> str:
    """How a command came to its end, in words."""
    if result.ended is Ended.EXITED:
        return f"exit status {result.code}" if result.code >= 0 else f"ended by signal {-result.code}"
    if result.ended is Ended.TIME:
        return f"ended because it took more than {limit:g} seconds"
    return "ended because it wrote too much" if result.ended is Ended.OUTPUT else "it was ended"


def _no(why: str) -> Used:
    return Used(False, one_line(why, 160), f"Error: {why}")
