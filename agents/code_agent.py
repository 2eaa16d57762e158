"""A code agent: it is given a task and a sandbox with the repository in it, and says what it does there.

The model is called from the host; only tool calls enter the sandbox. What an agent says is never proof: the patch is
taken out of the sandbox and tried in a fresh one (`agents/coding.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.record import Usage
from agents.sandbox import HOME, Limits, Mount, Network, Sandbox, Stream

# Where a task's repository lies in its sandbox.
FOLDER = f"{HOME}/repo"


@dataclass(frozen=True)
class Material:
    """A piece of what is known about a task, such as an error with its stack or a past fix. Untrusted text."""

    title: str
    text: str
    url: str = ""


@dataclass(frozen=True)
class CodeBudget:
    """What one task may use: US dollars of model calls, tool calls, seconds. The run's own budget holds besides."""

    usd: float = 2.0
    tool_calls: int = 80
    seconds: float = 900.0


@dataclass(frozen=True)
class CodeTask:
    """What is to be done in a repository. `base` is a commit's full hash; `test` runs the tests, if it is known how.

    `goal` is the asker's; everything in `context` and in the repository is untrusted text.
    """

    id: str
    goal: str
    repo: str
    base: str
    test: tuple[str, ...] | None = None
    budget: CodeBudget = field(default_factory=CodeBudget)
    context: tuple[Material, ...] = ()


@dataclass(frozen=True)
class Thought:
    """What the agent says while it works."""

    text: str


@dataclass(frozen=True)
class ToolCalled:
    """The agent uses a tool in the sandbox: search, read, edit or run. `id` is unique within the task."""

    id: str
    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True)
class ToolWrote:
    """A piece of what a tool call writes, as it comes."""

    id: str
    stream: Stream
    text: str


@dataclass(frozen=True)
class ToolReturned:
    """How a tool call ended. `summary` is one line for people, `output` what the agent got, cut."""

    id: str
    ok: bool
    summary: str
    output: str
    ms: int


@dataclass(frozen=True)
class Spent:
    """What the task has used so far, in all."""

    usage: Usage


@dataclass(frozen=True)
class Finished:
    """The agent's last word: what it did, and whether it says that the tests are green (None: it does not say)."""

    summary: str
    says_green: bool | None = None


@dataclass(frozen=True)
class Needs:
    """The sandbox that an agent works in: its limits, what it may reach, and what of this machine is in it."""

    limits: Limits = field(default_factory=Limits)
    network: Network = field(default_factory=Network)
    mounts: tuple[Mount, ...] = ()


AgentEvent = Thought | ToolCalled | ToolWrote | ToolReturned | Spent | Finished


class CodeAgent(Protocol):
    """Works on a task in a sandbox whose folder FOLDER holds the repository at its base, as a git work tree."""

    @property
    def name(self) -> str:
        """What the setting calls it."""
        ...

    async def missing(self) -> str | None:
        """What is missing for it to work here, with how to get it, as one or two sentences; None if nothing is."""
        ...

    def needs(self, task: CodeTask) -> Needs:
        """What the sandbox for a task has to be like. Raises UserMustMend where something is missing."""
        ...

    def work(self, task: CodeTask, sandbox: Sandbox) -> AsyncIterator[AgentEvent]:
        """Works until it is done, and ends with Finished. Raises BudgetSpent, ModelUnusable, SandboxGone.

        Closing the iterator, or cancelling, stops what it has started.
        """
        ...
