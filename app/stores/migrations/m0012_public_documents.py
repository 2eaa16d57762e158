"""Documents that visitors may read: until now there were none."""

from __future__ import annotations

import sqlalchemy as sa


def upgrade(connection: sa.Connection) -> None:
    """Adds the mark to every document; what is there stays the company's own."""
    no = "0" if connection.dialect.name == "sqlite" else "false"
    connection.exec_driver_sql(f"ALTER TABLE context_documents ADD COLUMN public BOOLEAN NOT NULL DEFAULT {no}")
    connection.exec_driver_sql("CREATE INDEX context_documents_public ON context_documents (public)")
