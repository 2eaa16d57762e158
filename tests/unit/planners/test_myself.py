"""Who is meant by “my” and “me”, and whose account at the tools that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.accounts import own_name
from agents.identity import Identity, Person
from agents.planners.myself import with_asker
from agents.planners.playbook_file import read
from agents.ports import Situation, Turn
from prompts.library import playbooks
from tools.nouns import Person as Account

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
BOOKS = read(playbooks())
SARAH = Person(
    id="sarah@acme.com",
    name="Sarah",
    role="agent",
    identities=(Identity(service="email", ident="sarah@acme.com"), Identity(service="github", ident="schen")),
)


def asks(book: str, text: str, me: str | None = "Sarah Chen", **values: str) -> str | None:
    """The person whom the playbook is then about."""
    situation = Situation(Turn(text, "sarah@acme.com", "slack", "c1", NOW), NOW, "UTC", me=me)
    person: str | None = with_asker(situation, BOOKS[book], {"person": None, **values})["person"]
    return person


@pytest.mark.parametrize(
    ("book", "text"),
    [
        ("bugs", "Show me my open bugs"),
        ("bugs", "which critical bugs are assigned to me?"),
        ("bugs", "Zeig mir meine offenen Bugs"),
        ("bugs", "Welche Fehler sind mir zugewiesen?"),
        ("bugs", "¿Cuáles son mis bugs abiertos?"),
        ("bugs", "bugs asignados a mí"),
        ("my_work", "What should I work on?"),
        ("my_work", "Was steht bei mir an?"),
        ("my_work", "¿Qué tengo asignado?"),
        ("create_issue", "Create an issue for the export error and assign it to me"),
        ("create_issue", "Leg ein Ticket an und weise es mir zu"),
        ("create_issue", "Crea un ticket y asígnamelo"),
    ],
)
def test_the_asker_is_meant(book: str, text: str) -> None:
    assert asks(book, text) == "Sarah Chen"


@pytest.mark.parametrize(
    ("book", "text"),
    [
        ("bugs", "Show me the critical bugs"),
        ("bugs", "Tell me which bugs my customers met"),
        ("bugs", "Zeig mir die kritischen Bugs"),
        ("bugs", "Muéstrame los bugs críticos"),
        ("create_issue", "Create me an issue: my bugs page is broken"),
        ("my_work", "which issue should be taken next"),
    ],
)
def test_the_asker_is_not_meant(book: str, text: str) -> None:
    assert asks(book, text) is None


def test_whoever_is_named_and_who_is_not_known_stays() -> None:
    assert asks("bugs", "my bugs", person="Yusuf") == "Yusuf"
    assert asks("bugs", "my bugs", team="web") is None
    assert asks("bugs", "my bugs", me=None) is None


def account(service: str, ref: str, name: str = "Sarah Chen", email: str | None = None) -> Account:
    return Account(service=service, ref=ref, url="https://x.example", at=NOW, name=name, handle=ref, email=email)


class Held:
    """Who holds which accounts."""

    def __init__(self, held: dict[str, Person] | None = None) -> None:
        self._held = held or {}

    async def find(self, identity: Identity) -> Person | None:
        return self._held.get(identity.ident)


async def called(accounts: Sequence[Account], held: dict[str, Person] | None = None) -> str | None:
    people: Any = Held(held)
    return await own_name(SARAH, accounts, people)


async def test_an_account_is_one_s_own_by_its_link_or_by_an_address_that_is_vouched_for() -> None:
    linear = account("linear", "s", "Sarah", "Sarah@acme.com")
    assert await called([account("github", "SChen")]) == "Sarah Chen"
    assert await called([account("github", "schen"), linear]) == "Sarah", "work is assigned in Linear"
    assert await called([account("intercom", "sarah", email="sarah@acme.com")]) is None, "nobody vouches for it"
    assert await called([account("linear", "sarah")]) is None, "a name alone is nobody's"


async def test_an_account_that_was_given_to_another_by_hand_is_the_other_s() -> None:
    bob = SARAH.model_copy(update={"id": "bob@acme.com", "identities": ()})
    linear = account("linear", "sarah", email="sarah@acme.com")
    assert await called([linear], {"sarah": bob}) is None
    assert await called([linear], {"sarah": SARAH}) == "Sarah Chen"


async def test_of_two_with_one_name_the_handle_is_taken() -> None:
    assert await called([account("linear", "sarah", email="sarah@acme.com"), account("linear", "sarah2")]) == "sarah"
