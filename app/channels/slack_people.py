"""Who somebody in Slack is, what a channel is called, and who reads along there, as Slack says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from agents.identity import Identity, Role, least
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.identity import People as Directory

FRESH = 600.0  # seconds
# Whoever comes into a channel reads what is answered there from then on.
MEMBERS_FRESH = 20.0
# A channel of more people than this is taken for one of the least that anybody of the company may do.
MOST_MEMBERS = 300
# Above this many Slack is not asked about each of those whom Deus has never met.
MOST_STRANGERS = 40
# Where people of other companies read along: they may read what everybody may.
OUTSIDE: Role = "visitor"
GUEST: Role = "viewer"


class Unknown(DeusError):
    """Slack could not say who somebody is, so that nothing is done in their name."""


@dataclass(frozen=True)
class Person:
    """Somebody of the workspace: `email` is the address if Slack vouches for one. People of other workspaces, apps and
    people who have left are not `ours`; a `guest` is, for some channels."""

    actor: str
    name: str
    ours: bool
    email: str | None = None
    guest: bool = False
    app: bool = False


def person(user: Mapping[str, Any], team: str) -> Person:
    """A person as users.info describes them."""
    profile = user.get("profile") or {}
    ours = user.get("team_id") == team and not any(user.get(flag) for flag in ("deleted", "is_bot", "is_stranger"))
    email = str(profile.get("email") or "").strip().casefold()
    vouched = email if ours and email and user.get("is_email_confirmed", True) else None
    guest = bool(user.get("is_restricted") or user.get("is_ultra_restricted"))
    app = bool(user.get("is_bot")) or user.get("id") == "USLACKBOT"
    name = str(profile.get("real_name") or user.get("real_name") or user.get("name") or user["id"])
    return Person(vouched or f"slack:{user['id']}", name, ours, vouched, guest, app)


class People:
    """Asks Slack and remembers for some minutes. Where Slack is silent nobody is guessed: one person keeps one name.

    `known` are the people of the workspace, who are recognised by what Slack vouches for; `usual` is the role of those
    who were not seen yet.
    """

    def __init__(self, client: AsyncWebClient, known: Directory | None = None, usual: Role = "agent") -> None:
        self._client = client
        self._known = known
        self._usual: Role = usual
        self._readers: dict[str, tuple[float, frozenset[str] | None]] = {}
        self._people: dict[str, tuple[float, Person]] = {}
        self._channels: dict[str, tuple[float, str]] = {}

    async def person(self, user: str, team: str) -> Person:
        """Who a user is, by the actor that runs and approvals have for them. Raises Unknown."""
        found = await self._described(user, team)
        if self._known is None or not found.ours:
            return found
        one = await self._known.recognise(
            Identity(service="slack", ident=user),
            name=found.name,
            email=found.email,
            role=GUEST if found.guest else None,
        )
        return replace(found, actor=one.id, name=one.name)

    async def audience(self, channel: str, team: str) -> Role | None:
        """The least role among those who may read along in a channel; None where that is the asker alone.

        A public channel everybody of the workspace can open, and guests who were invited there read it too. Where
        Slack does not list the members, or there are more than Deus looks at, the least counts that somebody of the
        company may have; where others share the channel, a visitor's. Raises Unknown where Slack tells nothing of it.
        """
        if channel.startswith("D"):
            return None
        if self._known is None:
            return self._usual
        told = await self._asked(
            self._client.conversations_info(channel=channel), "who reads here", "channel_not_found"
        )
        there: Mapping[str, Any] = told["channel"] if told else {"is_ext_shared": True}
        if any(there.get(sign) for sign in ("is_ext_shared", "is_pending_ext_shared", "is_org_shared")):
            return OUTSIDE
        everybody: list[Role] = []
        if not (there.get("is_private") or there.get("is_mpim")):
            everybody = [one.role for one in await self._known.listed() if any(map(_here, one.identities))]
            everybody.append(self._usual)
        members = await self._members(channel)
        return least((*everybody, GUEST if members is None else await self._least(members, team)))

    async def _least(self, members: frozenset[str], team: str) -> Role:
        """The least role of some members, apps left out."""
        assert self._known is not None
        accounts = {
            each.ident: one.role for one in await self._known.listed() for each in one.identities if _here(each)
        }
        roles: list[Role | None] = [accounts[user] for user in members if user in accounts]
        strangers = sorted(members - accounts.keys())
        if len(strangers) > MOST_STRANGERS:
            return GUEST
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._described(user, team)) for user in strangers]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        for told in (task.result() for task in asked):
            same = await self._known.find(Identity(service="email", ident=told.email)) if told.email else None
            ours = same.role if same else GUEST if told.guest else self._usual
            roles.append(None if told.app else ours if told.ours else OUTSIDE)
        return least(roles) or GUEST

    async def _members(self, channel: str) -> frozenset[str] | None:
        """Who is in a channel; None where that cannot be told, or they are too many."""
        from slack_sdk.errors import SlackApiError

        known = self._readers.get(channel)
        if known is not None and known[0] > monotonic() - MEMBERS_FRESH:
            return known[1]
        found: set[str] = set()
        cursor: str | None = None
        while cursor != "" and len(found) <= MOST_MEMBERS:
            try:
                page = await self._client.conversations_members(channel=channel, limit=200, cursor=cursor)
            except SlackApiError:
                return None
            found.update(page["members"])
            cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        members = frozenset(found) if found and len(found) <= MOST_MEMBERS else None
        self._readers[channel] = monotonic(), members
        return members

    async def _described(self, user: str, team: str) -> Person:
        known = self._people.get(user)
        if known is None or known[0] < monotonic() - FRESH:
            said = await self._asked(self._client.users_info(user=user), "who you are", "user_not_found")
            found = person(said["user"], team) if said else Person(f"slack:{user}", user, ours=False)
            known = self._people[user] = monotonic(), found
        return known[1]

    async def channel(self, channel: str) -> str:
        """A channel's name, without the #. Raises Unknown."""
        known = self._channels.get(channel)
        if known is None or known[0] < monotonic() - FRESH:
            work = self._client.conversations_info(channel=channel)
            said = await self._asked(work, "what this channel is called", "channel_not_found")
            known = self._channels[channel] = monotonic(), str(said["channel"].get("name") or "") if said else ""
        return known[1]

    async def _asked(self, call: Any, what: str, absent: str) -> Any:
        """What Slack says; None where it knows nothing of the kind."""
        import aiohttp
        from slack_sdk.errors import SlackApiError, SlackClientError

        try:
            return await call
        except SlackApiError as error:
            if error.response.get("error") == absent:
                return None
            raise Unknown(f"Slack could not say {what}.", remedy="Try again in a minute.") from error
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            raise Unknown(f"Slack could not say {what}.", remedy="Try again in a minute.") from error


def _here(identity: Identity) -> bool:
    return identity.service == "slack"
