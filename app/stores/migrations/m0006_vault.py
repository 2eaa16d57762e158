"""The vault: each service's credentials, sealed, and the key that they are sealed with, itself sealed."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "vault",
    metadata,
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
sa.Table(
    "vault_key",
    metadata,
    sa.Column("workspace", sa.String(32), primary_key=True),
    sa.Column("keeper", sa.String(32), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables."""
    metadata.create_all(connection)
