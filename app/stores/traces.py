"""What decides who may see a run: who asked it, who read along, and which services it has looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.rights import Trace
from app.stores.database import Database
from app.stores.schema import approvals, conversations, effects, evidence, runs


class StoredTraces:
    """The Traces of a workspace, read from its runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def traces(self, wanted: Collection[str]) -> Mapping[str, Trace]:
        """What decides who may see each of some runs; unknown ones are left out."""
        columns = (runs.c.run, runs.c.conversation, runs.c.actor, runs.c.role, runs.c.audience, runs.c.status)
        async with self._database.read() as connection:
            found = (await connection.execute(sa.select(*columns).where(runs.c.run.in_(list(wanted))))).all()
            sources = await _sources(connection, wanted)
        return {
            one.run: Trace(
                run=one.run,
                conversation=one.conversation,
                actor=one.actor,
                role=one.role,
                audience=one.audience,
                sources=sources.get(one.run, frozenset()),
                relayed=one.status == "relayed",
            )
            for one in found
        }

    async def speakers(self, conversation: str) -> frozenset[str]:
        """Who has spoken in a conversation, and who began it."""
        spoke = sa.select(runs.c.actor).where(runs.c.conversation == conversation)
        began = sa.select(conversations.c.actor).where(conversations.c.id == conversation)
        async with self._database.read() as connection:
            return frozenset(await connection.scalars(sa.union(spoke, began)))

    async def owner(self, conversation: str) -> str | None:
        """Who began a conversation; None where there is none of that id."""
        wanted = sa.select(conversations.c.actor).where(conversations.c.id == conversation)
        async with self._database.read() as connection:
            found: str | None = await connection.scalar(wanted)
        return found


async def _sources(connection: AsyncConnection, wanted: Collection[str]) -> Mapping[str, frozenset[str]]:
    """The services of each run; a proposal shows what is there now, and so has read it."""
    named = (
        (evidence, evidence.c.record["service"]),
        (approvals, approvals.c.record["proposal"]["service"]),
        (effects, effects.c.record["service"]),
    )
    found: dict[str, set[str]] = {}
    for table, service in named:
        query = sa.select(table.c.run, service.as_string()).where(table.c.run.in_(list(wanted))).distinct()
        for run, name in await connection.execute(query):
            found.setdefault(run, set()).add(name)
    return {run: frozenset(names) for run, names in found.items()}
