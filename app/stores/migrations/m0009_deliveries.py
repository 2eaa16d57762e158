"""What has been shown of runs in channels that are not the web: up to which event, and as which messages."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# The table of runs is made by another migration; only its key is named here.
sa.Table("runs", metadata, sa.Column("run", sa.String(64), primary_key=True))
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("run", sa.String(64), sa.ForeignKey("runs.run", ondelete="CASCADE"), primary_key=True),
    sa.Column("channel", sa.String(32), primary_key=True),
    sa.Column("place", sa.JSON, nullable=False),
    sa.Column("cursor", sa.Integer, nullable=False),
    sa.Column("messages", sa.JSON, nullable=False),
    sa.Column("trouble", sa.Text),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Index("deliveries_channel", "channel", "at"),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the table."""
    deliveries.create(connection)
