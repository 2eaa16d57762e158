"""How conversations stand between Deus and people, in the database, and the runs that carry people's words."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from agents import handover
from agents.audit import AuditEntry
from agents.event import Event, Kind
from agents.handover import Handover, Ruling
from agents.inbox import Act, Change, Talk
from agents.ports import Clock
from agents.record import Usage
from app.stores import audit
from app.stores import events as event_table
from app.stores.conversation_list import Wanted, list_talks
from app.stores.database import Database, Seconds
from app.stores.deliveries import deliveries
from app.stores.live import Live
from app.stores.schema import Moment, conversations, metadata, runs

# One row a conversation of which anything was said since there are such rows. Whoever lets a turn begin or changes how
# the conversation stands locks it first, before runs and conversations, so that nobody waits in a circle.
states = sa.Table(
    "conversation_states",
    metadata,
    sa.Column("conversation", sa.String(128), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("since", Moment),
    sa.Index("conversation_states_state", "state"),
)
# The last sign of life of those who take conversations over, in seconds by the database's clock.
presence = sa.Table(
    "presence",
    metadata,
    sa.Column("actor", sa.String(256), primary_key=True),
    sa.Column("beat", sa.Float(53), nullable=False),
)
# Up to when somebody has looked at a conversation.
looks = sa.Table(
    "conversation_looks",
    metadata,
    sa.Column("actor", sa.String(256), primary_key=True),
    sa.Column("conversation", sa.String(128), primary_key=True),
    sa.Column("at", Moment, nullable=False),
)

INBOX = "inbox"
RELAYED = "relayed"
NOTES: Mapping[Act, str] = {
    "taken": "{name} has taken over this conversation.",
    "handed_back": "{name} has handed this conversation back to Deus.",
    "closed": "{name} has closed this conversation.",
    "left": "{name} has not been here for a while. Somebody else is asked for.",
}
Added = Sequence[tuple[Kind, Mapping[str, Any]]]


class StoredHandovers:
    """The Handovers of a workspace. Who had a conversation and gave no sign of life for `away` seconds has gone."""

    def __init__(self, database: Database, live: Live, clock: Clock, *, away: float = 600.0) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._away = away

    async def get(self, conversation: str) -> Handover:
        """How a conversation stands; open where nobody ever took it."""
        async with self._database.read() as connection:
            return await _standing(connection, conversation)

    async def change(self, conversation: str, act: Act, by: str, name: str, how: Change) -> tuple[Handover, list[str]]:
        """Changes how a conversation stands, says so in it and in the audit log, and asks the run that is going on to
        stop where somebody takes over. Raises LookupError, and what `how` raises."""
        now, made, stopped = self._clock.now(), list[Event](), list[str]()
        async with self._database.write() as connection:
            there = await locked(connection, conversation)
            await _known(connection, conversation)
            after = how(there, await self._has_gone(connection, there))
            if after == there:
                return there, []
            await _keep(connection, conversation, after)
            if act == "taken":
                stopped = await _stop_all(connection, conversation, by, now)
            note = NOTES.get(act, "").format(name=there.name if act == "left" else name)
            if note and not (act == "handed_back" and there.state != "taken"):
                made = await _note(connection, conversation, by, name, now, note)
            told = {"conversation": conversation, "before": there.state, "after": after.state}
            await audit.append(connection, [AuditEntry(f"conversation.{act}", now, by or "deus", None, told)])
        self._publish(made)
        return after, stopped

    async def write(self, conversation: str, by: str, name: str, text: str) -> str:
        """Records what a person says in the place of Deus as a run that is over, to be shown where the last one was.
        Raises HeldByAnother, LookupError."""
        now = self._clock.now()
        async with self._database.write() as connection:
            there = await locked(connection, conversation)
            await _known(connection, conversation)
            handover.writes(there, by)
            message = {"text": text, "by": name, "claims": [], "citations": [], "suggestions": [], "notes": []}
            said: Added = [("message.completed", {**message, "finding": None})]
            run, made = await _relay(connection, conversation, by, name, now, said)
            await _place(connection, conversation, run, now)
        self._publish(made)
        return run

    async def listed(
        self,
        *,
        reader: str,
        channel: str | None = None,
        state: str | None = None,
        person: str | None = None,
        conversation: str | None = None,
        limit: int,
    ) -> Sequence[Talk]:
        """The conversations as `reader` finds them, the one that was used last first."""
        async with self._database.read() as connection:
            gone = sa.func.coalesce(presence.c.beat, 0.0) < Seconds() - self._away
            wanted = Wanted(channel, state, person, conversation)
            return await list_talks(connection, reader, wanted, limit, (states, presence, looks), gone)

    async def beat(self, actor: str) -> None:
        """A sign of life."""
        async with self._database.write() as connection:
            alive = presence.update().where(presence.c.actor == actor).values(beat=Seconds())
            if not (await connection.execute(alive)).rowcount:
                await _insert(connection, presence, {"actor": actor, "beat": Seconds()})

    async def anybody(self, within: float) -> bool:
        """Whether anybody gave a sign of life within so many seconds."""
        wanted = sa.select(sa.exists().where(presence.c.beat > Seconds() - within))
        async with self._database.read() as connection:
            return bool(await connection.scalar(wanted))

    async def seen(self, actor: str, conversation: str) -> None:
        """Keeps that somebody has looked at all of a conversation."""
        its = (looks.c.actor == actor, looks.c.conversation == conversation)
        async with self._database.write() as connection:
            at = await connection.scalar(
                sa.select(conversations.c.updated_at).where(conversations.c.id == conversation)
            )
            if at is None:
                return
            if not (await connection.execute(looks.update().where(*its).values(at=at))).rowcount:
                await _insert(connection, looks, {"actor": actor, "conversation": conversation, "at": at})

    async def release(self) -> Sequence[str]:
        """Asks anew for a person where the one who had a conversation has gone."""
        gone = sa.func.coalesce(presence.c.beat, 0.0) < Seconds() - self._away
        there = states.outerjoin(presence, presence.c.actor == states.c.actor)
        wanted = sa.select(states.c.conversation).select_from(there).where(states.c.state == "taken", gone)
        async with self._database.read() as connection:
            found = list(await connection.scalars(wanted))
        now = self._clock.now()

        def leave(there: Handover, gone: bool) -> Handover:
            return handover.left(there, now) if gone else there

        return [one for one in found if (await self.change(one, "left", "", "", leave))[0].state == "waiting"]

    async def _has_gone(self, connection: AsyncConnection, there: Handover) -> bool:
        if there.state != "taken":
            return False
        alive = sa.exists().where(presence.c.actor == there.by, presence.c.beat >= Seconds() - self._away)
        return not await connection.scalar(sa.select(alive))

    def _publish(self, made: Sequence[Event]) -> None:
        for event in made:
            self._live.publish(event)


async def locked(connection: AsyncConnection, conversation: str) -> Handover:
    """How a conversation stands, for as long as the transaction lasts."""
    fresh = {"conversation": conversation, "state": "open", "actor": "", "name": "", "why": "", "since": None}
    await _insert(connection, states, fresh)
    return await _standing(connection, conversation, lock=True)


async def ruled(connection: AsyncConnection, conversation: str, now: datetime) -> Ruling:
    """What happens to a turn that is said now; nobody can take the conversation over until the transaction ends."""
    there = await locked(connection, conversation)
    ruling = handover.said(there, now)
    if ruling.after != there:
        await _keep(connection, conversation, ruling.after)
    return ruling


async def require_deus(connection: AsyncConnection, run: str) -> None:
    """Raises HeldByAnother where a person has a run's conversation: nothing that ended there goes on then. Nobody can
    take it over until the transaction ends."""
    conversation = await connection.scalar(sa.select(runs.c.conversation).where(runs.c.run == run))
    if conversation is not None:
        handover.require_deus(await locked(connection, conversation))


def unplanned(there: Handover) -> Added:
    """The rest of the log of a turn that a person answers."""
    told = {"text": f"{there.name or there.by} has this conversation.", "level": "info", "id": RELAYED}
    return [("notice", told), _over()]


async def forget(connection: AsyncConnection, conversation: str) -> None:
    """Deletes what is known of a conversation here."""
    await connection.execute(states.delete().where(states.c.conversation == conversation))
    await connection.execute(looks.delete().where(looks.c.conversation == conversation))


def later(now: datetime, last: datetime | None) -> datetime:
    """Now, or, where the clock stands still, a microsecond after the last one."""
    return now if last is None or now > last else last + timedelta(microseconds=1)


def _over() -> tuple[Kind, Mapping[str, Any]]:
    return "run.finished", {"status": RELAYED, "error": None, "usage": Usage().model_dump(mode="json")}


async def _standing(connection: AsyncConnection, conversation: str, *, lock: bool = False) -> Handover:
    query = sa.select(states).where(states.c.conversation == conversation)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return Handover() if row is None else Handover(row.state, row.actor, row.why, row.since, row.name)


async def _keep(connection: AsyncConnection, conversation: str, after: Handover) -> None:
    values = {
        "state": after.state,
        "actor": after.by,
        "name": after.name,
        "why": after.why,
        "since": after.since,
    }
    await connection.execute(states.update().where(states.c.conversation == conversation).values(**values))


async def _known(connection: AsyncConnection, conversation: str) -> None:
    if await connection.scalar(sa.select(conversations.c.id).where(conversations.c.id == conversation)) is None:
        raise LookupError(f"There is no conversation {conversation!r}.")


async def _stop_all(connection: AsyncConnection, conversation: str, by: str, now: datetime) -> list[str]:
    """Asks what goes on to stop. What waits for a yes stays: that is for people to say."""
    going = (runs.c.conversation == conversation, runs.c.status == "running")
    asked = runs.update().where(*going).values(stopped_by=by).returning(runs.c.run)
    stopped = list(await connection.scalars(asked))
    await audit.append(connection, [AuditEntry("run.stop", now, by, run) for run in stopped])
    return stopped


async def _note(
    connection: AsyncConnection, conversation: str, by: str, name: str, now: datetime, text: str
) -> list[Event]:
    run, made = await _relay(connection, conversation, by, name, now, [("notice", {"text": text, "level": "info"})])
    await _place(connection, conversation, run, now)
    return made


async def _relay(
    connection: AsyncConnection, conversation: str, by: str, name: str, now: datetime, said: Added
) -> tuple[str, list[Event]]:
    """A run that carries a person's words, or what is said of the conversation itself: begun and over."""
    run = f"run_{secrets.token_hex(10)}"
    same = runs.c.conversation == conversation
    at = later(now, await connection.scalar(sa.select(sa.func.max(runs.c.at)).where(same)))
    who = {"actor": by or "deus", "name": name, "channel": INBOX, "conversation": conversation}
    row = {**who, "run": run, "question": "", "at": at, "status": RELAYED, "last_seq": 0, "segment": 1, "ended": 1}
    await connection.execute(runs.insert().values(**row))
    begun = {**who, "text": ""}
    made, _ = await event_table.append(connection, run, at, [("run.started", begun), *said, _over()])
    used = later(at, await connection.scalar(sa.select(sa.func.max(conversations.c.updated_at))))
    await connection.execute(conversations.update().where(conversations.c.id == conversation).values(updated_at=used))
    return run, made


async def _place(connection: AsyncConnection, conversation: str, run: str, now: datetime) -> None:
    """Has the run shown wherever the conversation's last run that was shown anywhere was shown."""
    shown = deliveries.join(runs, runs.c.run == deliveries.c.run)
    its = sa.select(deliveries.c.run).select_from(shown).where(runs.c.conversation == conversation)
    last = await connection.scalar(its.order_by(runs.c.at.desc(), runs.c.run.desc()).limit(1))
    places = sa.select(deliveries.c.channel, deliveries.c.place).where(deliveries.c.run == last)
    for one in list(await connection.execute(places)) if last is not None else []:
        new = {"run": run, "channel": one.channel, "place": one.place, "cursor": 0, "messages": {}, "trouble": None}
        await connection.execute(deliveries.insert().values(**new, at=now))


async def _insert(connection: AsyncConnection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Inserts a row unless there is one of that key."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    await connection.execute(dialect.insert(table).values(**row).on_conflict_do_nothing())
