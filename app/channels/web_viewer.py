"""Somebody who looks at runs in a browser: each run's changes are sent as they come, until the browser is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from app.channels.web import NAME, Send, Web

if TYPE_CHECKING:
    from agents.conversation import Conversations

log = logging.getLogger(__name__)


class Browser(Protocol):
    """What Chainlit's emitter offers of a browser's page."""

    async def send_step(self, step_dict: Any) -> None: ...
    async def send_token(self, id: str, token: str) -> None: ...
    async def send_element(self, element_dict: Any) -> None: ...
    async def task_start(self) -> None: ...
    async def task_end(self) -> None: ...


async def watch(conversations: Conversations, browser: Browser, run: str, question_id: str | None = None) -> None:
    """Shows a run on the page until it ends. The page may already show some of it: everything sent replaces."""
    channel = Web(question_id)
    view = shown = channel.begin(run)
    await browser.task_start()
    try:
        async for event in conversations.follow(run):
            view = channel.fold(view, event)
            for send in channel.effects(shown, view):
                await _send(browser, send)
            shown = view
    finally:
        await browser.task_end()


async def _send(browser: Browser, send: Send) -> None:
    if send.what == "message":
        await browser.send_step(send.body)
    elif send.what == "token":
        await browser.send_token(send.body["id"], send.body["token"])
    else:
        await browser.send_element(send.body)


class Viewers:
    """The runs that each page is watching. A page that leaves takes its viewers with it; the runs go on."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._tasks: dict[str, dict[str, asyncio.Task[None]]] = {}

    async def show(self, session: str, browser: Browser, run: str, question_id: str | None = None) -> None:
        """Watches a run that was just begun, until it ends or the page leaves."""
        await asyncio.wait({self._start(session, browser, run, question_id)})

    def resume(self, session: str, browser: Browser, runs: tuple[str, ...]) -> None:
        """Watches runs that were going before the page came."""
        for run in runs:
            self._start(session, browser, run)

    def watched(self, session: str) -> tuple[str, ...]:
        """The runs that a page is watching now."""
        return tuple(self._tasks.get(session, ()))

    def leave(self, session: str) -> None:
        """The page is gone."""
        for task in self._tasks.pop(session, {}).values():
            task.cancel()

    def _start(self, session: str, browser: Browser, run: str, question_id: str | None = None) -> asyncio.Task[None]:
        watching = self._tasks.setdefault(session, {})
        if run in watching:
            return watching[run]
        work = watch(self._conversations, browser, run, question_id)
        task = asyncio.create_task(_told(work, browser.send_step, run), name=f"viewer {run}")
        watching[run] = task
        task.add_done_callback(lambda _: watching.pop(run, None))
        return task


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
