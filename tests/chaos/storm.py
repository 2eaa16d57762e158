"""The storm: runs over several worker processes that are killed and frozen at random moments, and what came of it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from agents.approval import Approval, Decision, NotDecided
from agents.ports import Turn
from app.segments import Segments
from app.stores.approvals import StoredApprovals
from app.stores.audit import AuditLog
from app.stores.database import Database, is_outage
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.runs import StoredRuns
from app.stores.schema import approvals, effects, events, runs
from tests.chaos.crew import opened, work
from tests.chaos.world import AT, World, served
from tests.postgres import Server
from tests.scenarios.engine.script import StillClock

# Forks workers from one process that has imported everything already: a start costs tenths of a second, not seconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.chaos.crew"])


@dataclass(frozen=True)
class Plan:
    """What the storm does. Times are in seconds; `seed` decides every random choice but the machine's own. `sleepy` is
    the share of sendings before which a worker lies still, its leave in hand."""

    runs: int
    workers: int
    kills: int
    freezes: int = 0
    restarts: int = 0
    takeover: float = 2.0
    pause: tuple[float, float] = (0.3, 1.2)
    at_once: int = 12
    most: float = 120.0
    seed: int = 1
    sleepy: float = 0.02


@dataclass
class Figures:
    """What came of it."""

    runs: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    twice: list[str] = field(default_factory=list)
    unknown: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    lost_approvals: list[str] = field(default_factory=list)
    unspoken: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    kills: int = 0
    freezes: int = 0
    dozed: int = 0
    restarts: int = 0
    moods: Counter[str] = field(default_factory=Counter)
    takeovers: int = 0
    repeated_reads: int = 0
    audit: str = ""
    seconds: float = 0.0

    def told(self) -> str:
        ended = ", ".join(f"{state} {n}" for state, n in sorted(self.ended.items()))
        settled = ", ".join(f"{state} {n}" for state, n in sorted(self.effects.items()))
        return (
            f"{self.runs} runs in {self.seconds:.0f} s: {ended}\n"
            f"  kill -9 {self.kills}, frozen {self.freezes}, frozen with the leave to send in hand {self.dozed}, "
            f"database restarts {self.restarts}, "
            f"resumed {self.takeovers}, repeated reads {self.repeated_reads}\n"
            f"  asked to write, the service did it after its caller had gone {self.moods['POST asleep']}, "
            f"did it and did not say so {self.moods['POST never'] + self.moods['POST broken']}, "
            f"never did {self.moods['POST deaf']}\n"
            f"  writes {self.writes} ({settled}), done twice {len(self.twice)}, to a person as unknown {self.unknown}, "
            f"left open unasked {len(self.unasked)}, done and reported otherwise {len(self.unspoken)}\n"
            f"  lost approvals {len(self.lost_approvals)}, audit chain {self.audit}"
        )


class Storm:
    """Asks, decides and destroys; works at nothing itself."""

    def __init__(self, plan: Plan, database: Database, url: str, world: World, server: Server | None = None) -> None:
        self.plan = plan
        self.figures = Figures(runs=plan.runs)
        self._database = database
        self._url = url
        self._world = world
        self._server = server
        self._random = random.Random(plan.seed)
        self._crew: list[BaseProcess] = []
        self._frozen: set[int] = set()
        self._resent: set[str] = set()

    async def rage(self) -> Figures:
        began = time.monotonic()
        await migrate(self._database)
        segments = Segments(self._database, "harness", concurrency=self.plan.at_once, at_once=None, polling=0.05)
        await asyncio.to_thread(segments.connect)
        clock, live = StillClock(AT), Live()

        def dispatch(connection: sa.Connection, run: str, n: int, delay: float) -> None:
            segments.enqueue(connection, run, n, priority=10, delay=delay)

        self._runs = StoredRuns(self._database, live, clock, dispatch)
        self._approvals = StoredApprovals(self._database, live, clock, self._runs.continue_run)
        with served(self._world) as self._address:
            try:
                for _ in range(self.plan.workers):
                    self._hire()
                destroying = asyncio.create_task(self._destroy())
                async with asyncio.timeout(self.plan.most):
                    for n in range(self.plan.runs):
                        await self._patiently(lambda n=n: self._ask(n))
                    while await self._patiently(self._go_on):  # noqa: ASYNC110 - the runs go on in other processes
                        await asyncio.sleep(0.1)
            except TimeoutError:
                pass
            finally:
                destroying.cancel()
                await asyncio.wait([destroying])
                await self._send_home()
        await self._count()
        await asyncio.to_thread(segments.destroy)
        self.figures.seconds = time.monotonic() - began
        return self.figures

    async def _ask(self, n: int) -> None:
        name = f"{n:03d}-{'blind' if n % 2 else 'probe'}"
        await self._runs.begin(Turn(name, "ann", "web", f"c{n}", AT, message_id=f"m{n}"))

    async def _go_on(self) -> bool:
        """Decides what waits; False once every run has ended."""
        for one in await self._approvals.listed("requested", 1000):
            await self._decide(one)
        async with self._database.read() as connection:
            open_ones = runs.c.status.in_(("running", "awaiting_approval"))
            left = await connection.scalar(sa.select(sa.func.count()).where(open_ones))
        return bool(left)

    async def _decide(self, one: Approval) -> None:
        """Yes to what is asked first; no to sending again what may have been sent."""
        again = any("again" in why for why in (*one.proposal.why, *one.proposal.change.warnings))
        if again:
            self._resent.add(f"{one.proposal.run}:{one.proposal.step}")
        choice = "reject" if again else "approve"
        try:
            await self._approvals.decide(
                one.id, Decision(choice=choice, by="sam", channel="web", at=AT, digest=one.proposal.digest)
            )
        except NotDecided:
            return

    async def _patiently(self, does: Any) -> Any:
        """Tries again while the database starts anew, as a person would."""
        while True:
            try:
                return await does()
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(0.2)

    def _hire(self) -> None:
        worker = FORKS.Process(target=work, args=self._terms(), daemon=True)
        worker.start()
        self._crew.append(worker)

    def _terms(self) -> tuple[str, str, float, float]:
        return self._url, self._address, self.plan.takeover, self.plan.sleepy

    async def _destroy(self) -> None:
        """Does what the plan says, in random order with random pauses, and hires whoever is missing, as a service
        manager does."""
        plan = self.plan
        deeds = ["kill"] * plan.kills + ["freeze"] * plan.freezes + ["restart"] * plan.restarts
        self._random.shuffle(deeds)
        freezing: set[asyncio.Task[None]] = set()
        while True:
            await asyncio.sleep(self._random.uniform(*plan.pause))
            self._crew = [one for one in self._crew if one.is_alive()]
            while len(self._crew) < plan.workers:
                self._hire()
            for one in self._crew:
                if one.pid and one.pid not in self._frozen and lies_still(one.pid):
                    self.figures.dozed += 1
                    freezing.add(asyncio.create_task(self._wake(one)))
            if not deeds:
                continue
            match deeds.pop():
                case "kill":
                    victim = self._random.choice(self._crew)
                    os.kill(victim.pid or 0, signal.SIGKILL)
                    self.figures.kills += 1
                case "freeze":
                    task = asyncio.create_task(self._freeze(self._random.choice(self._crew)))
                    freezing.add(task)
                    task.add_done_callback(freezing.discard)
                case _ if self._server is not None:
                    how = self._random.choice([signal.SIGINT, signal.SIGQUIT])
                    await asyncio.to_thread(self._server.stop, how)
                    await asyncio.to_thread(self._server.start)
                    self.figures.restarts += 1

    async def _freeze(self, victim: BaseProcess) -> None:
        """Stops a worker for longer than its absence is borne, then lets it go on where it was."""
        self.figures.freezes += 1
        os.kill(victim.pid or 0, signal.SIGSTOP)
        await self._wake(victim)

    async def _wake(self, sleeper: BaseProcess) -> None:
        """Wakes it when it has been taken over, and at times only after what it was about to send counts as settled."""
        pid = sleeper.pid or 0
        self._frozen.add(pid)
        try:
            await asyncio.sleep(self.plan.takeover * self._random.uniform(1.5, 4.0))
        finally:
            self._frozen.discard(pid)
            if sleeper.is_alive():
                os.kill(pid, signal.SIGCONT)

    async def _send_home(self) -> None:
        for one in self._crew:
            if one.is_alive():
                os.kill(one.pid or 0, signal.SIGCONT)
                one.terminate()
        for one in self._crew:
            await asyncio.to_thread(one.join, 10)
            if one.is_alive():
                one.kill()

    async def _count(self) -> None:
        figures, world = self.figures, self._world
        async with self._database.read() as connection:
            found = list(await connection.execute(sa.select(runs.c.run, runs.c.question, runs.c.status)))
            asked = list(await connection.execute(sa.select(approvals.c.run, approvals.c.step, approvals.c.state)))
            ledger = list(await connection.execute(sa.select(effects)))
            resumed = sa.select(sa.func.count()).where(events.c.kind == "run.resumed")
            figures.takeovers = await connection.scalar(resumed) or 0
        status = {row.run: row.status for row in found}
        name = {row.run: row.question for row in found}
        figures.ended = Counter(row.status for row in found)
        figures.writes = len(world.writes)
        figures.moods = world.felt
        figures.twice = [what for what, times in world.writes.items() if times > 1]
        figures.unknown = len(self._resent)
        figures.effects = Counter(row.state for row in ledger)
        done = {f"{name[row.run]}/{row.step}" for row in ledger if row.state in ("done", "undone")}
        figures.unspoken = sorted(done - set(world.writes))
        kept = {(row.run, row.step) for row in ledger}
        for row in asked:
            ended = status[row.run] not in ("running", "awaiting_approval")
            if (row.state == "requested" and ended) or (row.state == "approved" and (row.run, row.step) not in kept):
                figures.lost_approvals.append(f"{name[row.run]}/{row.step} ({row.state})")
        left = [row for row in ledger if row.state in ("intent", "unknown")]
        told = {f"{row.run}:{row.step}" for row in left} - self._resent
        figures.unasked = sorted(f"{name[one.partition(':')[0]]}/{one.partition(':')[2]}" for one in told)
        figures.repeated_reads = sum(times - 1 for times in world.reads.values())
        rows, fault = await AuditLog(self._database).verify()
        figures.audit = f"of {rows} rows verifies" if fault is None else f"IS BROKEN: {fault}"


def lies_still(pid: int) -> bool:
    """Whether a process is stopped, as Linux tells it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


async def storm(plan: Plan, url: str, server: Server | None = None) -> Figures:
    """One storm over the database of that URL."""
    database = opened(url)
    try:
        return await Storm(plan, database, url, World(plan.seed), server).rage()
    finally:
        await database.close()
