"""Conversations as the chat shows them: read from the stored runs and their events, and stored nowhere again."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.errors import Forbidden
from app.channels.web import Element, Message, page
from app.channels.web_view import RunView, fold

if TYPE_CHECKING:
    from agents.approvals import Desk
    from agents.conversation import Conversations, Door, RunSummary

_MOST_RUNS = 200
_MOST_OPEN = 200
UNDER_WAY = ("running", "awaiting_approval")


@dataclass(frozen=True)
class Thread:
    """A conversation as the page shows it, with the runs that are still going or wait for somebody.

    `owner` began it, or is the one who looks at it, where that is another who may.
    """

    id: str
    owner: str
    title: str
    at: str
    messages: tuple[Message, ...]
    elements: tuple[Element, ...]
    running: tuple[str, ...]


def is_thread_id(raw: str | None) -> bool:
    """Whether that can be the id of a conversation in the chat. Browsers send it, so anything may come."""
    try:
        return raw is not None and str(uuid.UUID(raw)) == raw.lower()
    except (ValueError, AttributeError):
        return False


async def waiting_conversations(approvals: Desk, conversations: Door) -> dict[str, tuple[str, ...]]:
    """The conversations that wait for a decision, with the titles of the writes that they wait for."""
    found: dict[str, tuple[str, ...]] = {}
    talks: dict[str, str] = {}
    for one in await approvals.open(_MOST_OPEN):
        run = one.proposal.run
        if run not in talks:
            talks[run] = (await conversations.summary(run)).conversation
        found[talks[run]] = (*found.get(talks[run], ()), one.proposal.title)
    return found


class Beginnings:
    """Lets the list of conversations wait until a new one is stored, for the page asks for it as soon as it is sent."""

    def __init__(self, patience: float = 60.0) -> None:
        self._patience = patience
        self._begun: dict[str, asyncio.Event] = {}

    def expect(self, thread_id: str) -> asyncio.Event:
        """The event of a conversation's first run being stored, or refused."""
        return self._begun.setdefault(thread_id, asyncio.Event())

    async def wait(self, thread_id: str) -> None:
        """Returns when the conversation is stored; after a minute in any case."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self.expect(thread_id).wait()
        self._begun.pop(thread_id, None)


class History:
    """Reads threads from the stored conversations, runs and events."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    async def thread(self, thread_id: str, viewer: str = "") -> Thread | None:
        """The whole thread as of now, as somebody sees it; None where the id is no conversation's, to them."""
        runs = await self._runs(thread_id, viewer)
        if not runs:
            return None
        pages = [page(await self._view(run)) for run in runs]
        first = runs[0]
        return Thread(
            id=thread_id,
            owner=viewer or first.actor,
            title=first.question,
            at=first.at.isoformat(),
            messages=tuple(message for one in pages for message in one.messages),
            elements=tuple(element for one in pages for element in one.elements),
            running=tuple(run.run for run in runs if run.status in UNDER_WAY),
        )

    async def begun(self, thread_id: str) -> bool:
        """Whether anything was ever said in the conversation, by anybody."""
        return is_thread_id(thread_id) and bool(await self._conversations.runs(conversation=thread_id, limit=1))

    async def opens(self, thread_id: str, viewer: str) -> bool:
        """Whether there is such a conversation, and somebody may see any of it."""
        try:
            return bool(await self._runs(thread_id, viewer))
        except Forbidden:
            return False

    async def _view(self, run: RunSummary) -> RunView:
        """The run folded from its stored events; of a running one only the question, for its viewer sends the rest."""
        if run.status == "running":
            return RunView(
                run.run, question=run.question, actor=run.actor, conversation=run.conversation, asked_at=run.at
            )
        view = RunView(run.run)
        for event in await self._conversations.events(run.run):
            view = fold(view, event)
        return view

    async def _runs(self, thread_id: str, viewer: str) -> Sequence[RunSummary]:
        if not is_thread_id(thread_id):
            return ()
        runs = await self._conversations.of(viewer).runs(conversation=thread_id, limit=_MOST_RUNS)
        return sorted(runs, key=lambda run: run.at)
