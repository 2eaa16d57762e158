"""/runs/{run}/work: the page of all that a run did in sandboxes; and what one of its calls wrote."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.security.http import HTTPAuthorizationCredentials

from app.api.access import Actor, Opened, actor, bearer
from app.api.health import may_know
from app.api.problem import Problem
from app.bootstrap import Product
from app.channels.web_view import RunView, fold
from app.channels.work_page import POLICY, work_page

router = APIRouter(tags=["runs"])


@router.get("/runs/{run}/work", include_in_schema=False)
async def show(
    run: str,
    request: Request,
    product: Opened,
    known: Annotated[bool, Depends(may_know)],
    given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> Response:
    """The page, for those who may see the run. Strangers sign in first."""
    if not known:
        return RedirectResponse("/login", 303)
    view = await _view(product, run, await actor(request, product, given))
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(work_page(view), headers=headers)


@router.get("/api/runs/{run}/calls/{call}")
async def call_output(run: str, call: str, product: Opened, caller: Actor) -> dict[str, str]:
    """The end of what a call in a sandbox wrote, as a terminal would show it. 404 if there is no such call."""
    view = await _view(product, run, caller)
    found = view.code.calls.get(call)
    if found is None:
        raise Problem(404, "This run has no such call in a sandbox.")
    return {"call": found.id, "output": found.output}


async def _view(product: Product, run: str, caller: str) -> RunView:
    view = RunView(run)
    for event in await product.conversations.of(caller).events(run):
        view = fold(view, event)
    return view
