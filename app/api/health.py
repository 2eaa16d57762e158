"""/api/health: whether the server is up, and, to those who may know, what stands behind it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security.http import HTTPAuthorizationCredentials

from app.api.access import Opened, actor, bearer
from app.api.problem import Problem

router = APIRouter(prefix="/api/health", tags=["health"])


async def may_know(
    request: Request, opened: Opened, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> bool:
    """Whether the caller is known; strangers are told no more than that the server is up."""
    try:
        await actor(request, opened, given)
    except Problem:
        return False
    return True


@router.get("")
async def health(response: Response, product: Opened, known: Annotated[bool, Depends(may_know)]) -> dict[str, Any]:
    """`status` is ok, starting (questions wait until it is ok) or failing (503)."""
    found = product.health()
    if found["status"] == "failing":
        response.status_code = 503
    return found if known else {"status": found["status"]}
