"""`deus connect`: asks for what a service needs, tests it, says what it can see, and seals it in the vault."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.settings import Settings
    from app.stores.consents import Consent
    from tools.kit.connector import Sight


def connect(
    name: Annotated[str, typer.Argument(help="The service, such as github; all of them are listed if left out.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Test the settings that are there and ask nothing.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove what the vault keeps for the service.")] = False,
    consents: Annotated[bool, typer.Option("--list", help="List who connected what, when, with which rights.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list, or the manifest, as JSON.")] = False,
    bot: Annotated[bool, typer.Option("--bot", help="Slack: let people write to Deus there.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Slack: let Deus read what is said there.")] = False,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Slack, Teams: print the app's manifest and nothing else.")
    ] = False,
    http: Annotated[
        str | None,
        typer.Option(
            "--http",
            metavar="URL",
            help="Slack: Deus' public address, to be told over HTTP; over a socket if left out.",
        ),
    ] = None,
) -> None:
    """Connect a service: ask for what is missing, test it, say what Deus can see there."""
    from tools.catalog import connectors
    from tools.kit.errors import UserMustMend

    known = connectors()
    if consents:
        _print_consents(asyncio.run(_consents()), as_json)
        return
    if not name:
        _list()
        return
    if name == "teams":
        from app.cli import connect_teams

        connect_teams.connect_teams(http, check=check, manifest_alone=manifest, forget=forget)
        return
    if name not in known:
        raise UserMustMend(f"There is no service {name!r}.", remedy=f"Known are {', '.join(known)}.")
    if name != "slack" and (bot or source or manifest or http):
        raise UserMustMend(
            f"{known[name].title} has no bot.", remedy="--bot, --source, --manifest and --http are Slack's."
        )
    if name == "slack":
        from app.cli import connect_slack

        if manifest:
            connect_slack.print_manifest(http, as_json=as_json)
            return
        parts = connect_slack.parts(bot=bot or bool(http), source=source, check=check, forget=forget, given=_given())
        for part in parts:
            if part == "bot":
                connect_slack.bot(http, check=check, forget=forget, offers=parts == ("bot",))
        if "source" not in parts:
            return
    if forget:
        _forget(name)
        return
    _connect(name, check=check)


def _connect(name: str, *, check: bool) -> None:
    """Asks for what is missing, tests it, says what it sees, and keeps it; with `check` it asks and keeps nothing."""
    from tools.catalog import connectors
    from tools.kit.errors import DeusError, UserMustMend

    known = connectors()
    before = _given().get(name, {})
    given = dict(before) if check else _asked(name, dict(before))
    try:
        sight = asyncio.run(_checked(name, given))
    except DeusError as error:
        raise UserMustMend(f"{known[name].title} is not connected: {error}") from error
    print(f"Connected to {known[name].title} as {sight.account}. It sees {', '.join(sight.sees) or 'nothing yet'}.")
    if not check and given != before:
        asyncio.run(_kept(name, given, sight))
        print("Kept in the vault, sealed.")


def keep_source(name: str, given: Mapping[str, str]) -> None:
    """Tests a service with these settings beside those that are there, and keeps them. Raises UserMustMend."""
    from tools.catalog import connectors
    from tools.kit.errors import DeusError, UserMustMend

    given = {**_given().get(name, {}), **given}
    try:
        sight = asyncio.run(_checked(name, given))
    except DeusError as error:
        raise UserMustMend(f"{connectors()[name].title} is not connected: {error}") from error
    asyncio.run(_kept(name, given, sight))
    print(f"It reads {', '.join(sight.sees)}. Kept in the vault, sealed.")


def _list() -> None:
    from tools.catalog import connectors
    from tools.kit.connector import missing

    given = _given()
    for name, connector in connectors().items():
        lacking = missing(connector.Settings, dict(given.get(name, {})))
        verbs = ", ".join(sorted(connector.verbs()))
        state = "connected" if not lacking else f"needs {', '.join(f'DEUS_{name}_{f}'.upper() for f in lacking)}"
        print(f"{name:<10} {state}\n{'':<10} {verbs}")


def _print_consents(found: Sequence[Consent], as_json: bool) -> None:
    if as_json:
        print(json.dumps([vars(one) for one in found], indent=2, default=str))
        return
    if not found:
        print("Nobody has connected a service with `deus connect` yet.")
    for one in found:
        end = f", ended {one.ended_at:%Y-%m-%d %H:%M} by {one.ended_by}" if one.ended_at else ""
        print(f"{one.service:<10} {one.at:%Y-%m-%d %H:%M}  by {one.actor}{end}")
        print(f"{'':<10} as {one.account}; {one.rights}; sees {', '.join(one.sees) or 'not told'}")


def _forget(name: str) -> None:
    from tools.kit.errors import UserMustMend

    if not asyncio.run(_forgotten(name)):
        raise UserMustMend(
            f"The vault keeps nothing for {name}.",
            remedy=f"What DEUS_{name.upper()}_… or deus.toml says is yours to remove.",
        )
    print(f"The vault no longer keeps anything for {name}. Revoke the key at the service, too, if nobody needs it.")


def _given() -> Mapping[str, Mapping[str, str]]:
    """What the environment, deus.toml and the vault say of every service."""
    from app.settings import load_settings

    return asyncio.run(_all_given(load_settings(os.environ)))


async def _all_given(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    from app.workspace import kept_services, open_vault

    async with open_vault(settings) as vault:
        return await kept_services(settings, vault)


async def _kept(name: str, given: Mapping[str, str], sight: Sight) -> None:
    from datetime import UTC, datetime

    from app.settings import load_settings
    from app.stores.consents import Consent
    from app.workspace import open_vault

    consent = Consent(name, _actor(), datetime.now(UTC), sight.account, sight.sees, sight.scopes)
    async with open_vault(load_settings(os.environ)) as vault:
        await vault.keep(given, consent)


async def _forgotten(name: str) -> bool:
    from app.settings import load_settings
    from app.workspace import open_vault

    async with open_vault(load_settings(os.environ)) as vault:
        return await vault.forget(name, _actor())


async def _consents() -> Sequence[Consent]:
    from app.settings import load_settings
    from app.workspace import open_vault

    async with open_vault(load_settings(os.environ)) as vault:
        return await vault.consents()


def _actor() -> str:
    return os.environ.get("USER") or "cli"


def _asked(name: str, given: dict[str, str]) -> dict[str, str]:
    """The settings with the missing ones asked for; secrets are not shown while typed."""
    from tools.catalog import connectors
    from tools.kit.connector import missing, secret_fields

    settings_class = connectors()[name].Settings
    hidden = secret_fields(settings_class)
    answers = dict(given)
    for field in missing(settings_class, answers):
        description = settings_class.model_fields[field].description or field
        answers[field] = typer.prompt(f"{field}: {description}", hide_input=field in hidden)
    return answers


async def _checked(name: str, given: Mapping[str, str]) -> Sight:
    from datetime import UTC, datetime

    from pydantic import ValidationError

    from tools.catalog import connectors
    from tools.kit.errors import UserMustMend
    from tools.kit.wire import Wire, open_client

    connector = connectors()[name]
    try:
        settings = connector.Settings.model_validate(given)
    except ValidationError as error:
        fields = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        raise UserMustMend(f"These settings of {name} are missing or wrong: {fields}.") from error
    async with open_client() as client:
        opened = connector(settings, Wire(client, name, connector.wire_options(settings)), lambda: datetime.now(UTC))
        return await opened.check()
