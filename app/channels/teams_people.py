"""Who somebody in Teams is, and who reads along, as Teams says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from agents.identity import Identity, Person, Role, least
from tools.kit.errors import DeusError, NotFound

if TYPE_CHECKING:
    from agents.identity import People
    from app.channels.teams_activity import Activity
    from app.channels.teams_wire import Connector, Place

log = logging.getLogger(__name__)
T = TypeVar("T")

FRESH = 600.0  # seconds
MOST_PAGES = 50
GUESTS = ("guest", "anonymous", "federated")


class Unknown(DeusError):
    """Nothing is done in the name of somebody of whom it is not known who they are."""


@dataclass(frozen=True)
class Member:
    """Somebody in a conversation. Guests and people of other companies are not `ours`."""

    aad: str
    name: str
    email: str | None
    ours: bool


def member(said: Mapping[str, Any], tenant: str) -> Member:
    """A member as the roster describes them. `tenant` "" takes everybody for ours, as on one's own machine."""
    aad = str(said.get("aadObjectId") or said.get("objectId") or "")
    ours = str(said.get("userRole") or "").casefold() not in GUESTS and said.get("tenantId") in (None, "", tenant)
    if not tenant:
        ours = True
    addresses = (str(said.get(name) or "").strip() for name in ("email", "userPrincipalName"))
    email = next((one for one in addresses if "@" in one and "#ext#" not in one.casefold()), None)
    return Member(aad, str(said.get("name") or email or aad), email if ours else None, ours and bool(aad))


class TeamsPeople:
    """Asks Teams and remembers for some minutes. Where Teams is silent nobody is guessed."""

    def __init__(self, connector: Connector, people: People, tenant: str, usual: Role) -> None:
        self._connector = connector
        self._people = people
        self._tenant = tenant
        self._usual = usual
        self._members: dict[str, tuple[float, Member]] = {}
        self._audiences: dict[str, tuple[float, Role]] = {}

    async def person(self, place: Place, activity: Activity) -> Person:
        """Who said or pressed something. Raises Unknown."""
        known = self._members.get(activity.sender)
        if known is None or known[0] < monotonic() - FRESH:
            known = monotonic(), await self._asked(place, activity)
            self._members = {**_fresh(self._members), activity.sender: known}
        found = known[1]
        if not found.ours or found.aad != activity.aad:
            raise Unknown("Only people of this company may talk to Deus here.")
        return await self._people.recognise(
            Identity(service="teams", ident=found.aad), name=found.name, email=found.email
        )

    async def audience(self, place: Place, activity: Activity) -> Role | None:
        """The least role of those who read along; None in a chat of two. Who cannot be counted is a visitor."""
        if activity.kind == "personal":
            return None
        # The people of a channel are those of its team.
        of = activity.team if activity.kind == "channel" else activity.conversation
        known = self._audiences.get(of)
        if known is not None and known[0] > monotonic() - FRESH:
            return known[1]
        try:
            found = await self._least(place, of)
        except DeusError as error:
            log.warning("Who reads along in Teams could not be found out, so that visitors are assumed: %s", error)
            return "visitor"
        self._audiences = {**_fresh(self._audiences), of: (monotonic(), found)}
        return found

    def forget(self, *of: str) -> None:
        """Somebody came or left."""
        for one in of:
            self._audiences.pop(one, None)

    async def _least(self, place: Place, of: str) -> Role:
        roles = {one: person.role for person in await self._people.listed() for one in person.identities}
        found: Role | None = None
        after: str | None = None
        for _ in range(MOST_PAGES):
            page, after = await self._connector.members(place, of, after)
            for one in (member(said, self._tenant) for said in page):
                mine = [Identity(service="teams", ident=one.aad)] if one.aad else []
                mine += [Identity(service="email", ident=one.email.casefold())] if one.email else []
                role = next((roles[self_] for self_ in mine if self_ in roles), self._usual)
                found = least((found, role if one.ours else "visitor"))
            if not after:
                return found or "visitor"
        raise Unknown("There are too many people in this conversation to look at each.")

    async def _asked(self, place: Place, activity: Activity) -> Member:
        try:
            return member(await self._connector.member(place, activity.sender), self._tenant)
        except NotFound:
            return Member(activity.aad, activity.sender_name, None, ours=False)
        except DeusError as error:
            raise Unknown("Teams could not say who you are.", remedy="Try again in a minute.") from error


def _fresh(known: Mapping[str, tuple[float, T]]) -> dict[str, tuple[float, T]]:
    """What is still remembered: nobody's writing makes it grow for ever."""
    return {name: one for name, one in known.items() if one[0] > monotonic() - FRESH}
