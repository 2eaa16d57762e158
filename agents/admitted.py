"""The door to conversations as one person sees it: what they may not see is not there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from agents.admission import ASK_ADMIN, Admission, is_program
from agents.errors import Forbidden
from agents.event import Event
from agents.identity import Person
from agents.ports import Turn
from agents.record import Evidence, RunDocument
from agents.rights import OWN, Rights, administers, closes, reads_all

if TYPE_CHECKING:
    from agents.conversation import Conversations, ConversationSummary, RunSummary

# A list is filtered after it was read; this many more are read at once.
AHEAD = 4
MOST = 1000
# The events that carry what a service holds; each comes before whatever else tells of it.
READ = frozenset({"evidence.added", "approval.requested", "receipt.added"})


class Admitted:
    """Conversations for one actor, by the same methods. Raises LookupError for what they may not see, as for what is
    not there, and Forbidden for what they may see and not do, and for an actor whom nobody knows."""

    def __init__(self, conversations: Conversations, admission: Admission, actor: str) -> None:
        self._all = conversations
        self._admission = admission
        self._actor = actor

    async def say(self, turn: Turn) -> str:
        """Starts a run for oneself; the API's token may start one for others."""
        person = await self._person()
        if turn.actor not in person.ids and not is_program(person):
            raise Forbidden("Nobody asks in another's name.")
        return await self._all.say(turn)

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[Event]:
        """The run's events; it ends where the run reads what the person may not."""
        rights = await self._seen(run)
        async with aclosing(cast(AsyncGenerator[Event, None], self._all.follow(run, after))) as events:
            async for event in events:
                if event.kind in READ and rights.missing([str(event.data.get("service") or OWN)]):
                    return
                yield event

    async def events(self, run: str, after: int = 0) -> Sequence[Event]:
        """The stored events after `after`."""
        await self._seen(run)
        return await self._all.events(run, after)

    async def document(self, run: str) -> RunDocument:
        """The run as `deus ask --json` prints it, so far as it has come."""
        await self._seen(run)
        return await self._all.document(run)

    async def evidence(self, run: str, evidence_id: str) -> Evidence:
        """One piece of evidence, whole."""
        await self._seen(run)
        return await self._all.evidence(run, evidence_id)

    async def summary(self, run: str) -> RunSummary:
        """One run as a list shows it."""
        await self._seen(run)
        return await self._all.summary(run)

    async def stop(self, run: str, by: str) -> bool:
        """Asks a run to stop; False if it has ended already."""
        await self._own(run)
        return await self._all.stop(run, by)

    async def resume(self, run: str, by: str) -> int:
        """Lets a run that failed or was stopped go on."""
        await self._own(run)
        return await self._all.resume(run, by)

    async def retry(self, run: str, by: str, step: str | None = None) -> int:
        """Tries a run again."""
        await self._own(run)
        return await self._all.retry(run, by, step)

    async def fork(self, run: str, by: str, step: str | None = None) -> str | None:
        """Begins another run with what this one found, by the right of whoever forks it."""
        await self._own(run)
        return await self._all.fork(run, by, step)

    async def runs(
        self,
        *,
        conversation: str | None = None,
        actor: str | None = None,
        limit: int = 50,
        status: str | None = None,
        since: datetime | None = None,
    ) -> Sequence[RunSummary]:
        """The last runs that the person may see, newest first."""
        person = await self._person()
        # Whoever sees little finds it among much that is others'.
        read = limit if administers(person.role) else min(limit * AHEAD, MOST) if reads_all(person.role) else MOST
        found = await self._all.runs(conversation=conversation, actor=actor, limit=read, status=status, since=since)
        visible = await self._admission.visible(person, [one.run for one in found])
        return [one for one in found if one.run in visible][:limit]

    async def conversations(self, actor: str, limit: int = 50) -> Sequence[ConversationSummary]:
        """An actor's conversations, by whichever name they began them; those of others only for who reads all."""
        person = await self._person()
        if actor in person.ids:
            found = [one for name in sorted(person.ids) for one in await self._all.conversations(name, limit)]
            found = sorted(found, key=lambda one: one.updated_at, reverse=True)[:limit]
        else:
            found = list(await self._all.conversations(actor, limit)) if reads_all(person.role) else []
        titled = [(one, await self.title(one.id, one.title)) for one in found]
        return [replace(one, title=title) for one, title in titled if title is not None]

    async def title(self, conversation: str, title: str) -> str | None:
        """A conversation's title, which tells what was asked first: what the person may see of it was, where they may
        not see that; None where they may see nothing."""
        person = await self._person()
        if administers(person.role) or (reads_all(person.role) and not closes(self._admission.reading)):
            return title
        runs = list(reversed(await self._all.runs(conversation=conversation, limit=MOST)))
        visible = await self._admission.visible(person, [one.run for one in runs])
        seen = [one for one in runs if one.run in visible]
        return None if not seen else title if seen[0] is runs[0] else seen[0].question

    async def rename(self, conversation: str, title: str) -> bool:
        """Gives a conversation of one's own another title."""
        return await self._whose(conversation) and await self._all.rename(conversation, title)

    async def delete(self, conversation: str) -> bool:
        """Deletes a conversation of one's own with all that its runs left."""
        return await self._whose(conversation) and await self._all.delete(conversation)

    async def _person(self) -> Person:
        return await self._admission.person(self._actor)

    async def _seen(self, run: str) -> Rights:
        """What the person may read, if they may see the run."""
        person = await self._person()
        if run not in await self._admission.visible(person, [run]):
            raise LookupError(f"There is no run {run!r}.")
        return Rights(person.role, None, self._admission.reading)

    async def _own(self, run: str) -> None:
        """Raises unless the run is the person's, or they may do with all runs as with their own."""
        await self._seen(run)
        person = await self._person()
        if not reads_all(person.role) and (await self._all.summary(run)).actor not in person.ids:
            raise Forbidden(
                f"As {person.role} {person.name} may look at this run, and not change it.", remedy=ASK_ADMIN
            )

    async def _whose(self, conversation: str) -> bool:
        """Whether there is such a conversation for the person. Raises Forbidden if it is another's."""
        person = await self._person()
        if administers(person.role):
            return True
        if not await self.runs(conversation=conversation, limit=1):
            return False
        if await self._admission.owner(conversation) in person.ids:
            return True
        raise Forbidden("This conversation is somebody else's.", remedy=ASK_ADMIN)
