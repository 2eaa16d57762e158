"""Files that people upload and that runs make, and which of them a question is about."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("media", sa.String(128), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("conversation", sa.String(128)),
    sa.Column("run", sa.String(64)),
    sa.Index("files_conversation", "conversation"),
    sa.Index("files_sha256", "sha256"),
)
file_contents = sa.Table(
    "file_contents",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables, and the column of runs."""
    metadata.create_all(connection)
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN files JSON")
