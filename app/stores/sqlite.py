"""What is SQLite's own: how it is opened, and how its migrations exclude each other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.stores import audit
from app.stores.database import MARKS, Database

SEARCH = """
SELECT rowid AS number, highlight(context_words, 0, :open, :close) || ' ' ||
    highlight(context_words, 1, :open, :close) || ' ' || highlight(context_words, 2, :open, :close) AS marked
FROM context_words WHERE context_words MATCH :words AND rank MATCH 'bm25(2.0, 1.0, 1.0)' {which}
ORDER BY rank LIMIT :limit
"""
PUBLIC = """AND rowid IN (
    SELECT p.number FROM context_pieces p JOIN context_documents d ON d.id = p.document WHERE d.public)"""
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA busy_timeout=30000",
    "PRAGMA foreign_keys=ON",
)


class SQLite(Database):
    """A file in WAL mode: one connection that writes, begun with IMMEDIATE, and others that read beside it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.url = f"sqlite:///{path}"
        self._writer = _engine(path, pool_size=1)
        sa.event.listen(self._writer.sync_engine, "begin", _begin)
        self._lasting = self._writer.execution_options(lasting=True)
        self._reader = _engine(path, pool_size=4)

    @contextlib.asynccontextmanager
    async def write(self, *, lasting: bool = False) -> AsyncIterator[AsyncConnection]:
        async with (self._lasting if lasting else self._writer).begin() as connection:
            audit.gather(connection)
            yield connection
            await audit.settle(connection)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with self._reader.connect() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        async with self.write() as connection:
            yield connection

    def search(self, words: Sequence[str], limit: int, *, public: bool = False) -> sa.TextClause:
        any_of = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
        wanted = SEARCH.format(which=PUBLIC if public else "")
        return sa.text(wanted).bindparams(words=any_of, limit=limit, open=MARKS[0], close=MARKS[1])

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()


def prepare(connection: Any, record: object = None) -> None:
    """Sets a new SQLite connection up."""
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    """Takes the right to write. Of a lasting transaction the log is synced with its commit, and with it all before."""
    wanted = "FULL" if connection.get_execution_options().get("lasting") else "NORMAL"
    if connection.info.get("synchronous", "NORMAL") != wanted:
        connection.exec_driver_sql(f"PRAGMA synchronous={wanted}")
        connection.info["synchronous"] = wanted
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _engine(path: Path, *, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=pool_size,
        max_overflow=0,
        # The driver's own transactions begin too late and as DEFERRED; ours are begun by the listener above.
        connect_args={"isolation_level": None},
    )
    sa.event.listen(engine.sync_engine, "connect", prepare)
    return engine
