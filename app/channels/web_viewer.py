"""Somebody who looks at runs in a browser: each run's changes are sent as they come, until the browser is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from app.channels.output_pace import together
from app.channels.web import NAME, Send, Web
from app.channels.web_view import RunView

if TYPE_CHECKING:
    from agents.conversation import Conversations

log = logging.getLogger(__name__)


class Browser(Protocol):
    """What Chainlit's emitter offers of a browser's page."""

    async def send_step(self, step_dict: Any) -> None: ...
    async def send_token(self, id: str, token: str) -> None: ...
    async def send_element(self, element_dict: Any) -> None: ...
    async def send_window_message(self, data: Any) -> None: ...
    async def task_start(self) -> None: ...
    async def task_end(self) -> None: ...


class Watch:
    """One page's look at one run. `working` is set while the run works; while it waits for somebody, as when it is
    over, the page takes another question."""

    def __init__(
        self, conversations: Conversations, browser: Browser, run: str, question_id: str | None = None
    ) -> None:
        self.working = False
        self.paused = asyncio.Event()
        self._conversations = conversations
        self._browser = browser
        self._run = run
        self._channel = Web(question_id)

    async def until_the_end(self) -> RunView:
        """Shows the run until it ends. The page may already show some of it: everything sent replaces."""
        view = await self._stored()
        try:
            await self._show(self._channel.begin(self._run), view)
            if view.status == "running":
                async for events in together(self._conversations.follow(self._run, view.seq)):
                    after = view
                    for event in events:
                        after = self._channel.fold(after, event)
                    await self._show(view, after)
                    view = after
            return view
        finally:
            await self._work(False)

    async def elements(self) -> None:
        """Shows what stands beside the run's words as it is now."""
        begun = self._channel.begin(self._run)
        for send in self._channel.effects(begun, await self._stored()):
            if send.what == "element":
                await self._send(send)

    async def _stored(self) -> RunView:
        view = self._channel.begin(self._run)
        for event in await self._conversations.events(self._run):
            view = self._channel.fold(view, event)
        return view

    async def _show(self, before: RunView, after: RunView) -> None:
        await self._work(after.standing == "running")
        for send in self._channel.effects(before, after):
            await self._send(send)

    async def _work(self, working: bool) -> None:
        if working and not self.working:
            self.working = True
            await self._browser.task_start()
        elif self.working and not working:
            self.working = False
            await self._browser.task_end()
        if not working:
            self.paused.set()

    async def _send(self, send: Send) -> None:
        if send.what == "message":
            await self._browser.send_step(send.body)
        elif send.what == "token":
            await self._browser.send_token(send.body["id"], send.body["token"])
        elif send.what == "output":
            await self._browser.send_window_message({"deus": "output", **send.body})
        else:
            await self._browser.send_element(send.body)


class Viewers:
    """The runs that each page is watching. A page that leaves takes its viewers with it; the runs go on."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._watches: dict[str, dict[str, tuple[Watch, asyncio.Task[None]]]] = {}
        self._listening: dict[str, asyncio.Task[None]] = {}

    async def show(self, session: str, browser: Browser, run: str, question_id: str | None = None) -> None:
        """Watches a run that was just begun, and returns when it ends, when it waits or when the page leaves."""
        watch, task = self._start(session, browser, run, question_id)
        paused = asyncio.create_task(watch.paused.wait())
        await asyncio.wait({task, paused}, return_when=asyncio.FIRST_COMPLETED)
        paused.cancel()

    def resume(self, session: str, browser: Browser, runs: tuple[str, ...]) -> None:
        """Watches runs that were going before the page came."""
        for run in runs:
            self._start(session, browser, run)

    async def refresh(self, session: str, browser: Browser, runs: tuple[str, ...]) -> None:
        """Shows the elements of runs that were over, and of which something has come since."""
        for run in runs:
            if run not in self.watched(session):
                await Watch(self._conversations, browser, run).elements()

    def listen(
        self, session: str, browser: Browser, conversation: str, gone: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        """Shows what people write in the conversation in the place of Deus, from now on until the page leaves, or
        whoever sits there is signed in no longer (`gone`): then nothing more of anything is shown."""
        name = f"listen {conversation}"
        older = self._listening.get(session)
        if older is not None and older.get_name() == name and not older.done():
            return
        if older is not None:
            older.cancel()
        work = self._overheard(session, browser, conversation, gone or _stays)
        task = asyncio.create_task(_told(work, browser.send_step, conversation), name=name)
        self._listening[session] = task

    async def _overheard(
        self, session: str, browser: Browser, conversation: str, gone: Callable[[], Awaitable[bool]]
    ) -> None:
        heard: set[str] = set()
        while not await gone():
            talk = await self._conversations.runs(conversation=conversation, limit=MOST_RUNS)
            for one in sorted(talk, key=lambda run: run.at):
                if one.channel == INBOX and one.run not in heard:
                    # One after the other, and each is over. The page may have it: then it is shown in its place.
                    await Watch(self._conversations, browser, one.run).until_the_end()
            heard |= {one.run for one in talk}
            await asyncio.sleep(GLANCE)
        self.leave(session)

    def watched(self, session: str) -> tuple[str, ...]:
        """The runs that a page is watching now."""
        return tuple(self._watches.get(session, ()))

    def working(self, session: str) -> tuple[str, ...]:
        """Those that are at work, rather than waiting for somebody."""
        return tuple(run for run, (watch, _) in self._watches.get(session, {}).items() if watch.working)

    def leave(self, session: str) -> None:
        """The page is gone."""
        if (listening := self._listening.pop(session, None)) is not None:
            listening.cancel()
        for _, task in self._watches.pop(session, {}).values():
            task.cancel()

    def _start(
        self, session: str, browser: Browser, run: str, question_id: str | None = None
    ) -> tuple[Watch, asyncio.Task[None]]:
        watching = self._watches.setdefault(session, {})
        if run in watching:
            return watching[run]
        watch = Watch(self._conversations, browser, run, question_id)
        work = self._watched_through(watch, session, browser)
        task = asyncio.create_task(_told(work, browser.send_step, run), name=f"viewer {run}")
        watching[run] = watch, task
        task.add_done_callback(lambda _: watching.pop(run, None))
        return watch, task

    async def _watched_through(self, watch: Watch, session: str, browser: Browser) -> None:
        view = await watch.until_the_end()
        if any(line.verb == TAKES_BACK for line in view.steps):
            # It told what it took back in the logs of the runs that had done it.
            talk = await self._conversations.runs(conversation=view.conversation, limit=MOST_RUNS)
            await self.refresh(session, browser, tuple(one.run for one in talk if one.run != view.run))


INBOX = "inbox"
# Seconds between two looks for what somebody else has written.
GLANCE = 1.0
TAKES_BACK = "writes.undo"
MOST_RUNS = 20


async def _stays() -> bool:
    """Nobody is signed in who could be signed out."""
    return False


async def _told(work: Any, send: Callable[[Any], Awaitable[None]], run: str) -> None:
    """Runs a viewer; what breaks it is logged and said on the page, for nobody else would notice."""
    try:
        await work
    except Exception:  # the channel's edge
        log.exception("The page lost sight of run %s.", run)
        await send(
            notice(
                "The page lost sight of this answer, which is still being worked on. Reload to see it.", f"{run}/lost"
            )
        )


def notice(text: str, id: str) -> dict[str, Any]:
    """A message of the channel itself, which belongs to no run."""
    return {"id": id, "name": NAME, "type": "assistant_message", "output": text, "input": "", "metadata": {}}
