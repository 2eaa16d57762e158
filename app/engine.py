"""The durable engine: a run is a chain of short segments, each of which drives the LangGraph graph."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from agents.audit_facts import current_egress, current_model_calls
from agents.budget import Budget, current_budget
from agents.document import document
from agents.drive import Drive, Means
from agents.errors import DeusError
from agents.evidence import Citations
from agents.graph import advance, build
from agents.ports import Turn
from agents.restricted import admitted, still_open
from agents.visiting import Visits, means_for
from app.budgeting import budget_of
from app.segments import Segments, on_loop
from app.stores.checkpoints import open_checkpoints
from app.stores.custody import Custody
from app.stores.database import Database, is_outage
from app.stores.events import Superseded
from app.stores.following import UNDER_WAY
from app.stores.run_log import Claim, StoredRunLog
from app.stores.runs import StoredRuns
from app.stores.schema import runs as runs_table
from app.stores.workers import Workers
from app.watch import Shared, Sweep, Watch, alone
from app.worker import Worker

log = logging.getLogger(__name__)

# Who waits in a chat goes before a program, and that before what no one waits for. Lower goes first.
PRIORITIES = {"api": 20, "schedule": 30}
CHAT = 10
# How often, and how many seconds apart at most, a drive is tried again while the database cannot be reached.
TRIES = 40
LONGEST_PAUSE = 5.0
# How many seconds pass until a run looks again at what it waits for in the world, such as checks that run.
LOOK_AGAIN = 20.0
# How many seconds a worker that ends waits for the database to take its word.
LEAVING = 10.0
# How many seconds a segment waits before it looks again whether the run's earlier segment has ended.
GLANCE = 0.1


class Engine:
    """Takes queued segments up and drives them in this process, on the event loop that started it.

    Processes that share a database share the work; what one leaves that ends, or that gives no sign of life for
    `takeover` seconds, others go on with. DBOS is one per process, and so is an Engine that has been started.
    `concurrency` is the most runs driven here at once, `at_once` that of all processes together. A run of which
    nothing is written for `silence` seconds is noticed and taken up again.
    """

    def __init__(
        self,
        database: Database,
        *,
        worker: str = "deus",
        concurrency: int = 16,
        at_once: int | None = None,
        polling: float = 0.1,
        takeover: float = 15.0,
        silence: float = 300.0,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self.worker = Worker.here(worker)
        self._database = database
        self._silence = silence
        self._look_again = look_again
        self._workers = Workers(database, self.worker, takeover)
        self._segments = Segments(database, self.worker.id, concurrency=concurrency, at_once=at_once, polling=polling)
        self._launching: asyncio.Future[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._watch: Watch | None = None
        self._driving: dict[str, asyncio.Task[str]] = {}
        self._stack = contextlib.AsyncExitStack()

    async def start(
        self,
        runs: StoredRuns,
        means: Means,
        sweeps: Sequence[Sweep] = (),
        shared: Shared = alone,
        visits: Visits | None = None,
    ) -> None:
        """Opens the checkpoints and the queue, and takes up what processes that have ended left unfinished.

        `sweeps` are called again and again, by one of the workers at a time; `shared` by each with how many live.
        `visits` is how visitors are answered; without it they are not.
        """
        self._runs = runs
        self._means = means
        self._visits = visits
        self._custody = Custody(self._database, means.clock, runs.continue_run)
        self._graph = build(await self._stack.enter_async_context(open_checkpoints(self._database)))
        await self._workers.beat()
        drive = on_loop(asyncio.get_running_loop(), self._drive_alone)
        self._launching = asyncio.ensure_future(asyncio.to_thread(self._segments.launch, drive))
        # Whoever gives up waiting does not stop the thread: closing waits for it.
        await asyncio.shield(self._launching)
        self._watch = Watch(
            self._workers,
            self._segments,
            self._custody,
            silence=self._silence,
            given_up=self._drop_lost,
            sweeps=sweeps,
            shared=shared,
        )
        await self._watch.look()
        self._watching = asyncio.create_task(self._watch.go_on(), name="watch over workers")

    async def close(self) -> None:
        """Stops taking segments up, and hands those that are under way to the others at once, or to the next start."""
        if self._launching is not None:
            await asyncio.wait([self._launching])
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        launched = self._launching is not None and self._launching.exception() is None
        if launched:
            await self._quietly(asyncio.to_thread(self._put_down))
        under_way = list(self._driving.values())
        for task in under_way:
            task.cancel("closing")
        if under_way:
            await asyncio.wait(under_way, timeout=5.0)
        if self._launching is not None:
            await asyncio.to_thread(self._segments.destroy)
            await self._quietly(self._workers.leave())
        await self._stack.aclose()

    async def _quietly(self, leaving: Awaitable[None]) -> None:
        """Waits for a part of leaving, but not for a database that has gone: then the others see by themselves."""
        try:
            async with asyncio.timeout(LEAVING):
                await leaving
        except Exception as error:
            if not isinstance(error, TimeoutError) and not is_outage(error):
                raise
            log.warning("this worker leaves without a word, for the database does not answer: %s", error)

    def dispatch(self, connection: sa.Connection, run: str, n: int, delay: float = 0.0) -> None:
        """Queues the segment `n` of a run within the connection's transaction, to begin after `delay` seconds."""
        channel = connection.scalar(sa.select(runs_table.c.channel).where(runs_table.c.run == run))
        self._segments.enqueue(connection, run, n, priority=PRIORITIES.get(channel or "", CHAT), delay=delay)

    async def stop(self, run: str) -> None:
        """Ends a run that this process drives and that was asked to stop. Another process sees it by itself."""
        for segment, task in list(self._driving.items()):
            if segment.rpartition(":")[0] == run:
                task.cancel("stopped")

    def health(self) -> dict[str, Any]:
        """How the work stands, for people and monitors: who works, how many runs are driven here, which are stuck."""
        watch = self._watch
        return {
            "worker": self.worker.id,
            "workers": len(watch.living) if watch else 0,
            "driving": len(self._driving),
            "taken_over": watch.taken_over if watch else 0,
            "stuck": list(watch.stuck) if watch else [],
        }

    def _put_down(self) -> None:
        self._segments.stop_taking(lambda: set(self._driving))
        self._segments.put_back(list(self._segments.held(self.worker.id)))

    async def _drop_lost(self) -> None:
        """This worker was given up while it lay still: it lets go of what others have taken over."""
        if not self._driving:
            return
        mine = await asyncio.to_thread(self._segments.held, self.worker.id)
        for segment, task in list(self._driving.items()):
            if segment not in mine:
                task.cancel("lost")

    async def _drive_alone(self, run: str, n: int) -> str:
        """Drives a segment as the only one in this process that does."""
        segment = f"{run}:{n}"
        older = self._driving.get(segment)
        task = asyncio.create_task(self._drive_safely(run, n, older), name=f"drive {segment}")
        self._driving[segment] = task
        try:
            return await task
        finally:
            if self._driving.get(segment) is task:
                del self._driving[segment]

    async def _drive_safely(self, run: str, n: int, older: asyncio.Task[str] | None) -> str:
        if older is not None:
            # It lost the segment while it lay still; the segment has come back here.
            older.cancel("lost")
            await asyncio.wait([older])
        while n > 1 and await asyncio.to_thread(self._segments.earlier, run, n):  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(GLANCE)
        tries = 0
        while True:
            try:
                return await self.drive(run, n, patient=tries < TRIES)
            except Superseded:
                if await asyncio.to_thread(self._segments.owner, run, n) != self.worker.id:
                    return "superseded"
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("run %s waits for the database: %s", run, error)
            tries += 1
            await asyncio.sleep(min(LONGEST_PAUSE, 0.2 * tries))

    async def drive(self, run: str, n: int = 1, *, patient: bool = True) -> str:
        """Drives a run's segment to the run's end, or to where it waits, and returns how the run stands then.

        Only here does an unexpected exception end a run. Raises Superseded where another worker has taken the run, and,
        while `patient`, what the database raises when it cannot be reached.
        """
        turn = await self._runs.turn(run)
        if turn is None:
            return "deleted"
        claim = await self._custody.claim(run, n)
        if claim is None:
            return "over"
        run_log = await self._runs.open_log(run, turn.conversation, claim)
        events = await self._runs.events(run)
        budget = await budget_of(self._means.limits, self._means.books, run, turn.actor, events)
        current_budget.set(budget)
        current_model_calls.set(partial(run_log.note, "model.called"))
        current_egress.set(partial(run_log.note, "egress.requested"))
        me = asyncio.current_task()
        assert me is not None

        def end(by: str) -> None:
            me.cancel("stopped")

        run_log.on_stop = end
        status, error = "failed", None
        try:
            if await self._runs.stopped_by(run) is not None:
                raise asyncio.CancelledError("stopped")
            standing = await self._advance(run_log, turn, budget, claim)
            if standing in UNDER_WAY:
                return standing
            status = standing
        except asyncio.CancelledError as cancelled:
            if "lost" in cancelled.args or await self._runs.stopped_by(run) is None:
                raise
            while me.uncancel() > 0:
                pass
            status = "stopped"
        except Exception as failure:
            if _is_superseded(failure):
                raise Superseded(run) from failure
            if patient and is_outage(failure):
                raise
            error = _sentence(run, failure)
        run_log.on_stop = None
        await self._still_mine(claim)
        await self._withdraw(run)
        await budget.close()
        usage = budget.usage().model_dump(mode="json")
        await run_log.emit("run.finished", status=status, error=error, usage=usage)
        if status == "answered":
            await self._remember(run, turn)
        return status

    async def _remember(self, run: str, turn: Turn) -> None:
        """Puts the answer among what is remembered; the run has ended well, whatever comes of it."""
        said = document(run, turn.text, await self._runs.events(run), ())
        try:
            await means_for(self._means, self._visits, turn).memory.remember(run, turn.text, said.answer, turn.at)
        except Exception:
            log.exception("run %s could not be remembered", run)

    async def _advance(self, run_log: StoredRunLog, turn: Turn, budget: Budget, claim: Claim) -> str:
        begun = run_log.has("plan.updated") or run_log.has("usage.updated")
        if begun and not run_log.ends_with("run.resumed"):
            ended, waited = "the process that drove this run had ended", "what this run waited for has come"
            await run_log.emit("run.resumed", reason=waited if run_log.has("approval.requested") else ended)
        citations = Citations(run_log.run, await run_log.evidence())
        stored = await run_log.results()
        async with asyncio.TaskGroup() as group:
            group.create_task(budget.prepare(), name=f"draw on the budget for {run_log.run}")
            means = means_for(await admitted(self._means, turn), self._visits, turn)
            still_open(means, {item.service for item in citations})
            drive = Drive(means, run_log, turn, budget=budget, citations=citations, stored=stored, group=group)
            advanced = await advance(self._graph, drive, claim.thread, claim.seed)
        if advanced.status is not None:
            return advanced.status
        await budget.flush()
        await self._still_mine(claim)
        return await self._wait(claim, drive, advanced.draft)

    async def _wait(self, claim: Claim, drive: Drive, draft: Mapping[str, Any]) -> str:
        """Asks the people whom the run waits for, now that the graph has said all it had to say."""
        desk, run = self._means.desk, claim.run
        if desk is None or drive.acting is None:
            raise RuntimeError(f"Run {run} waits without a desk at which anybody could decide.")
        asked = await desk.queue.request(run, drive.proposals(), draft, claim.epoch)
        if await self._runs.stopped_by(run) is not None:
            # Whoever stopped it before it waits has queued no segment that would end it.
            raise asyncio.CancelledError("stopped")
        later = [result for result in drive.waiting().values() if result.state == "later"]
        for result in later:
            said = f"{result.id}: {result.error}"
            if not drive.log.has("notice", said):
                await drive.log.emit("notice", id=said, text=f"Waiting: {result.error}", level="info")
        if later:
            soonest = min(self._look_again if result.again is None else result.again for result in later)
            # What waits for the world does not wait for a person's answer to something else.
            await self._runs.look_again(run, max(soonest, self._look_again) if asked else soonest)
        return "awaiting_approval" if asked else "running"

    async def _still_mine(self, claim: Claim) -> None:
        """Raises Superseded if another worker drives the run by now: what is not the log's has no fence of its own."""
        if not await self._custody.holds(claim):
            raise Superseded(claim.run)

    async def _withdraw(self, run: str) -> None:
        """Takes back what a run that ends still asks of people: before its time, or because a step broke off."""
        if self._means.desk is not None:
            await self._means.desk.queue.withdraw_all(run)


def _is_superseded(failure: BaseException) -> bool:
    if isinstance(failure, BaseExceptionGroup):
        return any(_is_superseded(one) for one in failure.exceptions)
    return isinstance(failure, Superseded)


def _sentence(run: str, failure: BaseException) -> str:
    """What a person is told of a run's end; of a bug no more than the number under which it is logged."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, DeusError):
        return str(failure)
    mark = secrets.token_hex(4)
    log.error("run %s failed, error %s", run, mark, exc_info=failure)
    return f"Something inside Deus went wrong; this run could not be finished. The log has it as error {mark}."
