"""What has been shown of runs in channels that are not the web: up to which event, and as which messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from agents.ports import Clock
from app.channels.delivery import Delivery, Overtaken
from app.stores.database import Database, Seconds
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
    # Who carries it, and until when, in seconds by the database's clock. Whoever takes it over gets the next fence, and
    # nothing is kept for the one before.
    sa.Column("holder", sa.String(96)),
    sa.Column("fence", sa.Integer, nullable=False, default=0),
    sa.Column("until", sa.Float(53), nullable=False, default=0.0),
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
        """Those that nobody carries, of which something happened that was not shown yet and could be, oldest first."""
        wanted = (
            deliveries.c.channel == channel,
            deliveries.c.at > self._clock.now() - KEPT_UP,
            deliveries.c.trouble.is_(None),
            _free(),
            runs.c.last_seq > deliveries.c.cursor,
        )
        query = sa.select(deliveries).join(runs, runs.c.run == deliveries.c.run).where(*wanted)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(deliveries.c.at).limit(limit))
            return [_delivery(row) for row in found.mappings()]

    async def take(self, run: str, channel: str, holder: str, seconds: float) -> Delivery | None:
        """Lets `holder` carry it for so many seconds, with the next fence; None while another one does, or if it is
        gone."""
        its = (deliveries.c.run == run, deliveries.c.channel == channel)
        free = sa.or_(_free(), deliveries.c.holder == holder)
        term = {"holder": holder, "fence": deliveries.c.fence + 1, "until": Seconds() + seconds}
        async with self._database.write() as connection:
            if not (await connection.execute(deliveries.update().where(*its, free).values(**term))).rowcount:
                return None
            return _delivery((await connection.execute(_one(run, channel))).mappings().one())

    async def renew(self, delivery: Delivery, seconds: float) -> bool:
        """Lets its holder carry it for so many seconds more; False if another one has taken it, or it is gone."""
        longer = deliveries.update().where(*_held(delivery)).values(until=Seconds() + seconds)
        async with self._database.write() as connection:
            return bool((await connection.execute(longer)).rowcount)

    async def beat(self, channel: str, holder: str, seconds: float) -> None:
        """Lets a holder carry for so many seconds more what it carries."""
        its = (deliveries.c.channel == channel, deliveries.c.holder == holder)
        async with self._database.write() as connection:
            await connection.execute(deliveries.update().where(*its).values(until=Seconds() + seconds))

    async def release(self, delivery: Delivery) -> None:
        """Lets others carry it at once; nothing happens where they do."""
        async with self._database.write() as connection:
            await connection.execute(deliveries.update().where(*_held(delivery)).values(holder=None, until=0.0))

    async def keep(self, delivery: Delivery) -> None:
        """Keeps how far it has come, which messages there are, and what stands in its way for good.

        Raises Overtaken where another one has taken it since, and keeps nothing; LookupError if it is gone.
        """
        values = {
            "cursor": delivery.cursor,
            "messages": {part: dict(message) for part, message in delivery.messages.items()},
            "trouble": delivery.trouble,
        }
        async with self._database.write() as connection:
            kept = await connection.execute(deliveries.update().where(*_held(delivery)).values(**values))
            if kept.rowcount:
                return
            if (await connection.execute(_one(delivery.run, delivery.channel))).one_or_none() is None:
                raise LookupError(f"Nothing of {delivery.run} is to be shown in {delivery.channel} any more.")
        raise Overtaken(delivery.run)

    async def disturb(self, run: str, channel: str) -> bool:
        """Lets it be shown anew from its start; False while somebody carries it, who shows it anew anyway."""
        its = (deliveries.c.run == run, deliveries.c.channel == channel)
        async with self._database.write() as connection:
            return bool((await connection.execute(deliveries.update().where(*its, _free()).values(cursor=0))).rowcount)


def _free() -> sa.ColumnElement[bool]:
    return sa.or_(deliveries.c.holder.is_(None), deliveries.c.until < Seconds())


def _held(delivery: Delivery) -> tuple[sa.ColumnElement[bool], ...]:
    its = (deliveries.c.run == delivery.run, deliveries.c.channel == delivery.channel)
    return (*its, deliveries.c.fence == delivery.fence)


def _one(run: str, channel: str) -> sa.Select[Any]:
    return sa.select(deliveries).where(deliveries.c.run == run, deliveries.c.channel == channel)


def _delivery(row: Any) -> Delivery:
    names = ("run", "channel", "place", "cursor", "messages", "trouble", "fence")
    return Delivery(**{name: row[name] for name in names})
