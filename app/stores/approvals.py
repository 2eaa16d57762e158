"""The approvals in the database: what is asked, who decided, and the run that goes on with it, in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.approval import Approval, Decision, NotDecided, Proposal, decide, edit, end, outlived, withdraw
from agents.audit import AuditEntry
from agents.event import Event, Kind
from agents.ports import Clock
from app.stores import audit
from app.stores import events as event_table
from app.stores.database import Database, clock_time
from app.stores.following import UNDER_WAY
from app.stores.live import Live
from app.stores.schema import approvals, runs

# Queues the next segment of a run within the transaction.
Continue = Callable[[AsyncConnection, str], Awaitable[None]]


class StoredApprovals:
    """One durable record for each proposal. A decision is recorded, told and acted upon together, or not at all."""

    def __init__(self, database: Database, live: Live, clock: Clock, continue_run: Continue) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._continue = continue_run

    async def request(
        self, run: str, proposals: Sequence[Proposal], draft: Mapping[str, Any], epoch: int | None = None
    ) -> list[Approval]:
        """Puts proposals into the queue and tells it in the run's log; those that are there stay as they are.

        An older proposal of the same step that is still open is withdrawn: what it showed is no longer so. The last
        event has `remaining` 0. `draft` is what is known so far: {text, claims, citations}. Whoever drives the run
        gives its claim's epoch; Superseded is raised if that is no longer the newest.
        """
        made: list[Event] = []
        async with self._database.write() as connection:
            await _lock_run(connection, run)
            new = [one for one in proposals if await _locked(connection, one.id) is None]
            for older in await self._open_of(connection, run):
                if any(older.proposal.step == one.step for one in new):
                    made += await self._resolve(connection, end(older, "withdrawn", self._clock.now()), "", "deus")
            asked_on = await clock_time(connection)
            waiting = [Approval(proposal=one, asked_on=asked_on) for one in new]
            for one in waiting:
                await connection.execute(approvals.insert().values(**_row(one)))
            added: list[tuple[Kind, Mapping[str, Any]]] = [
                ("approval.requested", {**shown(one), "draft": dict(draft), "remaining": len(waiting) - n})
                for n, one in enumerate(waiting, start=1)
            ]
            events, _ = await event_table.append(connection, run, self._clock.now(), added, epoch)
            made += events
            open_ones = await self._open_of(connection, run)
            if open_ones:
                await connection.execute(runs.update().where(runs.c.run == run).values(status="awaiting_approval"))
        self._publish(made)
        return open_ones

    async def get(self, approval: str) -> Approval | None:
        """The record of that id."""
        found = await self._found(approvals.c.id == approval, 1)
        return found[0] if found else None

    async def of_run(self, run: str) -> Sequence[Approval]:
        """The records of a run, oldest first."""
        return list(reversed(await self._found(approvals.c.run == run, 500)))

    async def of_step(self, run: str, step: str) -> Approval | None:
        """The newest record of a step."""
        # By revision: their times may be equal, or differ by the order in which they are shown.
        found = await self._found(sa.and_(approvals.c.run == run, approvals.c.step == step), 500)
        return max(found, key=lambda one: one.proposal.revision, default=None)

    async def listed(self, state: str | None = None, limit: int = 100) -> Sequence[Approval]:
        """The last records, newest first; those in one state only, if given."""
        return await self._found(sa.true() if state is None else approvals.c.state == state, limit)

    async def decide(self, approval: str, decision: Decision) -> Approval:
        """Records a decision. Raises NotDecided where it does not count, LookupError for an unknown approval."""
        return await self._change(approval, lambda there: decide(there, decision), decision.by, decision.channel)

    async def edit(self, approval: str, args: Mapping[str, Any], by: str, channel: str) -> Approval:
        """Withdraws a proposal in favour of other arguments; the run proposes them anew. Raises NotDecided."""
        now = self._clock.now()
        return await self._change(approval, lambda there: edit(there, args, by, now), by, channel)

    async def withdraw(self, approval: str, by: str, channel: str) -> Approval:
        """Takes a proposal back. Raises NotDecided if it is settled, or if that is not for `by` to say."""
        now = self._clock.now()
        return await self._change(approval, lambda there: withdraw(there, by, now), by, channel)

    async def withdraw_all(self, run: str) -> None:
        """Takes back what is still open of a run that ends; the run does not go on."""
        made: list[Event] = []
        async with self._database.write() as connection:
            await _lock_run(connection, run)
            for one in await self._open_of(connection, run):
                made += await self._resolve(connection, end(one, "withdrawn", self._clock.now()), "", "deus")
        self._publish(made)

    async def expire_due(self) -> list[Approval]:
        """Ends every proposal whose time has run out, and lets its run go on without it; takes back what a run that was
        given up left open."""
        now = self._clock.now()
        over = approvals.c.run.in_(sa.select(runs.c.run).where(runs.c.status.not_in(UNDER_WAY)))
        late = sa.or_(approvals.c.expires_at <= now, over)
        due = await self._found(sa.and_(approvals.c.state == "requested", late), 500)
        due += [one for one in await self._outlived(now) if one.id not in {known.id for known in due}]
        ended: list[Approval] = []
        for one in due:
            made: list[Event] = []
            async with self._database.write() as connection:
                status = await _lock_run(connection, one.proposal.run)
                there = await _locked(connection, one.id)
                if there is None or there.state != "requested":
                    continue
                expired = there.proposal.expires_at <= now or outlived(there, await clock_time(connection))
                if not expired and status in UNDER_WAY:
                    continue  # it was let go on meanwhile
                after = end(there, "expired" if expired else "withdrawn", now)
                made += await self._resolve(connection, after, "", "deus")
                if status in UNDER_WAY:
                    await self._continue(connection, after.proposal.run)
            self._publish(made)
            ended.append(after)
        return ended

    async def _outlived(self, now: datetime) -> list[Approval]:
        """The proposals whose time has gone by though the workspace's clock, as in a demo, does not say so."""
        async with self._database.read() as connection:
            on = await clock_time(connection)
        if abs(on - now) < timedelta(minutes=1):
            return []
        return [one for one in await self._found(approvals.c.state == "requested", 500) if outlived(one, on)]

    async def undone(self, run: str, data: Mapping[str, Any]) -> None:
        """Appends undo.finished to a run's log."""
        async with self._database.write() as connection:
            made, _ = await event_table.append(connection, run, self._clock.now(), [("undo.finished", data)])
        self._publish(made)

    async def conversation(self, run: str) -> str | None:
        """The conversation of a run; None for an unknown one."""
        async with self._database.read() as connection:
            found: str | None = await connection.scalar(sa.select(runs.c.conversation).where(runs.c.run == run))
        return found

    async def _change(self, approval: str, how: Callable[[Approval], Approval], by: str, channel: str) -> Approval:
        async with self._database.write(lasting=True) as connection:
            run = await connection.scalar(sa.select(approvals.c.run).where(approvals.c.id == approval))
            # The run first, as everywhere: two who lock in different orders would wait for each other.
            status = await _lock_run(connection, run or "")
            there = await _locked(connection, approval)
            if there is None:
                raise LookupError(f"There is no approval {approval!r}.")
            try:
                after = _changed(there, how, status)
            except NotDecided as refused:
                said = {"approval": approval, "channel": channel, "summary": str(refused)}
                await audit.append(connection, [AuditEntry("refusal", self._clock.now(), by, run, said)])
                refusal: NotDecided | None = refused
            else:
                refusal = None
                made = await self._resolve(connection, after, by, channel)
                if after.state != "requested" and status in UNDER_WAY:
                    await self._continue(connection, after.proposal.run)
        if refusal is not None:
            raise refusal
        self._publish(made)
        return after

    async def _resolve(self, connection: AsyncConnection, after: Approval, by: str, channel: str) -> list[Event]:
        if after.state != "requested":
            after = after.model_copy(update={"settled_on": await clock_time(connection)})
        await connection.execute(approvals.update().where(approvals.c.id == after.id).values(**_row(after)))
        kind: Kind = "approval.expired" if after.state == "expired" else "approval.resolved"
        data = {
            "id": after.id,
            "step": after.proposal.step,
            "decision": after.state,
            "by": by,
            "channel": channel,
            "edited": after.edited is not None,
            "more_needed": _more(after) if after.state == "requested" else 0,
        }
        made, _ = await event_table.append(connection, after.proposal.run, self._clock.now(), [(kind, data)])
        return made

    async def _open_of(self, connection: AsyncConnection, run: str) -> list[Approval]:
        query = (
            sa.select(approvals.c.record)
            .where(approvals.c.run == run, approvals.c.state == "requested")
            .order_by(approvals.c.at, approvals.c.id)
        )
        return [Approval.model_validate(record) for record in await connection.scalars(query)]

    async def _found(self, wanted: sa.ColumnElement[bool], limit: int) -> list[Approval]:
        query = (
            sa.select(approvals.c.record)
            .where(wanted)
            .order_by(approvals.c.at.desc(), approvals.c.revision.desc(), approvals.c.id.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [Approval.model_validate(record) for record in await connection.scalars(query)]

    def _publish(self, made: Sequence[Event]) -> None:
        for event in made:
            self._live.publish(event)


def shown(approval: Approval) -> dict[str, Any]:
    """A proposal as approval.requested carries it: what every channel needs to show it and to decide it."""
    proposal = approval.proposal
    return {
        **proposal.model_dump(mode="json", exclude={"run", "workspace", "id"}),
        "id": approval.id,
        "digest": proposal.digest,
    }


def _changed(there: Approval, how: Callable[[Approval], Approval], status: str | None) -> Approval:
    after = how(there)
    if status not in UNDER_WAY and after.state != "withdrawn":
        raise NotDecided("The run that asked for this has ended; nothing is done.", remedy="Ask for it again.")
    return after


def _more(approval: Approval) -> int:
    return approval.proposal.needed - sum(one.choice == "approve" for one in approval.decisions)


async def _lock_run(connection: AsyncConnection, run: str) -> str | None:
    """Locks a run's row and says how the run stands; None if there is none."""
    status: str | None = await connection.scalar(sa.select(runs.c.status).where(runs.c.run == run).with_for_update())
    return status


async def _locked(connection: AsyncConnection, approval: str) -> Approval | None:
    query = sa.select(approvals.c.record).where(approvals.c.id == approval).with_for_update()
    record = await connection.scalar(query)
    return None if record is None else Approval.model_validate(record)


def _row(approval: Approval) -> dict[str, Any]:
    proposal = approval.proposal
    return {
        "id": approval.id,
        "run": proposal.run,
        "step": proposal.step,
        "revision": proposal.revision,
        "state": approval.state,
        "requester": proposal.requester,
        "at": proposal.at,
        "expires_at": proposal.expires_at,
        "digest": proposal.digest,
        "record": approval.model_dump(mode="json"),
    }
