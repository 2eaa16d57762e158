"""What has been shown of runs in channels that are not the web: up to which event, and as which messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from agents.ports import Clock
from app.channels.delivery import Delivery
from app.stores.database import Database
from app.stores.schema import Moment, metadata, runs

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("run", sa.String(64), sa.ForeignKey("runs.run", ondelete="CASCADE"), primary_key=True),
    sa.Column("channel", sa.String(32), primary_key=True),
    sa.Column("place", sa.JSON, nullable=False),
    sa.Column("cursor", sa.Integer, nullable=False),
    sa.Column("messages", sa.JSON, nullable=False),
    sa.Column("trouble", sa.Text),
    sa.Column("at", Moment, nullable=False),
    sa.Index("deliveries_channel", "channel", "at"),
)

# What came of a run after so long is seen on the web alone.
KEPT_UP = timedelta(days=30)


class StoredDeliveries:
    """The Deliveries of a workspace. A conversation that is deleted takes those of its runs with it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, run: str, channel: str, place: Mapping[str, Any]) -> Delivery:
        """The delivery of a run to a place of a channel; the one that is there stays as it is."""
        async with self._database.write() as connection:
            found = (await connection.execute(_one(run, channel))).mappings().one_or_none()
            if found is not None:
                return _delivery(found)
            new = {"run": run, "channel": channel, "place": dict(place), "cursor": 0, "messages": {}, "trouble": None}
            await connection.execute(deliveries.insert().values(**new, at=self._clock.now()))
        return Delivery(run, channel, dict(place))

    async def get(self, run: str, channel: str) -> Delivery | None:
        """The delivery of a run to a channel, if there is one."""
        async with self._database.read() as connection:
            found = (await connection.execute(_one(run, channel))).mappings().one_or_none()
        return None if found is None else _delivery(found)

    async def behind(self, channel: str, limit: int = 200) -> Sequence[Delivery]:
        """Those of which something has happened that was not shown yet and could be, oldest first."""
        wanted = (
            deliveries.c.channel == channel,
            deliveries.c.at > self._clock.now() - KEPT_UP,
            deliveries.c.trouble.is_(None),
            runs.c.last_seq > deliveries.c.cursor,
        )
        query = sa.select(deliveries).join(runs, runs.c.run == deliveries.c.run).where(*wanted)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(deliveries.c.at).limit(limit))
            return [_delivery(row) for row in found.mappings()]

    async def keep(self, delivery: Delivery) -> None:
        """Keeps how far it has come, which messages there are, and what stands in its way for good."""
        values = {
            "cursor": delivery.cursor,
            "messages": {part: dict(message) for part, message in delivery.messages.items()},
            "trouble": delivery.trouble,
        }
        its = (deliveries.c.run == delivery.run, deliveries.c.channel == delivery.channel)
        async with self._database.write() as connection:
            await connection.execute(deliveries.update().where(*its).values(**values))


def _one(run: str, channel: str) -> sa.Select[Any]:
    return sa.select(deliveries).where(deliveries.c.run == run, deliveries.c.channel == channel)


def _delivery(row: Any) -> Delivery:
    names = ("run", "channel", "place", "cursor", "messages", "trouble")
    return Delivery(**{name: row[name] for name in names})
