"""The durable engine: a run is a chain of short DBOS segments, each one step that drives the LangGraph graph."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from functools import partial
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions

from agents.audit_facts import current_model_calls
from agents.budget import Budget, current_budget
from agents.document import document
from agents.drive import Drive, Means
from agents.errors import DeusError
from agents.evidence import Citations
from agents.graph import advance, build
from agents.ports import RunLog, Turn
from agents.record import Usage
from app.stores.checkpoints import open_checkpoints
from app.stores.database import Database
from app.stores.runs import StoredRuns
from app.stores.sqlite import SQLite, prepare
from app.worker import claimed, is_orphan

log = logging.getLogger(__name__)

# Segments are short and their state carries its own version, so any version of the code may take any of them up.
APPLICATION_VERSION = "1"
QUEUE = "runs"
SEGMENT = "run_segment"
# How many seconds an orderly shutdown waits for what is nearly done.
SHUTDOWN = 2.0


class Engine:
    """Takes queued segments up and drives them in this process, on the event loop that started it.

    DBOS is one per process, and so is an Engine that has been started. `worker` names this process among those that
    share a database; a process that comes back under its name takes up what it left. On one SQLite file the first
    process has the name for itself, and takes up what a companion that died has left, too.
    """

    def __init__(
        self, database: Database, *, worker: str = "deus-1", concurrency: int = 16, polling: float = 0.1
    ) -> None:
        self._database = database
        self._worker = self._name = worker
        self._concurrency = concurrency
        self._polling = polling
        self._launching: asyncio.Future[None] | None = None
        self._dbos: DBOS | None = None
        self._client: DBOSClient | None = None
        self._engine: sa.Engine | None = None
        self._driving: dict[str, asyncio.Task[str]] = {}
        self._stack = contextlib.AsyncExitStack()

    async def start(self, runs: StoredRuns, means: Means) -> None:
        """Opens the checkpoints and the queue, and takes up what an earlier process left unfinished."""
        self._runs = runs
        self._means = means
        self._loop = asyncio.get_running_loop()
        if isinstance(self._database, SQLite):
            lock = self._database.path.with_name("engine.lock")
            self._name = self._stack.enter_context(claimed(self._worker, lock))
        self._graph = build(await self._stack.enter_async_context(open_checkpoints(self._database)))
        self._launching = asyncio.ensure_future(asyncio.to_thread(self._launch))
        # Whoever gives up waiting does not stop the thread: closing waits for it.
        await asyncio.shield(self._launching)

    async def close(self) -> None:
        """Stops taking segments up. Those under way are left as they are, to be taken up at the next start."""
        if self._launching is not None:
            await asyncio.wait([self._launching])
        if self._dbos is not None:
            await asyncio.to_thread(self._stop_taking, self._dbos)
        for task in list(self._driving.values()):
            task.cancel("closing")
        if self._engine is not None:
            await asyncio.to_thread(self._destroy)
        await self._stack.aclose()

    def dispatch(self, connection: sa.Connection, run: str, n: int) -> None:
        """Queues the segment `n` of a run within the connection's transaction."""
        assert self._client is not None, "the engine has not been started"
        options: EnqueueOptions = {
            "workflow_name": SEGMENT,
            "queue_name": QUEUE,
            "workflow_id": f"{run}:{n}",
            "queue_partition_key": run,
            "app_version": APPLICATION_VERSION,
        }
        self._client.enqueue_in_transaction(connection, options, run, n)

    async def stop(self, run: str) -> None:
        """Ends a run that this process drives and that was asked to stop. Another process sees it by itself."""
        task = self._driving.get(run)
        if task is not None:
            task.cancel("stopped")

    def _launch(self) -> None:
        self._engine = sa.create_engine(self._database.url, pool_size=4)
        if isinstance(self._database, SQLite):
            # DBOS leaves SQLite in its rollback journal, which is several times slower.
            sa.event.listen(self._engine, "connect", prepare)
            sa.event.listen(self._engine, "connect", _immediate)
        serializer = DBOSPortableJSONSerializer()
        config: DBOSConfig = {
            "name": "deus",
            "system_database_url": self._database.url,
            "system_database_engine": self._engine,
            "application_version": APPLICATION_VERSION,
            "executor_id": self._name,
            "serializer": serializer,
            "enable_otlp": False,
            "log_level": "WARNING",
            "console_log_level": "WARNING",
        }
        self._dbos = DBOS(config=config)

        async def run_segment(run: str, n: int) -> dict[str, Any]:
            return await DBOS.run_step_async({"name": "drive"}, self._drive_on_own_loop, run, n)

        DBOS.workflow(name=SEGMENT)(run_segment)
        DBOS.migrate(self._database.url)
        self._client = DBOSClient(
            system_database_engine=self._engine, serializer=serializer, application_name=config["name"]
        )
        # Before launch, for DBOS looks for new queues only once a second.
        self._client.register_queue(
            QUEUE,
            partition_concurrency=1,
            worker_concurrency=self._concurrency,
            polling_interval_sec=self._polling,
        )
        DBOS.launch()
        if self._name == self._worker:
            pending = DBOS.list_workflows(status="PENDING", queue_name=QUEUE, load_input=False, load_output=False)
            left = [one.workflow_id for one in pending if is_orphan(one.executor_id or "", self._worker)]
            if left:
                DBOS.resume_workflows(left, queue_name=QUEUE)

    def _stop_taking(self, dbos: DBOS) -> None:
        """Ends the thread that takes segments up, and lets those that are done be recorded as done.

        DBOS' own shutdown stops its event loop first, on which a segment that is just being taken up would be lost.
        """
        for stop in dbos.background_thread_stop_events:
            stop.set()
        for thread in threading.enumerate():
            if thread.name == f"queue-worker-{QUEUE}":
                thread.join(SHUTDOWN)
        until = time.monotonic() + SHUTDOWN
        while time.monotonic() < until:
            pending = DBOS.list_workflows(status="PENDING", executor_id=self._name, load_input=False, load_output=False)
            if all(one.workflow_id.rpartition(":")[0] in self._driving for one in pending):
                return
            time.sleep(0.02)

    def _destroy(self) -> None:
        # It would warn of each segment that is left to the next start, which is what closing means.
        logging.getLogger("dbos").setLevel(logging.ERROR)
        DBOS.destroy(destroy_registry=True)
        if self._client is not None:
            self._client.destroy()
        if self._engine is not None:
            self._engine.dispose()

    async def _drive_on_own_loop(self, run: str, n: int) -> dict[str, Any]:
        """DBOS runs workflows on a loop of its own choice; the stores and connectors belong to ours."""
        future = asyncio.run_coroutine_threadsafe(self._drive_alone(run), self._loop)
        return {"status": await asyncio.wrap_future(future)}

    async def _drive_alone(self, run: str) -> str:
        task = asyncio.create_task(self.drive(run), name=f"drive {run}")
        self._driving[run] = task
        try:
            return await task
        finally:
            self._driving.pop(run, None)

    async def drive(self, run: str) -> str:
        """Drives a run to its end and returns its status. Only here does an unexpected exception end a run."""
        turn = await self._runs.turn(run)
        if turn is None:
            return "deleted"
        run_log = await self._runs.open_log(run, turn.conversation)
        if run_log.has("run.finished"):
            return "finished"
        budget = Budget(self._means.limits, await _used(self._runs, run))
        current_budget.set(budget)
        current_model_calls.set(partial(run_log.note, "model.called"))
        me = asyncio.current_task()
        assert me is not None

        def end(by: str) -> None:
            me.cancel("stopped")

        run_log.on_stop = end
        status, error = "failed", None
        try:
            if await self._runs.stopped_by(run) is not None:
                raise asyncio.CancelledError("stopped")
            status = await self._advance(run_log, turn, budget)
        except asyncio.CancelledError:
            if await self._runs.stopped_by(run) is None:
                raise
            while me.uncancel() > 0:
                pass
            status = "stopped"
        except Exception as failure:  # noqa: BLE001 - the top of a run
            error = _sentence(run, failure)
        run_log.on_stop = None
        usage = budget.usage().model_dump(mode="json")
        await run_log.emit("run.finished", status=status, error=error, usage=usage)
        if status == "answered":
            await self._remember(run, turn)
        return status

    async def _remember(self, run: str, turn: Turn) -> None:
        """Puts the answer among what is remembered; the run has ended well, whatever comes of it."""
        said = document(run, turn.text, await self._runs.events(run), ())
        try:
            await self._means.memory.remember(run, turn.text, said.answer, turn.at)
        except Exception:
            log.exception("run %s could not be remembered", run)

    async def _advance(self, run_log: RunLog, turn: Turn, budget: Budget) -> str:
        if run_log.has("plan.updated") or run_log.has("usage.updated"):
            await run_log.emit("run.resumed", reason="the process that drove this run had ended")
        citations = Citations(run_log.run, await run_log.evidence())
        stored = await run_log.results()
        async with asyncio.TaskGroup() as group:
            drive = Drive(self._means, run_log, turn, budget=budget, citations=citations, stored=stored, group=group)
            return await advance(self._graph, drive)


async def _used(runs: StoredRuns, run: str) -> Usage | None:
    spent = [event.data["usage"] for event in await runs.events(run) if event.kind == "usage.updated"]
    return Usage.model_validate(spent[-1]) if spent else None


def _sentence(run: str, failure: BaseException) -> str:
    """What a person is told of a run's end; of a bug no more than the number under which it is logged."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, DeusError):
        return str(failure)
    mark = secrets.token_hex(4)
    log.error("run %s failed, error %s", run, mark, exc_info=failure)
    return f"Something inside Deus went wrong; this run could not be finished. The log has it as error {mark}."


def _immediate(connection: Any, record: object) -> None:
    connection.isolation_level = "IMMEDIATE"
