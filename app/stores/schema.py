"""The tables of a workspace's store. Migrations make them; queries are written against them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Moment(sa.TypeDecorator[datetime]):
    """An aware time, kept as text in UTC: equal on every database, and its order is the order of time."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        return None if value is None else value.astimezone(UTC).strftime(FORMAT)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        return None if value is None else datetime.strptime(value, FORMAT).replace(tzinfo=UTC)


metadata = sa.MetaData()

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Index("conversations_actor", "actor", "updated_at"),
)

# `last_seq` is the number of the run's last event; taking the next one locks this row, so numbers have no gaps.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("conversation", sa.String(128), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("channel", sa.String(32), nullable=False),
    sa.Column("message_id", sa.String(256)),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("stopped_by", sa.String(256)),
    sa.Column("segment", sa.Integer, nullable=False, default=1),
    # Who drives the run has the newest epoch; only with it may the log be written by a drive.
    sa.Column("epoch", sa.Integer, nullable=False, default=0),
    # The last segment with which the run came to an end; 0 before its first end.
    sa.Column("ended", sa.Integer, nullable=False, default=0),
    # How often the run was begun anew from its plan: each time its checkpoints start over.
    sa.Column("generation", sa.Integer, nullable=False, default=0),
    # How often the run was found silent and taken up again.
    sa.Column("stuck", sa.Integer, nullable=False, default=0),
    # When something was last written of it, in seconds by the database's clock.
    sa.Column("active_at", sa.Float(53), nullable=False, default=0.0),
    # The checkpoints whose plan it begins anew from.
    sa.Column("seed", sa.String(128)),
    sa.Column("forked_from", sa.String(64)),
    # Whether nothing is written: what would be is shown.
    sa.Column("dry", sa.Boolean, nullable=False, default=False),
    # Who asked, by what right, and the least role of those who read the answer where it was asked (none: the asker).
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("role", sa.String(16)),
    sa.Column("audience", sa.String(16)),
    # The message that was asked about, if one was.
    sa.Column("quoted", sa.JSON),
    # The files that came with the question.
    sa.Column("files", sa.JSON),
    sa.Index("runs_conversation", "conversation", "at"),
    sa.Index("runs_at", "at"),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(96), primary_key=True),
    sa.Column("place", sa.String(256), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("born", sa.String(32), nullable=False),
    sa.Column("beat", sa.Float(53), nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(96), nullable=False),
    sa.Column("until", sa.Float(53), nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("v", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

# How the steps of a run ended, by a digest of what was asked; their nouns are in the evidence.
results = sa.Table(
    "results",
    metadata,
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
)

# `record` is the whole Approval; the other columns are what it is looked up by.
approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("requester", sa.String(256), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

# The effect ledger: one row a write, there before the write is sent.
effects = sa.Table(
    "effects",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

# An approval stands for one sending, and its row here is what says so.
approvals_used = sa.Table(
    "approvals_used",
    metadata,
    sa.Column("approval", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
)

# The context store: what was read, cut into pieces. `indexed` is the stamp of the vector index that has the piece.
context_sources = sa.Table(
    "context_sources",
    metadata,
    sa.Column("source", sa.String(512), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("at", Moment, nullable=False),
)

context_documents = sa.Table(
    "context_documents",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("source", sa.String(512), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("run", sa.String(64)),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    # Whether visitors may read it.
    sa.Column("public", sa.Boolean, nullable=False, default=False),
)

context_pieces = sa.Table(
    "context_pieces",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("document", sa.String(40), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("names", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("indexed", sa.String(64)),
)

# Pieces that are gone from the text and may still be in the vector index.
context_gone = sa.Table("context_gone", metadata, sa.Column("id", sa.String(40), primary_key=True))

context_workspace = sa.Table("context_workspace", metadata, sa.Column("id", sa.String(32), primary_key=True))

# The audit log: `at` and `data` are the text that was hashed, and so are not translated. Only app/stores/audit.py
# writes it, at the end of a transaction; updates and deletions are refused by the database.
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
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("workspace", sa.String(32), primary_key=True),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)

# Who connected which service, what it could see then (`scopes` is null where the service does not tell), and its end.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("sees", sa.JSON, nullable=False),
    sa.Column("scopes", sa.JSON),
    sa.Column("ended_at", Moment),
    sa.Column("ended_by", sa.String(256)),
)

# Connector credentials, sealed with the workspace's data key, which its keeper has sealed.
vault = sa.Table(
    "vault",
    metadata,
    sa.Column("service", sa.String(64), primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

vault_key = sa.Table(
    "vault_key",
    metadata,
    sa.Column("workspace", sa.String(32), primary_key=True),
    sa.Column("keeper", sa.String(32), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

_SPENT = ("usd", "model_calls", "tool_calls", "tokens", "seconds")

# What was spent, and what is reserved for calls that are under way: by run, by actor, by workspace, each by month.
spend = sa.Table(
    "spend",
    metadata,
    sa.Column("scope", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(256), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True),
    *(sa.Column(name, sa.Float(53), nullable=False) for name in _SPENT),
    *(sa.Column(f"reserved_{name}", sa.Float(53), nullable=False) for name in _SPENT),
)

# One row a reservation, gone when it is settled; what a process that died had reserved counts as spent.
spend_reserved = sa.Table(
    "spend_reserved",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("run", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("month", sa.String(7), nullable=False),
    *(sa.Column(name, sa.Float(53), nullable=False) for name in _SPENT),
)
