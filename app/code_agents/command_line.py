"""A code agent that is a command line of another maker, run inside the sandbox with its model behind the broker.

It has no key and no network but one route, to its model. What it says comes out as lines of JSON, untrusted like all
that a sandbox says; what it costs is counted on the host.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, ClassVar, Protocol

from jinja2.sandbox import SandboxedEnvironment

from agents.code_agent import FOLDER, AgentEvent, CodeTask, Finished, Needs, Spent, ToolCalled, ToolReturned
from agents.coder_text import QUIET, one_line, tail, untrusted
from agents.errors import BudgetSpent, ModelUnusable, UserMustMend
from agents.sandbox import MIB, RELAY, Command, Ended, Limits, Mount, Network, Output, Route, Sandbox, Stream, Traffic
from agents.tally import Tally
from app.code_agents.program import can_be_read, is_installed, native
from prompts.library import prompt

# These programs need more than code does: they are runtimes of hundreds of megabytes with many threads.
LIMITS = Limits(memory=3072 * MIB, processes=512, output=64_000_000, command_seconds=300.0)
# Few at once: they share the connections of Deus with its services.
TRAFFIC = Traffic(at_once=8)
# A sandbox outlives the agent's time by so much, to be laid out and looked through.
BESIDES = 240.0
# The setting whose value the host puts in, and the name under which the relay serves the model.
SECRET, ROUTE = "code_agent_key", "model"
# What it is told in the place of a key. The host puts the true one in.
NO_KEY = "put-in-by-the-host"
BASE = f"{RELAY}/{ROUTE}"
LONGEST_LINE = 8 * MIB
# How often a silent command is looked after, in seconds.
GLANCE = 0.5
LONGEST_WORDS = 4_000


@dataclass(frozen=True)
class AgentOptions:
    """The model by its maker's name, where it is asked (None for its maker's own address), and whether there is a key.

    `path` stands for PATH in tests.
    """

    model: str | None = None
    upstream: str | None = None
    has_key: bool = False
    path: str | None = None


@dataclass(frozen=True)
class Trouble:
    """What a command line says of its own failure; `over` where it would only try the same again."""

    text: str
    over: bool = False


class Reader(Protocol):
    """Understands one command's output, line by line."""

    def events(self, line: Mapping[str, Any]) -> Iterable[AgentEvent | Trouble]:
        """What a line means: nothing where it is not understood. Its last word is Finished."""
        ...


