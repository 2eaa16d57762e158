"""What people corrected about where writes go and whom they mean."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "preferences",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("about", sa.String(300), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("by", sa.String(256), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the table."""
    metadata.create_all(connection)
