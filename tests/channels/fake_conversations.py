"""A store of runs that plays a script: what stands behind the real Conversations while the web chat is tested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from agents.conversation import Conversations, ConversationSummary, RunSummary
from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from agents.record import Evidence
from tests.channels.code_script import code_script, hostile
from tests.channels.script import EVIDENCE, NOW, script


@dataclass
class _Run:
    run: str
    turn: Turn
    events: list[Event] = field(default_factory=list)
    viewers: list[asyncio.Queue[Event]] = field(default_factory=list)
    status: Any = "running"
    streamed: str = ""

    def summary(self) -> RunSummary:
        turn = self.turn
        return RunSummary(self.run, turn.conversation, turn.text, self.status, turn.at, turn.channel, turn.actor)


def _script(turn: Turn) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """What a question is answered with, by how it begins."""
    if turn.text.startswith("Run what a stranger wrote"):
        return hostile(turn)
    return code_script(turn) if turn.text.startswith("Fix") else script(turn)


class ScriptedRuns:
    """Answers every question with the script; `pace` is how many seconds one of the script's seconds takes."""

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace
        self.stopped: list[tuple[str, str]] = []
        self._runs: dict[str, _Run] = {}
        self._titles: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, turn: Turn) -> str:
        run = _Run(f"r{len(self._runs) + 1}", turn)
        self._runs[run.run] = run
        task = asyncio.create_task(self._play(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run.run

    def relay(self, conversation: str, actor: str, name: str, text: str) -> str:
        """A person writes in the place of Deus."""
        run = _Run(f"r{len(self._runs) + 1}", Turn("", actor, "inbox", conversation, NOW))
        self._runs[run.run] = run
        begun = {"actor": actor, "channel": "inbox", "conversation": conversation, "text": ""}
        self._emit(run, "run.started", begun, NOW)
        said = {"text": text, "by": name, "claims": [], "citations": [], "suggestions": []}
        self._emit(run, "message.completed", said, NOW)
        self._emit(run, "run.finished", {"status": "relayed", "error": None, "usage": {}}, NOW)
        return run.run

    async def _play(self, run: _Run) -> None:
        at = NOW
        for pause, kind, data in _script(run.turn):
            await asyncio.sleep(pause * self.pace)
            if run.status != "running":
                return
            at += timedelta(seconds=pause)
            self._emit(run, kind, data, at)

    def _emit(self, run: _Run, kind: Any, data: Mapping[str, Any], at: datetime) -> None:
        ephemeral = kind in EPHEMERAL
        event = Event(run=run.run, seq=len(run.events) + (not ephemeral), at=at, kind=kind, data=dict(data))
        if kind == "text.delta":
            run.streamed += data["text"]
        elif not ephemeral:
            run.events.append(event)
        if kind == "message.completed":
            run.streamed = ""
        if kind == "run.finished":
            run.status = data["status"]
        for queue in run.viewers:
            queue.put_nowait(event)

    async def follow(self, run: str, after: int) -> AsyncGenerator[Event, None]:
        found = self._runs[run]
        queue: asyncio.Queue[Event] = asyncio.Queue()
        found.viewers.append(queue)
        try:
            past = found.events[after:]
            if found.streamed:
                text = {"text": found.streamed}
                past.append(Event(run=run, seq=len(found.events), at=NOW, kind="text.delta", data=text))
            for event in past:
                yield event
            while found.status == "running" or not queue.empty():
                yield await queue.get()
        finally:
            found.viewers.remove(queue)

    async def events(self, run: str, after: int = 0) -> Sequence[Event]:
        return self._runs[run].events[after:]

    async def summary(self, run: str) -> RunSummary | None:
        found = self._runs.get(run)
        return found.summary() if found else None

    async def evidence(self, run: str) -> Sequence[Evidence]:
        return EVIDENCE

    async def one_evidence(self, run: str, evidence_id: str) -> Evidence | None:
        return next((one for one in EVIDENCE if one.id == evidence_id), None)

    async def ask_to_stop(self, run: str, by: str) -> bool:
        found = self._runs[run]
        self.stopped.append((run, by))
        if found.status != "running":
            return False
        self._emit(found, "run.finished", {"status": "stopped", "error": None, "usage": {}}, datetime.now(UTC))
        return True

    async def list_runs(
        self, conversation: str | None, actor: str | None, limit: int, **_: object
    ) -> Sequence[RunSummary]:
        found = [
            one.summary()
            for one in self._runs.values()
            if conversation in (None, one.turn.conversation) and actor in (None, one.turn.actor)
        ]
        return found[::-1][:limit]

    async def resume(self, run: str, by: str) -> int:
        raise LookupError("A script is played once.")

    async def retry(self, run: str, by: str, step: str | None) -> int:
        raise LookupError("A script is played once.")

    async def fork(self, run: str, by: str, step: str | None, asker: object = None) -> str | None:
        raise LookupError("A script is played once.")

    async def list_conversations(self, actor: str, limit: int) -> Sequence[ConversationSummary]:
        talks: dict[str, ConversationSummary] = {}
        for one in await self.list_runs(None, actor, 1000):
            title = self._titles.get(one.conversation, one.question)
            updated = max(one.at, talks[one.conversation].updated_at) if one.conversation in talks else one.at
            talks[one.conversation] = ConversationSummary(one.conversation, title, one.at, updated, actor)
        return list(talks.values())[:limit]

    async def rename(self, conversation: str, title: str) -> bool:
        self._titles[conversation] = title
        return True

    async def delete(self, conversation: str) -> bool:
        kept = {name: one for name, one in self._runs.items() if one.turn.conversation != conversation}
        gone = len(kept) < len(self._runs)
        self._runs = kept
        return gone


async def _nothing(run: str) -> None:
    """A scripted run ends itself when it is asked to stop."""


def scripted(runs: ScriptedRuns) -> Conversations:
    """The real door over scripted runs."""
    return Conversations(runs, _nothing)


class FrozenClock:
    def now(self) -> datetime:
        return NOW


class NothingWaits:
    """The door to approvals in a workspace where nothing was ever asked."""

    def of(self, actor: str) -> NothingWaits:
        return self

    async def open(self, limit: int = 100) -> Sequence[Any]:
        return ()


@asynccontextmanager
async def open_scripted(settings: Any, pace: float = 1.0) -> AsyncIterator[Any]:
    """A product whose conversations are scripted."""
    conversations = scripted(ScriptedRuns(pace))
    yield SimpleNamespace(
        inbox=None,
        people=None,
        conversations=conversations,
        approvals=NothingWaits(),
        clock=FrozenClock(),
        settings=settings,
    )
