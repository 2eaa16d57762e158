"""What the stores need of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles

# What a database puts around the words that it found in a text.
MARKS = ("\x02", "\x03")


class Seconds(sa.sql.functions.GenericFunction[float]):
    """The database's own time in seconds since 1970: one clock for all processes that share it."""

    type = sa.Float(53)
    name = "deus_seconds"
    inherit_cache = True


@compiles(Seconds, "sqlite")
def _sqlite_seconds(element: Seconds, compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(Seconds, "postgresql")
def _postgres_seconds(element: Seconds, compiler: Any, **_: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


async def clock_time(connection: AsyncConnection) -> datetime:
    """The database's own time, one for all processes that share it; it goes on where the workspace's stands still."""
    return datetime.fromtimestamp((await connection.execute(sa.select(Seconds()))).scalar_one(), UTC)


class Database(Protocol):
    """`url` is what a synchronous SQLAlchemy engine takes."""

    url: str

    def write(self, *, lasting: bool = False) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that commits at the end of the block. One that is `lasting` survives a loss of power from then
        on, with all that was committed before it; any survives the death of this process."""
        ...

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection to read with."""
        ...

    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that no other process' migration runs beside."""
        ...

    def search(self, words: Sequence[str], limit: int, *, public: bool = False) -> sa.TextClause:
        """The context's pieces with any of the words, best first: (number, marked), with MARKS around them. With
        `public` only those of documents that visitors may read."""
        ...

    async def close(self) -> None: ...


def is_outage(error: BaseException) -> bool:
    """Whether the error is that the database could not be reached, or was busy, rather than what it was asked."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_outage(one) for one in error.exceptions)
    if isinstance(error, sa.exc.DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_outage(error.orig))
    names = {f"{one.__module__.partition('.')[0]}.{one.__name__}" for one in type(error).__mro__}
    if "sqlite3.OperationalError" in names:
        return any(word in str(error) for word in ("locked", "busy", "unable to open"))
    return bool(names & {"psycopg.OperationalError", "psycopg.InterfaceError", "psycopg_pool.PoolTimeout"})
