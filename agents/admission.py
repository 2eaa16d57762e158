"""Who may do what with runs and approvals: the one place where the engine asks for somebody's rights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agents.accounts import own_name
from agents.errors import Forbidden
from agents.identity import PROGRAM, People, Person, Role, least, rank
from agents.ports import Turn
from agents.rights import EVERYTHING, LOCAL, Reading, Rights, Trace, may_decide, reads_all, sees
from tools.nouns import Person as Account

ASK_ADMIN = "Ask an admin of this workspace: `deus people role` changes it."


@dataclass(frozen=True)
class Asker:
    """By what right a run is begun, and what its asker is called. `channel` takes the place of the run's, if given."""

    role: Role = "admin"
    name: str = ""
    channel: str | None = None


class Traces(Protocol):
    """What the store of runs tells of who may see them."""

    async def traces(self, runs: Collection[str]) -> Mapping[str, Trace]:
        """What decides who may see each of some runs; unknown ones are left out."""
        ...

    async def speakers(self, conversation: str) -> frozenset[str]:
        """Who has spoken in a conversation, and who began it."""
        ...

    async def owner(self, conversation: str) -> str | None:
        """Who began a conversation; None where there is none of that id."""
        ...


class Admission:
    """Asks who somebody is, and answers whether they may. What cannot be found out is refused."""

    def __init__(self, people: People, traces: Traces, reading: Reading = EVERYTHING) -> None:
        self.reading = reading
        self._people = people
        self._traces = traces

    async def person(self, actor: str, channel: str = "") -> Person:
        """Who an actor is. Raises Forbidden for somebody who is not known; at the machine itself sits its admin."""
        found = await self._people.get(actor)
        if channel == LOCAL:
            return Person(id=actor, name=found.name if found else actor, role="admin")
        if found is None:
            raise Forbidden(f"Deus does not know {actor!r}.", remedy="An admin can add them: `deus people add`.")
        return found

    async def asking(self, turn: Turn) -> Turn:
        """The turn with who asks and by what right. Raises Forbidden, and LookupError for a conversation that they may
        not see. A place whose readers the channel knows (`audience`) is open to those who write there."""
        person = await self.person(turn.actor, turn.channel)
        role = least((person.role, turn.role)) or "visitor"
        speakers = await self._traces.speakers(turn.conversation)
        if speakers and turn.audience is None and not reads_all(role) and not speakers & person.ids:
            raise LookupError(f"There is no conversation {turn.conversation!r}.")
        return replace(turn, role=role, name=turn.name or person.name)

    async def name_in_tools(self, actor: str, accounts: Sequence[Account]) -> str | None:
        """How the company's tools call somebody, by their accounts there; None where none is theirs."""
        person = await self._people.get(actor)
        return await own_name(person, accounts, self._people) if person is not None else None

    async def forking(self, by: str) -> Asker:
        """By what right somebody begins a run anew; whom nobody knows sits at the machine."""
        found = await self._people.get(by)
        return Asker(found.role, found.name) if found is not None else Asker("admin", by, LOCAL)

    async def rights(self, turn: Turn) -> tuple[Rights, frozenset[str]]:
        """The rights of a run that goes on now, and all ids of its asker: somebody's rights may have become less."""
        found = await self._people.get(turn.actor)
        known = found.role if found else ("admin" if turn.channel == LOCAL else "visitor")
        asker = least((turn.role or "visitor", known)) or "visitor"
        return Rights(asker, turn.audience, self.reading), found.ids if found else frozenset({turn.actor})

    async def decider(self, by: str, channel: str) -> Person:
        """Who says yes or no. Raises Forbidden for one whose role decides nothing."""
        person = await self.person(by, channel)
        if not may_decide(person.role):
            raise Forbidden(f"As {person.role} {person.name} may look, and not decide.", remedy=ASK_ADMIN)
        return person

    async def agent(self, by: str) -> str:
        """The name of somebody who may answer in the place of Deus. Raises Forbidden for any other."""
        person = await self.person(by)
        if rank(person.role) < rank("agent"):
            raise Forbidden(f"As {person.role} {person.name} may not take conversations over.", remedy=ASK_ADMIN)
        return person.name

    async def visible(self, person: Person, runs: Sequence[str]) -> frozenset[str]:
        """Those of some runs that a person may see."""
        traces = await self._traces.traces(runs)
        talks = {trace.conversation for trace in traces.values()} if not reads_all(person.role) else set()
        part = {talk for talk in talks if await self._traces.speakers(talk) & person.ids}
        return frozenset(
            run
            for run, trace in traces.items()
            if sees(person.role, person.ids, trace.conversation in part, trace, self.reading)
        )

    async def owner(self, conversation: str) -> str | None:
        """Who began a conversation; None where there is none of that id."""
        return await self._traces.owner(conversation)

    async def traces(self, runs: Collection[str]) -> Mapping[str, Trace]:
        """What decides who may see each of some runs."""
        return await self._traces.traces(runs)


def is_program(person: Person) -> bool:
    """Whether it is the bearer of the API token, who may speak for others."""
    return person.id == PROGRAM
