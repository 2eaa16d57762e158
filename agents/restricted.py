"""The means of one run, cut to what its asker and its readers may both see: what is closed is said to be unchecked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agents.admission import Admission
from agents.errors import StepFailed
from agents.ports import Memory, Past, Recalled, Reply, Toolbox, Turn, Workbench
from agents.rights import CLOSED, Rights, builds_on
from tools.kit.action import Change, Landed, Repeat
from tools.kit.tool import Verb, Write

if TYPE_CHECKING:
    from agents.asking import Desk
    from agents.drive import Archive, Means

# Of what is recalled some may have to stay away; so many times more is looked for.
AHEAD = 4


async def admitted(means: Means, turn: Turn) -> Means:
    """The means for one run: all of them for an admin alone, else no more than the less of asker and audience."""
    if means.admission is None:
        return means
    rights, ids = await means.admission.rights(turn)
    earlier = Earlier(means.admission, rights, ids, turn.conversation)
    desk = _admitted(means.desk, rights) if means.desk else None
    return replace(
        means,
        rights=rights,
        earlier=earlier,
        toolbox=RestrictedToolbox(means.toolbox, rights),
        memory=RestrictedMemory(means.memory, rights, earlier),
        archive=RestrictedArchive(means.archive, earlier),
        desk=desk if rights.writes else None,
    )


def _admitted(desk: Desk, rights: Rights) -> Desk:
    """The desk of a run: neither what a write changes nor where it goes is read where the run may not read."""
    workbench, goes = RestrictedWorkbench(desk.workbench, rights), desk.destinations.within(rights.reads)
    return replace(desk, workbench=workbench, destinations=goes)


def still_open(means: Means, services: Collection[str]) -> None:
    """Raises StepFailed where a run goes on that has read what has been closed to its asker or readers since."""
    missing = means.rights.missing(services) if means.rights is not None else ()
    if missing:
        raise StepFailed(
            f"This run has read {', '.join(missing)}, which by now is {CLOSED}.", remedy="Ask the question again."
        )


class RestrictedToolbox:
    """A toolbox that asks only what is open. A closed service still serves its verbs, so that it is named as unchecked
    and nobody takes its silence for an empty answer."""

    def __init__(self, toolbox: Toolbox, rights: Rights) -> None:
        self._toolbox = toolbox
        self._rights = rights

    def verbs(self) -> Mapping[str, type[Verb]]:
        """Every verb that can be planned."""
        return self._toolbox.verbs()

    def services(self, verb: str) -> Sequence[str]:
        """The connected services that serve a verb, the closed ones among them."""
        return self._toolbox.services(verb)

    def title(self, service: str) -> str:
        """What people call the service."""
        return self._toolbox.title(service)

    async def ask(self, service: str, request: Verb) -> Reply:
        """Asks one service, if it is open; else the reply says that it is not."""
        if not self._rights.reads(service):
            return Reply(service, error=f"It is {CLOSED}.")
        return await self._toolbox.ask(service, request)


class RestrictedWorkbench(RestrictedToolbox):
    """A workbench that shows nothing of a closed service: what cannot be shown is not proposed, and not done."""

    def __init__(self, workbench: Workbench, rights: Rights) -> None:
        super().__init__(workbench, rights)
        self._workbench = workbench

    def repeat(self, service: str, verb: str) -> Repeat:
        """What is done about a write of which nobody knows whether it came through."""
        return self._workbench.repeat(service, verb)

    async def preview(self, service: str, request: Write) -> Change:
        """What a write would change. Raises StepFailed for a closed service."""
        if not self._rights.reads(service):
            raise StepFailed(f"{self.title(service)} is {CLOSED}; nothing is proposed there.", service=service)
        return await self._workbench.preview(service, request)

    async def blocked(self, service: str, request: Write, change: Change) -> str | None:
        """Why a write must wait though it will be possible by itself."""
        return await self._workbench.blocked(service, request, change)

    async def do(self, service: str, request: Write, change: Change, key: str) -> Landed:
        """Sends a write that was shown."""
        return await self._workbench.do(service, request, change, key)

    async def find(self, service: str, request: Write, change: Change, key: str) -> Landed | None:
        """Whether the write of that key happened."""
        return await self._workbench.find(service, request, change, key)

    async def state(self, service: str, request: Write, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        """The fields that a write touched as they are now."""
        return await self._workbench.state(service, request, change, landed)

    async def undo(self, service: str, request: Write, change: Change, landed: Landed, key: str) -> None:
        """Takes a write back."""
        await self._workbench.undo(service, request, change, landed, key)


@dataclass(frozen=True)
class Earlier:
    """Says which earlier runs may come back in a run: none that was made for people who may read more."""

    admission: Admission
    rights: Rights
    ids: frozenset[str]
    conversation: str

    async def open(self, runs: Collection[str]) -> frozenset[str]:
        """Those of some runs that may come back; one that is not known may not."""
        if self.rights.is_whole:
            return frozenset(runs)
        traces = await self.admission.traces(runs)
        return frozenset(
            run for run, trace in traces.items() if builds_on(self.rights, self.ids, self.conversation, trace)
        )


class RestrictedMemory:
    """A memory without the runs that may not come back. Visitors are told nothing of it: the public documents come to
    them by a toolbox of their own (agents/visiting.py)."""

    def __init__(self, memory: Memory, rights: Rights, earlier: Earlier) -> None:
        self._memory = memory
        self._rights = rights
        self._earlier = earlier

    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]:
        """Pieces of context that may bear on the text and may be read by those who read the answer."""
        if self._rights.public_only:
            return ()
        if self._rights.is_whole:
            return await self._memory.recall(text, limit)
        found = await self._memory.recall(text, limit * AHEAD)
        open_ones = await self._earlier.open({one.run for one in found if one.run is not None})
        return [one for one in found if one.run is None or one.run in open_ones][:limit]

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        """Keeps what was asked and answered."""
        await self._memory.remember(run, question, answer, at)


class RestrictedArchive:
    """The earlier runs of a conversation that may come back in a follow-up."""

    def __init__(self, archive: Archive, earlier: Earlier) -> None:
        self._archive = archive
        self._earlier = earlier

    async def past(self, conversation: str, before: str, limit: int = 3) -> Sequence[Past]:
        """The last runs that ended before the run `before` began, oldest first."""
        found = await self._archive.past(conversation, before, limit)
        open_ones = await self._earlier.open([one.run for one in found])
        return [one for one in found if one.run in open_ones]
