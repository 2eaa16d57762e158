"""Who reads along in Teams, as its roster says, and what is assumed where it says nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.identity import Identity, Person, Role
from app.channels.teams_activity import read
from app.channels.teams_bot import place_of
from app.channels.teams_people import TeamsPeople
from app.channels.teams_wire import Connector
from tests.channels.fake_teams import TENANT, FakeTeams
from tests.scenarios.playbooks.company import _served
from tools.kit.wire import open_client

GROUP, TEAM = "19:group@thread.v2", "19:team@thread.tacv2"


class Known:
    """The people of the workspace."""

    def __init__(self, *people: Person) -> None:
        self.people = people

    async def listed(self) -> tuple[Person, ...]:
        return self.people


def person(name: str, role: Role, *, teams: str = "") -> Person:
    identity = Identity(service="teams", ident=teams) if teams else Identity(service="email", ident=f"{name}@acme.com")
    return Person(id=name, name=name, role=role, identities=(identity,))


@pytest.fixture(scope="module")
def served() -> Iterator[FakeTeams]:
    fake = FakeTeams()
    for name in ("ann", "ben", "cleo", "dan"):
        fake.join(f"29:{name}", name, email=f"{name.title()}@acme.com")
    fake.join("29:eve", "eve", email="eve@evil.test", userRole="guest")
    fake.join("29:far", "far", email="far@acme.com", tenantId="another")
    with _served(fake.app) as url:
        fake.url = url
        yield fake


@pytest.fixture
def teams(served: FakeTeams) -> FakeTeams:
    served.troubles, served.asked, served.tokens = [], [], {"t1"}
    return served


class Fixed:
    """A token that is there already."""

    async def current(self) -> str:
        return "t1"

    def forget(self) -> None:
        return None


async def audience(teams: FakeTeams, members: list[str], known: Known, *, times: int = 1, **more: Any) -> Role | None:
    """What a conversation with these members may be told."""
    teams.groups = {GROUP: [f"29:{one}" for one in members], TEAM: [f"29:{one}" for one in members]}
    talk = {"id": GROUP, "conversationType": "groupChat", "tenantId": TENANT}
    said = teams.activity(teams.members["29:ann"], "Hello", **{"conversation": talk, **more})
    found: Role | None = None
    async with open_client() as client:
        people: Any = known
        reading = TeamsPeople(Connector(client, Fixed()), people, TENANT, "agent")
        for _ in range(times):
            found = await reading.audience(place_of(read(said)), read(said))
    return found


@pytest.mark.parametrize(
    ("members", "known", "least"),
    [
        (["ann", "ben"], Known(), "agent"),
        (["ann", "ben"], Known(person("ann", "admin"), person("ben", "admin")), "admin"),
        (["ann", "ben", "cleo", "dan"], Known(person("dan", "viewer"), person("ann", "admin")), "viewer"),
        (["ann", "eve"], Known(person("ann", "admin")), "visitor"),
        (["ann", "ben", "far"], Known(), "visitor"),
        ([], Known(), "visitor"),
    ],
)
async def test_the_least_of_those_who_read_along_counts(
    teams: FakeTeams, members: list[str], known: Known, least: Role
) -> None:
    assert await audience(teams, members, known) == least


async def test_people_are_known_by_their_id_in_the_directory_too(teams: FakeTeams) -> None:
    dan = person("dan", "viewer", teams=teams.members["29:dan"]["aadObjectId"])
    assert await audience(teams, ["ann", "dan"], Known(dan)) == "viewer"


async def test_every_page_is_read_once_for_some_minutes(teams: FakeTeams) -> None:
    assert await audience(teams, ["ann", "ben", "cleo", "dan", "eve"], Known(), times=3) == "visitor"
    assert len(teams.asked) == 3, "of two people each"


async def test_of_a_channel_the_team_is_asked_and_of_a_chat_of_two_nobody(teams: FakeTeams) -> None:
    talk = {"id": f"{GROUP};messageid=1", "conversationType": "channel", "tenantId": TENANT}
    data = {"tenant": {"id": TENANT}, "team": {"id": TEAM}}
    assert await audience(teams, ["ann"], Known(), conversation=talk, channelData=data) == "agent"
    assert all(TEAM in path for _, path, _ in teams.asked)
    teams.asked.clear()
    alone = {"id": "a:ann", "conversationType": "personal", "tenantId": TENANT}
    assert await audience(teams, ["ann"], Known(), conversation=alone) is None
    assert teams.asked == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, {}), (404, {}), (500, {}), (200, []), (200, {}), (200, {"members": "x"}), (200, {"members": [[1]]})],
)
async def test_where_the_roster_cannot_be_read_visitors_are_assumed(teams: FakeTeams, status: int, body: Any) -> None:
    teams.troubles = [("GET", "/pagedmembers", status, body, {})] * 3
    assert await audience(teams, ["ann"], Known(person("ann", "admin"))) == "visitor"


def test_help_does_not_load_the_sdk() -> None:
    code = "import sys; import app.cli, app.channels.teams; sys.exit('botbuilder' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
