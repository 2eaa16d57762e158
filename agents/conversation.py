"""The one door that every channel calls: a turn in, a run's events out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from agents.admission import Admission, Asker
from agents.admitted import Admitted
from agents.document import document
from agents.dry_run import is_asked
from agents.errors import UserMustMend
from agents.event import Event
from agents.files import FileDoor
from agents.ports import Turn
from agents.record import Evidence, RunDocument, Status


@dataclass(frozen=True)
class RunSummary:
    """A run as a list shows it. `at` is when it was asked."""

    run: str
    conversation: str
    question: str
    status: Status
    at: datetime
    channel: str
    actor: str
    name: str = ""


@dataclass(frozen=True)
class ConversationSummary:
    """A conversation as a list shows it. `title` is its first question until somebody renames it."""

    id: str
    title: str
    at: datetime
    updated_at: datetime
    actor: str = ""


class Runs(Protocol):
    """The store of runs."""

    async def begin(self, turn: Turn) -> str:
        """Records the run with its first event and queues it, in one transaction; a turn said twice is one run."""
        ...

    def follow(self, run: str, after: int) -> AsyncGenerator[Event, None]: ...

    async def events(self, run: str, after: int = 0) -> Sequence[Event]: ...

    async def summary(self, run: str) -> RunSummary | None: ...

    async def evidence(self, run: str) -> Sequence[Evidence]: ...

    async def one_evidence(self, run: str, evidence_id: str) -> Evidence | None: ...

    async def ask_to_stop(self, run: str, by: str) -> bool: ...

    async def list_runs(
        self,
        conversation: str | None,
        actor: str | None,
        limit: int,
        *,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Sequence[RunSummary]: ...

    async def resume(self, run: str, by: str) -> int: ...

    async def retry(self, run: str, by: str, step: str | None) -> int: ...

    async def fork(self, run: str, by: str, step: str | None, asker: Asker) -> str | None: ...

    async def list_conversations(self, actor: str, limit: int) -> Sequence[ConversationSummary]: ...

    async def rename(self, conversation: str, title: str) -> bool: ...

    async def delete(self, conversation: str) -> bool: ...


class Conversations:
    """What channels do with runs. A run lives on the server; whoever follows it can leave and come back.

    `say` asks `admission` whether the asker may; without one, a workspace has one person. Its other methods ask nobody:
    they are for what delivers answers. Doors that people come by go through `of`.
    """

    def __init__(
        self,
        runs: Runs,
        stopping: Callable[[str], Awaitable[None]],
        admission: Admission | None = None,
        files: FileDoor | None = None,
    ) -> None:
        self._runs = runs
        self._stopping = stopping
        self._admission = admission
        self._files = files

    def of(self, actor: str) -> Door:
        """The same door as that person sees it: what they may not see is not there."""
        return Admitted(self, self._admission, actor) if self._admission is not None else self

    async def say(self, turn: Turn) -> str:
        """Starts a run on the server and returns its id at once. A turn with a known message id gives its old run.

        One that begins with “/dry” or “dry run:” is a dry run: what it would write is shown, and nothing is sent.
        Raises Forbidden for an asker whom nobody knows, LookupError for a conversation, or a file, that is not theirs
        to see.
        """
        asked = replace(turn, dry=True) if is_asked(turn.text) else turn
        if self._admission is None:
            asked = replace(asked, role=asked.role or "admin")
        else:
            asked = await self._admission.asking(asked)
        if not asked.files:
            return await self._runs.begin(asked)
        if self._files is None:
            raise UserMustMend("Files are not taken here.", remedy="Ask without them.")
        asked = await self._files.attached(asked)
        run = await self._runs.begin(asked)
        await self._files.settle(asked, run)
        return run

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[Event]:
        """The stored events after `after`, then those that happen; ends after run.finished.

        Stored events are numbered without gaps. text.delta is shown live only: it carries the number of the last stored
        event, and whoever comes in the middle of an answer gets what was streamed so far as one delta.
        Raises LookupError for an unknown run.
        """
        await self._known(run)
        async with aclosing(self._runs.follow(run, after)) as events:
            async for event in events:
                yield event

    async def events(self, run: str, after: int = 0) -> Sequence[Event]:
        """The stored events after `after`, those that came after its end included. Raises LookupError as above."""
        await self._known(run)
        return await self._runs.events(run, after)

    async def stop(self, run: str, by: str) -> bool:
        """Asks a run to stop; False if it has ended already. Raises LookupError for an unknown run."""
        await self._known(run)
        asked = await self._runs.ask_to_stop(run, by)
        if asked:
            await self._stopping(run)
        return asked

    async def document(self, run: str) -> RunDocument:
        """The run as `deus ask --json` prints it, so far as it has come. Raises LookupError for an unknown run."""
        summary = await self._known(run)
        return document(summary.run, summary.question, await self._runs.events(run), await self._runs.evidence(run))

    async def resume(self, run: str, by: str) -> int:
        """Lets a run that failed or was stopped go on where it stood; its run.resumed's number, 0 if it did neither.

        What it has found stays; proposals that were taken back are made anew. Raises LookupError for an unknown run.
        """
        await self._known(run)
        return await self._runs.resume(run, by)

    async def retry(self, run: str, by: str, step: str | None = None) -> int:
        """Tries a run again: the step and those that depend on it, or all that found nothing.

        Writes that were done are not repeated; those that failed or were turned down are asked about anew. Returns
        the number of its run.resumed, 0 before the run's end. Raises LookupError for an unknown run or step.
        """
        await self._known(run)
        return await self._runs.retry(run, by, step)

    async def fork(self, run: str, by: str, step: str | None = None) -> str | None:
        """Begins another run with the same plan and what was found before the step; its id, or None before the end.

        What the run has done at services counts as done there, by that run. Raises LookupError, and UserMustMend while
        nobody knows what became of a write.
        """
        await self._known(run)
        asker = await self._admission.forking(by) if self._admission is not None else Asker()
        return await self._runs.fork(run, by, step, asker)

    async def runs(
        self,
        *,
        conversation: str | None = None,
        actor: str | None = None,
        limit: int = 50,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Sequence[RunSummary]:
        """The last runs, newest first; `since` is when they were asked."""
        return await self._runs.list_runs(conversation, actor, limit, status=status, since=since)

    async def summary(self, run: str) -> RunSummary:
        """One run as a list shows it. Raises LookupError for an unknown run."""
        return await self._known(run)

    async def conversations(self, actor: str, limit: int = 50) -> Sequence[ConversationSummary]:
        """An actor's conversations, the one that was used last first."""
        return await self._runs.list_conversations(actor, limit)

    async def title(self, conversation: str, title: str) -> str | None:
        """A conversation's title, as it is."""
        return title

    async def evidence(self, run: str, evidence_id: str) -> Evidence:
        """One piece of evidence, whole. Raises LookupError for an unknown run or evidence."""
        await self._known(run)
        found = await self._runs.one_evidence(run, evidence_id)
        if found is None:
            raise LookupError(f"Run {run} has no evidence {evidence_id!r}.")
        return found

    async def rename(self, conversation: str, title: str) -> bool:
        """Gives a conversation another title; False if there is none of that id."""
        return await self._runs.rename(conversation, title)

    async def delete(self, conversation: str) -> bool:
        """Deletes a conversation with all that its runs left; False if there is none of that id."""
        return await self._runs.delete(conversation)

    async def _known(self, run: str) -> RunSummary:
        summary = await self._runs.summary(run)
        if summary is None:
            raise LookupError(f"There is no run {run!r}.")
        return summary


# The same methods, unchecked or as one person may use them.
Door = Conversations | Admitted
