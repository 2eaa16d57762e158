"""Approvals, the effect ledger, and the number of a run's last segment."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("requester", sa.String(256), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.String(32), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Index("approvals_run", "run", "step", "revision"),
    sa.Index("approvals_state", "state", "expires_at"),
)
sa.Table(
    "effects",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Index("effects_run", "run"),
)
sa.Table(
    "approvals_used",
    metadata,
    sa.Column("approval", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables; runs that are there have had one segment."""
    metadata.create_all(connection)
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN segment INTEGER NOT NULL DEFAULT 1")
