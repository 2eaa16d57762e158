"""Every conversation of a workspace as the inbox lists it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.inbox import Talk
from agents.visiting import INVESTIGATION
from app.stores.schema import approvals, conversations, events, runs

INBOX = "inbox"
# So many of a conversation's last runs are looked through for its last words; notes have none.
LOOKED_THROUGH = 6
LONGEST_WORDS = 200


@dataclass(frozen=True)
class Wanted:
    """Which conversations: of a channel, in a state, of a person, one; None for any."""

    channel: str | None = None
    state: str | None = None
    person: str | None = None
    conversation: str | None = None


Tables = tuple[sa.Table, sa.Table, sa.Table]


async def list_talks(
    connection: AsyncConnection,
    reader: str,
    wanted: Wanted,
    limit: int,
    tables: Tables,
    gone: sa.ColumnElement[bool],
) -> list[Talk]:
    """The conversations that were used last; `tables` are those of states, presence and looks."""
    states, presence, looks = tables
    its = runs.c.conversation == conversations.c.id
    began = sa.select(runs.c.channel).where(its, runs.c.channel != INBOX).order_by(runs.c.at).limit(1).scalar_subquery()
    named = sa.select(runs.c.name).where(its, runs.c.actor == conversations.c.actor, runs.c.name != "").limit(1)
    asked = sa.and_(approvals.c.run == runs.c.run, approvals.c.state == "requested")
    stands = sa.and_(its, runs.c.status == "awaiting_approval")
    waiting = sa.select(sa.func.count()).select_from(approvals.join(runs, asked)).where(stands).scalar_subquery()
    standing = sa.func.coalesce(states.c.state, "open")
    joined = (
        conversations.outerjoin(states, states.c.conversation == conversations.c.id)
        .outerjoin(presence, presence.c.actor == states.c.actor)
        .outerjoin(looks, sa.and_(looks.c.conversation == conversations.c.id, looks.c.actor == reader))
    )
    query = sa.select(
        conversations.c.id.label("conversation"),
        sa.func.coalesce(began, "").label("channel"),
        conversations.c.title,
        conversations.c.actor,
        sa.func.coalesce(named.scalar_subquery(), conversations.c.actor).label("who"),
        standing.label("state"),
        sa.func.coalesce(states.c.actor, "").label("by"),
        sa.func.coalesce(states.c.name, "").label("name"),
        sa.func.coalesce(states.c.why, "").label("why"),
        states.c.since,
        conversations.c.updated_at,
        waiting.label("approvals"),
        sa.and_(standing == "taken", gone).label("gone"),
        sa.or_(looks.c.at.is_(None), looks.c.at < conversations.c.updated_at).label("unread"),
    ).select_from(joined)
    if wanted.channel is None and wanted.conversation is None:
        # What a visitor told is looked into beside their conversation, where it is shown.
        query = query.where(sa.func.coalesce(began, "") != INVESTIGATION)
    if wanted.channel is not None:
        query = query.where(began == wanted.channel)
    if wanted.state is not None:
        query = query.where(standing == wanted.state)
    if wanted.person is not None:
        query = query.where(sa.or_(conversations.c.actor == wanted.person, states.c.actor == wanted.person))
    if wanted.conversation is not None:
        query = query.where(conversations.c.id == wanted.conversation)
    query = query.order_by(conversations.c.updated_at.desc(), conversations.c.id).limit(limit)
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    last = await _last_words(connection, [row["conversation"] for row in rows])
    return [
        Talk(**{**row, "gone": bool(row["gone"]), "unread": bool(row["unread"])}, **last[row["conversation"]])
        for row in rows
    ]


async def _last_words(connection: AsyncConnection, listed: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By conversation: its last run with that run's status, and what was said last, by whom."""
    found: dict[str, dict[str, Any]] = {
        one: {"run": "", "status": "", "last": "", "last_by": "", "last_run": ""} for one in listed
    }
    recent = sa.select(
        runs.c.run,
        runs.c.conversation,
        runs.c.question,
        runs.c.status,
        sa.case((runs.c.name != "", runs.c.name), else_=runs.c.actor).label("actor"),
        runs.c.at,
        sa.func.row_number()
        .over(partition_by=runs.c.conversation, order_by=(runs.c.at.desc(), runs.c.run.desc()))
        .label("n"),
    ).where(runs.c.conversation.in_(listed))
    ranked = recent.subquery()
    near = list(await connection.execute(sa.select(ranked).where(ranked.c.n <= LOOKED_THROUGH).order_by(ranked.c.n)))
    spoken = sa.select(events.c.run, events.c.data).where(
        events.c.run.in_([one.run for one in near]), events.c.kind == "message.completed"
    )
    answers = {row.run: row.data for row in await connection.execute(spoken.order_by(events.c.seq))}
    for one in near:
        there = found[one.conversation]
        if not there["run"]:
            there |= {"run": one.run, "status": one.status}
        answer = answers.get(one.run, {})
        text = str(answer.get("text") or one.question)
        if text and not there["last"]:
            by = str(answer.get("by") or "") if answer else one.actor
            there |= {"last": " ".join(text.split())[:LONGEST_WORDS], "last_by": by, "last_run": one.run}
    return found
