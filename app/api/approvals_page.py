"""/approvals: the page of what waits for a decision, for those who are signed in; its forms decide."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from agents.approval import Choice
from agents.approvals import UndoAsked
from app.api.access import Actor, Opened, actor
from app.api.health import may_know
from app.api.problem import Problem
from app.bootstrap import Product
from app.channels.approval_form import arguments
from app.channels.approval_page import POLICY, approvals_page
from tools.kit.errors import DeusError

router = APIRouter(prefix="/approvals", include_in_schema=False)
Which = Annotated[Literal["open", "approved", "rejected", "expired", "withdrawn", "all"], Query(alias="state")]
MOST = 50


@router.get("")
async def show(
    request: Request,
    product: Opened,
    known: Annotated[bool, Depends(may_know)],
    state: Which = "open",
    coming: bool = False,
) -> Response:
    """Those that are open, or were decided last. Strangers sign in first."""
    if not known:
        return RedirectResponse("/login", 303)
    return await _page(product, state, await actor(request, product, None), coming=coming)


@router.post("/{approval}/decision")
async def decide(approval: str, request: Request, product: Opened, by: Actor, state: Which = "open") -> Response:
    """Says yes or no to what the page showed."""
    async with request.form() as form:
        said, digest, note = str(form.get("choice")), str(form.get("digest")), str(form.get("note") or "")[:2000]
    choices: dict[str, Choice] = {"approve": "approve", "reject": "reject"}
    if said not in choices:
        raise Problem(422, "The decision is approve or reject.")
    work = product.approvals.decide(approval, choices[said], by=by, channel="web", digest=digest, note=note)
    return await _done(work, product, state, by)


@router.post("/{approval}/edit")
async def edit(approval: str, request: Request, product: Opened, by: Actor, state: Which = "open") -> Response:
    """Wants the arguments that stand in the form."""
    async with request.form() as form:
        filled = {name.removeprefix("arg."): str(form[name]) for name in form if name.startswith("arg.")}

    async def work() -> None:
        there = await product.approvals.of(by).get(approval)
        args = arguments(there.proposal.verb, filled)
        await product.approvals.edit(approval, args, by=by, channel="web")

    return await _done(work(), product, state, by)


@router.post("/undo/{effect}")
async def undo(effect: str, product: Opened, by: Actor, state: Which = "open") -> Response:
    """Takes a write back."""
    return await _done(product.approvals.undo(effect, by=by, channel="web"), product, state, by)


async def _done(work: Awaitable[object], product: Product, state: Which, by: str) -> Response:
    """Back to the list; what did not count is said above it, and what waits for a yes stands in the open one."""
    try:
        await work
    except UndoAsked:
        return RedirectResponse("/approvals?state=open&coming=1", 303)
    except DeusError as error:
        return await _page(product, state, by, trouble=str(error), status=409)
    return RedirectResponse(f"/approvals?state={state}&coming=1", 303)


async def _page(
    product: Product, state: Which, by: str, *, trouble: str = "", coming: bool = False, status: int = 200
) -> Response:
    if state == "open":
        found = await product.approvals.of(by).open(MOST)
    else:
        found = await product.approvals.of(by).listed(None if state == "all" else state, MOST)
    runs = dict.fromkeys(one.proposal.run for one in found if one.state == "approved")
    effects = [effect for run in runs for effect in await product.approvals.of(by).receipts(run)]
    html = approvals_page(found, effects, state=state, actor=by, trouble=trouble, coming=coming)
    return HTMLResponse(html, status, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
