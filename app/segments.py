"""The queue of segments: DBOS, which keeps them, hands them to workers and records which have ended."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions

from app.stores.database import Database
from app.stores.sqlite import SQLite, prepare

# Segments are short and their state carries its own version, so any version of the code may take any of them up.
APPLICATION_VERSION = "1"
APPLICATION = "deus"
QUEUE = "runs"
SEGMENT = "run_segment"
# How many seconds an orderly shutdown waits for what is nearly done.
SHUTDOWN = 2.0
WAITING = ("ENQUEUED", "DELAYED")

Driving = Callable[[str, int], Coroutine[Any, Any, dict[str, Any]]]


class Segments:
    """Segments are DBOS workflows `run:n` of one step each. All methods but `enqueue` block: call them in a thread.

    DBOS is one per process, and so is this. It takes back only what its own executor left, and executors are new with
    each start: it is for the workers' watch to `put_back` what a dead one held.
    """

    def __init__(
        self, database: Database, executor: str, *, concurrency: int, at_once: int | None, polling: float
    ) -> None:
        self.executor = executor
        self._database = database
        self._concurrency = concurrency
        self._at_once = at_once
        self._polling = polling
        self._serializer = DBOSPortableJSONSerializer()
        self._dbos: DBOS | None = None
        self._client: DBOSClient | None = None
        self._engine: sa.Engine | None = None

    def connect(self, *, to_work: bool = False) -> None:
        """Makes DBOS' tables where they are missing and opens the queue, to put segments in; takes none up.

        The limits of whoever works, and started last, hold for all.
        """
        self._engine = sa.create_engine(self._database.url, pool_size=4, pool_pre_ping=True)
        if isinstance(self._database, SQLite):
            # DBOS leaves SQLite in its rollback journal, which is several times slower.
            sa.event.listen(self._engine, "connect", prepare)
            sa.event.listen(self._engine, "connect", _immediate)
        DBOS.migrate(self._database.url)
        self._client = DBOSClient(
            system_database_engine=self._engine, serializer=self._serializer, application_name=APPLICATION
        )
        # No partitions: with them DBOS knows either priorities or a limit for all workers, not both. That a run's
        # segments come one by one the engine sees to.
        self._client.register_queue(
            QUEUE,
            global_concurrency=self._at_once,
            worker_concurrency=min(self._concurrency, self._at_once or self._concurrency),
            polling_interval_sec=self._polling,
            on_conflict="always_update" if to_work else "never_update",
        )

    def launch(self, drive: Driving) -> None:
        """Connects, and takes segments up from now on."""
        # The queue first, for DBOS looks for new ones only once a second.
        self.connect(to_work=True)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": self._database.url,
            "system_database_engine": self._engine,
            "application_version": APPLICATION_VERSION,
            "executor_id": self.executor,
            "serializer": self._serializer,
            "enable_otlp": False,
            # Its warnings are of segments that were handed to another worker, which is what handing over means.
            "log_level": "ERROR",
            "console_log_level": "ERROR",
        }
        self._dbos = DBOS(config=config)

        async def run_segment(run: str, n: int) -> dict[str, Any]:
            return await DBOS.run_step_async({"name": "drive"}, drive, run, n)

        DBOS.workflow(name=SEGMENT)(run_segment)
        DBOS.launch()

    def enqueue(self, connection: sa.Connection, run: str, n: int, *, priority: int, delay: float = 0.0) -> None:
        """Queues a segment within the connection's transaction; a lower priority number is taken up before others."""
        assert self._client is not None, "the engine has not been started"
        options: EnqueueOptions = {
            "workflow_name": SEGMENT,
            "queue_name": QUEUE,
            "workflow_id": f"{run}:{n}",
            "app_version": APPLICATION_VERSION,
            "priority": priority,
        }
        if delay > 0:
            options["delay_seconds"] = delay
        self._client.enqueue_in_transaction(connection, options, run, n)

    def held(self, by: str | None = None) -> dict[str, str]:
        """The segments that are being driven, as far as is known: their ids with the workers that took them up."""
        found = DBOS.list_workflows(
            status="PENDING", queue_name=QUEUE, executor_id=by, load_input=False, load_output=False
        )
        return {one.workflow_id: one.executor_id or "" for one in found}

    def owner(self, run: str, n: int) -> str | None:
        """The worker that has a segment; None if nobody drives it."""
        return self.states([f"{run}:{n}"]).get(f"{run}:{n}", ("", None))[1]

    def states(self, ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """For each segment that is known: waiting, held or over, and who holds it."""
        found = DBOS.list_workflows(workflow_ids=list(ids), load_input=False, load_output=False) if ids else []
        states = {"PENDING": "held"} | dict.fromkeys(WAITING, "waiting")
        return {
            one.workflow_id: (states.get(one.status, "over"), one.executor_id if one.status == "PENDING" else None)
            for one in found
        }

    def earlier(self, run: str, n: int) -> bool:
        """Whether an earlier segment of the run is held by somebody."""
        found = DBOS.list_workflows(
            status="PENDING", queue_name=QUEUE, workflow_id_prefix=f"{run}:", load_input=False, load_output=False
        )
        return any(int(one.workflow_id.rpartition(":")[2]) < n for one in found)

    def put_back(self, ids: Sequence[str]) -> None:
        """Puts segments back into the queue; whoever held one can no longer record how it ended."""
        if ids:
            DBOS.resume_workflows(list(ids), queue_name=QUEUE)

    def stop_taking(self, driving: Callable[[], Collection[str]]) -> None:
        """Ends the thread that takes segments up, and lets those that are done be recorded as done.

        DBOS' own shutdown stops its event loop first, on which a segment that is just being taken up would be lost.
        """
        if self._dbos is None:
            return
        for stop in self._dbos.background_thread_stop_events:
            stop.set()
        for thread in threading.enumerate():
            if thread.name == f"queue-worker-{QUEUE}":
                thread.join(SHUTDOWN)
        until = time.monotonic() + SHUTDOWN
        while time.monotonic() < until:
            under_way = driving()
            if all(one in under_way for one in self.held(self.executor)):
                return
            time.sleep(0.02)

    def destroy(self) -> None:
        """Closes all that was opened."""
        if self._engine is None:
            return
        # It would warn of each segment that is left to others, which is what closing means.
        logging.getLogger("dbos").setLevel(logging.ERROR)
        if self._dbos is not None:
            DBOS.destroy(destroy_registry=True)
        if self._client is not None:
            self._client.destroy()
        self._engine.dispose()


def on_loop(loop: asyncio.AbstractEventLoop, drive: Callable[[str, int], Awaitable[str]]) -> Driving:
    """`drive` on the loop to which stores and connectors belong: DBOS runs workflows on one of its own choice."""

    async def driven(run: str, n: int) -> str:
        return await drive(run, n)

    async def segment(run: str, n: int) -> dict[str, Any]:
        return {"status": await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(driven(run, n), loop))}

    return segment


def _immediate(connection: Any, record: object) -> None:
    connection.isolation_level = "IMMEDIATE"
