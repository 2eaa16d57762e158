"""Walking through pages, in the manners that vendors have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from tools.kit.wire import Answer, Json, Params, Wire

T = TypeVar("T")


async def by_link(wire: Wire, path: str, params: Params | None = None) -> AsyncIterator[Answer]:
    """Pages that name the next one in a `Link` header (GitHub, Sentry)."""
    answer = await wire.get(path, params)
    yield answer
    walked: set[str] = set()
    # A service that leads in a circle would otherwise keep us here for ever.
    while (following := answer.link("next")) and following not in walked:
        walked.add(following)
        answer = await wire.get(following)
        yield answer


async def all_by_link(wire: Wire, path: str, limit: int) -> list[Json]:
    """At most `limit` records of a list that is paged by its `Link` header, a hundred a page."""
    found: list[Json] = []
    async for page in by_link(wire, path, {"per_page": min(100, limit)}):
        found += page.data
        if len(found) >= limit:
            break
    return found[:limit]


async def by_cursor(
    fetch: Callable[[str | None], Awaitable[Json]], following: Callable[[Json], str | None]
) -> AsyncIterator[Json]:
    """Pages that carry the next one's cursor in their body; `fetch(None)` gives the first."""
    cursor: str | None = None
    walked: set[str] = set()
    while True:
        page = await fetch(cursor)
        yield page
        cursor = following(page)
        if not cursor or cursor in walked:
            return
        walked.add(cursor)


async def by_offset(
    fetch: Callable[[int], Awaitable[Json]], more: Callable[[Json], bool], step: int
) -> AsyncIterator[Json]:
    """Pages that are asked for by how many records to skip."""
    offset = 0
    while True:
        page = await fetch(offset)
        yield page
        if not more(page):
            return
        offset += step


async def first(records: AsyncIterator[T], limit: int) -> list[T]:
    """At most `limit` records, asking for no further page than they need."""
    kept: list[T] = []
    async for record in records:
        kept.append(record)
        if len(kept) >= limit:
            break
    return kept
