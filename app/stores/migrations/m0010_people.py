"""People with their roles and identities; who asked a run, by what right, and who reads along."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.String(256), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password", sa.Text),
    sa.Column("at", sa.String(32), nullable=False),
)
sa.Table(
    "identities",
    metadata,
    sa.Column("service", sa.String(32), primary_key=True),
    sa.Column("ident", sa.String(256), primary_key=True),
    sa.Column("person", sa.String(256), nullable=False),
    sa.Column("by_hand", sa.Boolean, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Index("identities_person", "person"),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables, and the columns of runs: those of before were asked by the company's own people."""
    metadata.create_all(connection)
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN role VARCHAR(16)")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN audience VARCHAR(16)")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN name TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql("UPDATE runs SET role = 'agent'")
