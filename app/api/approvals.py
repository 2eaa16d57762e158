"""/api/approvals and /api/receipts: what waits for a decision, and what was done, to be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from agents.approval import Choice, State
from agents.approvals import UndoAsked
from agents.effect import Effect
from app.api.access import Actor, Opened, spoken_for
from app.api.problem import RESPONSES
from app.channels.approval_view import ApprovalView, view
from app.channels.web_threads import waiting_conversations
from tools.nouns import dump

router = APIRouter(prefix="/api", tags=["approvals"], responses=RESPONSES)


class Say(BaseModel):
    """A decision. `digest` is that of what was shown: a proposal that changed since is not decided by it."""

    model_config = ConfigDict(extra="forbid")
    choice: Choice
    digest: str = Field(min_length=64, max_length=64)
    note: str = Field(default="", max_length=2000)
    actor: str | None = Field(
        default=None, min_length=1, max_length=256, description="on whose behalf a program decides"
    )


class Change(BaseModel):
    """Other arguments for a proposed write, all of them; they are shown and asked about anew."""

    model_config = ConfigDict(extra="forbid")
    args: dict[str, Any]
    actor: str | None = Field(default=None, min_length=1, max_length=256)


class By(BaseModel):
    """On whose behalf a program speaks."""

    model_config = ConfigDict(extra="forbid")
    actor: str | None = Field(default=None, min_length=1, max_length=256)


class Open(BaseModel):
    """What waits: how many writes, and how many of each conversation."""

    open: int
    conversations: dict[str, int]


@router.get("/approvals")
async def list_approvals(
    product: Opened,
    caller: Actor,
    state: Annotated[State | None, Query(description="only those in this state; all if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ApprovalView]:
    """The last approvals, newest first."""
    now = product.clock.now()
    return [view(one, now) for one in await product.approvals.of(caller).listed(state, limit)]


@router.get("/approvals/open")
async def count_open(product: Opened, caller: Actor) -> Open:
    """How many decisions are waited for, and by which conversations."""
    waiting = await waiting_conversations(product.approvals.of(caller), product.conversations.of(caller))
    counted = {conversation: len(titles) for conversation, titles in waiting.items()}
    return Open(open=sum(counted.values()), conversations=counted)


@router.get("/approvals/{approval}")
async def get_approval(approval: str, product: Opened, caller: Actor) -> ApprovalView:
    """One approval with what it would change, why it is asked, and who decided."""
    return view(await product.approvals.of(caller).get(approval), product.clock.now())


@router.post("/approvals/{approval}/decision")
async def decide(approval: str, said: Say, product: Opened, caller: Actor) -> ApprovalView:
    """Says yes or no. The first decision wins; a later one is answered with 409 and how it was settled."""
    by = await spoken_for(product, caller, said.actor)
    after = await product.approvals.decide(
        approval, said.choice, by=by, channel="api", digest=said.digest, note=said.note
    )
    return view(after, product.clock.now())


@router.post("/approvals/{approval}/edit")
async def edit(approval: str, change: Change, product: Opened, caller: Actor) -> ApprovalView:
    """Withdraws the proposal in favour of other arguments, which are proposed anew."""
    after = await product.approvals.edit(
        approval, change.args, by=await spoken_for(product, caller, change.actor), channel="api"
    )
    return view(after, product.clock.now())


@router.post("/approvals/{approval}/withdraw")
async def withdraw(approval: str, product: Opened, caller: Actor, who: By | None = None) -> ApprovalView:
    """Takes the proposal back; nothing is done."""
    by = await spoken_for(product, caller, who.actor if who else None)
    return view(await product.approvals.withdraw(approval, by=by, channel="api"), product.clock.now())


@router.get("/runs/{run}/receipts")
async def receipts(run: str, product: Opened, caller: Actor) -> list[Effect]:
    """What a run has changed, or tried to, with the service's own answer."""
    await product.conversations.of(caller).summary(run)
    return list(await product.approvals.of(caller).receipts(run))


@router.post("/receipts/{effect}/undo")
async def undo(
    effect: str, product: Opened, caller: Actor, answer: Response, who: By | None = None
) -> Mapping[str, Any]:
    """Takes a write back; 409 with the drift where its target has moved on. Where the rules want a yes for that, 202
    with the run that asks for it."""
    by = await spoken_for(product, caller, who.actor if who else None)
    try:
        return dump(await product.approvals.undo(effect, by=by, channel="api"))
    except UndoAsked as asked:
        answer.status_code = 202
        return {"waiting": asked.run, "detail": str(asked)}