class CommandLine(ABC):
    """What all command lines have in common. A subclass says how its own is started and how it speaks."""

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    package: ClassVar[str]
    beside: ClassVar[Sequence[str]] = ()

    def __init__(self, options: AgentOptions) -> None:
        self.options = options

    async def missing(self) -> str | None:
        """What is missing for it to work here, with how to get it."""
        return await asyncio.to_thread(self._missing)

    def _missing(self) -> str | None:
        how = f"npm install -g {self.package}"
        if not is_installed(self.program, self.options.path):
            return f"{self.title} is not installed. Get it with: {how}"
        found = native(self.program, self.beside, self.options.path)
        if found is None:
            return (
                f"{self.title} is installed without its program for this system. Let npm run its install script"
                f" (npm install-scripts approve {self.package}), or get it anew with: {how}"
            )
        if not can_be_read(found):
            return (
                f"{self.title} lies where a sandbox's user cannot read it. Install it for all users,"
                f" with: {how} --prefix /usr/local"
            )
        return self._lacking()

    def _lacking(self) -> str | None:
        """What of the model is not set."""
        if not self.options.model:
            return f"{self.title} needs a model: set DEUS_CODE_AGENT_MODEL, or DEUS_MODEL to one that it can use."
        if not self.options.has_key and self.options.upstream is None:
            return f"{self.title} needs a key for its model: set DEUS_CODE_AGENT_KEY, or DEUS_MODEL_KEY."
        return None

    def needs(self, task: CodeTask) -> Needs:
        """Its program, read-only, and the one route to its model."""
        found = native(self.program, self.beside, self.options.path)
        if found is None or self._lacking() is not None:
            raise UserMustMend(self._missing() or f"{self.title} cannot be used here.")
        route = self.route(Tally(task.budget.usd))
        limits = replace(LIMITS, lifetime_seconds=task.budget.seconds + BESIDES)
        return Needs(limits, Network(routes=(route,), traffic=TRAFFIC), (Mount(found, self.place, copied=False),))

    @property
    def place(self) -> str:
        """Where its program is inside."""
        return f"/agent/{self.program}"

    async def work(self, task: CodeTask, sandbox: Sandbox) -> AsyncIterator[AgentEvent]:
        """Runs the command to its end; its time, its dollars and its tool calls are limited here."""
        routes = sandbox.network.routes
        tally = routes[0].tally if routes else None
        if tally is None:
            raise ModelUnusable(f"{self.title} was given a sandbox without a way to its model.")
        until = monotonic() + task.budget.seconds
        command = await sandbox.start(
            self.command(), folder=FOLDER, environment={**QUIET, **self.environment()}, given=words(task).encode()
        )
        progress, told = Progress(self.reader()), tally.usage
        try:
            async with aclosing(_lines(command, until, task)) as lines:
                async for line in lines:
                    for event in progress.events(line):
                        yield event
                    if progress.calls > task.budget.tool_calls:
                        raise BudgetSpent(f"This task's budget of {task.budget.tool_calls} tool calls is used up.")
                    if tally.refusal is not None:
                        raise BudgetSpent(tally.refusal)
                    if progress.is_over:
                        raise ModelUnusable(f"{self.title} cannot use its model: {one_line(progress.trouble, 300)}")
                    if tally.usage != told:
                        told = tally.usage
                        yield Spent(told.model_copy(update={"tool_calls": progress.calls}))
            result = await command.wait()
        finally:
            await asyncio.shield(asyncio.ensure_future(command.kill()))
        if tally.refusal is not None:
            raise BudgetSpent(tally.refusal)
        if tally.usage != told:
            yield Spent(tally.usage.model_copy(update={"tool_calls": progress.calls}))
        if progress.finished is None or not result.succeeded:
            said = progress.trouble or tail(result.err.decode("utf-8", "replace"), 600)
            end = "was ended" if result.ended is not Ended.EXITED else f"ended with status {result.code}"
            raise ModelUnusable(f"{self.title} {end}: {one_line(said, 300) or 'it said nothing'}")
        yield progress.finished

    @abstractmethod
    def route(self, tally: Tally) -> Route:
        """The route to its model, with the credential's place."""

    @abstractmethod
    def command(self) -> list[str]:
        """Its program and arguments; the task is given to it as input."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """Its variables: where its model is, and nothing that leads elsewhere."""

    @abstractmethod
    def reader(self) -> Reader:
        """Understands the output of one command."""


class Progress:
    """What one command has said so far."""

    def __init__(self, reader: Reader) -> None:
        self.calls = 0
        self.finished: Finished | None = None
        self.trouble, self.is_over = "", False
        self._reader = reader
        self._began: dict[str, float] = {}

    def events(self, line: Mapping[str, Any]) -> Iterable[AgentEvent]:
        """What a line tells; the last word and troubles are kept for the end."""
        for event in self._reader.events(line):
            if isinstance(event, Finished):
                self.finished = event
            elif isinstance(event, Trouble):
                self.trouble, self.is_over = event.text, event.over
            elif isinstance(event, ToolCalled):
                self.calls += 1
                self._began[event.id] = monotonic()
                yield event
            elif isinstance(event, ToolReturned) and not event.ms and event.id in self._began:
                yield replace(event, ms=round((monotonic() - self._began.pop(event.id)) * 1000))
            else:
                yield event


def words(task: CodeTask) -> str:
    """The task in words, with what others wrote marked as such."""
    context = f"\nWhat is known:\n{untrusted(task.context)}\n" if task.context else ""
    tests = " ".join(task.test) if task.test else "find out how the repository runs its own"
    template = SandboxedEnvironment(autoescape=False, keep_trailing_newline=True).from_string(prompt("code_agent"))
    return template.render(goal=task.goal, context=context, tests=tests)


async def _lines(command: Command, until: float, task: CodeTask) -> AsyncGenerator[Mapping[str, Any], None]:
    """The objects that a command writes, one a line, until its time is up, and an empty one now and then while it is
    silent. What is no object is passed over."""
    rest = b""
    pieces = command.output()
    waiting: asyncio.Future[Output | None] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(pieces, None))
            left = until - monotonic()
            await asyncio.wait([waiting], timeout=max(0.0, min(left, GLANCE)))
            if not waiting.done():
                if left <= 0:
                    raise BudgetSpent(f"This task's budget of {task.budget.seconds:g} seconds is used up.")
                yield {}
                continue
            piece, waiting = waiting.result(), None
            if piece is not None and piece.stream is not Stream.OUT:
                continue
            *lines, rest = (rest + (piece.data if piece is not None else b"\n")).split(b"\n")
            rest = rest if len(rest) <= LONGEST_LINE else b""
            for line in lines:
                if (read := _read(line)) is not None:
                    yield read
            if piece is None:
                return
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.wait([waiting])


def _read(line: bytes) -> Mapping[str, Any] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def part(value: Any, *names: str) -> Any:
    """What lies under the names, one within the other; an empty object where something is not there or of no form."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return {} if value is None else value


def parts(value: Any, *names: str) -> list[Mapping[str, Any]]:
    """The objects of a list under the names."""
    found = part(value, *names)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text(value: Any, *names: str) -> str:
    """The text under the names, cut; empty if there is none."""
    found = part(value, *names)
    return tail(found, LONGEST_WORDS) if isinstance(found, str) else ""


def number(value: Any, *names: str) -> int:
    """The whole number under the names; 0 if there is none."""
    found = part(value, *names)
    return found if isinstance(found, int) else 0
