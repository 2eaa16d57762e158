"""People and their identities in the database, and the changes that are made to them by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.audit import AuditEntry
from agents.identity import FORMER, PROGRAM, Identity, Person, Role, plain, rank
from agents.ports import Clock
from app.stores import audit
from app.stores.database import Database
from app.stores.schema import Moment, metadata
from tools.kit.errors import BadArgument

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.String(256), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password", sa.Text),
    sa.Column("at", Moment, nullable=False),
)
# One row an identity. What was linked `by_hand` no e-mail address moves any more.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("service", sa.String(32), primary_key=True),
    sa.Column("ident", sa.String(256), primary_key=True),
    sa.Column("person", sa.String(256), nullable=False),
    sa.Column("by_hand", sa.Boolean, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
WIDGET = "widget"
TRIES = 8
LONGEST = 256


class StoredPeople:
    """The People of a workspace. `owner` signs in with the server's own password and is always admin."""

    def __init__(self, database: Database, clock: Clock, *, role: Role = "agent", owner: str | None = None) -> None:
        self._database = database
        self._clock = clock
        self._role: Role = role
        self._owner = owner

    async def recognise(
        self, identity: Identity, *, name: str = "", email: str | None = None, role: Role | None = None
    ) -> Person:
        """Whoever has this identity, joined by a vouched e-mail address; somebody new if nobody has."""
        wanted = plain(identity)
        known = await self._at_once(wanted, email)
        if known is not None:
            return known
        for _ in range(TRIES):
            # Another process may make the same person in the meantime.
            with contextlib.suppress(sa.exc.IntegrityError):
                return await self._recognise(wanted, name, email, role)
        return await self._recognise(wanted, name, email, role)

    async def get(self, actor: str) -> Person | None:
        """The person that an actor is, by the id or one they had before."""
        if actor == PROGRAM:
            return Person(id=PROGRAM, name="a program", role="admin")
        async with self._database.read() as connection:
            found = await self._by_id(connection, actor) or await self._who(connection, _former(actor))
        return found or (self._as_owner(actor) if actor == self._owner else None)

    async def find(self, identity: Identity) -> Person | None:
        """Whoever has this identity, if anybody has."""
        async with self._database.read() as connection:
            return await self._who(connection, plain(identity))

    async def listed(self) -> Sequence[Person]:
        """Everybody but visitors, by name."""
        ours = sa.select(people).where(people.c.role != "visitor").order_by(people.c.name, people.c.id)
        theirs = sa.select(identities).order_by(identities.c.service, identities.c.ident)
        async with self._database.read() as connection:
            rows = list(await connection.execute(ours))
            selves: dict[str, list[Identity]] = {row.id: [] for row in rows}
            for one in await connection.execute(theirs.where(identities.c.service != WIDGET)):
                if one.person in selves:
                    selves[one.person].append(Identity(service=one.service, ident=one.ident))
        listed = [self._person(row, selves[row.id]) for row in rows]
        if self._owner is not None and all(self._owner not in one.ids for one in listed):
            listed.insert(0, self._as_owner(self._owner))
        return listed

    async def add(self, name: str, *, by: str, email: str | None = None, role: Role | None = None) -> Person:
        """Somebody new, by hand. Raises BadArgument for an address that somebody has."""
        given = plain(Identity(service="email", ident=email)) if email else None
        async with self._database.write() as connection:
            if given is not None and await self._who(connection, given) is not None:
                raise BadArgument(f"Somebody has the address {given.ident} already.", remedy="See `deus people list`.")
            wanted = given.ident if given else name
            person = await self._make(connection, await self._free(connection, wanted), name, role or self._role)
            if given is not None:
                await self._link(connection, given, person, by_hand=True)
            await self._told(connection, "person.added", by, person, {"role": role or self._role})
            return await self._there(connection, person)

    async def set_role(self, actor: str, role: Role, *, by: str) -> Person:
        """Gives somebody another role. Raises LookupError; BadArgument for the owner and for visitors."""
        async with self._database.write() as connection:
            person = await self._known(connection, actor)
            if self._owner in person.ids and role != "admin":
                raise BadArgument(f"{person.name} owns this workspace and stays its admin.")
            if (person.role == "visitor") != (role == "visitor"):
                raise BadArgument("Visitors of the widget stay visitors, and nobody else is one.")
            await connection.execute(people.update().where(people.c.id == person.id).values(role=role))
            await self._told(connection, "person.role", by, person.id, {"role": role, "was": person.role})
            return await self._there(connection, person.id)

    async def set_password(self, actor: str, hashed: str | None, *, by: str) -> None:
        """Lets somebody sign in with a password, kept as its hash; or no longer. Raises LookupError."""
        async with self._database.write() as connection:
            person = await self._known(connection, actor)
            await connection.execute(people.update().where(people.c.id == person.id).values(password=hashed))
            await self._told(connection, "person.password", by, person.id, {"set": hashed is not None})

    async def password(self, login: str) -> tuple[Person, str] | None:
        """Who signs in by this id or e-mail address, with the hash of their password; None if nobody can."""
        if not 0 < len(login) <= LONGEST:
            return None
        person = await self.find(Identity(service="email", ident=login)) or await self.get(login)
        if person is None or person.role == "visitor":
            return None
        async with self._database.read() as connection:
            hashed: str | None = await connection.scalar(sa.select(people.c.password).where(people.c.id == person.id))
        return (person, hashed) if hashed else None

    async def password_of(self, actor: str) -> str | None:
        """The hash of an actor's own password; None where there is none, or nobody is called so."""
        person = await self.get(actor)
        if person is None or person.role == "visitor":
            return None
        async with self._database.read() as connection:
            kept: str | None = await connection.scalar(sa.select(people.c.password).where(people.c.id == person.id))
        return kept

    async def link(self, actor: str, identity: Identity, *, by: str) -> Person:
        """Says by hand whose an identity is; no e-mail address moves it from there. Raises LookupError."""
        wanted = _linkable(identity)
        async with self._database.write() as connection:
            person = await self._known(connection, actor)
            await self._link(connection, wanted, person.id, by_hand=True)
            await self._told(connection, "person.linked", by, person.id, wanted.model_dump())
            return await self._there(connection, person.id)

    async def unlink(self, actor: str, identity: Identity, *, by: str) -> Person:
        """Takes an identity away by hand: it is a person of its own from now on. Raises LookupError."""
        wanted = _linkable(identity)
        async with self._database.write() as connection:
            person = await self._known(connection, actor)
            if wanted not in person.identities:
                raise LookupError(f"{person.name} has no {wanted.service} {wanted.ident!r}.")
            alone = await self._make(
                connection,
                await self._free(connection, _id(wanted)),
                wanted.ident,
                min(person.role, self._role, key=rank),
            )
            await self._link(connection, wanted, alone, by_hand=True)
            await self._told(connection, "person.unlinked", by, person.id, wanted.model_dump())
            return await self._there(connection, person.id)

    async def merge(self, actor: str, other: str, *, by: str) -> Person:
        """Makes one person of two: the first keeps id, name and role and gets what the other had."""
        async with self._database.write() as connection:
            person, gone = await self._known(connection, actor), await self._known(connection, other)
            if person.id == gone.id:
                raise BadArgument(f"{actor} and {other} are one person already.")
            if "visitor" in (person.role, gone.role):
                raise BadArgument("Visitors of the widget stay who they are.")
            if self._owner in gone.ids:
                raise BadArgument(f"{gone.name} owns this workspace.", remedy=f"Merge {person.id} into {gone.id}.")
            await self._into(connection, gone.id, person.id, by_hand=True)
            await self._told(connection, "person.merged", by, person.id, {"with": gone.id})
            return await self._there(connection, person.id)

    async def remove(self, actor: str, *, by: str) -> None:
        """Forgets somebody: they may do nothing until they are recognised anew. Raises LookupError, BadArgument."""
        async with self._database.write() as connection:
            person = await self._known(connection, actor)
            if self._owner in person.ids:
                raise BadArgument(f"{person.name} owns this workspace and stays.")
            await connection.execute(identities.delete().where(identities.c.person == person.id))
            await connection.execute(people.delete().where(people.c.id == person.id))
            await self._told(connection, "person.removed", by, person.id, {"role": person.role})

    async def _at_once(self, identity: Identity, email: str | None) -> Person | None:
        """Who an identity is if nothing about it has to be written."""
        async with self._database.read() as connection:
            known = await self._who(connection, identity)
            if known is None:
                return None
            address = _address(identity, email)
            settled = address is None or address in known.identities or await self._by_hand(connection, identity)
            return known if settled else None

    async def _recognise(self, identity: Identity, name: str, email: str | None, role: Role | None) -> Person:
        address = _address(identity, email)
        async with self._database.write() as connection:
            known = await self._who(connection, identity)
            if known is not None and (address is None or await self._by_hand(connection, identity)):
                return known
            theirs = await self._who(connection, address) if address is not None else None
            if theirs is None and known is None:
                given: Role = "visitor" if identity.service == WIDGET else role or self._role
                wanted = await self._free(connection, _id(address or identity))
                person = await self._make(connection, wanted, name or (address or identity).ident, given)
            elif theirs is None or known is None:
                person = (theirs or known).id  # type: ignore[union-attr]
            else:
                person = theirs.id
                await self._joined(connection, known, identity, theirs)
            for one in (identity, address):
                if one is not None and (known is None or one not in known.identities):
                    await self._link(connection, one, person, by_hand=False)
            return await self._there(connection, person)

    async def _joined(self, connection: AsyncConnection, known: Person, identity: Identity, theirs: Person) -> None:
        """Moves an identity to the person of its address; somebody who was only that becomes one with them."""
        if known.id == theirs.id:
            return
        if set(known.identities) == {identity} and known.role == self._role and self._owner not in known.ids:
            await self._into(connection, known.id, theirs.id, by_hand=False)
        else:
            await self._link(connection, identity, theirs.id, by_hand=False)

    async def _into(self, connection: AsyncConnection, gone: str, person: str, *, by_hand: bool) -> None:
        moved = identities.update().where(identities.c.person == gone)
        await connection.execute(moved.values(person=person, **({"by_hand": True} if by_hand else {})))
        await connection.execute(people.delete().where(people.c.id == gone))
        await self._link(connection, _former(gone), person, by_hand=True)

    async def _make(self, connection: AsyncConnection, id: str, name: str, role: Role) -> str:
        await connection.execute(people.insert().values(id=id, name=name, role=role, at=self._clock.now()))
        return id

    async def _free(self, connection: AsyncConnection, wanted: str) -> str:
        """The id that is wanted, or the next like it that nobody has or had."""
        n, free = 1, wanted
        while (
            free in (PROGRAM, self._owner)
            or await self._by_id(connection, free) is not None
            or await self._who(connection, _former(free)) is not None
        ):
            n, free = n + 1, f"{wanted}-{n + 1}"
        return free

    async def _link(self, connection: AsyncConnection, identity: Identity, person: str, *, by_hand: bool) -> None:
        one = sa.and_(identities.c.service == identity.service, identities.c.ident == identity.ident)
        await connection.execute(identities.delete().where(one))
        row = {**identity.model_dump(), "person": person, "by_hand": by_hand, "at": self._clock.now()}
        await connection.execute(identities.insert().values(**row))

    async def _by_hand(self, connection: AsyncConnection, identity: Identity) -> bool:
        one = sa.and_(identities.c.service == identity.service, identities.c.ident == identity.ident)
        return bool(await connection.scalar(sa.select(identities.c.by_hand).where(one)))

    async def _who(self, connection: AsyncConnection, identity: Identity) -> Person | None:
        one = sa.and_(identities.c.service == identity.service, identities.c.ident == identity.ident)
        person = await connection.scalar(sa.select(identities.c.person).where(one))
        return None if person is None else await self._by_id(connection, person)

    async def _by_id(self, connection: AsyncConnection, id: str) -> Person | None:
        row = (await connection.execute(sa.select(people).where(people.c.id == id))).one_or_none()
        if row is None:
            return None
        has = await connection.execute(
            sa.select(identities.c.service, identities.c.ident)
            .where(identities.c.person == id)
            .order_by(identities.c.service, identities.c.ident)
        )
        return self._person(row, [Identity(service=service, ident=ident) for service, ident in has])

    def _person(self, row: sa.Row[Any], selves: Sequence[Identity]) -> Person:
        role: Role = "admin" if row.id == self._owner else row.role
        return Person(id=row.id, name=row.name, role=role, identities=tuple(selves))

    async def _known(self, connection: AsyncConnection, actor: str) -> Person:
        found = await self._by_id(connection, actor) or await self._who(connection, _former(actor))
        if found is None and actor == self._owner:
            return await self._there(connection, await self._make(connection, actor, actor, "admin"))
        if found is None:
            raise LookupError(f"There is nobody called {actor!r}.")
        return found

    async def _there(self, connection: AsyncConnection, id: str) -> Person:
        found = await self._by_id(connection, id)
        assert found is not None, f"{id} has just been written"
        return found

    def _as_owner(self, owner: str) -> Person:
        return Person(id=owner, name=owner, role="admin")

    async def _told(
        self, connection: AsyncConnection, kind: str, by: str, person: str, data: dict[str, str | bool]
    ) -> None:
        entry = AuditEntry(kind, self._clock.now(), by, None, {"person": person, **data})
        await audit.append(connection, [entry])


def _id(identity: Identity) -> str:
    """The actor that somebody new becomes: their e-mail address, or who they are to a service."""
    if identity.service in ("email", PROGRAM):
        return identity.ident
    return f"{'visitor' if identity.service == WIDGET else identity.service}:{identity.ident}"


def _address(identity: Identity, email: str | None) -> Identity | None:
    """The address that may join people: never one of a visitor, for a host page is not the company's directory."""
    if identity.service == "email":
        return identity
    return plain(Identity(service="email", ident=email)) if email and identity.service != WIDGET else None


def _linkable(identity: Identity) -> Identity:
    wanted = plain(identity)
    if wanted.service in (FORMER, WIDGET):
        raise BadArgument(f"An identity of {wanted.service!r} is not linked by hand.")
    return wanted


def _former(actor: str) -> Identity:
    return Identity(service=FORMER, ident=actor[:256] or " ")
