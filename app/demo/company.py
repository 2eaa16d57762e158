"""A world as its tools show it: what the demo's vendors may serve. Effects and truth stay behind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from app.demo.refs import Ref, digest, place
from app.demo.source import Story, story_of
from app.demo.world import Artefact, CompanyFacts, Member, Outage, World

PUBLIC_URL = "http://127.0.0.1:8001"


@dataclass(frozen=True)
class Company:
    """The served face of a world. Build it with `open_company`; `public_url` is what records' URLs begin with."""

    world: str
    facts: CompanyFacts
    now: datetime
    days: int
    people: Sequence[Member]
    artefacts: Sequence[Artefact]
    outages: Sequence[Outage]
    refs: dict[str, Ref]
    shas: dict[str, str]
    public_url: str

    @cached_property
    def _by_id(self) -> dict[str, Artefact]:
        return {artefact.id: artefact for artefact in self.artefacts}

    @cached_property
    def _mention(self) -> re.Pattern[str]:
        names = sorted((re.escape(name) for name in self.refs), key=len, reverse=True)
        return re.compile(rf"(?<![\w-])({'|'.join(names)})(?![\w-])") if names else re.compile(r"(?!)")

    @cached_property
    def story(self) -> Story:
        """The history of its repository, as git tells it."""
        return story_of(self)

    def of_kind(self, kind: str) -> list[Artefact]:
        """The artefacts of a kind that exist by now, in the file's order."""
        return [a for a in self.artefacts if a.kind == kind and (a.at is None or a.at <= self.now)]

    def get(self, artefact_id: str) -> Artefact | None:
        """An artefact by the world file's id."""
        return self._by_id.get(artefact_id)

    def ref(self, artefact_id: str) -> Ref:
        """Where an artefact is shown."""
        return self.refs[artefact_id]

    def sha(self, artefact_id: str) -> str:
        """The Git SHA by which an artefact is known; a deployment's is that of the last pull request in it."""
        artefact = self._by_id[artefact_id]
        changed = _last_change(artefact)
        return self.story.shas.get(changed) or self.shas[artefact_id]

    def member(self, person_id: str | None) -> Member | None:
        """A person by the world file's id."""
        return next((member for member in self.people if member.id == person_id), None)

    def words(self, text: str | None) -> str:
        """A text as the company would have written it: the file's ids become the refs that people quote."""
        return self._mention.sub(lambda match: self.refs[match.group(1)].short, text or "")


def open_company(world: World, public_url: str = PUBLIC_URL) -> Company:
    """The served face of a world."""
    return Company(
        world=world.name,
        facts=world.company,
        now=world.now,
        days=world.days,
        people=world.people,
        artefacts=world.artefacts,
        outages=world.outages,
        refs=place(world, public_url),
        shas={artefact.id: digest(world, _last_change(artefact)) for artefact in world.artefacts},
        public_url=public_url,
    )


def _last_change(artefact: Artefact) -> str:
    pulls = artefact["prs"] if artefact.kind == "deployment" else None
    return str(pulls[-1]) if pulls else artefact.id
