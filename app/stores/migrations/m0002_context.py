"""The context store: sources, documents and their pieces, with full text beside them."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

metadata = sa.MetaData()

sa.Table(
    "context_sources",
    metadata,
    sa.Column("source", sa.String(512), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
sa.Table(
    "context_documents",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("source", sa.String(512), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("run", sa.String(64)),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Index("context_documents_source", "source"),
    sa.Index("context_documents_run", "run"),
)
sa.Table(
    "context_pieces",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("document", sa.String(40), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("names", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("indexed", sa.String(64)),
    sa.Index("context_pieces_document", "document"),
    sa.Index("context_pieces_indexed", "indexed"),
)
sa.Table("context_gone", metadata, sa.Column("id", sa.String(40), primary_key=True))
workspace = sa.Table("context_workspace", metadata, sa.Column("id", sa.String(32), primary_key=True))

# The words are an index over the pieces, kept by the database itself.
SQLITE = (
    "CREATE VIRTUAL TABLE context_words USING fts5(title, names, text, content='context_pieces', "
    "content_rowid='number', tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER context_words_added AFTER INSERT ON context_pieces BEGIN "
    "INSERT INTO context_words(rowid, title, names, text) VALUES (new.number, new.title, new.names, new.text); END",
    "CREATE TRIGGER context_words_gone AFTER DELETE ON context_pieces BEGIN "
    "INSERT INTO context_words(context_words, rowid, title, names, text) "
    "VALUES ('delete', old.number, old.title, old.names, old.text); END",
)
POSTGRES = (
    "ALTER TABLE context_pieces ADD COLUMN words tsvector GENERATED ALWAYS AS "
    "(setweight(to_tsvector('english', title), 'A') || to_tsvector('english', names || ' ' || text)) STORED",
    "CREATE INDEX context_pieces_words ON context_pieces USING gin (words)",
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables, and names the workspace for an index that several share."""
    metadata.create_all(connection)
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRES:
        connection.exec_driver_sql(statement)
    connection.execute(workspace.insert().values(id=secrets.token_hex(8)))
