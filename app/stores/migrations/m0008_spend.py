"""What runs spend: by run, by actor and month, by workspace and month; and which runs are dry."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

AMOUNTS = ("usd", "model_calls", "tool_calls", "tokens", "seconds")

sa.Table(
    "spend",
    metadata,
    sa.Column("scope", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(256), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True),
    *(sa.Column(name, sa.Float(53), nullable=False) for name in AMOUNTS),
    *(sa.Column(f"reserved_{name}", sa.Float(53), nullable=False) for name in AMOUNTS),
)
sa.Table(
    "spend_reserved",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("month", sa.String(7), nullable=False),
    *(sa.Column(name, sa.Float(53), nullable=False) for name in AMOUNTS),
    sa.Index("spend_reserved_run", "run"),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables, and the column of runs that are there: none of them is dry."""
    metadata.create_all(connection)
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN dry BOOLEAN NOT NULL DEFAULT FALSE")
