"""A workroom of code tasks over real mirrors of a code host on loopback and real sandboxes; its agent is scripted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.budget import Budget, Limits
from agents.code_agent import CodeAgent, CodeBudget, Needs
from agents.code_site import Site
from agents.code_verbs import CodeFix, CodePrepare
from agents.coder import Coder
from agents.coding import CodeRoom
from agents.errand import Brought, Errand
from agents.event import Event, Kind
from agents.evidence import Citations
from agents.ports import StepResult, Turn
from agents.preparing import Preparing
from agents.record import Evidence
from agents.rights import Rights
from agents.sandbox import Sandboxes
from agents.verification import Verification
from app.repositories.mirrors import Mirrors
from prompts.library import prompt
from tests.sandboxes import SMALL
from tests.scenarios.code.script import TEST, Scripted
from tools.kit.tool import Verb
from tools.nouns import ErrorEvent, ErrorGroup, Issue, Noun

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
ERROR = ErrorGroup(
    service="sentry", ref="PORTAL-7", url="https://sentry.test/7", at=NOW - timedelta(days=3), culprit="session.py",
    title="TypeError: 'NoneType' object is not subscriptable", function="end_of", line=2, users=88, last_seen=NOW,
)  # fmt: skip
EVENT = ErrorEvent(
    service="sentry", ref="ev1", url="https://sentry.test/7/ev1", at=NOW, group="PORTAL-7",
    frames=("/usr/lib/python3/site-packages/wsgi.py:10 in call", "/srv/app/session.py:2 in end_of"),
)  # fmt: skip
ISSUE = Issue(
    service="linear", ref="ENG-5", url="https://linear.test/ENG-5", at=NOW, title="Sign-out breaks", state="open"
)


class Frozen:
    def now(self) -> datetime:
        return NOW


@dataclass
class Log:
    """A run's log in memory."""

    run: str = "run_1"
    events: list[Event] = field(default_factory=list)
    found: list[Evidence] = field(default_factory=list)

    async def emit(self, kind: Kind, /, **data: Any) -> Event:
        self.events.append(Event(run=self.run, seq=len(self.events) + 1, at=NOW, kind=kind, data=data))
        return self.events[-1]

    def note(self, kind: Kind, /, **data: Any) -> None:
        self.events.append(Event(run=self.run, seq=len(self.events) + 1, at=NOW, kind=kind, data=data))

    async def flush(self) -> None:
        pass

    def add_evidence(self, evidence: Evidence) -> None:
        self.found.append(evidence)

    async def evidence(self) -> Sequence[Evidence]:
        return self.found

    def keep_result(self, key: str, result: StepResult) -> None:
        raise AssertionError("a room keeps no results")

    async def results(self) -> Mapping[str, StepResult]:
        return {}

    def has(self, kind: Kind, id: str | None = None) -> bool:
        return any(event.kind == kind and id in (None, event.data.get("id")) for event in self.events)

    def of(self, kind: Kind) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.kind == kind]


@dataclass
class Bench:
    """The room and the log of its one run."""

    mirrors: Mirrors
    sandboxes: Sandboxes
    log: Log = field(default_factory=Log)
    budget: Budget | None = None
    at_once: int = 2
    test: tuple[str, ...] | None = TEST
    shown: dict[str, Any] = field(default_factory=dict)
    said: str = "Fix the bug from Sentry"

    def room(self, agent: CodeAgent | Scripted | None = None, budget: CodeBudget | None = None) -> CodeRoom:
        needs = Needs(SMALL)
        chosen = Coder(agent, prompt, needs, pauses=()) if agent is None or isinstance(agent, Scripted) else agent
        site = Site(self.sandboxes, at_once=self.at_once, glance=0.05)
        verification = Verification(site, needs, 20.0)
        tests = {"acme/portal": self.test} if self.test else {}
        preparing = Preparing(self.mirrors, verification, Frozen(), tests)
        return CodeRoom(
            self.mirrors, site, verification, preparing, chosen, Frozen(), budget or CodeBudget(),
            page="https://deus.test/runs/{}",
        )  # fmt: skip

    def errand(self, request: Verb, step: str, rights: Rights | None = None) -> Errand:
        self.budget = self.budget or Budget(Limits())
        turn = Turn(self.said, "sam", "web", "c1", NOW)
        return Errand(
            step, f"Step {step}", request, turn, self.log, self.budget, Citations(self.log.run), rights=rights
        )

    async def prepare(self, *records: Noun, room: CodeRoom | None = None, **options: Any) -> Brought:
        given = list(records or (ERROR, EVENT))
        request = CodePrepare(records=[given], repo=options.pop("repo", "acme/portal"))
        return await (room or self.room()).perform(self.errand(request, "place", **options))

    async def fix(self, room: CodeRoom, place: Brought, *records: Noun, **options: Any) -> Brought:
        given = [list(place.nouns), list(records or (ERROR, EVENT, ISSUE))]
        return await room.perform(self.errand(CodeFix(records=given), "fix", **options))
