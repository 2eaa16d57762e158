"""/api/inbox: every conversation of every channel; take one over, write in it, hand it back, close it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from agents.handover import Handover, State
from agents.inbox import Inbox
from app.api.access import Actor, Opened, spoken_for
from app.api.problem import RESPONSES, Problem
from app.bootstrap import Product
from app.channels.inbox_feed import Change, ListFeed, TalkFeed, frames, version_of
from app.channels.inbox_view import talk_shown

router = APIRouter(prefix="/api/inbox", tags=["inbox"], responses=RESPONSES)

# Proxies close a connection on which nothing comes for half a minute or so.
HEARTBEAT = 15.0
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Changes, as they come"}
}
Channel = Annotated[str | None, Query(max_length=32, description="only those that began there")]
InState = Annotated[State | None, Query(description="only those in this state")]
Person = Annotated[str | None, Query(max_length=256, description="only those that this actor began, or has")]
Limit = Annotated[int, Query(ge=1, le=500)]
LastId = Annotated[str, Header(alias="Last-Event-ID", max_length=64)]


class By(BaseModel):
    """On whose behalf a program acts; the whole body may be left out."""

    model_config = ConfigDict(extra="forbid")
    actor: str | None = Field(default=None, min_length=1, max_length=256)


class Words(By):
    """What a person writes in the place of Deus, in Markdown."""

    text: str = Field(min_length=1, max_length=8000)


class Standing(BaseModel):
    """How a conversation stands: `by`, called `name`, has it or closed it; `since` is when that began."""

    conversation: str
    state: State
    by: str
    name: str
    why: str
    since: datetime | None


class Listed(Standing):
    """A conversation as the list shows it; `actor`, called `who`, began it, and `last_by` said its last words."""

    channel: str
    title: str
    actor: str
    who: str
    updated_at: datetime
    run: str
    status: str
    last: str
    last_by: str
    last_run: str
    approvals: int
    gone: bool
    unread: bool


class Inboxed(BaseModel):
    """The conversations, and whether anybody is there to take one over."""

    version: str
    now: datetime
    available: bool
    conversations: list[Listed]


class Line(BaseModel):
    """Something that was said: kind is turn, answer (of Deus), person (in the place of Deus) or note."""

    run: str
    at: datetime
    kind: str
    by: str
    text: str
    evidence: list[tuple[int, str]]


class Whole(BaseModel):
    """A conversation with all that was said in it."""

    conversation: Listed
    transcript: list[Line]


class Written(BaseModel):
    """The run that carries what was written."""

    run: str


@router.get("")
async def list_conversations(
    product: Opened,
    caller: Actor,
    channel: Channel = None,
    state: InState = None,
    person: Person = None,
    limit: Limit = 100,
) -> Inboxed:
    """The conversations of every channel, the one that was used last first."""
    inbox = _inbox(product)
    found = await inbox.listed(channel, state, person, limit, reader=caller)
    items = [talk_shown(talk) for talk in found]
    listed = [Listed.model_validate(item) for item in items]
    available = await inbox.available()
    return Inboxed(version=version_of(items), now=product.clock.now(), available=available, conversations=listed)


@router.get("/events", response_class=StreamingResponse, responses=STREAM)
async def follow_list(
    product: Opened,
    caller: Actor,
    channel: Channel = None,
    state: InState = None,
    person: Person = None,
    limit: Limit = 100,
    last_event_id: LastId = "",
) -> StreamingResponse:
    """The list as it changes. The id is the list's version: whoever returns with it gets only what changed since then,
    or, where that is not known any more, the whole list. While it is open, an agent who reads it counts as there."""
    feed = ListFeed(
        _inbox(product), caller, product.clock.now, channel=channel, state=state, person=person, limit=limit
    )
    return _stream(feed.changes(last_event_id))


@router.get("/{conversation}")
async def get_conversation(conversation: str, product: Opened, caller: Actor) -> Whole:
    """One conversation with all that was said in it."""
    inbox = _inbox(product)
    talk = await inbox.one(conversation, reader=caller)
    said = await inbox.transcript(conversation, reader=caller)
    return Whole(
        conversation=Listed.model_validate(vars(talk)), transcript=[Line.model_validate(vars(one)) for one in said]
    )


@router.get("/{conversation}/events", response_class=StreamingResponse, responses=STREAM)
async def follow_conversation(
    conversation: str, product: Opened, caller: Actor, last_event_id: LastId = ""
) -> StreamingResponse:
    """How the conversation stands (`standing`) and its runs as they happen (`run`), each whole; `shown` closes a change
    and bears the version as its id."""
    inbox = _inbox(product)
    await inbox.one(conversation, reader=caller)
    return _stream(TalkFeed(inbox, product.conversations, caller, conversation).changes(last_event_id))


@router.post("/{conversation}/take")
async def take(conversation: str, product: Opened, caller: Actor, said: By | None = None) -> Standing:
    """Takes it over: what Deus does there stops, and it stays silent. 409 while somebody else has it."""
    inbox = await _seen(product, conversation, caller)
    return _standing(conversation, await inbox.take(conversation, await _who(product, caller, said)))


@router.post("/{conversation}/write", status_code=201)
async def write(conversation: str, product: Opened, caller: Actor, said: Words) -> Written:
    """Says something in the place of Deus, where the conversation takes place. 409 unless the caller has it."""
    if not said.text.strip():
        raise Problem(422, "There is nothing in it.")
    inbox = await _seen(product, conversation, caller)
    return Written(run=await inbox.write(conversation, await _who(product, caller, said), said.text.strip()))


@router.post("/{conversation}/hand-back")
async def hand_back(conversation: str, product: Opened, caller: Actor, said: By | None = None) -> Standing:
    """Lets Deus answer again. 409 while somebody else has it."""
    inbox = await _seen(product, conversation, caller)
    return _standing(conversation, await inbox.hand_back(conversation, await _who(product, caller, said)))


@router.post("/{conversation}/close")
async def close(conversation: str, product: Opened, caller: Actor, said: By | None = None) -> Standing:
    """Ends it; whatever is said in it next opens it again. 409 while somebody else has it."""
    inbox = await _seen(product, conversation, caller)
    return _standing(conversation, await inbox.close(conversation, await _who(product, caller, said)))


def _inbox(product: Product) -> Inbox:
    if product.inbox is None:
        raise Problem(404, "There is no inbox here.")
    return product.inbox


async def _seen(product: Product, conversation: str, caller: str) -> Inbox:
    """The inbox, if the caller may see the conversation."""
    inbox = _inbox(product)
    await inbox.one(conversation, reader=caller)
    return inbox


async def _who(product: Product, caller: str, said: By | None) -> str:
    """Only the token may act for others."""
    return await spoken_for(product, caller, said.actor if said else None)


def _standing(conversation: str, there: Handover) -> Standing:
    return Standing(conversation=conversation, **vars(there))


def _stream(changes: AsyncIterator[Change]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(frames(changes, HEARTBEAT), media_type="text/event-stream", headers=headers)
