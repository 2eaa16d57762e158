"""The effect ledger in the database: an intent before each write, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.approval import NotDecided
from agents.audit import AuditEntry
from agents.audit_facts import shown
from agents.effect import Effect, EffectState
from app.stores import audit
from app.stores.database import Database, clock_time
from app.stores.schema import approvals_used, effects, runs
from tools.kit.action import Landed

# What an effect may become from what it is; all else is refused.
FOLLOWS: dict[EffectState, frozenset[EffectState]] = {
    "intent": frozenset({"intent", "done", "failed", "unknown"}),
    "unknown": frozenset({"intent", "done", "failed", "unknown"}),
    # The service's word may come late, from a sender that was overtaken.
    "failed": frozenset({"failed", "retry", "done"}),
    "retry": frozenset({"retry", "done"}),
    "done": frozenset({"done", "undone"}),
    "undone": frozenset({"undone"}),
}


class StoredLedger:
    """The Ledger over a database: the row of an effect is locked while it changes."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    async def intend(self, effect: Effect) -> Effect:
        """Records the intent, or returns what is there; an approval that another sending has used raises NotDecided."""
        async with self._database.write(lasting=True) as connection:
            # The run first, as everywhere: of two who intend at once the second one sees what the first has recorded.
            await connection.execute(sa.select(runs.c.run).where(runs.c.run == effect.run).with_for_update())
            there = await _locked(connection, effect.key)
            if there is not None:
                return there
            if effect.approval is not None:
                await _use(connection, effect.approval, effect.key, effect.attempt)
            begun = effect.model_copy(update={"begun": await clock_time(connection)})
            await connection.execute(effects.insert().values(**_row(begun)))
            await self._tell(connection, begun)
        return effect

    async def attempt(
        self,
        key: str,
        after: int,
        approval: str | None = None,
        intent: Effect | None = None,
        *,
        unsent: bool = False,
    ) -> bool:
        """Takes the right to send from the sender number `after`; False if another has it by now, or, for one that is
        `unsent`, if that one has sent it meanwhile. An approval of this very repetition is used up; `intent` replaces
        what failed before."""
        async with self._database.write(lasting=True) as connection:
            there = await _locked(connection, key)
            if there is None or there.attempt != after or there.state not in ("intent", "unknown", "retry"):
                return False
            if unsent and not there.unsent:
                return False
            taken = {"attempt": after + 1, "state": "intent", "approval": approval or there.approval, "left": None}
            taken |= {"begun": there.begun or await clock_time(connection), "sent": there.sent}
            if approval is not None:
                await _use(connection, approval, key, after + 1)
            if approval is not None or intent is not None:
                # Somebody wants it anew: what was tried before counts no longer.
                taken |= {"begun": await clock_time(connection), "sent": 0}
            sending = (intent or there).model_copy(update=taken)
            await _put(connection, sending)
            await self._tell(connection, sending)
        return True

    async def leave(self, key: str, attempt: int) -> bool:
        """Records that a request of this sender goes out now; False, and nothing may go out, if another took over."""
        async with self._database.write(lasting=True) as connection:
            there = await _locked(connection, key)
            if there is None or there.attempt != attempt or there.state not in ("intent", "unknown"):
                return False
            first = {} if there.left else {"sent": there.sent + 1}
            await _put(connection, there.model_copy(update={"left": await clock_time(connection), **first}))
        return True

    async def now(self) -> datetime:
        """The database's time, one for all processes; it goes on where the workspace's clock stands still."""
        async with self._database.read() as connection:
            return await clock_time(connection)

    async def settle(
        self,
        key: str,
        state: EffectState,
        *,
        landed: Landed | None = None,
        error: str = "",
        undone_by: str = "",
        attempt: int | None = None,
    ) -> Effect:
        """Records what became of an effect. Raises LookupError for an unknown key.

        One that is done stays done, but for being undone, whatever a sender that comes late has to say. Of senders,
        which give their `attempt`, only the last one may say anything but that it is done.
        """
        async with self._database.write(lasting=True) as connection:
            there = await _locked(connection, key)
            if there is None:
                raise LookupError(f"The ledger has no effect {key}.")
            overtaken = attempt is not None and attempt != there.attempt
            if state not in FOLLOWS[there.state] or (overtaken and state != "done"):
                return there
            news = {"state": state, "landed": landed or there.landed, "error": error, "undone_by": undone_by}
            changed = there.model_copy(update=news)
            await _put(connection, changed)
            await self._tell(connection, changed)
        return changed

    async def _tell(self, connection: AsyncConnection, effect: Effect) -> None:
        """Puts an effect's new state into the audit log, with the transaction that brings it about."""
        known = {"key", "step", "service", "verb", "state", "attempt", "approval", "by", "digest", "error", "undone_by"}
        data = shown(effect.model_dump(mode="json", include=known, exclude_defaults=True) | {"state": effect.state})
        if effect.rule:
            data["rule"] = effect.rule  # the workspace's own word for it, whole
        # Who took it back stands in the entry of undo.finished; `undone_by` is the run in which that was said.
        by = "" if effect.state == "undone" else effect.requester
        entry = AuditEntry("effect", self._now(), by or "deus", effect.run, data)
        await audit.append(connection, [entry])

    async def get(self, key: str) -> Effect | None:
        """The effect of that key."""
        found = await self._found(effects.c.key == key, 1)
        return found[0] if found else None

    async def of_run(self, run: str) -> Sequence[Effect]:
        """The effects of a run, in the order in which they were intended."""
        return list(reversed(await self._found(effects.c.run == run, 500)))

    async def of_conversation(self, conversation: str, limit: int = 20) -> Sequence[Effect]:
        """The effects of a conversation's runs, newest first."""
        its = sa.select(runs.c.run).where(runs.c.conversation == conversation)
        return await self._found(effects.c.run.in_(its), limit)

    async def _found(self, wanted: sa.ColumnElement[bool], limit: int) -> list[Effect]:
        # The database's time tells apart what the workspace's clock, where it stands still, does not.
        begun = sa.func.coalesce(effects.c.record["begun"].as_string(), "")
        newest = (effects.c.at.desc(), begun.desc(), effects.c.key)
        query = sa.select(effects.c.record).where(wanted).order_by(*newest).limit(limit)
        async with self._database.read() as connection:
            return [Effect.model_validate(record) for record in await connection.scalars(query)]


async def _locked(connection: AsyncConnection, key: str) -> Effect | None:
    record = await connection.scalar(sa.select(effects.c.record).where(effects.c.key == key).with_for_update())
    return None if record is None else Effect.model_validate(record)


async def _put(connection: AsyncConnection, effect: Effect) -> None:
    await connection.execute(effects.update().where(effects.c.key == effect.key).values(**_row(effect)))


async def _use(connection: AsyncConnection, approval: str, key: str, attempt: int) -> None:
    used = await connection.scalar(sa.select(approvals_used.c.key).where(approvals_used.c.approval == approval))
    if used is not None:
        raise NotDecided("This approval has been used already: a yes stands for one sending.")
    try:
        async with connection.begin_nested():
            await connection.execute(approvals_used.insert().values(approval=approval, key=key, attempt=attempt))
    except sa.exc.IntegrityError as error:
        raise NotDecided("This approval has been used already: a yes stands for one sending.") from error


def _row(effect: Effect) -> dict[str, object]:
    return {
        "key": effect.key,
        "run": effect.run,
        "step": effect.step,
        "state": effect.state,
        "attempt": effect.attempt,
        "at": effect.at,
        "record": effect.model_dump(mode="json"),
    }
