"""A company of three services, a planner and a writer that follow a script, and a workspace over them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agents.admission import Admission
from agents.budget import Ceiling, Limits
from agents.conversation import Conversations
from agents.drive import Means
from agents.errand import Workroom
from agents.event import Event
from agents.evidence import Citations
from agents.executor import Company
from agents.plan import Plan, Step
from agents.ports import Memory, PlanHeader, Recalled, Reply, Situation, StepResult, Turn
from agents.record import Answer, Claim
from agents.rights import Reading
from agents.vocabulary import Vocabulary
from app.engine import Engine
from app.stores.database import Database
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.people import StoredPeople
from app.stores.runs import StoredRuns
from app.stores.spend import StoredSpend
from app.stores.sqlite import SQLite
from app.stores.traces import StoredTraces
from tools.kit.analysis import Analysis, Frame
from tools.kit.tool import Verb
from tools.nouns import Deployment, ErrorGroup, Issue, Noun
from tools.verbs import DeploysList, ErrorsGet, ErrorsSearch, IssuesSearch

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


class TestCount(Analysis):
    """How many records there are, and what could not be looked at. For tests."""

    __test__ = False
    name = "analyze.test_count"
    returns = Issue
    nouns: tuple[Any, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        missing = ", ".join(f"{service}: {why}" for service, why in sorted(frame.unchecked.items()))
        title = f"{len(self.nouns)} records for {frame.question!r}"
        return [Issue(service="deus", ref="count", url="", at=frame.now, title=title, body=missing, state="open")]


def deployment(ref: str, hours: float = 1, service: str = "vercel") -> Deployment:
    at = NOW - timedelta(hours=hours)
    return Deployment(
        service=service, ref=ref, url=f"https://x.test/{ref}", at=at, title=f"Release {ref}", component="web",
        environment="production", state="success",
    )  # fmt: skip


def error(ref: str, title: str = "TypeError in form.tsx") -> ErrorGroup:
    at = NOW - timedelta(hours=2)
    return ErrorGroup(service="sentry", ref=ref, url=f"https://s.test/{ref}", at=at, title=title, last_seen=NOW)


Answering = Callable[[Verb], Awaitable[Sequence[Noun]]]


@dataclass
class ScriptedToolbox:
    """Services by name: verb → what it answers. An exception in its place is raised, a text is why not."""

    script: dict[str, dict[str, Any]]
    asked: list[tuple[str, Verb]] = field(default_factory=list)

    def verbs(self) -> Mapping[str, type[Verb]]:
        return {v.name: v for v in (DeploysList, ErrorsSearch, ErrorsGet, IssuesSearch, TestCount)}

    def services(self, verb: str) -> Sequence[str]:
        return [service for service, verbs in self.script.items() if verb in verbs]

    def title(self, service: str) -> str:
        return service.capitalize()

    async def ask(self, service: str, request: Verb) -> Reply:
        self.asked.append((service, request))
        answer = self.script[service][request.name]
        if callable(answer):
            answer = await answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return Reply(service, error=answer, remedy="Try later.")
        return Reply(service, tuple(answer), asked=({"url": f"https://{service}.test"},), ms=3)


@dataclass
class ScriptedPlanner:
    """Yields what its script says; an asyncio.Event in it is waited for, an exception raised."""

    items: Sequence[Any]
    more: Sequence[Sequence[Any]] = ()
    seen: list[Situation] = field(default_factory=list)

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        self.seen.append(situation)
        async for item in _played(self.items):
            yield item

    async def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        if plan.revision <= len(self.more):
            async for item in _played(self.more[plan.revision - 1]):
                yield item


async def _played(items: Sequence[Any]) -> AsyncIterator[PlanHeader | Step]:
    for item in items:
        if isinstance(item, asyncio.Event):
            await item.wait()
        elif isinstance(item, Exception):
            raise item
        else:
            yield item


class ScriptedWriter:
    """One claim a step that found something, each citing what the step's first noun is kept as."""

    async def write(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult], citations: Citations
    ) -> Answer:
        claims = [
            Claim(text=f"{result.nouns[0].title}.", kind="fact", evidence=(citations.cite(result.nouns[0]),))
            for result in results.values()
            if result.nouns and result.nouns[0].service != "deus"
        ]
        notes = [f"{s}: {why}" for r in results.values() for s, why in r.unchecked.items()]
        return Answer(
            text="", claims=tuple(claims), notes=tuple(dict.fromkeys(notes)), suggestions=("And before?",),
            artifacts=({"id": "a1", "kind": "table", "title": "Releases", "data": {"rows": []}, "alt": "none"},),
        )  # fmt: skip


class NoMemory:
    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]:
        return ()

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        pass


@dataclass(frozen=True)
class StillClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


@dataclass
class Workspace:
    """What a test talks to."""

    conversations: Conversations
    runs: StoredRuns
    engine: Engine
    toolbox: ScriptedToolbox
    live: Live
    people: StoredPeople | None = None

    async def ask(self, text: str, conversation: str = "c1", message_id: str | None = None) -> str:
        return await self.conversations.say(Turn(text, "ann@acme.com", "test", conversation, NOW, message_id))

    async def watched(self, run: str, after: int = 0) -> list[Event]:
        async with asyncio.timeout(20):
            return [event async for event in self.conversations.follow(run, after)]


@contextlib.asynccontextmanager
async def workspace(
    database: Database,
    toolbox: ScriptedToolbox,
    planner: Any,
    *,
    writer: Any = None,
    limits: Limits | None = None,
    actors: Ceiling | None = None,
    polling: float = 0.01,
    reading: Reading | None = None,
    memory: Memory | None = None,
    rooms: Sequence[Workroom] = (),
    **engine_options: Any,
) -> AsyncIterator[Workspace]:
    """A store and an engine over scripted tools, planner and writer, closed as an orderly shutdown does it.

    With `reading` the workspace has people, who have rights; without it, one person.
    """
    await migrate(database)
    engine, live, clock = Engine(database, polling=polling, **engine_options), Live(), StillClock()
    runs = StoredRuns(database, live, clock, engine.dispatch, glance=0.2)
    zone = ZoneInfo("Europe/Berlin")
    means = Means(
        toolbox=toolbox,
        planner=planner,
        writer=writer or ScriptedWriter(),
        memory=memory or NoMemory(),
        archive=runs,
        vocabulary=Vocabulary(ScriptedToolbox({})),
        clock=clock,
        company=Company(zone, ("DE",)),
        limits=limits or Limits(),
        books=StoredSpend(database, clock, zone, actor=actors or Ceiling()),
        rooms=tuple(rooms),
    )
    people = StoredPeople(database, clock, owner="founder") if reading is not None else None
    admission = Admission(people, StoredTraces(database), reading) if people and reading is not None else None
    await engine.start(runs, replace(means, admission=admission))
    try:
        yield Workspace(Conversations(runs, engine.stop, admission), runs, engine, toolbox, live, people)
    finally:
        await engine.close()


@contextlib.asynccontextmanager
async def small(folder: Path, toolbox: ScriptedToolbox, planner: Any, **more: Any) -> AsyncIterator[Workspace]:
    """A workspace on a SQLite file of its own."""
    database = SQLite(folder / "deus.db")
    try:
        async with workspace(database, toolbox, planner, **more) as opened:
            yield opened
    finally:
        await database.close()
