"""Who carries a run to its place in a channel, and until when; and the message that somebody asked about."""

from __future__ import annotations

import sqlalchemy as sa


def upgrade(connection: sa.Connection) -> None:
    """Adds the columns. `until` is in seconds by the database's clock."""
    connection.exec_driver_sql("ALTER TABLE deliveries ADD COLUMN holder VARCHAR(96)")
    connection.exec_driver_sql("ALTER TABLE deliveries ADD COLUMN fence INTEGER NOT NULL DEFAULT 0")
    connection.exec_driver_sql("ALTER TABLE deliveries ADD COLUMN until DOUBLE PRECISION NOT NULL DEFAULT 0")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN quoted JSON")
