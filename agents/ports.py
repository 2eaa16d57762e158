"""Everything through which the agents reach the world; `app/bootstrap.py` decides what stands behind each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.approval import Approval, Proposal, Source
from agents.event import Event, Kind
from agents.evidence import Citations
from agents.identity import Role
from agents.plan import Plan, Step
from agents.quote import Quote
from agents.record import Answer, Attachment, Evidence, Usage
from tools.kit.action import Change, Landed, Repeat
from tools.kit.tool import Verb, Write
from tools.nouns import Noun


class Clock(Protocol):
    """Tells the time, aware and in UTC; in the demo it is the world's."""

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class Reply:
    """What one service said to one verb: nouns, or why it could not be asked. `asked` lists the requests sent."""

    service: str
    nouns: tuple[Noun, ...] = ()
    error: str | None = None
    remedy: str | None = None
    asked: tuple[dict[str, Any], ...] = ()
    ms: int = 0


class Toolbox(Protocol):
    """The connected services of this workspace."""

    def verbs(self) -> Mapping[str, type[Verb]]:
        """Every verb that can be planned: those of connected services and the computed ones."""
        ...

    def services(self, verb: str) -> Sequence[str]:
        """The connected services that serve a verb; empty for a computed one."""
        ...

    def title(self, service: str) -> str:
        """What people call the service: "GitHub" for github."""
        ...

    async def ask(self, service: str, request: Verb) -> Reply:
        """Asks one service. An expected failure is a Reply with its error; a bug travels."""
        ...


class Workbench(Toolbox, Protocol):
    """The connected services, to write to. Every method raises the kit's typed errors."""

    def repeat(self, service: str, verb: str) -> Repeat:
        """What is done about a write of which nobody knows whether it came through."""
        ...

    async def preview(self, service: str, request: Write) -> Change:
        """What a write would change; changes nothing."""
        ...

    async def blocked(self, service: str, request: Write, change: Change) -> str | None:
        """Why a write must wait though it will be possible by itself; None if it need not."""
        ...

    async def do(self, service: str, request: Write, change: Change, key: str) -> Landed:
        """Sends a write. TimedOut, Unavailable and Malformed leave open what happened."""
        ...

    async def find(self, service: str, request: Write, change: Change, key: str) -> Landed | None:
        """Whether the write of that key happened, in the service's own words."""
        ...

    async def state(self, service: str, request: Write, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        """The fields that a write touched as they are now; None if the record is gone."""
        ...

    async def undo(self, service: str, request: Write, change: Change, landed: Landed, key: str) -> None:
        """Takes a write back."""
        ...


class Queue(Protocol):
    """The approvals of a workspace, one durable record for each proposal."""

    async def request(
        self, run: str, proposals: Sequence[Proposal], draft: Mapping[str, Any], epoch: int | None = None
    ) -> Sequence[Approval]:
        """Puts proposals into the queue and tells it in the run's log; returns all of the run that are open. `epoch` is
        that of whoever drives the run; one that was overtaken may not ask."""
        ...

    async def of_step(self, run: str, step: str) -> Approval | None:
        """The newest record of a step."""
        ...

    async def of_run(self, run: str) -> Sequence[Approval]:
        """The records of a run, oldest first."""
        ...

    async def withdraw(self, approval: str, by: str, channel: str) -> Approval:
        """Takes a proposal back; its run goes on without it. Raises NotDecided if it is settled."""
        ...

    async def withdraw_all(self, run: str) -> None:
        """Takes back what is still open of a run that ends; nobody can decide it any more."""
        ...


class RunLog(Protocol):
    """The numbered events of one run, and its evidence.

    What is emitted is durable before the call returns (but for deltas). What is noted is stored in the same order and
    durable with the next event that is emitted; a failure to store it is raised there.
    """

    run: str

    async def emit(self, kind: Kind, /, **data: Any) -> Event: ...

    def note(self, kind: Kind, /, **data: Any) -> None: ...

    async def flush(self) -> None:
        """Returns when all that was noted is durable."""
        ...

    def add_evidence(self, evidence: Evidence) -> None:
        """Notes evidence with its evidence.added; the same id twice with the same hash is one."""
        ...

    async def evidence(self) -> Sequence[Evidence]: ...

    def keep_result(self, key: str, result: StepResult) -> None:
        """Notes how a step ended, without its nouns, which its evidence holds. `key` is a digest of what was asked."""
        ...

    async def results(self) -> Mapping[str, StepResult]:
        """The results that were kept, by key, without nouns."""
        ...

    def has(self, kind: Kind, id: str | None = None) -> bool:
        """Whether such an event is in the log already, in this process or in one that died."""
        ...


@dataclass(frozen=True)
class Turn:
    """What somebody said: who, where, in which conversation, when. In a `dry` run nothing is written.

    `audience` is the least role among those who will read the answer there; None means the asker alone. `name` and
    `role` are the asker's and are filled in by `Conversations.say`; a door that knows its asker better gives them.
    `quoted` is a message that the asker points at: somebody else's words, none of which orders anything. `files` are
    those that came with the question; a door gives their ids, `Conversations.say` fills in the rest.
    """

    text: str
    actor: str
    channel: str
    conversation: str
    at: datetime
    message_id: str | None = None
    dry: bool = False
    audience: Role | None = None
    role: Role | None = None
    name: str = ""
    quoted: Quote | None = None
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Past:
    """An earlier run of the conversation, as far as a follow-up needs it. One that `waits` has asked for a yes.

    `files` came with its question. In one that is `relayed` people spoke without Deus: somebody asked, or a person
    called `by` wrote the answer.
    """

    run: str
    question: str
    plan: Plan
    answer: Answer | None
    evidence: tuple[Evidence, ...] = ()
    waits: bool = False
    relayed: bool = False
    by: str = ""
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Recalled:
    """A piece of context that may bear on the question, with the reason why it was found. `run` is the past run whose
    answer it is."""

    source: str
    title: str
    text: str
    url: str | None
    score: float
    why: str
    run: str | None = None


class Memory(Protocol):
    """The context store: documents, code, past runs."""

    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]: ...

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        """Keeps what was asked and answered."""
        ...


