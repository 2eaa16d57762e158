"""Runs that go on after their end: resumed where they stopped, tried again from a step, or forked into another run."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.admission import Asker
from agents.approval import Approval
from agents.effect import Effect, effect_key
from agents.errors import UserMustMend
from agents.event import Kind
from agents.ports import Clock
from app.stores import events as event_table
from app.stores.run_log import thread_of
from app.stores.schema import approvals, effects, events, evidence, results, runs

ENDED = ("answered", "abstained", "failed", "stopped")
# A write in one of these states happened, or may have: nothing may be done in its place.
STANDING = ("intent", "done", "unknown", "undone")
# A decision after which a write is not done.
NO = ("rejected", "expired", "withdrawn")


@dataclass(frozen=True)
class Begun:
    """A run as it stands: its row, the steps of its plan with what each needs, the states of its writes by step."""

    row: Any
    needs: Mapping[str, frozenset[str]]
    writes: Mapping[str, str]

    def standing(self) -> frozenset[str]:
        """The steps whose writes happened, or may have."""
        return frozenset(step for step, state in self.writes.items() if state in STANDING)


def after(step: str, needs: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """A step with all that depend on it, near or far."""
    found = {step}
    while more := {one for one, its in needs.items() if its & found} - found:
        found |= more
    return frozenset(found)


async def begun(connection: AsyncConnection, run: str) -> Begun:
    """Locks a run and reads how it stands. Raises LookupError for an unknown one."""
    row = (await connection.execute(sa.select(runs).where(runs.c.run == run).with_for_update())).one_or_none()
    if row is None:
        raise LookupError(f"There is no run {run!r}.")
    planned = sa.select(events.c.data).where(events.c.run == run, events.c.kind == "plan.updated")
    plan = await connection.scalar(planned.order_by(events.c.seq.desc()).limit(1))
    ledger = await connection.execute(sa.select(effects.c.step, effects.c.state).where(effects.c.run == run))
    steps = {step["id"]: frozenset(step["needs"]) for step in (plan or {"steps": []})["steps"]}
    return Begun(row, steps, {one.step: one.state for one in ledger})


async def resume(connection: AsyncConnection, clock: Clock, there: Begun, by: str) -> int:
    """Opens a run that failed or was stopped again where it stands; what it had found stays, what had failed goes.

    Proposals that were taken back when it ended are made anew. Returns the number of its run.resumed.
    """
    run = there.row.run
    await _forget(connection, run, await _unsuccessful(connection, run))
    await _ask_anew(connection, clock, run, there.needs, ("withdrawn",))
    return await _reopen(connection, clock, run, {"reason": f"{by} let it go on", "by": by}, {})


async def retry(connection: AsyncConnection, clock: Clock, there: Begun, by: str, step: str | None) -> int:
    """Drops what a step and those that depend on it found (or all that found nothing), and begins anew from the plan.

    Writes that happened stand. One that failed or was turned down is judged and asked about anew. Returns the number of
    its run.resumed.
    """
    run = there.row.run
    if step is None:
        bad = await _unsuccessful(connection, run)
        wanted: Iterable[str] = {late for one in bad for late in after(one, there.needs)}
    elif step in there.needs:
        wanted = after(step, there.needs)
    else:
        raise LookupError(f"Run {run} has no step {step!r}.")
    done = {one for one, state in there.writes.items() if state in ("done", "undone")}
    dropped = sorted(set(wanted) - done)
    await _forget(connection, run, dropped)
    failed = sa.and_(effects.c.run == run, effects.c.step.in_(dropped), effects.c.state == "failed")
    for record in list(await connection.scalars(sa.select(effects.c.record).where(failed))):
        again = Effect.model_validate(record).model_copy(update={"state": "retry"})
        changed = {"state": "retry", "record": again.model_dump(mode="json")}
        await connection.execute(effects.update().where(effects.c.key == again.key).values(**changed))
    await _ask_anew(connection, clock, run, dropped, NO)
    generation = there.row.generation
    anew = {"generation": generation + 1, "seed": thread_of(run, generation)}
    told = {"reason": f"{by} tried it again", "by": by, "from": step, "dropped": dropped}
    return await _reopen(connection, clock, run, told, anew)


async def fork(
    connection: AsyncConnection, clock: Clock, there: Begun, by: str, step: str | None, asker: Asker
) -> tuple[str, list[tuple[Kind, Mapping[str, Any]]]]:
    """Makes another run of the same question and plan, with what was found before a step (or all that was found).

    Writes that the run has done count as done in the new one, as that run's. Returns the new run's id and its first
    events. Raises UserMustMend while nobody knows what became of a write.
    """
    old = there.row.run
    if step is not None and step not in there.needs:
        raise LookupError(f"Run {old} has no step {step!r}.")
    open_ones = sorted(one for one, state in there.writes.items() if state in ("intent", "unknown"))
    if open_ones:
        raise UserMustMend(
            f"What became of {', '.join(open_ones)} in run {old} is not known yet.",
            remedy="Settle it under /approvals, then fork the run.",
        )
    dropped = (after(step, there.needs) if step else frozenset()) - there.standing()
    new = f"run_{secrets.token_hex(10)}"
    row = {c.name: getattr(there.row, c.name) for c in runs.columns}
    begins = {"epoch": 0, "ended": 0, "segment": 1, "stuck": 0, "last_seq": 0, "generation": 1, "stopped_by": None}
    seed = thread_of(old, there.row.generation)
    row |= {"role": asker.role, "name": asker.name, "channel": asker.channel or row["channel"]}
    row |= {**begins, "run": new, "actor": by, "message_id": None, "status": "running", "at": clock.now(), "seed": seed}
    await connection.execute(runs.insert().values(**row | {"forked_from": old}))
    kept = sa.select(results).where(results.c.run == old, results.c.step.not_in(dropped))
    copied = [one for one in (await connection.execute(kept)).mappings() if one["result"]["state"] == "done"]
    if copied:
        await connection.execute(results.insert(), [{**one, "run": new} for one in copied])
    untold = sorted(there.standing() - {one["step"] for one in copied})
    if untold:
        # Without its result the new run would take the step for one that is still to do.
        raise UserMustMend(
            f"Run {old} ended before it could tell what came of {', '.join(untold)}.",
            remedy=f"Let it go on first: `deus runs resume {old}`.",
        )
    shown = await _copy_evidence(connection, old, new, {one["step"] for one in copied})
    told = {
        "actor": by, "channel": row["channel"], "conversation": row["conversation"], "text": row["question"],
        "forked_from": old, "from": step, **({"dry": True} if row["dry"] else {}),
        **{name: row[name] for name in ("name", "role", "audience", "files") if row[name]},
    }  # fmt: skip
    return new, [("run.started", told), *shown]


async def _copy_evidence(
    connection: AsyncConnection, old: str, new: str, steps: set[str]
) -> list[tuple[Kind, Mapping[str, Any]]]:
    """Copies the evidence of the steps; returns the events that show it, and the receipts of what the old run did."""
    records = list(await connection.scalars(sa.select(evidence.c.record).where(evidence.c.run == old)))
    mine = [{**record, "run": new} for record in records if record["step"] in steps]
    rows = [{"run": new, "id": m["id"], "number": m["number"], "sha256": m["sha256"], "record": m} for m in mine]
    if rows:
        await connection.execute(evidence.insert(), rows)
    ids = {record["id"] for record in mine}
    kinds = ("evidence.added", "receipt.added")
    query = sa.select(events.c.kind, events.c.data).where(events.c.run == old, events.c.kind.in_(kinds))
    shown: list[tuple[Kind, Mapping[str, Any]]] = []
    for kind, data in await connection.execute(query.order_by(events.c.seq)):
        if kind == "evidence.added" and data["id"] in ids:
            shown.append(("evidence.added", data))
        elif kind == "receipt.added" and data["step"] in steps:
            shown.append(("receipt.added", {"of_run": old, **data}))
    return shown


async def _unsuccessful(connection: AsyncConnection, run: str) -> list[str]:
    found = await connection.execute(sa.select(results.c.step, results.c.result).where(results.c.run == run))
    return sorted({one.step for one in found if one.result["state"] != "done"})


async def _forget(connection: AsyncConnection, run: str, steps: Sequence[str]) -> None:
    await connection.execute(results.delete().where(results.c.run == run, results.c.step.in_(steps)))


async def _ask_anew(
    connection: AsyncConnection, clock: Clock, run: str, steps: Iterable[str], states: Sequence[str]
) -> None:
    """Leaves a row in the ledger for each write that was not sent because of how its proposal ended: to be tried again,
    with another approval than that one."""
    wanted = sa.and_(approvals.c.run == run, approvals.c.step.in_(list(steps)))
    query = sa.select(approvals.c.record).where(wanted).order_by(approvals.c.revision)
    last = {one.proposal.step: one for one in map(Approval.model_validate, await connection.scalars(query))}
    for step, approval in last.items():
        known = await connection.scalar(sa.select(effects.c.record).where(effects.c.key == effect_key(run, step)))
        if approval.state not in states or approval.edited is not None:
            continue
        if known is not None and Effect.model_validate(known).state != "retry":
            continue
        proposal = approval.proposal
        effect = Effect(
            key=effect_key(run, step), run=run, step=step, service=proposal.service, verb=proposal.verb,
            title=proposal.title, digest=proposal.digest, args=proposal.args, change=proposal.change,
            approval=approval.id, requester=proposal.requester, state="retry", at=clock.now(),
            attempt=0 if known is None else Effect.model_validate(known).attempt,
        )  # fmt: skip
        record = effect.model_dump(mode="json")
        columns = {"state": effect.state, "attempt": effect.attempt, "at": effect.at, "record": record}
        if known is None:
            await connection.execute(effects.insert().values(key=effect.key, run=run, step=step, **columns))
        else:
            await connection.execute(effects.update().where(effects.c.key == effect.key).values(**columns))


async def _reopen(
    connection: AsyncConnection, clock: Clock, run: str, told: Mapping[str, Any], more: Mapping[str, Any]
) -> int:
    opened = {"status": "running", "stopped_by": None, "stuck": 0, **more}
    await connection.execute(runs.update().where(runs.c.run == run).values(**opened))
    (event,), _ = await event_table.append(connection, run, clock.now(), [("run.resumed", told)])
    return event.seq
