"""`deus people`: who uses this workspace, as what, and which of their selves belong together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from agents.identity import Person
    from app.stores.people import StoredPeople

T = TypeVar("T")
cli = typer.Typer(help="People, their roles and their accounts: show, add, link, merge.", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Who = Annotated[str, typer.Argument(help="Somebody's id or e-mail address.")]
Service = Annotated[str, typer.Argument(help="email, slack, teams, github, linear or another service.")]
Ident = Annotated[str, typer.Argument(help="Who they are there: an address, an id, a name of an account.")]
Given = Literal["viewer", "agent", "admin"]


@cli.callback()
def people(context: typer.Context, as_json: AsJson = False) -> None:
    """List everybody but visitors."""
    if context.invoked_subcommand is None:
        listing(as_json)


@cli.command("list")
def listing(as_json: AsJson = False) -> None:
    """List everybody but visitors."""
    found = _with(lambda stored: stored.listed())
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=2, ensure_ascii=False))
        return
    for one in found:
        print(f"{one.role:<7} {one.name:<24} {one.id:<32} {_selves(one)}")


@cli.command("show")
def show(who: Who, as_json: AsJson = False) -> None:
    """Show somebody with all their selves."""
    _print(_with(lambda stored: _found(stored, who)), as_json)


@cli.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What they are called.")],
    email: Annotated[str | None, typer.Option(help="Their e-mail address, by which other services find them.")] = None,
    role: Annotated[Given | None, typer.Option(help="What they may do; DEUS_PEOPLE_ROLE if left out.")] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password, to sign in to the web with.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add somebody before any channel brings them along."""
    secret = _password() if password else None

    async def added(stored: StoredPeople) -> Person:
        person = await stored.add(name, by=_me(), email=email, role=role)
        await _set_password(stored, person.id, secret)
        return person

    _print(_with(added), as_json)


@cli.command("role")
def change_role(who: Who, role: Given, as_json: AsJson = False) -> None:
    """Give somebody another role: viewer looks, agent works and decides, admin does everything."""

    async def changed(stored: StoredPeople) -> Person:
        return await stored.set_role((await _found(stored, who)).id, role, by=_me())

    _print(_with(changed), as_json)


@cli.command("password")
def change_password(
    who: Who, remove: Annotated[bool, typer.Option("--remove", help="They sign in to the web no longer.")] = False
) -> None:
    """Set the password with which somebody signs in to the web."""
    secret = None if remove else _password()

    async def changed(stored: StoredPeople) -> None:
        person = await _found(stored, who)
        if secret is None:
            await stored.set_password(person.id, None, by=_me())
        await _set_password(stored, person.id, secret)

    _with(changed)
    print(f"{who} signs in no longer." if remove else f"{who} signs in with the new password.")


@cli.command("link")
def link(who: Who, service: Service, ident: Ident, as_json: AsJson = False) -> None:
    """Say that an account is somebody's. No e-mail address says otherwise from then on."""
    _print(_with(lambda stored: _linked(stored, who, service, ident, stored.link)), as_json)


@cli.command("unlink")
def unlink(who: Who, service: Service, ident: Ident, as_json: AsJson = False) -> None:
    """Say that an account is not somebody's: it is a person of its own from then on."""
    _print(_with(lambda stored: _linked(stored, who, service, ident, stored.unlink)), as_json)


@cli.command("merge")
def merge(
    who: Who,
    other: Annotated[str, typer.Argument(help="Who is the same person, and is known so no longer.")],
    as_json: AsJson = False,
) -> None:
    """Make one person of two; the first keeps name and role."""

    async def merged(stored: StoredPeople) -> Person:
        kept, gone = await _found(stored, who), await _found(stored, other)
        return await stored.merge(kept.id, gone.id, by=_me())

    _print(_with(merged), as_json)


@cli.command("remove")
def remove(who: Who) -> None:
    """Forget somebody. Slack or Teams bring them along again; to keep them from acting, make them a viewer."""

    async def removed(stored: StoredPeople) -> str:
        person = await _found(stored, who)
        await stored.remove(person.id, by=_me())
        return person.name

    print(f"Forgotten: {_with(removed)}.")


@cli.command("match")
def match(as_json: AsJson = False) -> None:
    """Find people's accounts at GitHub and Linear now; a running Deus looks every hour."""
    from agents.accounts import Accounts
    from app.bootstrap import open_product
    from app.settings import load_settings

    async def looked() -> list[dict[str, Any]]:
        async with open_product(load_settings(os.environ), at_once=False) as product:
            assert product.people is not None, "a product that was opened has people"
            return [one.model_dump() for one in await Accounts(product.toolbox, product.people).look()]

    found = asyncio.run(looked())
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n".join(f"{one['service']:<8} {one['ident']}" for one in found) or "Nothing that was not known yet.")


async def _found(stored: StoredPeople, who: str) -> Person:
    from agents.identity import Identity

    person = await stored.get(who) or await stored.find(Identity(service="email", ident=who))
    if person is None:
        raise LookupError(f"There is nobody called {who!r}.")
    return person


async def _linked(
    stored: StoredPeople, who: str, service: str, ident: str, how: Callable[..., Awaitable[Person]]
) -> Person:
    from agents.identity import Identity

    return await how((await _found(stored, who)).id, Identity(service=service, ident=ident), by=_me())


async def _set_password(stored: StoredPeople, person: str, secret: str | None) -> None:
    from app.channels.sign_in import hashed

    if secret is not None:
        await stored.set_password(person, await asyncio.to_thread(hashed, secret), by=_me())


def _password() -> str:
    """What is typed twice, or the first line that is piped in."""
    from tools.kit.errors import UserMustMend

    if sys.stdin.isatty():
        given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\n")
    if len(given) < 10:
        raise UserMustMend("A password needs ten characters or more.", remedy="A sentence is a good one.")
    return given


def _print(person: Person, as_json: bool) -> None:
    if as_json:
        print(json.dumps(person.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    print(f"{person.name}  ({person.role})\n  {person.id}")
    for one in person.identities:
        print(f"  {one.service:<8} {one.ident}")


def _selves(person: Person) -> str:
    return ", ".join(f"{one.service} {one.ident}" for one in person.identities)


def _me() -> str:
    return os.environ.get("USER") or "cli"


def _with(does: Callable[[StoredPeople], Awaitable[T]]) -> T:
    """What `does` with the stored people returns; somebody unknown is the user's to mend."""
    from tools.kit.errors import UserMustMend

    async def done() -> T:
        async with _opened() as stored:
            return await does(stored)

    try:
        return asyncio.run(done())
    except LookupError as error:
        raise UserMustMend(str(error), remedy="`deus people list` shows who is known.") from error


@contextlib.asynccontextmanager
async def _opened() -> AsyncIterator[Any]:
    from app.channels.sign_in import owner_of
    from app.clock import clock_of
    from app.settings import load_settings
    from app.stores.migrations import migrate
    from app.stores.people import StoredPeople
    from app.workspace import open_database

    settings = load_settings(os.environ)
    database = open_database(settings)
    try:
        await migrate(database)
        owner = owner_of(settings.data_dir, settings.user)
        yield StoredPeople(database, clock_of(settings.clock), role=settings.people_role, owner=owner)
    finally:
        await database.close()
