"""Who somebody is, whichever channel they come by, and the part they have here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, get_args

from pydantic import Field

from agents.record import Frozen

# In rising order: each may do what those before it may.
Role = Literal["visitor", "viewer", "agent", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
# The bearer of the API token. Nobody else can be called so.
PROGRAM = "api"
# The service under which a person keeps an id that they had before two people turned out to be one.
FORMER = "actor"


class Identity(Frozen):
    """One of a person's selves: who they are to a service (email, slack, teams, github, linear, widget …)."""

    service: str = Field(min_length=1, max_length=32)
    ident: str = Field(min_length=1, max_length=256)


class Person(Frozen):
    """Somebody, with the selves that are known. `id` is the actor that runs, approvals and the audit log name."""

    id: str
    name: str
    role: Role
    identities: tuple[Identity, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The actors that are this person: the id, and those they had before."""
        return frozenset({self.id, *(one.ident for one in self.identities if one.service == FORMER)})

    def at(self, service: str) -> str | None:
        """Who the person is to a service; None if that is not known."""
        return next((one.ident for one in self.identities if one.service == service), None)

    @property
    def email(self) -> str | None:
        """The person's first e-mail address, if one is known."""
        return self.at("email")


class People(Protocol):
    """The people of a workspace."""

    async def recognise(
        self, identity: Identity, *, name: str = "", email: str | None = None, role: Role | None = None
    ) -> Person:
        """Whoever has this identity; somebody new, with `role` or the workspace's usual one, if nobody has.

        Give `email` only if the service vouches for it: the identity then joins the person of that address, unless
        the link was corrected by hand. Visitors of the widget join nobody and stay visitors.
        """
        ...

    async def get(self, actor: str) -> Person | None:
        """The person that an actor is; None for one who is not known."""
        ...

    async def find(self, identity: Identity) -> Person | None:
        """Whoever has this identity, if anybody has; nobody is made."""
        ...

    async def listed(self) -> Sequence[Person]:
        """Everybody, by name; visitors are left out."""
        ...


def rank(role: Role) -> int:
    """The place of a role in the rising order: 0 for a visitor."""
    return ROLES.index(role)


def least(roles: Iterable[Role | None]) -> Role | None:
    """The lowest of some roles; those that are None do not count. None if none counts."""
    return min((role for role in roles if role is not None), key=rank, default=None)


def plain(identity: Identity) -> Identity:
    """The identity as it is compared: e-mail addresses and names of accounts do not differ by case or spaces."""
    ident = identity.ident.strip()
    folded = identity.service in ("email", "github", "linear")
    return Identity(service=identity.service.strip().casefold(), ident=ident.casefold() if folded else ident)
