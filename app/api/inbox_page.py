"""/inbox: the page of every conversation, for those who are signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.api.access import Opened, actor
from app.api.health import may_know
from app.api.problem import Problem
from app.channels.inbox_page import ASSETS, POLICY, asset, inbox_page

router = APIRouter(prefix="/inbox", include_in_schema=False)


@router.get("")
async def show(request: Request, product: Opened, known: Annotated[bool, Depends(may_know)]) -> Response:
    """The page. Strangers sign in first."""
    if not known:
        return RedirectResponse("/login", 303)
    if product.inbox is None:
        raise Problem(404, "There is no inbox here.")
    me = await actor(request, product, None)
    html = inbox_page(me, may_take=await product.inbox.may_take(me))
    return HTMLResponse(html, 200, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})


@router.get("/{name}")
async def load(name: str) -> Response:
    """What the page loads."""
    headers = {"Cache-Control": "no-cache"}
    return Response(asset(name), media_type=ASSETS[name], headers=headers)
