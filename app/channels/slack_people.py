"""Who somebody in Slack is, and what a channel is called, as Slack says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

FRESH = 600.0  # seconds


class Unknown(DeusError):
    """Slack could not say who somebody is, so that nothing is done in their name."""


@dataclass(frozen=True)
class Person:
    """Somebody of the workspace: `actor` is their e-mail address if Slack vouches for one. Guests of other
    workspaces, apps and people who have left are not `ours`."""

    actor: str
    name: str
    ours: bool


def person(user: Mapping[str, Any], team: str) -> Person:
    """A person as users.info describes them."""
    profile = user.get("profile") or {}
    ours = user.get("team_id") == team and not any(user.get(flag) for flag in ("deleted", "is_bot", "is_stranger"))
    email = str(profile.get("email") or "").strip().casefold()
    vouched = ours and email and user.get("is_email_confirmed", True)
    name = str(profile.get("real_name") or user.get("real_name") or user.get("name") or user["id"])
    return Person(email if vouched else f"slack:{user['id']}", name, ours)


class People:
    """Asks Slack and remembers for some minutes. Where Slack is silent nobody is guessed: one person keeps one name."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._people: dict[str, tuple[float, Person]] = {}
        self._channels: dict[str, tuple[float, str]] = {}

    async def person(self, user: str, team: str) -> Person:
        """Who a user is. Raises Unknown."""
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
