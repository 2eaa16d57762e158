"""The runs' events in the database: appended with numbers that have no gaps, read from a cursor on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.audit_facts import entry_of
from agents.event import Event, Kind
from app.stores import audit
from app.stores.database import Seconds
from app.stores.schema import events, runs


class Superseded(Exception):
    """Another worker drives the run by now: what this one would write is no longer taken."""


async def append(
    connection: AsyncConnection,
    run: str,
    at: datetime,
    added: Sequence[tuple[Kind, Mapping[str, Any]]],
    epoch: int | None = None,
) -> tuple[list[Event], str | None]:
    """Adds events to a run's log within a transaction; returns them numbered, and who has asked the run to stop.

    What they tell of goes into the audit log with the same transaction. Whoever drives the run gives the epoch of its
    claim; Superseded is raised if that is no longer the newest.

    The update of the run's row makes concurrent writers wait for each other, on every database.
    """
    mine = runs.c.run == run if epoch is None else sa.and_(runs.c.run == run, runs.c.epoch == epoch)
    taken = await connection.execute(
        runs.update()
        .where(mine)
        .values(last_seq=runs.c.last_seq + len(added), active_at=Seconds())
        .returning(runs.c.last_seq, runs.c.stopped_by, runs.c.actor)
    )
    row = taken.one_or_none()
    if row is None:
        raise Superseded(f"Run {run} is driven elsewhere by now, or it is gone.")
    first = row.last_seq - len(added) + 1
    made = [Event(run=run, seq=first + i, at=at, kind=kind, data=dict(data)) for i, (kind, data) in enumerate(added)]
    if made:
        rows = [event.model_dump(mode="json") | {"at": event.at} for event in made]
        await connection.execute(events.insert(), rows)
        told = (entry_of(event, row.actor) for event in made)
        await audit.append(connection, [entry for entry in told if entry is not None])
    return made, row.stopped_by


async def after(connection: AsyncConnection, run: str, seq: int) -> list[Event]:
    """The events of a run whose number is greater than `seq`, in order."""
    found = await connection.execute(
        sa.select(events).where(events.c.run == run, events.c.seq > seq).order_by(events.c.seq)
    )
    return [Event.model_validate(dict(row)) for row in found.mappings()]
