"""What is Postgres' own: how it is opened, and how its migrations exclude each other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.stores import audit
from app.stores.database import MARKS, Database

# Any number will do as long as nobody else locks it in this database.
MIGRATION_LOCK = 7_203_411
SEARCH = """
SELECT number, ts_headline('english', title || ' ' || names || ' ' || text, asked, :style) AS marked
FROM (
    SELECT number, title, names, text, asked, ts_rank_cd(words, asked) AS rank
    FROM context_pieces, websearch_to_tsquery('english', :words) AS asked
    WHERE words @@ asked {which} ORDER BY rank DESC, number LIMIT :limit
) AS found ORDER BY rank DESC, number
"""
PUBLIC = "AND document IN (SELECT id FROM context_documents WHERE public)"


class Postgres(Database):
    """A database reached through psycopg 3. `url` is any of Postgres' own forms."""

    def __init__(self, url: str) -> None:
        plain = sa.make_url(url)
        self.url = plain.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        self.conninfo = plain.set(drivername="postgresql").render_as_string(hide_password=False)
        self._engine = create_async_engine(self.url, pool_size=8, max_overflow=4, pool_pre_ping=True)

    @contextlib.asynccontextmanager
    async def write(self, *, lasting: bool = False) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            audit.gather(connection)
            yield connection
            await audit.settle(connection)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        async with self.write() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            yield connection

    def search(self, words: Sequence[str], limit: int, *, public: bool = False) -> sa.TextClause:
        any_of = " or ".join('"' + word.replace('"', " ") + '"' for word in words)
        style = f"HighlightAll=true, StartSel={MARKS[0]}, StopSel={MARKS[1]}"
        wanted = SEARCH.format(which=PUBLIC if public else "")
        return sa.text(wanted).bindparams(words=any_of, limit=limit, style=style)

    async def close(self) -> None:
        await self._engine.dispose()
