"""/api/audit: the audit log, newest first, and whether it is whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.api.access import Actor, Opened, admin_only
from app.api.problem import RESPONSES

router = APIRouter(prefix="/api/audit", tags=["audit"], responses=RESPONSES)


@router.get("")
async def entries(
    product: Opened,
    caller: Actor,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(ge=1, description="Only rows with a smaller number: the next page.")] = None,
    run: Annotated[str | None, Query(description="Only what belongs to this run.")] = None,
) -> list[dict[str, Any]]:
    """The rows with the largest numbers first; `before` the last one's `n` gives the next page."""
    await admin_only(product, caller)
    return [row.line() for row in await product.audit.latest(limit, before, run)]


@router.get("/head")
async def head(product: Opened, caller: Actor) -> dict[str, Any]:
    """The chain's head: an anchor, to be kept where nobody who can change the database can change it."""
    await admin_only(product, caller)
    return (await product.audit.head()).model_dump()
