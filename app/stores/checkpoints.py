"""LangGraph's checkpoints: in a SQLite file of their own, or in the Postgres database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from app.stores.database import Database
from app.stores.postgres import Postgres
from app.stores.sqlite import SQLite

# Any number will do as long as nobody else locks it in this database.
SETUP_LOCK = 7_203_412


@contextlib.asynccontextmanager
async def open_checkpoints(database: Database) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """A checkpointer beside the store, with its tables made. It loads plain values only, no classes and no pickles."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None, allowed_json_modules=None, pickle_fallback=False)
    if isinstance(database, SQLite):
        async with _sqlite(database, strict) as saver:
            yield saver
    elif isinstance(database, Postgres):
        async with _postgres(database, strict) as saver:
            yield saver
    else:
        raise TypeError(f"No checkpointer is known for {type(database).__name__}.")


@contextlib.asynccontextmanager
async def _sqlite(database: SQLite, serializer: JsonPlusSerializer) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    # A file of their own: checkpoints and events do not wait for each other's commits.
    async with aiosqlite.connect(database.path.with_name("checkpoints.db")) as connection:
        saver = AsyncSqliteSaver(connection, serde=serializer)
        await saver.setup()
        await connection.execute("PRAGMA synchronous=NORMAL")
        yield saver


@contextlib.asynccontextmanager
async def _postgres(database: Postgres, serializer: JsonPlusSerializer) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg import AsyncConnection
    from psycopg.rows import DictRow, dict_row
    from psycopg_pool import AsyncConnectionPool

    kwargs = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        database.conninfo, min_size=1, max_size=6, open=False, kwargs=kwargs
    )
    async with pool:
        saver = AsyncPostgresSaver(pool, serde=serializer)
        # Setting up in two processes at once fails, and waiting for a lock would hang its CREATE INDEX CONCURRENTLY.
        async with pool.connection() as guard:
            while not await _locked(guard):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(0.1)
            try:
                await saver.setup()
            finally:
                await guard.execute("SELECT pg_advisory_unlock(%s)", (SETUP_LOCK,))
        yield saver


async def _locked(connection: Any) -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (SETUP_LOCK,))).fetchone()
    return bool(row["got"])
