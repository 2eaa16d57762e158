"""The inbox as it changes: the list of conversations, and one conversation with its runs as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from agents.errors import Forbidden
from agents.visiting import linked
from app.channels.inbox_view import run_shown, standing_shown, talk_shown
from app.channels.web_view import RunView, fold

if TYPE_CHECKING:
    from agents.conversation import Conversations, RunSummary
    from agents.inbox import Inbox

log = logging.getLogger(__name__)

# Seconds: between two looks at what other processes may have changed; what is gathered into one change; between two
# signs of life of whoever looks.
GLANCE = 1.0
PACE = 0.2
BEAT = 20.0
MOST_RUNS = 60
UNDER_WAY = ("running", "awaiting_approval")


@dataclass(frozen=True)
class Change:
    """What a page needs to be as `version` says."""

    version: str
    event: str
    data: Mapping[str, Any]


class ListFeed:
    """The list of conversations for one page. While it is open, whoever may take conversations over counts as there."""

    def __init__(self, inbox: Inbox, reader: str, now: Callable[[], Any], **filters: Any) -> None:
        self._inbox = inbox
        self._reader = reader
        self._now = now
        self._filters = filters
        self._beaten = -BEAT

    async def changes(self, version: str = "") -> AsyncIterator[Change]:
        """The whole list, unless the page has that version, then what changes in it."""
        sent: dict[str, Any] = {}
        while True:
            await self._beat()
            found = await self._inbox.listed(**self._filters, reader=self._reader)
            items = {talk.conversation: talk_shown(talk) for talk in found}
            newest = version_of(list(items.values()))
            if newest != version:
                changed = [item for name, item in items.items() if sent.get(name) != item]
                told = {"version": newest, "now": self._now().isoformat(), "order": list(items), "changed": changed}
                yield Change(newest, "conversations", told)
            sent, version = items, newest
            await self._inbox.stirred(GLANCE)
            await asyncio.sleep(PACE)

    async def _beat(self) -> None:
        if monotonic() - self._beaten < BEAT:
            return
        self._beaten = monotonic()
        # Who may only look is not there for others.
        with contextlib.suppress(Forbidden):
            await self._inbox.beat(self._reader)


class TalkFeed:
    """One conversation for one page: how it stands, and its runs as they happen. What is shown counts as seen."""

    def __init__(self, inbox: Inbox, conversations: Conversations, reader: str, conversation: str) -> None:
        self._inbox = inbox
        self._door = conversations.of(reader)
        self._reader = reader
        self._conversation = conversation
        self._runs: dict[str, RunSummary] = {}
        self._views: dict[str, RunView] = {}
        self._following: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    async def changes(self, version: str = "") -> AsyncIterator[Change]:
        """All of the conversation, unless the page has that version, then what changes in it."""
        shown: dict[str, Any] = {}
        stirring = asyncio.create_task(self._stir(), name=f"inbox {self._conversation}")
        try:
            while True:
                await self._look()
                there = standing_shown(await self._inbox.state(self._conversation))
                runs = {run: run_shown(view, self._runs[run]) for run, view in self._views.items()}
                newest = version_of([there, *runs.values()])
                if newest != version:
                    if there != shown.get("standing"):
                        yield Change("", "standing", there)
                    for run, item in runs.items():
                        if item != shown.get(run):
                            yield Change("", "run", item)
                    yield Change(newest, "shown", {"version": newest, "runs": list(runs)})
                    await self._inbox.seen(self._reader, self._conversation)
                shown, version = {"standing": there, **runs}, newest
                await self._wait()
        finally:
            tasks = [stirring, *self._following.values()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _look(self) -> None:
        """Finds runs that are new, or go on again, and follows those that go on."""
        found = [
            run
            for one in (self._conversation, linked(self._conversation))
            for run in await self._door.runs(conversation=one, limit=MOST_RUNS)
        ]
        for run in sorted(found, key=lambda one: one.at):
            known = self._runs.get(run.run)
            self._runs[run.run] = run
            if run.run in self._following or (known is not None and known.status == run.status):
                continue
            view = RunView(run.run)
            for event in await self._door.events(run.run):
                view = fold(view, event)
            self._views[run.run] = view
            if run.status in UNDER_WAY:
                task = asyncio.create_task(self._follow(run.run), name=f"inbox follows {run.run}")
                self._following[run.run] = task
                task.add_done_callback(partial(self._over, run.run))

    async def _follow(self, run: str) -> None:
        async for event in self._door.follow(run, self._views[run].seq):
            self._views[run] = fold(self._views[run], event)
            self._changed.set()

    def _over(self, run: str, task: asyncio.Task[None]) -> None:
        self._following.pop(run, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("The inbox lost sight of run %s.", run, exc_info=task.exception())
        self._changed.set()

    async def _stir(self) -> None:
        while True:
            await self._inbox.stirred(GLANCE)
            self._changed.set()
            await asyncio.sleep(PACE)

    async def _wait(self) -> None:
        await self._changed.wait()
        await asyncio.sleep(PACE)
        self._changed.clear()


def version_of(shown: object) -> str:
    """Names what is shown: equal for what is equal, whichever process shows it."""
    said = json.dumps(shown, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


async def frames(changes: AsyncIterator[Change], heartbeat: float) -> AsyncIterator[str]:
    """Changes in the form of text/event-stream, with a comment whenever nothing has come for a while."""
    coming: asyncio.Task[Change] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(changes))
            done, _ = await asyncio.wait([coming], timeout=heartbeat)
            if not done:
                yield ": still here\n\n"
                continue
            change, coming = coming.result(), None
            identity = f"id: {change.version}\n" if change.version else ""
            data = json.dumps(change.data, ensure_ascii=False, separators=(",", ":"))
            yield f"{identity}event: {change.event}\ndata: {data}\n\n"
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await coming
        closing: Callable[[], Awaitable[None]] | None = getattr(changes, "aclose", None)
        if closing is not None:
            await closing()


async def _next(changes: AsyncIterator[Change]) -> Change:
    return await anext(changes)
