"""Conversations, runs, their events, evidence and results."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("updated_at", sa.String(32), nullable=False),
    sa.Index("conversations_actor", "actor", "updated_at"),
)
sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("conversation", sa.String(128), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("message_id", sa.String(256)),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("stopped_by", sa.String(256)),
    sa.Index("runs_conversation", "conversation", "at"),
    sa.Index("runs_at", "at"),
)
sa.Table(
    "events",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("v", sa.Integer, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)
sa.Table(
    "evidence",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)
sa.Table(
    "results",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables."""
    metadata.create_all(connection)
