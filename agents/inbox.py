"""The door to every conversation for the people beside Deus: look, take over, write, hand back, close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from agents import handover
from agents.conversation import Conversations
from agents.errors import Forbidden
from agents.handover import Handover, State
from agents.identity import People, rank
from agents.ports import Clock
from agents.rights import administers

# Who gave a sign of life within so many seconds counts as being there.
THERE = 120.0
MOST_RUNS = 200
LOOKED_THROUGH = 8

# How a conversation comes to stand, of how it stands and whether who has it is gone. Raises HeldByAnother.
Change = Callable[[Handover, bool], Handover]
Act = Literal["asked", "taken", "handed_back", "closed", "left"]


@dataclass(frozen=True)
class Talk:
    """A conversation as the inbox lists it. `actor`, called `who`, began it; `by`, called `name`, has it.

    `last` are its last words, said by `last_by` (empty: Deus); `gone` says that who has it has not been seen for long,
    `unread` that something came since the reader looked.
    """

    conversation: str
    channel: str
    title: str
    actor: str
    who: str
    state: State
    by: str
    name: str
    why: str
    since: datetime | None
    updated_at: datetime
    run: str
    status: str
    last: str
    last_by: str
    last_run: str
    approvals: int = 0
    gone: bool = False
    unread: bool = False


@dataclass(frozen=True)
class Said:
    """Something that was said in a conversation. `kind` is turn, answer (of Deus), person (who wrote in its place) or
    note; `by` is who said it, empty for Deus; `evidence` maps the numbers in the text to the run's evidence."""

    run: str
    at: datetime
    kind: Literal["turn", "answer", "person", "note"]
    by: str
    text: str
    evidence: tuple[tuple[int, str], ...] = ()


class Handovers(Protocol):
    """The store of how conversations stand."""

    async def get(self, conversation: str) -> Handover: ...

    async def change(self, conversation: str, act: Act, by: str, name: str, how: Change) -> tuple[Handover, list[str]]:
        """Changes how a conversation stands, in one transaction; returns the runs that are to stop for it, too.

        Raises LookupError for an unknown conversation."""
        ...

    async def write(self, conversation: str, by: str, name: str, text: str) -> str: ...

    async def listed(
        self,
        *,
        reader: str,
        channel: str | None = None,
        state: str | None = None,
        person: str | None = None,
        conversation: str | None = None,
        limit: int,
    ) -> Sequence[Talk]: ...

    async def beat(self, actor: str) -> None: ...

    async def anybody(self, within: float) -> bool: ...

    async def seen(self, actor: str, conversation: str) -> None: ...

    async def release(self) -> Sequence[str]: ...


