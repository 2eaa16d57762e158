"""The audit log in the database: appended at the end of the transaction that it tells of, read in pages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.audit import FORMAT, Anchor, AuditEntry, AuditRow, Fault, Verification, chained
from app.stores.database import Database
from app.stores.schema import audit, audit_head

GATHERED, REMEMBERED = "audit entries", "audit head"
PAGE = 500
HEAD = sa.select(audit_head.c.n, audit_head.c.hash).with_for_update()


def gather(connection: AsyncConnection) -> None:
    """Opens a transaction for entries; `Database.write` does so."""
    connection.info[GATHERED] = []


async def append(connection: AsyncConnection, entries: Sequence[AuditEntry]) -> None:
    """Adds entries to the log with the transaction of `Database.write` that the connection is in: all or nothing.

    They get their numbers just before it commits (`settle`), so that the chain's head, on which writers queue, is the
    last thing that a transaction locks, and for the shortest time.
    """
    connection.info[GATHERED].extend(entries)


async def settle(connection: AsyncConnection) -> None:
    """Chains the entries that the transaction gathered. The lock of the head makes writers wait for each other; the
    database moves it along with each row, and refuses one that does not follow it."""
    entries: list[AuditEntry] = connection.info.pop(GATHERED, [])
    if not entries:
        return
    remembered: tuple[int, str] | None = connection.info.get(REMEMBERED)
    if remembered is not None:
        # Where nobody else has written meanwhile this spares a look at the head.
        with contextlib.suppress(sa.exc.IntegrityError):
            await _insert(connection, entries, *remembered)
            return
    head = (await connection.execute(HEAD)).one()
    await _insert(connection, entries, head.n, head.hash)


async def _insert(connection: AsyncConnection, entries: Sequence[AuditEntry], n: int, hash: str) -> None:
    rows = chained(entries, n, hash)
    await connection.execute(audit.insert(), [vars(row) for row in rows])
    if connection.dialect.name == "sqlite":
        # A refusal ends no transaction here; on Postgres it would, and the head must be locked besides.
        connection.info[REMEMBERED] = (rows[-1].n, rows[-1].hash)


class AuditLog:
    """Reads a workspace's audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> Anchor:
        """The chain's head now; before the first row it is row 0."""
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(audit_head))).mappings().one()
        return Anchor(**row)

    async def rows(
        self, since: datetime | None = None, run: str | None = None, up_to: int | None = None
    ) -> AsyncIterator[AuditRow]:
        """The rows in their order, read page by page."""
        wanted: list[sa.ColumnElement[bool]] = []
        if since is not None:
            wanted.append(audit.c.at >= since.strftime(FORMAT))
        if run is not None:
            wanted.append(audit.c.run == run)
        if up_to is not None:
            wanted.append(audit.c.n <= up_to)
        last = -(2**63)
        while True:
            query = sa.select(audit).where(*wanted, audit.c.n > last).order_by(audit.c.n).limit(PAGE)
            async with self._database.read() as connection:
                page = [AuditRow(**row) for row in (await connection.execute(query)).mappings()]
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            last = page[-1].n

    async def latest(self, limit: int, before: int | None = None, run: str | None = None) -> Sequence[AuditRow]:
        """The newest rows first, those before a number if one is given."""
        wanted: list[sa.ColumnElement[bool]] = []
        if before is not None:
            wanted.append(audit.c.n < before)
        if run is not None:
            wanted.append(audit.c.run == run)
        query = sa.select(audit).where(*wanted).order_by(audit.c.n.desc()).limit(limit)
        async with self._database.read() as connection:
            return [AuditRow(**row) for row in (await connection.execute(query)).mappings()]

    async def verify(self, anchors: Sequence[Anchor] = ()) -> tuple[int, Fault | None]:
        """How many rows stand in order, and the first fault, if there is one; later rows are not looked at."""
        head = await self.head()
        verification = Verification(head.workspace, anchors)
        async for row in self.rows(up_to=head.n):
            fault = verification.take(row)
            if fault is not None:
                return verification.rows, fault
        return verification.rows, verification.end(head) or await self._beyond()

    async def _beyond(self) -> Fault | None:
        """Rows behind the chain's head, seen in one look at both."""
        query = sa.select(sa.func.max(audit.c.n).label("last"), sa.select(audit_head.c.n).scalar_subquery().label("n"))
        async with self._database.read() as connection:
            seen = (await connection.execute(query)).one()
        if seen.last is None or seen.last <= seen.n:
            return None
        return Fault("changed", seen.n, f"The chain's head names row {seen.n}, and there is a row {seen.last}.")
