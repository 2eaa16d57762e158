"""Finds the accounts of known people at the connected services, by the e-mail addresses that those vouch for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from agents.identity import Identity, People, Person, plain
from agents.ports import Toolbox
from tools.nouns import Person as Account
from tools.verbs import PeopleFind

# Services that show an address only if its owner has confirmed it: at GitHub only a verified one can be public, at
# Linear it is what one signs in by. Slack and Teams say who somebody is when they speak.
VOUCHING = ("github", "linear")
# Where work is assigned stands first.
ORDER = {"linear": 0, "github": 1}
PATIENCE = 20.0
# In seconds: how long after a start, and then how often, it is looked.
SOON, OFTEN = 60.0, 3600.0

log = logging.getLogger(__name__)


class Accounts:
    """Looks for accounts of people who are known already; nobody is made by it, and no link made by hand is moved."""

    def __init__(self, toolbox: Toolbox, people: People, *, soon: float = SOON, often: float = OFTEN) -> None:
        self._toolbox = toolbox
        self._people = people
        self._soon = soon
        self._often = often

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Looks now and then while the block runs."""
        task = asyncio.create_task(self._go_on(), name="find people's accounts")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _go_on(self) -> None:
        await asyncio.sleep(self._soon)
        while True:
            try:
                await self.look()
            except Exception:  # a background task's top
                log.exception("People's accounts at the connected services could not be looked for this time.")
            await asyncio.sleep(self._often)

    async def look(self) -> Sequence[Identity]:
        """Links what was not linked yet, and returns it. A service that is late or fails is left for the next look."""
        found: list[Identity] = []
        for service in self._toolbox.services(PeopleFind.name):
            if service not in VOUCHING:
                continue
            try:
                async with asyncio.timeout(PATIENCE):
                    reply = await self._toolbox.ask(service, PeopleFind())
            except TimeoutError:
                continue
            for account in reply.nouns:
                if isinstance(account, Account) and (linked := await self._link(account)) is not None:
                    found.append(linked)
        return found

    async def _link(self, account: Account) -> Identity | None:
        """The account's identity, if it is somebody's whom it was not before."""
        identity = Identity(service=account.service, ident=account.ref)
        if not account.email or await self._people.find(identity) is not None:
            return None
        if await self._people.find(Identity(service="email", ident=account.email)) is None:
            return None
        await self._people.recognise(identity, name=account.name, email=account.email)
        return identity


async def own_name(person: Person, accounts: Sequence[Account], people: People) -> str | None:
    """How the services call a person: by an account that is linked to them, or bears their address at a service that
    vouches for it and is nobody else's. Where others have the same name it is the account's handle."""
    mails = {one.ident for one in person.identities if one.service == "email"}
    for account in sorted(accounts, key=lambda one: ORDER.get(one.service, len(ORDER))):
        selves = [
            plain(Identity(service=account.service, ident=name)) for name in (account.ref, account.handle) if name
        ]
        linked = any(one in person.identities for one in selves)
        vouched = account.service in VOUCHING and (account.email or "").strip().casefold() in mails
        if vouched and not linked:
            holders = [await people.find(one) for one in selves]
            vouched = all(one is None or one.id == person.id for one in holders)
        if linked or vouched:
            namesakes = [one for one in accounts if one.service == account.service and one.name == account.name]
            return account.name if len(namesakes) == 1 else account.handle or account.ref
    return None
