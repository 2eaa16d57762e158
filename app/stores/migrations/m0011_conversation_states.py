"""How conversations stand between Deus and people, who of the people is there, and what each has looked at."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

states = sa.Table(
    "conversation_states",
    metadata,
    sa.Column("conversation", sa.String(128), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("since", sa.String(32)),
    sa.Index("conversation_states_state", "state"),
)
presence = sa.Table(
    "presence",
    metadata,
    sa.Column("actor", sa.String(256), primary_key=True),
    sa.Column("beat", sa.Float(53), nullable=False),
)
looks = sa.Table(
    "conversation_looks",
    metadata,
    sa.Column("actor", sa.String(256), primary_key=True),
    sa.Column("conversation", sa.String(128), primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables."""
    states.create(connection)
    presence.create(connection)
    looks.create(connection)
