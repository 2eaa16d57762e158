"""/api/runs: ask, look, follow, stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agents.event import EPHEMERAL, Event, pauses
from agents.files import MOST_FILES
from agents.ports import Turn
from agents.record import Attachment, Evidence, RunDocument, Status
from app.api.access import Actor, Opened, spoken_for
from app.api.problem import RESPONSES, Problem

router = APIRouter(prefix="/api/runs", tags=["runs"], responses=RESPONSES)

# Proxies close a connection on which nothing comes for half a minute or so.
HEARTBEAT = 15.0
TEXT = {"type": "string"}


class Question(BaseModel):
    """A question. With `wait` the answer is the run's document; without, the run's place, at once."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(min_length=1, max_length=8000)
    conversation: str | None = Field(
        default=None, min_length=1, max_length=128, description="go on with a conversation"
    )
    actor: str | None = Field(default=None, min_length=1, max_length=256, description="on whose behalf a program asks")
    wait: bool = True
    dry_run: bool = Field(default=False, description="show what would be written, and write nothing")
    files: list[str] = Field(default_factory=list, max_length=MOST_FILES, description="ids of files to ask about")


class Listed(BaseModel):
    """A run as a list shows it."""

    run: str
    conversation: str
    question: str
    status: Status
    at: datetime
    channel: str
    actor: str


class From(BaseModel):
    """Where a run is taken up again; the whole body may be left out."""

    model_config = ConfigDict(extra="forbid")
    step: str | None = Field(default=None, max_length=64, description="the id of a step in the run's plan")


class Accepted(BaseModel):
    """A run that has begun."""

    run: str
    conversation: str


@router.post("", response_model=RunDocument, responses={202: {"model": Accepted}})
async def ask(question: Question, product: Opened, caller: Actor) -> Response:
    """Starts a run. It goes on if the caller leaves."""
    if not question.question.strip():
        raise Problem(422, "The question is empty.")
    conversation = question.conversation or f"api-{secrets.token_hex(8)}"
    # A person who is signed in asks as that person; only the token may speak for others.
    who = await spoken_for(product, caller, question.actor)
    turn = Turn(question.question, who, "api", conversation, product.clock.now(), dry=question.dry_run)
    turn = replace(turn, files=tuple(Attachment(id=one) for one in dict.fromkeys(question.files)))
    run = await product.conversations.of(caller).say(turn)
    place = {"Location": f"/api/runs/{run}"}
    if not question.wait:
        return JSONResponse({"run": run, "conversation": conversation}, 202, place)
    async for event in product.conversations.of(caller).follow(run):
        if pauses(event):
            break
    document = await product.conversations.of(caller).document(run)
    return JSONResponse(document.model_dump(mode="json"), headers=place)


@router.get("")
async def list_runs(
    product: Opened,
    caller: Actor,
    conversation: str | None = None,
    actor: str | None = None,
    status: Status | None = None,
    since: Annotated[AwareDatetime | None, Query(description="only those that were asked since then")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> list[Listed]:
    """The last runs, newest first."""
    door = product.conversations.of(caller)
    found = await door.runs(conversation=conversation, actor=actor, status=status, since=since, limit=limit)
    return [Listed.model_validate(vars(one)) for one in found]


@router.get("/{run}")
async def get_run(run: str, product: Opened, caller: Actor) -> RunDocument:
    """The run's document, so far as it has come."""
    return await product.conversations.of(caller).document(run)


@router.get(
    "/{run}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Numbered events"}
    },
)
async def follow_run(
    run: str,
    product: Opened,
    caller: Actor,
    after: Annotated[int, Query(ge=0, lt=10**9, description="the number of the last event that is known")] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """The run's events as server-sent events: those after `Last-Event-ID` (or `after`), then those that happen.

    The id is the event's number. text.delta and output.delta have none, for they are not stored: message.completed
    holds the whole text, call.finished the end of what a call wrote.
    """
    if last_event_id is not None:
        if not (last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) <= 9):
            raise Problem(422, "Last-Event-ID is not a number.")
        after = int(last_event_id)
    await product.conversations.of(caller).summary(run)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = product.conversations.of(caller).follow(run, after)
    return StreamingResponse(_lines(events), media_type="text/event-stream", headers=headers)


@router.get("/{run}/evidence/{evidence}")
async def get_evidence(run: str, evidence: str, product: Opened, caller: Actor) -> Evidence:
    """One piece of evidence, whole: what was asked, what came back, when, from where."""
    return await product.conversations.of(caller).evidence(run, evidence)


@router.post("/{run}/stop", status_code=202)
async def stop_run(run: str, product: Opened, caller: Actor) -> Listed:
    """Asks a run to stop. 409 if it has ended already."""
    if not await product.conversations.of(caller).stop(run, caller):
        raise Problem(409, "This run has ended already.")
    return Listed.model_validate(vars(await product.conversations.of(caller).summary(run)))


@router.post("/{run}/resume", status_code=202)
async def resume_run(run: str, product: Opened, caller: Actor) -> Listed:
    """Lets a run go on that failed or was stopped; what it found stays. 409 for another."""
    if not await product.conversations.of(caller).resume(run, caller):
        raise Problem(409, "This run did not fail and was not stopped.", remedy="Retry it, or fork it.")
    return Listed.model_validate(vars(await product.conversations.of(caller).summary(run)))


@router.post("/{run}/retry", status_code=202)
async def retry_run(run: str, product: Opened, caller: Actor, begin: From | None = None) -> Listed:
    """Tries a run again from a step with all that depend on it, or all that found nothing. 409 before its end.

    What was done at a service is not done again; what failed there or was turned down is asked about anew.
    """
    if not await product.conversations.of(caller).retry(run, caller, begin.step if begin else None):
        raise Problem(409, "This run has not ended yet.", remedy="Stop it first, or wait.")
    return Listed.model_validate(vars(await product.conversations.of(caller).summary(run)))


@router.post("/{run}/fork", status_code=202)
async def fork_run(run: str, product: Opened, caller: Actor, response: Response, begin: From | None = None) -> Listed:
    """Begins another run with what this one found before a step. 409 before its end.

    What this one did at a service counts as done in the new one, too.
    """
    new = await product.conversations.of(caller).fork(run, caller, begin.step if begin else None)
    if new is None:
        raise Problem(409, "This run has not ended yet.", remedy="Stop it first, or wait.")
    response.headers["Location"] = f"/api/runs/{new}"
    return Listed.model_validate(vars(await product.conversations.of(caller).summary(new)))


async def _lines(events: AsyncIterator[Event]) -> AsyncIterator[str]:
    """Events in the form of text/event-stream, with a comment whenever nothing has come for a while."""
    coming: asyncio.Task[Event] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait([coming], timeout=HEARTBEAT)
            if not done:
                yield ": still here\n\n"
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = None
            yield _frame(event)
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming


def _frame(event: Event) -> str:
    identity = "" if event.kind in EPHEMERAL else f"id: {event.seq}\n"
    data = json.dumps(event.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    return f"{identity}event: {event.kind}\ndata: {data}\n\n"
