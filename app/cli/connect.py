"""`deus connect`: asks for what a service needs, tests it, says what it can see, and keeps it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tools.kit.connector import Sight


def connect(
    name: Annotated[str, typer.Argument(help="The service, such as github; all of them are listed if left out.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Test the settings that are there and ask nothing.")] = False,
) -> None:
    """Connect a service: ask for what is missing, test it, say what Deus can see there."""
    from tools.catalog import connectors
    from tools.kit.errors import DeusError, UserMustMend

    known = connectors()
    if not name:
        _list()
        return
    if name not in known:
        raise UserMustMend(f"There is no service {name!r}.", remedy=f"Known are {', '.join(known)}.")
    given = _given(name)
    if not check:
        given = _asked(name, given)
    try:
        sight = asyncio.run(_checked(name, given))
    except DeusError as error:
        raise UserMustMend(f"{known[name].title} is not connected: {error}") from error
    print(f"Connected to {known[name].title} as {sight.account}. It sees {', '.join(sight.sees) or 'nothing yet'}.")
    if not check and given != _given(name):
        from app.settings import keep_service

        path = keep_service(name, given)
        print(f"Kept in {path}, readable by you alone.")


def _list() -> None:
    from app.settings import load_settings
    from tools.catalog import connectors
    from tools.kit.connector import missing

    settings = load_settings(os.environ)
    for name, connector in connectors().items():
        lacking = missing(connector.Settings, dict(settings.services.get(name, {})))
        verbs = ", ".join(sorted(connector.verbs()))
        state = "connected" if not lacking else f"needs {', '.join(f'DEUS_{name}_{f}'.upper() for f in lacking)}"
        print(f"{name:<10} {state}\n{'':<10} {verbs}")


def _given(name: str) -> dict[str, str]:
    from app.settings import load_settings

    return dict(load_settings(os.environ).services.get(name, {}))


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


async def _checked(name: str, given: dict[str, str]) -> Sight:
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
