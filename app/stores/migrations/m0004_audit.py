"""The audit log, which the database itself keeps from being changed, its head, and the consent records."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("run", sa.String(64)),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("audit_run", "run"),
)
head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("workspace", sa.String(32), primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("sees", sa.JSON, nullable=False),
    sa.Column("scopes", sa.JSON),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("ended_by", sa.String(256)),
    sa.Index("consents_service", "service", "at"),
)

# The database itself moves the head along with each row, and takes only the row that follows it.
REFUSAL = "the audit log is append-only"
BROKEN = "the row does not follow the head of the audit chain"
FOLLOWS = "EXISTS (SELECT 1 FROM audit_head WHERE n = new.n - 1 AND hash = new.previous)"
ADVANCE = "UPDATE audit_head SET n = new.n, hash = new.hash, at = new.at"
SQLITE = (
    f"CREATE TRIGGER audit_follows BEFORE INSERT ON audit WHEN NOT {FOLLOWS} "
    f"BEGIN SELECT RAISE(ABORT, '{BROKEN}'); END",
    f"CREATE TRIGGER audit_advances AFTER INSERT ON audit BEGIN {ADVANCE}; END",
    f"CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    f"CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    f"CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
)
POSTGRES = (
    f"CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
    "CREATE FUNCTION audit_follows() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF NOT {FOLLOWS} THEN RAISE EXCEPTION '{BROKEN}'; END IF; {ADVANCE}; RETURN new; END $$",
    "CREATE TRIGGER audit_follows BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_follows()",
    "CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
    "CREATE TRIGGER audit_stays BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()",
    "CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_refuses()",
)


def upgrade(connection: sa.Connection) -> None:
    """Makes the tables and begins the workspace's chain."""
    from agents.audit import genesis

    metadata.create_all(connection)
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRES:
        connection.exec_driver_sql(statement)
    workspace = connection.execute(sa.text("SELECT id FROM context_workspace")).scalar_one()
    connection.execute(head.insert().values(workspace=workspace, n=0, hash=genesis(workspace), at=""))
