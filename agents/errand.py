"""A step that is neither asked of a service nor computed here: an errand for a workroom, where code runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agents.budget import Budget
from agents.evidence import Citations
from agents.ports import RunLog, StepResult, Turn
from agents.rights import Rights
from tools.kit.tool import Verb
from tools.nouns import Noun


@dataclass(frozen=True)
class Errand:
    """One step of a run for a workroom: what is asked, by whom, and the run's log, budget, evidence and results.

    `request` has its references resolved; `results` are those of the steps that it builds on. Without `rights` all may
    be read, as for an admin.
    """

    step: str
    title: str
    request: Verb
    turn: Turn
    log: RunLog
    budget: Budget
    citations: Citations
    results: Mapping[str, StepResult] = field(default_factory=dict)
    rights: Rights | None = None

    def may_read(self, service: str) -> bool:
        """Whether this run may read a service."""
        return self.rights is None or self.rights.reads(service)


@dataclass(frozen=True)
class Brought:
    """What comes of an errand: its nouns, which become one piece of evidence, and pictures, tables and files to show.

    `title` is the evidence's; `artifacts` are as artifact.created carries them, with ids that are the same when the
    step is done again.
    """

    nouns: Sequence[Noun]
    title: str = ""
    artifacts: Sequence[Mapping[str, Any]] = ()
    unchecked: Mapping[str, str] = field(default_factory=dict)


class Workroom(Protocol):
    """Does the verbs that are its own. What it brings counts as computed, and what it read as untrusted."""

    @property
    def service(self) -> str:
        """What the evidence names as its source, such as "sandbox"."""
        ...

    @property
    def patience(self) -> float | None:
        """How many seconds an errand may take; None for what the run's budget has left."""
        ...

    def verbs(self) -> Mapping[str, type[Verb]]:
        """What can be asked of it now, by name; none where it is not open."""
        ...

    async def perform(self, errand: Errand) -> Brought:
        """Does it. Raises the typed errors; cancelling stops everything that was started."""
        ...
