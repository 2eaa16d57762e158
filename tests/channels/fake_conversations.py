"""Conversations on the real face with scripted runs: what the web chat is developed and folded against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from agents.record import Evidence
from tests.channels.script import EVIDENCE, NOW, script


@dataclass
class Run:
    run: str
    turn: Turn
    events: list[Event] = field(default_factory=list)
    live: list[asyncio.Queue[Event]] = field(default_factory=list)
    status: str = "running"
    streamed: str = ""


@dataclass(frozen=True)
class Summary:
    run: str
    conversation: str
    question: str
    status: str
    at: datetime
    channel: str
    actor: str


@dataclass(frozen=True)
class Talk:
    id: str
    title: str
    at: datetime
    updated_at: datetime


class ScriptedConversations:
    """Answers every question with the script, at `pace` times the real speed (0: as fast as possible)."""

    def __init__(self, pace: float = 0.0) -> None:
        self._pace = pace
        self._runs: dict[str, Run] = {}
        self._titles: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopped: list[tuple[str, str]] = []

    async def say(self, turn: Turn) -> str:
        run = Run(f"r{len(self._runs) + 1}", turn)
        self._runs[run.run] = run
        task = asyncio.create_task(self._play(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run.run

    async def _play(self, run: Run) -> None:
        begin = NOW
        for pause, kind, data in script(run.turn):
            await asyncio.sleep(pause * self._pace)
            if run.status != "running":
                return
            begin += timedelta(seconds=pause)
            self._emit(run, kind, data, begin)

    def _emit(self, run: Run, kind: Any, data: Mapping[str, Any], at: datetime) -> None:
        ephemeral = kind in EPHEMERAL
        seq = max(len(run.events), 1) if ephemeral else len(run.events) + 1
        event = Event(run=run.run, seq=seq, at=at, kind=kind, data=dict(data))
        if ephemeral:
            run.streamed += data["text"]
        else:
            run.events.append(event)
        if kind == "message.completed":
            run.streamed = ""
        if kind == "run.finished":
            run.status = data["status"]
        for queue in run.live:
            queue.put_nowait(event)

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[Event]:
        found = self._runs[run]
        streamed = found.streamed
        queue: asyncio.Queue[Event] = asyncio.Queue()
        found.live.append(queue)
        seen = after
        try:
            for event in tuple(found.events[after:]):
                seen = event.seq
                yield event
                if event.kind == "run.finished":
                    return
            if streamed:
                yield Event(run=run, seq=seen, at=NOW, kind="text.delta", data={"text": streamed})
            while True:
                event = await queue.get()
                if event.kind not in EPHEMERAL and event.seq <= seen:
                    continue
                yield event
                if event.kind == "run.finished":
                    return
        finally:
            found.live.remove(queue)

    async def stop(self, run: str, by: str) -> bool:
        found = self._runs[run]
        self.stopped.append((run, by))
        if found.status != "running":
            return False
        self._emit(found, "run.finished", {"status": "stopped", "error": None, "usage": {}}, datetime.now(UTC))
        return True

    async def runs(
        self, *, conversation: str | None = None, actor: str | None = None, limit: int = 50
    ) -> Sequence[Summary]:
        return [
            Summary(one.run, one.turn.conversation, one.turn.text, one.status, one.turn.at, "web", one.turn.actor)
            for one in self._runs.values()
            if conversation in (None, one.turn.conversation) and actor in (None, one.turn.actor)
        ][:limit]

    async def conversations(self, actor: str, limit: int = 50) -> Sequence[Talk]:
        talks: dict[str, Talk] = {}
        for one in self._runs.values():
            if one.turn.actor == actor:
                talk = one.turn.conversation
                first = talks.get(talk)
                title = self._titles.get(talk) or (first.title if first else one.turn.text)
                talks[talk] = Talk(talk, title, first.at if first else one.turn.at, one.turn.at)
        return list(talks.values())[:limit]

    async def evidence(self, run: str, evidence_id: str) -> Evidence:
        if run not in self._runs:
            raise LookupError(run)
        return next(one for one in EVIDENCE if one.id == evidence_id)

    async def rename_conversation(self, conversation: str, title: str) -> bool:
        self._titles[conversation] = title
        return True

    async def delete_conversation(self, conversation: str) -> bool:
        kept = {name: one for name, one in self._runs.items() if one.turn.conversation != conversation}
        gone = len(kept) < len(self._runs)
        self._runs = kept
        return gone


class FrozenClock:
    def now(self) -> datetime:
        return NOW


@asynccontextmanager
async def open_scripted(settings: Any, pace: float = 1.0) -> AsyncIterator[Any]:
    """A product whose conversations are scripted."""
    yield SimpleNamespace(conversations=ScriptedConversations(pace), clock=FrozenClock(), settings=settings)
