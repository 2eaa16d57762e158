"""What the stores need of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

# What a database puts around the words that it found in a text.
MARKS = ("\x02", "\x03")


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

    def search(self, words: Sequence[str], limit: int) -> sa.TextClause:
        """The context's pieces with any of the words, best first: (number, marked), with MARKS around them."""
        ...

    async def close(self) -> None: ...
