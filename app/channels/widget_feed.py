"""A visitor's conversation as it goes on: every run of it that they may see, and how the conversation stands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from agents.conversation import Conversations, RunSummary
from agents.conversation import Door as OwnDoor
from app.channels.channel import effects_of
from app.channels.widget_cursor import Cursor
from app.channels.widget_view import Frame, WidgetChannel, shown, visible

if TYPE_CHECKING:
    from agents.inbox import Inbox

CHANNEL = WidgetChannel()
MOST_RUNS = 200
# Of a long conversation the page gets the end.
SHOWN = 60
# Proxies close a connection on which nothing comes for half a minute or so.
HEARTBEAT = 15.0
GLANCE = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDED = ("answered", "abstained", "failed", "stopped", "relayed")


class Feed:
    """Reads visitors' conversations. What other processes write is seen after `glance` seconds."""

    def __init__(self, conversations: Conversations, inbox: Inbox | None, glance: float = GLANCE) -> None:
        self._conversations = conversations
        self._inbox = inbox
        self._glance = glance
        self._news: dict[str, set[asyncio.Event]] = {}

    def tell(self, conversation: str) -> None:
        """Says that something was said, so that whoever looks sees it at once."""
        for news in self._news.get(conversation, ()):
            news.set()

    async def standing(self, conversation: str) -> dict[str, Any]:
        """How the conversation stands, who has it, and whether somebody is there who could."""
        if self._inbox is None:
            return {"state": "open", "by": "", "available": False}
        there = await self._inbox.state(conversation)
        return {"state": there.state, "by": there.name, "available": await self._inbox.available()}

    async def transcript(self, conversation: str, actor: str) -> tuple[list[dict[str, Any]], Cursor]:
        """All that is shown of a conversation so far, oldest first, and the place up to which that is."""
        own, runs = self._conversations.of(actor), await self._runs(conversation, actor)
        told: list[dict[str, Any]] = []
        # What is too long ago to be shown is not told later either.
        cursor, whole = Cursor(micros(runs[-SHOWN - 1].at) if len(runs) > SHOWN else 0), True
        for run in runs[-SHOWN:]:
            view = CHANNEL.begin(run.run)
            for event in await own.events(run.run):
                view = CHANNEL.fold(view, event)
            told.append(shown(view))
            whole = whole and view.status in ENDED
            cursor = cursor.marked(micros(run.at)) if whole else cursor.at(micros(run.at), view.seq)
        return told, cursor

    async def follow(self, conversation: str, actor: str, cursor: Cursor) -> AsyncGenerator[str, None]:
        """What comes after a cursor, as text/event-stream, for as long as somebody reads it."""
        news = asyncio.Event()
        readers = self._news.setdefault(conversation, set())
        readers.add(news)
        own, reading = self._conversations.of(actor), _Reading(cursor)
        standing: dict[str, Any] = {}
        quiet = 0.0
        try:
            while True:
                news.clear()
                for run in await self._runs(conversation, actor):
                    reading.begin(own, run)
                now = await self.standing(conversation)
                if now != standing:
                    standing = now
                    yield _lines(Frame("state", standing))
                async for line in reading.arriving(news, self._glance):
                    quiet = 0.0
                    yield line
                quiet += self._glance
                if quiet >= HEARTBEAT:
                    quiet = 0.0
                    yield ": still here\n\n"
        finally:
            readers.discard(news)
            if not readers:
                self._news.pop(conversation, None)
            await reading.close()

    async def _runs(self, conversation: str, actor: str) -> list[RunSummary]:
        found = await self._conversations.of(actor).runs(conversation=conversation, limit=MOST_RUNS)
        return sorted((run for run in found if visible(run, actor)), key=lambda run: (run.at, run.run))


@dataclass
class _Reading:
    """The runs that one reader follows, and how far they have come."""

    cursor: Cursor
    _coming: asyncio.Queue[tuple[int, int, Frame | None]] = field(default_factory=asyncio.Queue)
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _ended: set[int] = field(default_factory=set)

    def begin(self, conversations: OwnDoor, run: RunSummary) -> None:
        """Follows a run that is not yet seen to its end."""
        at = micros(run.at)
        seen = self.cursor.seen(at)
        if seen is not None and at not in self._tasks:
            self._tasks[at] = asyncio.create_task(self._follow(conversations, run.run, at, seen), name="follow a run")

    async def _follow(self, conversations: OwnDoor, run: str, at: int, seen: int) -> None:
        events = conversations.follow(run)
        # A conversation may be deleted while somebody reads it.
        with suppress(LookupError):
            async with aclosing(effects_of(CHANNEL, run, events, seen)) as effects:  # type: ignore[type-var]
                async for seq, frame in effects:
                    await self._coming.put((at, seq, frame))
        await self._coming.put((at, 0, None))

    async def arriving(self, news: asyncio.Event, seconds: float) -> AsyncGenerator[str, None]:
        """What the runs tell, until a while passes in which they tell nothing, or something new was said."""
        while not news.is_set():
            told = asyncio.create_task(self._coming.get())
            rung = asyncio.create_task(news.wait())
            try:
                await asyncio.wait({told, rung}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if not told.done():
                    return
                line = self._take(*told.result())
            finally:
                told.cancel()
                rung.cancel()
            if line:
                yield line

    def _take(self, at: int, seq: int, frame: Frame | None) -> str:
        if frame is None:
            self._ended.add(at)
            for run in sorted(self._tasks):
                if run not in self._ended:
                    break
                self.cursor = self.cursor.marked(run)
            return ""
        if frame.kind == "delta":
            return _lines(frame)
        self.cursor = self.cursor.at(at, seq)
        return _lines(frame, str(self.cursor))

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())


def micros(at: datetime) -> int:
    """A time in microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def _lines(frame: Frame, identity: str = "") -> str:
    data = json.dumps(frame.data, ensure_ascii=False, separators=(",", ":"))
    return f"{f'id: {identity}' + chr(10) if identity else ''}event: {frame.kind}\ndata: {data}\n\n"
