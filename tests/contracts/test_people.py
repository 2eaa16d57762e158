"""What every database must do for people: one person for all their selves, and links made by hand that stay."""

from __future__ import annotations

import asyncio

import pytest

from agents.identity import Identity, Person
from app.channels.sign_in import hashed, matches
from app.stores.audit import AuditLog
from app.stores.database import Database
from app.stores.migrations import migrate
from app.stores.people import StoredPeople
from tests.scenarios.engine.script import StillClock
from tools.kit.errors import BadArgument

SLACK = Identity(service="slack", ident="U0SARAH")
TEAMS = Identity(service="teams", ident="aad-1")
EMAIL = Identity(service="email", ident="sarah@acme.com")


async def opened(database: Database, **more: object) -> StoredPeople:
    await migrate(database)
    return StoredPeople(database, StillClock(), owner="founder", **more)  # type: ignore[arg-type]


async def test_one_person_for_all_accounts_of_a_vouched_address(database: Database) -> None:
    people = await opened(database)
    first = await people.recognise(SLACK, name="Sarah Chen", email="Sarah@Acme.com")
    second = await people.recognise(TEAMS, name="S. Chen", email="sarah@acme.com ")
    assert first.id == second.id == "sarah@acme.com"
    assert (second.name, second.role) == ("Sarah Chen", "agent")
    assert {SLACK, TEAMS, EMAIL} == set(second.identities)
    assert await people.find(Identity(service="email", ident="SARAH@acme.com")) == second
    assert await people.recognise(SLACK) == second


async def test_without_an_address_an_account_is_a_person_until_one_is_vouched_for(database: Database) -> None:
    people = await opened(database)
    alone = await people.recognise(SLACK, name="Sarah")
    assert alone.id == "slack:U0SARAH"
    sarah = await people.recognise(TEAMS, name="Sarah Chen", email="sarah@acme.com")
    assert sarah.id != alone.id
    joined = await people.recognise(SLACK, email="sarah@acme.com")
    assert joined.id == sarah.id
    # Runs of before still name the id that was used then.
    assert await people.get("slack:U0SARAH") == joined
    assert joined.ids == {"sarah@acme.com", "slack:U0SARAH"}


async def test_somebody_whose_role_was_changed_is_not_joined_by_an_address(database: Database) -> None:
    people = await opened(database)
    held_back = await people.recognise(SLACK, name="Sarah")
    await people.set_role(held_back.id, "viewer", by="founder")
    admin = await people.add("The other", by="founder", email="sarah@acme.com", role="admin")
    moved = await people.recognise(SLACK, email="sarah@acme.com")
    assert moved.id == admin.id
    still = await people.get(held_back.id)
    assert still is not None
    assert still.role == "viewer"


async def test_a_link_made_by_hand_is_moved_by_no_address(database: Database) -> None:
    people = await opened(database)
    await people.recognise(SLACK, name="Shared account", email="sarah@acme.com")
    taken = await people.unlink("sarah@acme.com", SLACK, by="founder")
    assert SLACK not in taken.identities
    alone = await people.recognise(SLACK, name="Shared account", email="sarah@acme.com")
    assert alone.id == "slack:U0SARAH"
    bob = await people.add("Bob", by="founder", email="bob@acme.com")
    await people.link(bob.id, SLACK, by="founder")
    for _ in range(3):
        assert (await people.recognise(SLACK, email="sarah@acme.com")).id == bob.id


async def test_nobody_gains_a_role_by_being_unlinked(database: Database) -> None:
    people = await opened(database, role="agent")
    vic = await people.add("Vic", by="founder", email="vic@acme.com", role="viewer")
    await people.link(vic.id, SLACK, by="founder")
    await people.unlink(vic.id, SLACK, by="founder")
    assert (await people.recognise(SLACK)).role == "viewer"


