"""Who reads along in a channel of Slack, by what Slack says of it; what cannot be told counts as the least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from agents.identity import Identity, Role
from app.channels.slack_people import MOST_MEMBERS, MOST_STRANGERS, People, Unknown
from app.stores.migrations import migrate
from app.stores.people import StoredPeople
from app.stores.sqlite import SQLite
from tests.scenarios.engine.script import StillClock

TEAM = "T0ACME"


@dataclass
class Workspace:
    """What Slack's Web API says of one workspace; the methods are those of its client."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    channel: dict[str, Any] = field(default_factory=lambda: {"name": "board", "is_private": True})
    members: list[str] | str = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def person(self, id: str, **more: Any) -> str:
        profile = {"real_name": id, "email": f"{id.casefold()}@acme.com"}
        self.users[id] = {"id": id, "team_id": TEAM, "profile": profile, **more}
        return id

    async def users_info(self, user: str) -> Mapping[str, Any]:
        self.asked.append(user)
        return {"user": self.users[user]}

    async def conversations_info(self, channel: str) -> Mapping[str, Any]:
        return {"channel": self.channel}

    async def conversations_members(self, channel: str, limit: int, cursor: str | None) -> Mapping[str, Any]:
        self.asked.append(f"members after {cursor}")
        if isinstance(self.members, str):
            refused: Any = {"ok": False, "error": self.members}
            raise SlackApiError("refused", refused)  # type: ignore[no-untyped-call]
        start = int(cursor or 0)
        more = start + limit < len(self.members)
        return {
            "members": self.members[start : start + limit],
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }


@pytest.fixture
async def known(tmp_path: Path) -> Any:
    database = SQLite(tmp_path / "deus.db")
    await migrate(database)
    yield StoredPeople(database, StillClock(), owner="founder")
    await database.close()


async def reads(known: StoredPeople, slack: Workspace, channel: str = "C1") -> Role | None:
    client: Any = slack
    return await People(client, known, "agent").audience(channel, TEAM)


async def test_in_a_direct_message_nobody_reads_along(known: StoredPeople) -> None:
    slack = Workspace()
    assert await reads(known, slack, "D1") is None
    assert slack.asked == []


async def test_a_private_channel_is_read_by_its_members_and_apps_do_not_count(known: StoredPeople) -> None:
    slack = Workspace()
    slack.members = [slack.person(f"U{n}") for n in range(3)] + [slack.person("UBOT", is_bot=True, team_id="T0DEUS")]
    assert await reads(known, slack) == "agent"
    vic = await known.add("Vic", by="founder", email="u1@acme.com", role="viewer")
    assert await reads(known, slack) == "viewer", "known by the address that Slack vouches for"
    await known.set_role(vic.id, "admin", by="founder")
    await known.link(vic.id, Identity(service="slack", ident="U2"), by="founder")
    assert await reads(known, slack) == "agent"
    slack.members = ["U2", "UBOT"]
    assert await reads(known, slack) == "admin"


async def test_every_page_of_members_counts(known: StoredPeople) -> None:
    slack = Workspace()
    for n in range(250):
        await known.recognise(Identity(service="slack", ident=f"U{n}"))
    slack.members = [f"U{n}" for n in range(250)]
    assert await reads(known, slack) == "agent"
    await known.set_role("slack:U249", "viewer", by="founder")
    assert await reads(known, slack) == "viewer"
    assert slack.asked == ["members after None", "members after 200"] * 2


@pytest.mark.parametrize("many", [MOST_MEMBERS + 1, MOST_STRANGERS + 1])
async def test_more_than_it_looks_at_are_taken_for_viewers(known: StoredPeople, many: int) -> None:
    slack = Workspace()
    slack.members = [slack.person(f"U{n}") for n in range(many)]
    assert await reads(known, slack) == "viewer"
    assert [one for one in slack.asked if one.startswith("U")] == []


@pytest.mark.parametrize("error", ["missing_scope", "channel_not_found", "ratelimited"])
async def test_where_slack_lists_no_members_they_are_taken_for_viewers(known: StoredPeople, error: str) -> None:
    assert await reads(known, Workspace(members=error)) == "viewer"


@pytest.mark.parametrize("sign", ["is_ext_shared", "is_pending_ext_shared", "is_org_shared"])
async def test_where_others_share_the_channel_it_is_read_as_by_visitors(known: StoredPeople, sign: str) -> None:
    slack = Workspace(channel={"name": "partners", sign: True})
    slack.members = [slack.person("U1")]
    assert await reads(known, slack) == "visitor"


async def test_a_stranger_or_a_guest_among_the_members_counts(known: StoredPeople) -> None:
    slack = Workspace()
    slack.members = [slack.person("U1"), slack.person("U2", is_ultra_restricted=True)]
    assert await reads(known, slack) == "viewer"
    slack.members = ["U1", slack.person("U3", team_id="T0OTHER")]
    assert await reads(known, slack) == "visitor"


async def test_a_public_channel_is_read_by_the_whole_workspace(known: StoredPeople) -> None:
    slack = Workspace(channel={"name": "growth", "is_private": False})
    slack.members = [slack.person("U1")]
    assert await reads(known, slack) == "agent"
    slack.members = ["U1", slack.person("U2", is_ultra_restricted=True)]
    assert await reads(known, slack) == "viewer", "a guest who was invited there, whom nobody has met yet"
    slack.members = "missing_scope"
    assert await reads(known, slack) == "viewer"
    slack.members = ["U1"]
    elsewhere = await known.recognise(Identity(service="slack", ident="U9"), email="u9@acme.com")
    await known.set_role(elsewhere.id, "viewer", by="founder")
    assert await reads(known, slack) == "viewer"


async def test_a_guest_becomes_a_viewer_and_of_a_silent_slack_nothing_is_guessed(known: StoredPeople) -> None:
    slack = Workspace()
    slack.person("U2", is_restricted=True)
    client: Any = slack
    guest = await People(client, known, "agent").person("U2", TEAM)
    kept = await known.get(guest.actor)
    assert kept is not None
    assert kept.role == "viewer"

    async def refused(channel: str) -> Mapping[str, Any]:
        said: Any = {"ok": False, "error": "missing_scope"}
        raise SlackApiError("refused", said)  # type: ignore[no-untyped-call]

    slack.conversations_info = refused  # type: ignore[method-assign]
    with pytest.raises(Unknown, match="who reads here"):
        await reads(known, slack)
