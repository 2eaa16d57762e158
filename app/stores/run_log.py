"""The log of one run while this process drives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.event import EPHEMERAL, Event, Kind
from agents.ports import Clock, StepResult
from agents.record import Evidence
from app.stores import events as event_table
from app.stores.conversations import later
from app.stores.database import Database
from app.stores.live import Live
from app.stores.schema import conversations, evidence, results, runs

_Added = tuple[Kind, dict[str, Any]]
_Row = tuple[sa.Table, dict[str, Any]]


@dataclass(frozen=True)
class Claim:
    """The right to drive a run's segment: good until somebody claims the run anew, who gets the next epoch.

    `generation` counts how often the run was begun anew from its plan; each time its checkpoints start over, with the
    plan that the checkpoints named `seed` hold.
    """

    run: str
    segment: int
    epoch: int
    generation: int = 0
    seed: str | None = None

    @property
    def thread(self) -> str:
        """The name of the run's checkpoints."""
        return thread_of(self.run, self.generation)


def thread_of(run: str, generation: int) -> str:
    """The name of a run's checkpoints since it was last begun anew."""
    return f"{run}~{generation}" if generation else run


@dataclass
class _Change:
    """What one caller wants committed; `done`, if somebody waits, gets the event."""

    event: _Added | None = None
    rows: list[_Row] = field(default_factory=list)
    done: asyncio.Future[Event] | None = None


class StoredRunLog:
    """Appends to a run's log. What several steps append at once goes into one transaction: while one is under way the
    next gathers. After a failure to store nothing more is taken: a log with a gap would be worse than none.

    With a claim it takes only what the run's newest driver appends: the others get Superseded.
    """

    def __init__(
        self,
        database: Database,
        live: Live,
        clock: Clock,
        run: str,
        conversation: str,
        stored: Sequence[Event],
        claim: Claim | None = None,
    ) -> None:
        self.run = run
        self.on_stop: Callable[[str], None] | None = None
        self._database = database
        self._live = live
        self._clock = clock
        self._conversation = conversation
        self._seq = stored[-1].seq if stored else 0
        self._claim = claim
        self._seen = seen(stored)
        self._last: str | None = stored[-1].kind if stored else None
        self._evidence: dict[str, str] = {}
        self._waiting: list[_Change] = []
        self._committing: asyncio.Task[None] | None = None
        self._broken: Exception | None = None

    async def emit(self, kind: Kind, /, **data: Any) -> Event:
        """Appends an event; deltas are only shown to those who look now, with the number of the last stored event."""
        if kind in EPHEMERAL:
            event = Event(run=self.run, seq=max(1, self._seq), at=self._clock.now(), kind=kind, data=data)
            self._live.publish(event)
            return event
        done: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._enqueue(_Change((kind, data), done=done))
        return await done

    def note(self, kind: Kind, /, **data: Any) -> None:
        """Appends an event without waiting; it is durable with the next that is emitted."""
        self._enqueue(_Change((kind, data)))

    async def flush(self) -> None:
        """Waits until all that was noted is stored; raises what kept it from being stored."""
        while self._committing is not None:
            await asyncio.shield(self._committing)
        if self._broken is not None:
            raise self._broken

    def add_evidence(self, item: Evidence) -> None:
        """Notes evidence and its evidence.added. Raises ValueError for another content under a known id."""
        known = self._evidence.get(item.id)
        if known is not None:
            if known != item.sha256:
                raise ValueError(f"Run {self.run} has evidence {item.id} with another content.")
            return
        self._evidence[item.id] = item.sha256
        row: dict[str, Any] = {"run": self.run, "id": item.id, "number": item.number, "sha256": item.sha256}
        shown = item.model_dump(mode="json", include={*SHOWN})
        row["record"] = item.model_dump(mode="json")
        self._enqueue(_Change(("evidence.added", shown), [(evidence, row)]))

    async def evidence(self) -> Sequence[Evidence]:
        """All evidence of the run, in the order of its numbers."""
        async with self._database.read() as connection:
            found = await connection.scalars(
                sa.select(evidence.c.record).where(evidence.c.run == self.run).order_by(evidence.c.number)
            )
            items = [Evidence.model_validate(record) for record in found]
        self._evidence = {item.id: item.sha256 for item in items}
        return items

    def keep_result(self, key: str, result: StepResult) -> None:
        """Notes how a step ended, without its nouns. A result under a key that is there already replaces nothing."""
        record = {**vars(replace(result, nouns=())), "unchecked": dict(result.unchecked)}
        row = {"run": self.run, "key": key, "step": result.id, "result": record}
        self._enqueue(_Change(rows=[(results, row)]))

    async def results(self) -> Mapping[str, StepResult]:
        """The results that ended well, by key."""
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(results).where(results.c.run == self.run))
            return {row.key: _result(row.result) for row in found}

    def has(self, kind: Kind, id: str | None = None) -> bool:
        """Whether such an event is in the log."""
        return (kind, id) in self._seen

    def ends_with(self, kind: Kind) -> bool:
        """Whether the last event, as far as this driver knows, is of that kind."""
        return self._last == kind

    def _enqueue(self, change: _Change) -> None:
        if self._broken is not None:
            raise self._broken
        if change.event is not None:
            self._seen |= {(change.event[0], change.event[1].get("id")), (change.event[0], None)}
            self._last = change.event[0]
        self._waiting.append(change)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all(), name=f"log {self.run}")

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    made = await self._write(batch)
                except Exception as error:  # noqa: BLE001 - raised to whoever waits, and to whoever appends next
                    self._broken = error
                    for change in [*batch, *self._waiting]:
                        if change.done is not None and not change.done.done():
                            change.done.set_exception(error)
                    self._waiting = []
                    return
                events = iter(made)
                for change in batch:
                    event = next(events) if change.event is not None else None
                    if change.done is not None and event is not None and not change.done.done():
                        change.done.set_result(event)
        finally:
            self._committing = None

    async def _write(self, batch: list[_Change]) -> list[Event]:
        async with self._database.write() as connection:
            for table, row in (row for change in batch for row in change.rows):
                await connection.execute(_insert(table, row))
            if self.on_stop is not None and any(map(_answers, batch)) and await self._is_stopped(connection):
                # Who stops a run, as by taking its conversation over, is told no answer of it after that. Whoever
                # waits for this one to be stored is cancelled in the next moment.
                batch[:] = [change for change in batch if not _answers(change)]
            added = [change.event for change in batch if change.event is not None]
            epoch = self._claim.epoch if self._claim else None
            made, stopped_by = await event_table.append(connection, self.run, self._clock.now(), added, epoch)
            for event in made:
                if event.kind == "run.finished":
                    over: dict[str, Any] = {"status": event.data["status"]}
                    if self._claim:
                        # Also what was queued meanwhile: who decided a moment ago does not open the run again.
                        over["ended"] = runs.c.segment
                    await connection.execute(runs.update().where(runs.c.run == self.run).values(**over))
                    last = await connection.scalar(sa.select(sa.func.max(conversations.c.updated_at)))
                    used = conversations.update().where(conversations.c.id == self._conversation)
                    await connection.execute(used.values(updated_at=later(event.at, last)))
        for event in made:
            self._seq = event.seq
            self._live.publish(event)
        if stopped_by is not None and self.on_stop is not None:
            self.on_stop(stopped_by)
        return made

    async def _is_stopped(self, connection: AsyncConnection) -> bool:
        """Whether somebody has asked the run to stop; nobody can until the transaction ends."""
        asked = sa.select(runs.c.stopped_by).where(runs.c.run == self.run).with_for_update()
        return await connection.scalar(asked) is not None