class Inbox:
    """What people do with conversations. Where `people` are known, only agents and admins among them may; without them
    (`local`) whoever sits at the server's own terminal may.

    `stirred` waits until anything happens in any conversation, or for so many seconds.
    """

    def __init__(
        self,
        handovers: Handovers,
        conversations: Conversations,
        clock: Clock,
        stopping: Callable[[str], Awaitable[None]],
        people: People | None = None,
        stirred: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._handovers = handovers
        self._conversations = conversations
        self._clock = clock
        self._stopping = stopping
        self._people = people
        self.stirred = stirred

    @property
    def local(self) -> Inbox:
        """The same, unchecked: for whoever sits at the server's own terminal."""
        return Inbox(self._handovers, self._conversations, self._clock, self._stopping)

    async def state(self, conversation: str) -> Handover:
        """How a conversation stands; open where nobody ever took it."""
        return await self._handovers.get(conversation)

    async def ask_for_person(self, conversation: str, by: str, why: str = "") -> Handover:
        """Asks for a person; Deus goes on answering until one comes. Raises LookupError for an unknown conversation."""
        now = self._clock.now()
        after, _ = await self._handovers.change(
            conversation, "asked", by, by, lambda there, gone: handover.ask(there, why, now)
        )
        return after

    async def take(self, conversation: str, by: str) -> Handover:
        """Takes a conversation over: what Deus is doing there stops, and it plans nothing more until it is handed back.

        The first one wins. Raises HeldByAnother, Forbidden, LookupError.
        """
        name, now = await self._agent(by), self._clock.now()
        return await self._act(
            conversation, "taken", by, lambda there, gone: handover.take(there, by, name, now, gone=gone)
        )

    async def hand_back(self, conversation: str, by: str) -> Handover:
        """Lets Deus answer again. Raises HeldByAnother, Forbidden, LookupError."""
        now = self._clock.now()
        return await self._act(
            conversation, "handed_back", by, lambda there, gone: handover.hand_back(there, by, now, gone=gone)
        )

    async def close(self, conversation: str, by: str) -> Handover:
        """Ends a conversation until somebody says something in it. Raises HeldByAnother, Forbidden, LookupError."""
        now = self._clock.now()
        return await self._act(
            conversation, "closed", by, lambda there, gone: handover.close(there, by, now, gone=gone)
        )

    async def write(self, conversation: str, by: str, text: str) -> str:
        """Says something in the place of Deus, at the places of the conversation; returns the id of its run.

        Raises HeldByAnother unless `by` has the conversation, Forbidden, LookupError.
        """
        name = await self._agent(by)
        await self._handovers.beat(by)
        return await self._handovers.write(conversation, by, name, text)

    async def listed(
        self,
        channel: str | None = None,
        state: str | None = None,
        person: str | None = None,
        limit: int = 100,
        *,
        reader: str = "",
    ) -> Sequence[Talk]:
        """The conversations of every channel, the one that was used last first; `person` began it, or has it.

        Given a `reader`, those that they may see, with the words that they may see.
        """
        found = await self._handovers.listed(reader=reader, channel=channel, state=state, person=person, limit=limit)
        return [one for talk in found if (one := await self._as_seen(talk, reader)) is not None]

    async def one(self, conversation: str, *, reader: str = "") -> Talk:
        """One conversation as the list shows it. Raises LookupError for one that is not there, or not to be seen."""
        found = await self._handovers.listed(reader=reader, conversation=conversation, limit=1)
        talk = await self._as_seen(found[0], reader) if found else None
        if talk is None:
            raise LookupError(f"There is no conversation {conversation!r}.")
        return talk

    async def transcript(self, conversation: str, *, reader: str = "") -> Sequence[Said]:
        """All that was said in a conversation, oldest first, as far as a `reader` may see it. Raises LookupError for an
        unknown one."""
        door = self._conversations.of(reader) if reader else self._conversations
        runs = await door.runs(conversation=conversation, limit=MOST_RUNS)
        if not runs:
            raise LookupError(f"There is no conversation {conversation!r}.")
        found: list[Said] = []
        for run in sorted(runs, key=lambda one: one.at):
            if run.question:
                found.append(Said(run.run, run.at, "turn", run.name or run.actor, run.question))
            for event in await door.events(run.run):
                text = str(event.data.get("text") or "")
                if event.kind == "message.completed" and text:
                    by = str(event.data.get("by") or "")
                    cited = tuple((int(one["number"]), str(one["evidence"])) for one in event.data.get("citations", ()))
                    found.append(Said(run.run, event.at, "person" if by else "answer", by, text, cited))
                elif event.kind == "notice" and run.status == "relayed" and text:
                    found.append(Said(run.run, event.at, "note", "", text))
        return found

    async def beat(self, actor: str) -> None:
        """A sign of life of somebody who takes conversations over. Raises Forbidden for one who may not."""
        await self._agent(actor)
        await self._handovers.beat(actor)

    async def available(self) -> bool:
        """Whether somebody is there to take a conversation over."""
        return await self._handovers.anybody(THERE)

    async def may_take(self, actor: str) -> bool:
        """Whether somebody may take conversations over."""
        try:
            await self._agent(actor)
        except Forbidden:
            return False
        return True

    async def seen(self, actor: str, conversation: str) -> None:
        """Somebody has looked at a conversation as it is now."""
        await self._handovers.seen(actor, conversation)

    async def release(self) -> Sequence[str]:
        """Asks anew for a person where the one who had a conversation has gone; returns those conversations."""
        return await self._handovers.release()

    async def _as_seen(self, talk: Talk, reader: str) -> Talk | None:
        """The conversation as far as a reader may see it; None if not at all."""
        if not reader or self._people is None:
            return talk
        person = await self._people.get(reader)
        if person is None:
            return None
        if administers(person.role):
            return talk
        door = self._conversations.of(reader)
        seen = await door.runs(conversation=talk.conversation, limit=LOOKED_THROUGH)
        title = await door.title(talk.conversation, talk.title) if seen else None
        if title is None:
            return None
        talk = replace(talk, title=title)
        return talk if talk.last_run in {one.run for one in seen} else replace(talk, last="", last_by="")

    async def _agent(self, actor: str) -> str:
        """What somebody is called who may take conversations over. Raises Forbidden."""
        if self._people is None:
            return actor
        person = await self._people.get(actor)
        if person is None or rank(person.role) < rank("agent"):
            raise Forbidden(
                "Only agents and admins may take conversations over.",
                remedy=f"An admin can give {person.name if person else actor} that role with `deus people`.",
            )
        return person.name or actor

    async def _act(self, conversation: str, act: Act, by: str, how: Change) -> Handover:
        name = await self._agent(by)
        await self._handovers.beat(by)
        after, stopped = await self._handovers.change(conversation, act, by, name, how)
        for run in stopped:
            await self._stopping(run)
        return after