async def test_merging_keeps_every_actor_that_was_ever_used(database: Database) -> None:
    people = await opened(database)
    slack = await people.recognise(SLACK, name="Sarah")
    teams = await people.recognise(TEAMS, name="S")
    one = await people.merge(slack.id, teams.id, by="founder")
    two = await people.merge("founder", slack.id, by="founder")
    assert one.ids == {slack.id, teams.id}
    assert two.ids == {"founder", slack.id, teams.id}
    assert (await people.recognise(TEAMS, email="x@acme.com")).id == "founder"
    assert await people.get(teams.id) == await people.get("founder")
    with pytest.raises(BadArgument):
        await people.merge(slack.id, "founder", by="founder")


async def test_visitors_join_nobody_and_stay_visitors(database: Database) -> None:
    people = await opened(database)
    await people.add("Sarah", by="founder", email="sarah@acme.com", role="admin")
    visitor = await people.recognise(
        Identity(service="widget", ident="v1"), name="Sarah", email="sarah@acme.com", role="admin"
    )
    assert (visitor.id, visitor.role) == ("visitor:v1", "visitor")
    assert await people.listed() == [await people.get("founder"), await people.get("sarah@acme.com")]
    with pytest.raises(BadArgument):
        await people.set_role(visitor.id, "agent", by="founder")
    with pytest.raises(BadArgument):
        await people.merge("sarah@acme.com", visitor.id, by="founder")
    assert await people.password(visitor.id) is None


async def test_the_owner_is_admin_whatever_happens(database: Database) -> None:
    people = await opened(database)
    assert await people.get("founder") == Person(id="founder", name="founder", role="admin")
    with pytest.raises(BadArgument):
        await people.set_role("founder", "viewer", by="founder")
    with pytest.raises(BadArgument):
        await people.remove("founder", by="founder")
    api = await people.get("api")
    assert api is not None
    assert api.role == "admin"
    # Nobody gets that name, whatever they are called elsewhere.
    named = await people.recognise(Identity(service="email", ident="api"))
    assert named.id == "api-2"
    assert (await people.add("founder", by="founder")).id == "founder-2"


async def test_who_is_removed_is_nobody(database: Database) -> None:
    people = await opened(database)
    vic = await people.add("Vic", by="founder", email="vic@acme.com")
    await people.remove(vic.id, by="founder")
    assert await people.get(vic.id) is None
    assert await people.find(Identity(service="email", ident="vic@acme.com")) is None
    with pytest.raises(LookupError):
        await people.set_role(vic.id, "viewer", by="founder")


async def test_many_at_once_are_one_person(database: Database) -> None:
    people = await opened(database)
    accounts = [SLACK, TEAMS, SLACK, TEAMS, SLACK, Identity(service="github", ident="SChen")]
    async with asyncio.TaskGroup() as group:
        found = [group.create_task(people.recognise(one, email="sarah@acme.com")) for one in accounts]
    assert {task.result().id for task in found} == {"sarah@acme.com"}
    assert len((await people.recognise(SLACK)).identities) == 4


async def test_a_password_is_kept_as_its_hash_and_every_change_is_in_the_audit_log(database: Database) -> None:
    people = await opened(database)
    vic = await people.add("Vic", by="founder", email="vic@acme.com", role="viewer")
    assert await people.password("vic@acme.com") is None
    await people.set_password(vic.id, hashed("correct horse battery"), by="founder")
    found = await people.password("VIC@acme.com")
    assert found is not None
    person, kept = found
    assert person.id == vic.id
    assert "horse" not in kept
    assert matches("correct horse battery", kept)
    assert not matches("correct horse batteryx", kept)
    assert not matches("anything at all", None)
    await people.set_role(vic.id, "agent", by="founder")
    told = [(row.kind, row.actor) for row in await AuditLog(database).latest(10, None, None)]
    assert told == [("person.role", "founder"), ("person.password", "founder"), ("person.added", "founder")]
