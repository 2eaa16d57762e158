"""Runs and conversations in the database, and the way to look at a run while it goes on."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.admission import Asker
from agents.audit import AuditEntry
from agents.conversation import ConversationSummary, RunSummary
from agents.document import past
from agents.dry_run import without_words
from agents.event import Event
from agents.ports import Clock, Past, Turn
from agents.quote import Quote
from agents.record import Attachment, Evidence
from app.stores import audit, reruns
from app.stores import conversations as talks
from app.stores import events as event_table
from app.stores.context_text import forget_runs
from app.stores.database import Database
from app.stores.files import forget_files
from app.stores.following import UNDER_WAY, Following
from app.stores.live import Live
from app.stores.run_log import Claim, StoredRunLog
from app.stores.schema import approvals, conversations, effects, events, evidence, results, runs

# Puts the segment `n` of a run into the queue, within the transaction of the connection; it begins after some seconds.
Dispatch = Callable[[sa.Connection, str, int, float], None]
# Opens a run again that has ended, within a transaction; returns the number of its run.resumed.
Reopen = Callable[[AsyncConnection, reruns.Begun], Awaitable[int]]

# So much of what people said to each other in a conversation is known to a follow-up.
MOST_HEARD = 12


class StoredRuns:
    """The store behind `Conversations`, and the archive of what was said before.

    Another process on the same database may drive a run that is looked at here; `glance` is how many seconds pass
    until what it appended is seen. `ready` is awaited before a run begins: the queue opens after the store.
    """

    def __init__(
        self,
        database: Database,
        live: Live,
        clock: Clock,
        dispatch: Dispatch,
        *,
        glance: float = 1.0,
        ready: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._dispatch = dispatch
        self._following = Following(database, live, clock, glance)
        self._ready = ready

    async def begin(self, turn: Turn) -> str:
        """Records the run with its first event and queues it, in one transaction; a turn said twice is one run.

        The run's time is the product's clock's, whatever time the channel gave; where that clock stands still, a run
        is a microsecond younger than the one before it, so that what came first also sorts first.
        """
        await self._be_ready()
        now = self._clock.now()
        run = run_id(turn)
        row = {
            "run": run,
            "conversation": turn.conversation,
            "actor": turn.actor,
            "channel": turn.channel,
            "message_id": turn.message_id,
            "question": turn.text,
            "at": now,
            "status": "running",
            "last_seq": 0,
            "segment": 1,
            "dry": turn.dry,
            "name": turn.name,
            "role": turn.role,
            "audience": turn.audience,
            "quoted": turn.quoted.model_dump(mode="json") if turn.quoted else sa.null(),
            "files": [one.model_dump(mode="json") for one in turn.files] or sa.null(),
        }
        started = {
            "actor": turn.actor,
            "channel": turn.channel,
            "conversation": turn.conversation,
            "text": turn.text,
            **({"dry": True} if turn.dry else {}),
            **{name: said for name in ("name", "role", "audience") if (said := getattr(turn, name))},
            **({"quoted": row["quoted"]} if turn.quoted else {}),
            **({"files": row["files"]} if turn.files else {}),
        }
        async with self._database.write() as connection:
            ruling = await talks.ruled(connection, turn.conversation, now)
            if await connection.scalar(sa.select(runs.c.run).where(runs.c.run == run)):
                return run
            same = runs.c.conversation == turn.conversation
            now = row["at"] = talks.later(now, await connection.scalar(sa.select(sa.func.max(runs.c.at)).where(same)))
            used = talks.later(now, await connection.scalar(sa.select(sa.func.max(conversations.c.updated_at))))
            known = await connection.execute(
                conversations.update().where(conversations.c.id == turn.conversation).values(updated_at=used)
            )
            if not known.rowcount:
                title = " ".join(turn.text.split())[:120]
                named = {"id": turn.conversation, "actor": turn.actor, "title": title, "at": now, "updated_at": used}
                await connection.execute(conversations.insert().values(**named))
            if not ruling.planned:
                row |= {"status": talks.RELAYED, "ended": 1}
            await connection.execute(runs.insert().values(**row))
            rest = () if ruling.planned else talks.unplanned(ruling.after)
            made, _ = await event_table.append(connection, run, now, [("run.started", started), *rest])
            if ruling.planned:
                await connection.run_sync(lambda sync: self._dispatch(sync, run, 1, 0.0))
        for event in made:
            self._live.publish(event)
        return run

    async def _be_ready(self) -> None:
        if self._ready is not None:
            await self._ready()

    async def continue_run(self, connection: AsyncConnection, run: str, delay_seconds: float = 0.0) -> None:
        """Queues the next segment of a run within the connection's transaction, to begin after so many seconds."""
        taken = await connection.execute(
            runs.update().where(runs.c.run == run).values(segment=runs.c.segment + 1).returning(runs.c.segment)
        )
        n = taken.scalar_one()
        await connection.run_sync(lambda sync: self._dispatch(sync, run, n, delay_seconds))

    async def look_again(self, run: str, seconds: float) -> None:
        """Lets a run go on after a while, to look at what it waits for in the world."""
        async with self._database.write() as connection:
            await self.continue_run(connection, run, seconds)

    async def follow(self, run: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """The stored events after `after`, then those that happen, until run.finished that no run.resumed follows."""
        async with aclosing(self._following.follow(run, after)) as coming:
            async for event in coming:
                yield event

    async def events(self, run: str, after: int = 0) -> Sequence[Event]:
        """The stored events of a run after a number."""
        async with self._database.read() as connection:
            return await event_table.after(connection, run, after)

    async def summary(self, run: str) -> RunSummary | None:
        """One run as a list shows it."""
        found = await self._summaries(runs.c.run == run, 1)
        return found[0] if found else None

    async def turn(self, run: str) -> Turn | None:
        """What was said; `at` is when the run began, by the product's clock."""
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(runs).where(runs.c.run == run))).one_or_none()
        if row is None:
            return None
        text = without_words(row.question) if row.dry else row.question
        place = (row.actor, row.channel, row.conversation, row.at, row.message_id)
        quoted = Quote.model_validate(row.quoted) if row.quoted else None
        files = tuple(Attachment.model_validate(one) for one in row.files or ())
        said = Turn(text, *place, dry=row.dry, audience=row.audience, role=row.role, name=row.name, quoted=quoted)
        return replace(said, files=files)

    async def open_log(self, run: str, conversation: str, claim: Claim | None = None) -> StoredRunLog:
        """The log of a run; whoever drives it brings the claim."""
        stored = await self.events(run)
        return StoredRunLog(self._database, self._live, self._clock, run, conversation, stored, claim)

    async def evidence(self, run: str) -> Sequence[Evidence]:
        """All evidence of a run, in the order of its numbers."""
        async with self._database.read() as connection:
            found = await connection.scalars(
                sa.select(evidence.c.record).where(evidence.c.run == run).order_by(evidence.c.number)
            )
            return [Evidence.model_validate(record) for record in found]

    async def one_evidence(self, run: str, evidence_id: str) -> Evidence | None:
        """One piece of evidence, whole."""
        wanted = sa.select(evidence.c.record).where(evidence.c.run == run, evidence.c.id == evidence_id)
        async with self._database.read() as connection:
            record = await connection.scalar(wanted)
        return None if record is None else Evidence.model_validate(record)

    async def ask_to_stop(self, run: str, by: str) -> bool:
        """Notes that the run is to stop; False if it has ended already. Whoever drives it sees it at its next event.

        Nobody drives a run that waits for a person, so that its next segment is queued to end it.
        """
        there = await self.summary(run)
        if there is not None and there.status == "awaiting_approval":
            await self._be_ready()
        asked = runs.update().where(runs.c.run == run, runs.c.status.in_(UNDER_WAY)).values(stopped_by=by)
        async with self._database.write() as connection:
            status = await connection.scalar(sa.select(runs.c.status).where(runs.c.run == run).with_for_update())
            changed = bool((await connection.execute(asked)).rowcount)
            if changed:
                await audit.append(connection, [AuditEntry("run.stop", self._clock.now(), by, run)])
            if changed and status == "awaiting_approval":
                await self.continue_run(connection, run)
        return changed

    async def stopped_by(self, run: str) -> str | None:
        """Who asked the run to stop, if anybody did."""
        async with self._database.read() as connection:
            by: str | None = await connection.scalar(sa.select(runs.c.stopped_by).where(runs.c.run == run))
        return by

    async def past(self, conversation: str, before: str, limit: int = 3) -> Sequence[Past]:
        """The last runs of a conversation that ended, or wait for a yes, before the run `before`, oldest first; between
        them what people said there without Deus."""
        begun = sa.select(runs.c.at).where(runs.c.run == before).scalar_subquery()
        earlier = sa.and_(runs.c.conversation == conversation, runs.c.run != before, runs.c.at <= begun)
        planned = runs.c.status.in_(("answered", "abstained", "awaiting_approval"))
        found = [
            *await self._summaries(sa.and_(earlier, planned), limit),
            *await self._summaries(sa.and_(earlier, runs.c.status == talks.RELAYED), MOST_HEARD),
        ]
        ordered = sorted(found, key=lambda one: (one.at, one.run))
        told = [
            past(one.run, one.question, await self.events(one.run), await self.evidence(one.run)) for one in ordered
        ]
        return [one for one in told if one.question or one.answer]

    async def list_runs(
        self,
        conversation: str | None,
        actor: str | None,
        limit: int,
        *,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Sequence[RunSummary]:
        """The last runs, newest first; `since` is when they were asked."""
        equal = {"conversation": conversation, "actor": actor, "status": status}
        wanted = [runs.c[name] == value for name, value in equal.items() if value is not None]
        if since is not None:
            wanted.append(runs.c.at >= since)
        return await self._summaries(sa.and_(sa.true(), *wanted), limit)

    async def resume(self, run: str, by: str) -> int:
        """Lets a run that failed or was stopped go on; the number of its run.resumed, or 0. Raises LookupError."""
        return await self._reopened(
            run, ("failed", "stopped"), lambda c, there: reruns.resume(c, self._clock, there, by)
        )

    async def retry(self, run: str, by: str, step: str | None) -> int:
        """Tries a run again from a step, or what found nothing; its run.resumed's number, or 0. Raises LookupError."""
        return await self._reopened(run, reruns.ENDED, lambda c, there: reruns.retry(c, self._clock, there, by, step))

    async def _reopened(self, run: str, states: Sequence[str], how: Reopen) -> int:
        await self._be_ready()
        async with self._database.write() as connection:
            await talks.require_deus(connection, run)
            there = await reruns.begun(connection, run)
            if there.row.status not in states:
                return 0
            number = await how(connection, there)
            await self.continue_run(connection, run)
        return number

    async def fork(self, run: str, by: str, step: str | None, asker: Asker | None = None) -> str | None:
        """Begins another run with what this one found before a step; None if it has not ended. Raises LookupError."""
        await self._be_ready()
        async with self._database.write() as connection:
            await talks.require_deus(connection, run)
            there = await reruns.begun(connection, run)
            if there.row.status not in reruns.ENDED:
                return None
            new, first = await reruns.fork(connection, self._clock, there, by, step, asker or Asker())
            await event_table.append(connection, new, self._clock.now(), first)
            await connection.run_sync(lambda sync: self._dispatch(sync, new, 1, 0.0))
        return new

    async def list_conversations(self, actor: str, limit: int) -> Sequence[ConversationSummary]:
        """An actor's conversations, the one that was used last first."""
        wanted = (
            sa.select(conversations)
            .where(conversations.c.actor == actor)
            .order_by(conversations.c.updated_at.desc(), conversations.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            found = await connection.execute(wanted)
            return [ConversationSummary(**row) for row in found.mappings()]

    async def rename(self, conversation: str, title: str) -> bool:
        """Gives a conversation another title."""
        named = conversations.update().where(conversations.c.id == conversation).values(title=title)
        async with self._database.write() as connection:
            return bool((await connection.execute(named)).rowcount)

    async def delete(self, conversation: str) -> bool:
        """Deletes a conversation with its runs and all that they left; what waits for a yes there is not done."""
        its = sa.select(runs.c.run).where(runs.c.conversation == conversation)
        async with self._database.write() as connection:
            await talks.forget(connection, conversation)
            await forget_runs(connection, its)
            await forget_files(connection, conversation)
            for table in (events, evidence, results, approvals):
                await connection.execute(table.delete().where(table.c.run.in_(its)))
            # A write that is under way still has to be settled.
            settled = effects.c.state.notin_(("intent", "unknown", "retry"))
            await connection.execute(effects.delete().where(effects.c.run.in_(its), settled))
            await connection.execute(runs.delete().where(runs.c.conversation == conversation))
            gone = conversations.delete().where(conversations.c.id == conversation).returning(conversations.c.actor)
            actor = await connection.scalar(gone)
            if actor is not None:
                # What the audit log says of its runs stays: digests of the words, not the words.
                told = AuditEntry(
                    "conversation.deleted", self._clock.now(), actor, None, {"conversation": conversation}
                )
                await audit.append(connection, [told])
        return actor is not None

    async def _summaries(self, wanted: sa.ColumnElement[bool], limit: int) -> list[RunSummary]:
        columns = (runs.c.run, runs.c.conversation, runs.c.question, runs.c.status, runs.c.at)
        query = sa.select(*columns, runs.c.channel, runs.c.actor, runs.c.name).where(wanted)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(runs.c.at.desc(), runs.c.run.desc()).limit(limit))
            rows: list[Any] = list(found.mappings())
        return [RunSummary(**row) for row in rows]


def run_id(turn: Turn) -> str:
    """A new id, or, for a turn with a message id, always the same: a channel may deliver a message twice."""
    if turn.message_id is None:
        return f"run_{secrets.token_hex(10)}"
    said = "\0".join((turn.channel, turn.conversation, turn.message_id))
    return f"run_{hashlib.sha256(said.encode()).hexdigest()[:20]}"
