"""Workers and their signs of life; on a run, who may write its log, how far it came, and where it was forked from."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(96), primary_key=True),
    sa.Column("place", sa.String(256), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("born", sa.String(32), nullable=False),
    sa.Column("beat", sa.Float(53), nullable=False),
)
sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(96), nullable=False),
    sa.Column("until", sa.Float(53), nullable=False),
)

COLUMNS = (
    "epoch INTEGER NOT NULL DEFAULT 0",
    "ended INTEGER NOT NULL DEFAULT 0",
    "generation INTEGER NOT NULL DEFAULT 0",
    "stuck INTEGER NOT NULL DEFAULT 0",
    "active_at DOUBLE PRECISION NOT NULL DEFAULT 0",
    "seed VARCHAR(128)",
    "forked_from VARCHAR(64)",
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables, and the columns of runs that are there."""
    metadata.create_all(connection)
    for column in COLUMNS:
        connection.exec_driver_sql(f"ALTER TABLE runs ADD COLUMN {column}")
