"""/runs/{run}: the address of a run that people pass on; it leads to where the run is shown."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import RedirectResponse
from fastapi.security.http import HTTPAuthorizationCredentials

from app.api.access import Opened, actor, bearer
from app.api.health import may_know
from app.channels.web_threads import is_thread_id

router = APIRouter(prefix="/runs", tags=["runs"])


@router.get("/{run}", include_in_schema=False)
async def run_link(
    run: str,
    request: Request,
    product: Opened,
    known: Annotated[bool, Depends(may_know)],
    given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> RedirectResponse:
    """To its conversation: one's own in the web chat, every other in the inbox; programs get its document where it is
    in no chat. Strangers sign in first."""
    if not known:
        return RedirectResponse("/login", 303)
    caller = await actor(request, product, given)
    summary = await product.conversations.of(caller).summary(run)
    by_person = "text/html" in request.headers.get("accept", "") and product.inbox is not None
    if is_thread_id(summary.conversation) and (summary.actor == caller or not by_person):
        return RedirectResponse(f"/thread/{summary.conversation}", 303)
    if by_person:
        return RedirectResponse(f"/inbox?conversation={quote(summary.conversation, safe='')}#run-{summary.run}", 303)
    return RedirectResponse(f"/api/runs/{summary.run}", 303)
