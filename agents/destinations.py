"""Reads what tells where a write belongs, and keeps what people correct."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import timedelta
from time import monotonic
from typing import Any, Protocol

from agents.approval import Proposal
from agents.destination import (
    About,
    Destination,
    Habits,
    Preference,
    destination,
    lessons,
    named_service,
    plain_part,
)
from agents.ports import Clock, Toolbox, Turn
from agents.wanted import Wanted
from tools.kit.tool import Verb
from tools.nouns import Issue, Message, Noun, Person
from tools.verbs import IssuesSearch, MessagesSearch, PeopleFind

LOOKED_BACK = timedelta(days=60)


class Preferences(Protocol):
    """The store of corrections."""

    async def listed(self) -> Sequence[Preference]:
        """All of them, the last first."""
        ...

    async def keep(self, preference: Preference) -> None:
        """Keeps one in place of what was kept about the same thing."""
        ...

    async def forget(self, kind: str, about: str) -> bool:
        """Forgets one; False if there is none."""
        ...


class Destinations:
    """Says where writes go. What the company's tools tell of its habits is read again after `keep` seconds."""

    def __init__(
        self,
        toolbox: Toolbox,
        preferences: Preferences,
        clock: Clock,
        settings: Mapping[str, str],
        *,
        keep: float = 300.0,
        patience: float = 10.0,
    ) -> None:
        self._toolbox = toolbox
        self._preferences = preferences
        self._clock = clock
        self._settings = dict(settings)
        self._keep = keep
        self._patience = patience
        self._read: dict[str, tuple[float, tuple[Noun, ...]]] = {}
        self._reads: Callable[[str], bool] = _open

    def within(self, reads: Callable[[str], bool]) -> Destinations:
        """The same for a run that may read some services alone: what the others tell decides nothing in it."""
        some = copy(self)
        some._reads = reads
        return some

    async def settle(self, wanted: Wanted, turn: Turn) -> Destination:
        """Where a write of somebody's run goes. Raises StepFailed where nothing tells."""
        services, asked = wanted.services, wanted.shown
        habits = await self._habits(wanted.verb.name, asked, services)
        if wanted.ordered:
            await self._learn(wanted, turn, habits)
        owns = wanted.owns if wanted.looked_up else ""
        return destination(wanted.verb.name, asked, services, habits, said=(turn.text, wanted.ordered), owns=owns)

    async def _learn(self, wanted: Wanted, turn: Turn, habits: Habits) -> None:
        """Keeps what a sentence corrects: the service, the owner of a part, or the channel in place of “the team”."""
        verb, to = wanted.verb.name, str(wanted.shown.get("to") or "")
        service = named_service(turn.text, wanted.services, habits.titles) if len(wanted.services) > 1 else None
        if service is not None:
            team = str(wanted.shown.get("team") or "")
            await self.keep("service", f"{verb} {team}".strip(), service, turn.actor, turn.text)
        owner = str(wanted.shown.get("assignee") or "")
        # Only what this very sentence says is learned: nobody else's text names an owner.
        clean = not wanted.taint.existence and not wanted.taint.args.get("assignee")
        if owner and wanted.owns and not wanted.looked_up and clean and named_in(turn.text, owner):
            await self.keep("owner", plain_part(wanted.owns), owner, turn.actor, turn.text)
        if verb == "messages.send" and to.startswith("#") and to in turn.text and "#" not in wanted.ordered:
            await self.keep("channel", "team", to, turn.actor, turn.text)

    async def corrected(self, shown: Proposal, asked: Mapping[str, Any], now: Mapping[str, Any], by: str) -> None:
        """Keeps what a person's other arguments teach; `asked` are those of the plan."""
        for kind, about, value in lessons(shown.args, asked, now):
            await self.keep(kind, about, value, by)

    async def keep(self, kind: About, about: str, value: str, by: str, said: str = "") -> None:
        """Keeps one correction."""
        at = self._clock.now()
        await self._preferences.keep(
            Preference(kind=kind, about=about.casefold(), value=value, by=by, at=at, said=said)
        )

    async def _habits(self, verb: str, args: Mapping[str, Any], services: Sequence[str]) -> Habits:
        asked: dict[str, Verb] = {}
        if verb.startswith("issues.") and len(services) > 1:
            asked["issues"] = IssuesSearch(since=self._clock.now() - LOOKED_BACK)
            asked["people"] = PeopleFind()
        if args.get("assignee"):
            asked["people"] = PeopleFind()
        if verb == "messages.send":
            asked["messages"] = MessagesSearch(since=self._clock.now() - LOOKED_BACK)
            asked["people"] = PeopleFind()
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(self._ask(name, request)) for name, request in asked.items()}
        found = {name: [one for one in task.result() if self._reads(one.service)] for name, task in tasks.items()}
        return Habits(
            settings=self._settings,
            preferences=await self._preferences.listed(),
            issues=[one for one in found.get("issues", ()) if isinstance(one, Issue)],
            people=[one for one in found.get("people", ()) if isinstance(one, Person)],
            messages=[one for one in found.get("messages", ()) if isinstance(one, Message)],
            titles={service: self._toolbox.title(service) for service in services},
        )

    async def _ask(self, name: str, request: Verb) -> tuple[Noun, ...]:
        """What all services say; one that fails or is late says nothing, and is asked again the next time."""
        until, kept = self._read.get(name, (0.0, ()))
        if monotonic() < until:
            return kept
        try:
            async with asyncio.timeout(self._patience), asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(self._toolbox.ask(service, request))
                    for service in self._toolbox.services(request.name)
                ]
        except TimeoutError:
            return ()
        replies = [task.result() for task in asked]
        found = tuple(noun for reply in replies for noun in reply.nouns)
        if all(reply.error is None for reply in replies):
            self._read[name] = (monotonic() + self._keep, found)
        return found


def _open(service: str) -> bool:
    """Where nobody is told from another every service may be read."""
    return True


def named_in(text: str, person: str) -> bool:
    """Whether a sentence names a person: by one of the names, or by the handle or address."""
    said = set(re.findall(r"[\w.@+-]+", text.casefold().replace("’s", "").replace("'s", "")))
    said = {one.strip(".-") for one in said}
    return any(name in said for name in (person.casefold(), *person.casefold().split()))
