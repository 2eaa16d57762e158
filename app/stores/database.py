"""What the stores need of a database, whichever it is."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Database(Protocol):
    """`url` is what a synchronous SQLAlchemy engine takes."""

    url: str

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that commits at the end of the block."""
        ...

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection to read with."""
        ...

    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that no other process' migration runs beside."""
        ...

    async def close(self) -> None: ...
