"""What a code task does in its sandboxes, told into the run's log: calls, what they write, words, cost."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from agents.code_agent import AgentEvent, Finished, Spent, Thought, ToolCalled, ToolReturned, ToolWrote
from agents.coder_text import one_line, tail
from agents.errand import Errand
from agents.record import Usage
from agents.sandbox import Output, Stream

SERVICE = "sandbox"
# How often a step that is at work says so, in seconds.
SIGN = 8.0
MOST_OUTPUT = 4_000
MOST_WORDS = 4_000
# Of one call so many characters are shown as they come; the whole is in what it returns.
MOST_LIVE = 200_000
_Decoder = codecs.getincrementaldecoder("utf-8")


@dataclass
class Telling:
    """Tells of one step. Call ids go on where a process that died left off."""

    errand: Errand
    usage: Usage = field(default_factory=Usage)
    # Whether what the agent spends is counted by the model gateway, on the run's budget, as it is spent.
    counted: bool = True
    finished: Finished | None = None
    _number: int = 0
    _calls: dict[str, str] = field(default_factory=dict)
    _live: dict[str, int] = field(default_factory=dict)

    async def event(self, event: AgentEvent) -> None:
        """Tells what an agent does. Raises BudgetSpent where the run may make no further calls."""
        match event:
            case Thought():
                await self.says(event.text)
            case ToolCalled():
                await self.errand.budget.before_tool()
                self._calls[event.id] = await self.begin(f"sandbox.{_word(event.tool)}", event.args)
            case ToolWrote():
                await self.wrote(self._calls.get(event.id, ""), event.stream, event.text)
            case ToolReturned():
                call = self._calls.pop(event.id, "")
                await self.end(call, event.ok, event.summary, event.output, event.ms)
            case Spent():
                await self._paid(event.usage)
            case Finished():
                self.finished = event

    async def says(self, text: str) -> None:
        """What the agent says, as a call without effect."""
        call = await self.begin("agent.says", {"text": tail(text, MOST_WORDS)})
        await self.end(call, True, "", "", 0)

    async def begin(self, verb: str, args: Mapping[str, Any]) -> str:
        """Begins a call and returns its id."""
        self._number += 1
        while self.errand.log.has("call.started", f"{self.errand.step}.{self._number}"):
            self._number += 1
        call = f"{self.errand.step}.{self._number}"
        await self.errand.log.emit(
            "call.started", id=call, step=self.errand.step, service=SERVICE, verb=verb, args=dict(args)
        )
        return call

    async def wrote(self, call: str, stream: Stream, text: str) -> None:
        """A piece of what a call writes."""
        told = self._live.get(call, 0)
        if call and text and told < MOST_LIVE:
            self._live[call] = told + len(text)
            await self.errand.log.emit("output.delta", call=call, stream=stream.value, text=text[: MOST_LIVE - told])

    async def end(self, call: str, ok: bool, summary: str, output: str, ms: int) -> None:
        """Ends a call."""
        self._live.pop(call, None)
        await self.errand.log.emit(
            "call.finished",
            id=call,
            step=self.errand.step,
            service=SERVICE,
            ok=ok,
            summary=one_line(summary, 200),
            error=None if ok else one_line(summary, 200),
            ms=ms,
            output=tail(output, MOST_OUTPUT),
        )

    async def break_off(self, why: str) -> None:
        """Ends the calls that an agent left open."""
        for call in list(self._calls.values()):
            await self.end(call, False, why, "", 0)
        self._calls.clear()

    async def _paid(self, usage: Usage) -> None:
        more, self.usage = _between(self.usage, usage), usage
        if not self.counted:
            await self.errand.budget.spent(more)
        await self.errand.log.emit("usage.updated", usage=self.errand.budget.usage().model_dump(mode="json"))


class LiveCall:
    """A call that Deus itself makes in a sandbox: `heard` takes what it writes while the block runs.

    A block that raises ends the call as failed.
    """

    def __init__(self, telling: Telling, verb: str, args: Mapping[str, Any]) -> None:
        self._telling, self._verb, self._args = telling, verb, args
        self._pieces: asyncio.Queue[Output | None] = asyncio.Queue()
        self.ok, self.summary, self.output = True, "", ""

    def heard(self, piece: Output) -> None:
        """Takes a piece of what the call writes."""
        self._pieces.put_nowait(piece)

    async def __aenter__(self) -> LiveCall:
        self._began = monotonic()
        self._call = await self._telling.begin(self._verb, self._args)
        self._pump = asyncio.create_task(self._tell(), name=f"output of {self._call}")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._pump.cancel()
            return
        self._pieces.put_nowait(None)
        await self._pump
        if error is not None:
            self.ok, self.summary = False, str(error) or type(error).__name__
        ms = round((monotonic() - self._began) * 1000)
        await self._telling.end(self._call, self.ok, self.summary, self.output, ms)

    async def _tell(self) -> None:
        decoders = {stream: _Decoder("replace") for stream in Stream}
        while (piece := await self._pieces.get()) is not None:
            await self._telling.wrote(self._call, piece.stream, decoders[piece.stream].decode(piece.data))


@asynccontextmanager
async def alive(errand: Errand, seconds: float = SIGN) -> AsyncIterator[None]:
    """Says every so often what the run has used so far: one that is silent for long is taken for stuck."""

    async def say() -> None:
        while True:
            await asyncio.sleep(seconds)
            await errand.log.emit("usage.updated", usage=errand.budget.usage().model_dump(mode="json"))

    saying = asyncio.create_task(say(), name=f"signs of life of {errand.step}")
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.wait([saying])


def _between(was: Usage, now: Usage) -> Usage:
    """What was spent from one total to the next."""
    return Usage(
        model_calls=max(0, now.model_calls - was.model_calls),
        tokens_in=max(0, now.tokens_in - was.tokens_in),
        tokens_out=max(0, now.tokens_out - was.tokens_out),
        usd=max(0.0, now.usd - was.usd),
    )


def _word(tool: str) -> str:
    """A tool's name as a part of a verb; agents of others may call theirs anything."""
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in tool.lower())[:40] or "tool"
