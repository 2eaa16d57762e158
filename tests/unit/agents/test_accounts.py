"""Accounts are linked to people who are known, by addresses that their service vouches for, and to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from agents.accounts import Accounts
from agents.identity import Identity
from agents.ports import Reply
from app.stores.migrations import migrate
from app.stores.people import StoredPeople
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import NOW, StillClock
from tools.kit.tool import Verb
from tools.nouns import Person


def account(service: str, ref: str, email: str | None) -> Person:
    return Person(service=service, ref=ref, url="", at=NOW, title=ref, name=ref, email=email)


class Services:
    """Services that know accounts; `linear` fails."""

    def __init__(self, accounts: Mapping[str, Sequence[Person]]) -> None:
        self._accounts = accounts
        self.asked: list[str] = []

    def verbs(self) -> Mapping[str, type[Verb]]:
        return {}

    def services(self, verb: str) -> Sequence[str]:
        return list(self._accounts) if verb == "people.find" else ()

    def title(self, service: str) -> str:
        return service

    async def ask(self, service: str, request: Verb) -> Reply:
        self.asked.append(service)
        if service == "linear":
            return Reply(service, error="Linear is away.")
        return Reply(service, tuple(self._accounts[service]))


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[StoredPeople]:
    database = SQLite(tmp_path / "deus.db")
    await migrate(database)
    yield StoredPeople(database, StillClock())
    await database.close()


async def test_accounts_find_their_people(people: StoredPeople) -> None:
    await people.add("Sarah Chen", by="founder", email="sarah@acme.com")
    bob = await people.add("Bob", by="founder", email="bob@acme.com")
    shared = Identity(service="github", ident="shared")
    await people.link(bob.id, shared, by="founder")
    services = Services(
        {
            "github": [
                account("github", "SChen", "Sarah@acme.com"),
                account("github", "shared", "sarah@acme.com"),
                account("github", "stranger", "eve@example.com"),
                account("github", "silent", None),
            ],
            "linear": [],
            "pagerduty": [account("pagerduty", "P1", "sarah@acme.com")],
        }
    )
    found = await Accounts(services, people).look()
    assert [one.ident for one in found] == ["SChen"]
    sarah = await people.find(Identity(service="email", ident="sarah@acme.com"))
    assert sarah is not None
    assert sarah.at("github") == "schen"
    assert await people.find(shared) == await people.get(bob.id)
    assert await people.find(Identity(service="github", ident="stranger")) is None
    assert services.asked == ["github", "linear"], "nobody vouches for addresses at PagerDuty"
    assert await Accounts(services, people).look() == []
