"""The chat's history for Chainlit: stored conversations and runs as threads. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from chainlit.data.base import BaseDataLayer
from chainlit.types import PageInfo, PaginatedResponse
from chainlit.user import PersistedUser
from starlette.exceptions import HTTPException

from agents.errors import Forbidden
from app.channels.web_threads import Beginnings, History, Thread, is_thread_id, waiting_conversations

if TYPE_CHECKING:
    from agents.approvals import Approvals
    from agents.conversation import Conversations, ConversationSummary

# Who asked, within one of Chainlit's requests.
viewing: ContextVar[str] = ContextVar("viewing", default="")
_EPOCH = "2020-01-01T00:00:00Z"
_MOST_THREADS = 500


class HistoryLayer(BaseDataLayer):  # type: ignore[misc]
    """Chainlit's data layer over the history. What Chainlit wants to write is already in the run's events."""

    def __init__(
        self, history: History, conversations: Conversations, approvals: Approvals, beginnings: Beginnings
    ) -> None:
        self._history = history
        self._approvals = approvals
        self._beginnings = beginnings
        self._conversations = conversations

    async def get_user(self, identifier: str) -> PersistedUser:
        # Chainlit asks for whoever has just signed a request, and a page that connects has no session yet.
        viewing.set(identifier)
        return PersistedUser(id=identifier, createdAt=_EPOCH, identifier=identifier)

    async def create_user(self, user: Any) -> PersistedUser:
        return await self.get_user(user.identifier)

    async def may_open(self, identifier: str, thread_id: str) -> bool:
        """Takes the place of Chainlit's own check, which lets in nobody but who began a thread. Raises its 404."""
        viewing.set(identifier)
        if not await self._history.opens(thread_id, identifier):
            raise HTTPException(404, "There is no such conversation.")
        return True

    async def list_threads(self, pagination: Any, filters: Any) -> PaginatedResponse[Any]:
        wanted, door = (filters.search or "").casefold(), self._conversations.of(filters.userId)
        found = [
            one
            for one in await door.conversations(filters.userId, limit=_MOST_THREADS)
            if is_thread_id(one.id) and wanted in one.title.casefold()
        ]
        found.sort(key=lambda one: one.updated_at, reverse=True)
        start = next((n + 1 for n, one in enumerate(found) if one.id == pagination.cursor), 0)
        shown = found[start : start + pagination.first]
        info = PageInfo(
            hasNextPage=start + len(shown) < len(found),
            startCursor=shown[0].id if shown else None,
            endCursor=shown[-1].id if shown else None,
        )
        waiting = await waiting_conversations(self._approvals.of(filters.userId), door)
        data = [_listed(one, filters.userId, waiting.get(one.id, ())) for one in shown]
        return PaginatedResponse(pageInfo=info, data=data)

    async def get_thread(self, thread_id: str) -> dict[str, Any] | None:
        thread = await self._history.thread(thread_id, viewer())
        return thread_dict(thread) if thread else None

    async def get_thread_author(self, thread_id: str) -> str:
        return viewer() if await self._history.opens(thread_id, viewer()) else ""

    async def delete_thread(self, thread_id: str) -> None:
        if is_thread_id(thread_id):
            await _allowed(self._conversations.of(viewer()).delete(thread_id))

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        if not name or metadata is not None or not is_thread_id(thread_id):
            return
        if user_id is None:
            await _allowed(self._conversations.of(viewer()).rename(thread_id, name.strip()[:200]))
        else:
            # Chainlit's call for a new conversation; when it returns, the page fetches the list anew.
            await self._beginnings.wait(thread_id)

    async def get_element(self, thread_id: str, element_id: str) -> Any:
        thread = await self._history.thread(thread_id, viewer())
        return next((one for one in thread.elements if one["id"] == element_id), None) if thread else None

    async def get_favorite_steps(self, user_id: str) -> list[Any]:
        return []

    async def build_debug_url(self) -> str:
        return ""

    async def close(self) -> None:
        """Nothing is open here."""

    async def create_element(self, element: Any) -> None:
        """In the events already."""

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Evidence and artifacts are facts of a run; a browser cannot take them away."""

    async def create_step(self, step_dict: Any) -> None:
        """In the events already."""

    async def update_step(self, step_dict: Any) -> None:
        """In the events already."""

    async def delete_step(self, step_id: str) -> None:
        """What was said stays said; whole conversations can be deleted."""

    async def upsert_feedback(self, feedback: Any) -> str:
        raise ValueError("Feedback is not taken here.")

    async def delete_feedback(self, feedback_id: str) -> bool:
        return False


def viewer() -> str:
    """Who is signed in where this is asked from: a request to Chainlit, or a page's socket. "" if nobody is."""
    from chainlit.context import ChainlitContextException, context

    if asked := viewing.get():
        return asked
    try:
        user = context.session.user
    except ChainlitContextException:
        return ""
    return str(user.identifier) if user is not None else ""


async def _allowed(work: Awaitable[object]) -> None:
    try:
        await work
    except Forbidden as error:
        raise HTTPException(403, str(error)) from error


def thread_dict(thread: Thread) -> dict[str, Any]:
    """A thread in Chainlit's form."""
    return {
        "id": thread.id,
        "createdAt": thread.at,
        "name": thread.title,
        "userId": thread.owner,
        "userIdentifier": thread.owner,
        "tags": [],
        "metadata": {},
        "steps": list(thread.messages),
        "elements": list(thread.elements),
    }


def _listed(summary: ConversationSummary, user: str | None, waiting: Sequence[str]) -> dict[str, Any]:
    return {
        "id": summary.id,
        "createdAt": summary.updated_at.isoformat(),
        "name": summary.title,
        "userId": user,
        "userIdentifier": user,
        "tags": [],
        "metadata": {"waits_for": list(waiting)} if waiting else {},
        "steps": [],
        "elements": [],
    }
