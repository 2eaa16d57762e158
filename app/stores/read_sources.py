"""Which services a run has read, as its evidence and its proposals tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.stores.schema import approvals, effects, evidence


async def sources_of(connection: AsyncConnection, runs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The services of each run; a proposal shows what is there now, and so has read it."""
    named = (
        (evidence, evidence.c.record["service"]),
        (approvals, approvals.c.record["proposal"]["service"]),
        (effects, effects.c.record["service"]),
    )
    found: dict[str, set[str]] = {}
    for table, service in named:
        query = sa.select(table.c.run, service.as_string()).where(table.c.run.in_(list(runs))).distinct()
        for run, name in await connection.execute(query):
            found.setdefault(run, set()).add(name)
    return {run: frozenset(names) for run, names in found.items()}