def _answers(change: _Change) -> bool:
    return change.event is not None and change.event[0] == "message.completed"


def seen(stored: Sequence[Event]) -> set[tuple[str, str | None]]:
    """The kinds, and the kinds with ids, that stand in a log. What a later run.resumed took back does not."""
    found: set[tuple[str, str | None]] = set()
    for event in stored:
        if event.kind == "run.resumed":
            found.discard(("run.finished", None))
            if "dropped" in event.data:
                gone = {("step.finished", step) for step in event.data["dropped"]}
                found = {one for one in found - gone if one[0] not in ANSWERED}
        found |= {(event.kind, event.data.get("id")), (event.kind, None)}
    return found


# What a run that is tried again says anew.
ANSWERED = ("message.completed", "artifact.created")
SHOWN = ("id", "number", "step", "title", "service", "verb", "ref", "url", "excerpt", "at", "parent", "sha256")


def _insert(table: sa.Table, row: Mapping[str, Any]) -> sa.Insert:
    """An insert that leaves a row alone that is there already, as after a restart in the middle of a step."""
    values = sa.select(*(sa.literal(row[c.name], c.type) for c in table.columns))
    same = sa.and_(*(c == row[c.name] for c in table.primary_key))
    return table.insert().from_select([c.name for c in table.columns], values.where(~sa.exists().where(same)))


def _result(record: Mapping[str, Any]) -> StepResult:
    return StepResult(**{**record, "nouns": (), "evidence": tuple(record["evidence"])})