class Embedder(Protocol):
    """Texts → unit vectors, one row each."""

    model_id: str
    dimensions: int

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Situation:
    """All that a planner may know: the turn, the past of its conversation, the company's vocabulary, what can be asked.

    `metrics` maps each metric to its properties and their values; `people`, `milestones`, `teams`, `components`,
    `customers` are names; `me` is the asker's among the people, if it is known. `recalled` came from the context store
    and is untrusted text.
    """

    turn: Turn
    now: datetime
    timezone: str
    past: tuple[Past, ...] = ()
    metrics: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    me: str | None = None
    milestones: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    recalled: tuple[Recalled, ...] = ()

    @property
    def files(self) -> tuple[Attachment, ...]:
        """The files that the turn is about: its own, or those that were given last in its conversation."""
        return self.turn.files or next((run.files for run in reversed(self.past) if run.files), ())

    @property
    def answered(self) -> tuple[Past, ...]:
        """The past without what people said to each other."""
        return tuple(run for run in self.past if not run.relayed)


@dataclass(frozen=True)
class StepResult:
    """How a step ended: its nouns, the evidence ids that hold them, and the services that could not be asked. One that
    waits for the world is looked at again after `again` seconds, if that is known."""

    id: str
    state: str
    nouns: tuple[Noun, ...] = ()
    evidence: tuple[str, ...] = ()
    unchecked: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    ms: int = 0
    again: float | None = None


@dataclass(frozen=True)
class PlanHeader:
    """What a planner says before its first step: where the plan comes from and what it understood.

    `notice` is told to the person: why another planner than the chosen one is at work. `read` are the untrusted texts
    that the planner has before it, `quoted` those that filled slots in place of the asker's own words (by slot).
    """

    playbook: str | None = None
    slots: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ""
    read: tuple[Source, ...] = ()
    quoted: Mapping[str, Source] = field(default_factory=dict)


class Planner(Protocol):
    """Words → plan, streamed: a header, then steps, each as soon as it is known.

    Raises NotUnderstood with what can be done instead (`options`), ModelUnusable when a model fails.
    """

    def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]: ...

    def replan(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult]
    ) -> AsyncIterator[PlanHeader | Step]:
        """Further steps where evidence is missing; none if the plan is enough."""
        ...


class Writer(Protocol):
    """Results → answer, as claims that name ids of `citations`. It still has to pass the proof gate."""

    async def write(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult], citations: Citations
    ) -> Answer: ...


@dataclass(frozen=True)
class ModelReply:
    """A model's answer to one call: text, what it cost."""

    text: str
    usage: Usage


class Model(Protocol):
    """A language model behind the gateway, which reserves budget before each call and refuses when it is spent."""

    name: str

    def stream(
        self,
        system: str,
        prompt: str,
        *,
        workflow: str,
        most_tokens: int = 4000,
        tool: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[str]:
        """The words as they come; where `tool` (a JSON schema function) is offered, its calls' arguments are lines."""
        ...

    async def complete(self, system: str, prompt: str, *, workflow: str, most_tokens: int = 1000) -> ModelReply: ...
