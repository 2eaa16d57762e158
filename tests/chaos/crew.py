"""One worker process of the storm: the engine over the world's connector, with a planner that knows one plan."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.acting import Desk
from agents.budget import Limits
from agents.conversation import Conversations
from agents.destinations import Destinations
from agents.drive import Means
from agents.executor import Company
from agents.plan import Plan, Step
from agents.policy import Policy, proposing
from agents.ports import PlanHeader, Planner, Situation
from agents.sending import Looks
from agents.undoing import Undoing
from agents.vocabulary import Vocabulary
from app.engine import Engine
from app.stores.approvals import StoredApprovals
from app.stores.database import Database, is_outage
from app.stores.effects import StoredLedger
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.postgres import Postgres
from app.stores.preferences import StoredPreferences
from app.stores.runs import StoredRuns
from app.stores.spend import StoredSpend
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from tests.chaos.world import AT, SETTLES, WorldConnector, settings
from tests.scenarios.engine.script import NoMemory, ScriptedToolbox, ScriptedWriter, StillClock
from tools.kit.wire import Wire, open_client

READS = 5
# The world may do what it is asked long after it was asked; here that is seconds.
LOOKS = Looks(least=0.5, most=1.0)


class OnePlan:
    """Five reads side by side, then two writes: one that may be sent again, and one that is looked up or is blind."""

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        name = situation.turn.text
        yield PlanHeader("storm")
        reads = [f"r{n}" for n in range(READS)]
        for read in reads:
            yield Step(id=read, verb="issues.search", args={"text": f"{name}/{read}"})
        yield Step(id="put", verb="issues.create", args={"title": f"{name}/put"}, needs=tuple(reads))
        if name.endswith("blind"):
            tell = {"to": "#all", "text": f"{name}/tell"}
            yield Step(id="tell", verb="messages.send", args=tell, needs=tuple(reads))
        else:
            add = {"ref": "r0", "text": f"{name}/add"}
            yield Step(id="add", verb="issues.comment", args=add, needs=tuple(reads))

    async def replan(self, situation: Situation, plan: Plan, results: object) -> AsyncIterator[PlanHeader | Step]:
        for step in list[Step]():
            yield step


def opened(url: str) -> Database:
    """The database of a URL: a file's path, or Postgres' own."""
    return Postgres(url) if url.startswith("postgres") else SQLite(Path(url))


class SleepyLedger(StoredLedger):
    """Lies still, as under SIGSTOP, right after it has given the leave to send: the worst moment there is."""

    def __init__(self, database: Database, sleepy: float) -> None:
        super().__init__(database)
        self._sleepy = sleepy
        self._random = random.Random()

    async def leave(self, key: str, attempt: int) -> bool:
        given = await super().leave(key, attempt)
        if self._random.random() < self._sleepy:
            os.kill(os.getpid(), signal.SIGSTOP)
        return given


def work(url: str, world: str, takeover: float, sleepy: float = 0.0) -> None:
    """Works until it is killed, or told to end; of `sleepy` leaves (0 to 1) it lies still after one until woken."""
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(_work(url, world, takeover, sleepy))
    except Exception as error:
        # Whoever starts while the database does not run ends, and is started again.
        if not is_outage(error):
            raise


async def _work(url: str, world: str, takeover: float, sleepy: float) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with company(url, world, takeover=takeover, sleepy=sleepy):
        await over.wait()


@dataclass(frozen=True)
class Crew:
    """A company of one service that can be written to, opened in this process."""

    conversations: Conversations
    approvals: StoredApprovals
    ledger: StoredLedger
    engine: Engine


@contextlib.asynccontextmanager
async def company(
    url: str,
    world: str,
    *,
    takeover: float = 15.0,
    planner: Planner | None = None,
    policy: Policy | None = None,
    sleepy: float = 0.0,
    settles: timedelta | None = SETTLES,
) -> AsyncIterator[Crew]:
    """The engine over the world's connector, closed as an orderly shutdown does it."""
    async with contextlib.AsyncExitStack() as stack:
        database = opened(url)
        stack.push_async_callback(database.close)
        await migrate(database)
        client = await stack.enter_async_context(open_client())
        given = settings(world)
        wire = Wire(client, "world", WorldConnector.wire_options(given))
        toolbox = ConnectedToolbox({"world": WorldConnector(given, wire, lambda: AT)})
        engine = Engine(database, polling=0.05, takeover=takeover, silence=20.0, look_again=0.5)
        live, clock = Live(), StillClock(AT)
        runs = StoredRuns(database, live, clock, engine.dispatch, glance=0.2)
        approvals, ledger = StoredApprovals(database, live, clock, runs.continue_run), SleepyLedger(database, sleepy)
        zone, goes = ZoneInfo("Europe/Berlin"), Destinations(toolbox, StoredPreferences(database), clock, {})
        undoing = Undoing(toolbox, ledger, approvals, clock)
        means = Means(
            toolbox=toolbox,
            planner=planner or OnePlan(),
            writer=ScriptedWriter(),
            memory=NoMemory(),
            archive=runs,
            vocabulary=Vocabulary(ScriptedToolbox({})),
            clock=clock,
            company=Company(zone),
            limits=Limits(seconds=600.0),
            books=StoredSpend(database, clock, zone),
            desk=Desk(
                toolbox,
                approvals,
                ledger,
                undoing,
                clock,
                policy or proposing(),
                "chaos",
                zone,
                goes,
                LOOKS,
                lambda service, verb: settles,
            ),
        )
        stack.push_async_callback(engine.close)
        await engine.start(runs, means)
        yield Crew(Conversations(runs, engine.stop), approvals, ledger, engine)
