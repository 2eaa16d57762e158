"""`deus preferences`: what people corrected about where writes go and whom they mean; each can be forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agents.destination import Preference
    from app.stores.preferences import StoredPreferences

cli = typer.Typer(help="Show and forget what was corrected: trackers, accounts, priorities, channels, owners.")


@cli.callback(invoke_without_command=True)
def preferences(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List what was corrected, the last first."""
    if context.invoked_subcommand is not None:
        return
    found = asyncio.run(_listed())
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
        return
    if not found:
        print("Nobody has corrected anything yet. Say “no, in GitHub” or “no, give it to Ana” to a proposal.")
    for one in found:
        print(f"{one.kind:<9} {one.about:<28} {one.value:<24} {one.at:%Y-%m-%d %H:%M} by {one.by}")


@cli.command()
def forget(
    kind: Annotated[str, typer.Argument(help="The first column of the list, such as service.")],
    about: Annotated[str, typer.Argument(help="The second column of the list, such as issues.create.")],
) -> None:
    """Forget one: Deus goes by the settings and the history again."""
    from tools.kit.errors import UserMustMend

    if not asyncio.run(_forgotten(kind, about)):
        raise UserMustMend(f"Nothing was corrected about {kind} {about}.", remedy="`deus preferences` lists what was.")
    print(f"Forgotten: {kind} {about}.")


async def _listed() -> Sequence[Preference]:
    async with _opened() as stored:
        return await stored.listed()


async def _forgotten(kind: str, about: str) -> bool:
    async with _opened() as stored:
        return await stored.forget(kind, about)


@contextlib.asynccontextmanager
async def _opened() -> AsyncIterator[StoredPreferences]:
    from app.settings import load_settings
    from app.stores.migrations import migrate
    from app.stores.preferences import StoredPreferences
    from app.workspace import open_database

    database = open_database(load_settings(os.environ))
    try:
        await migrate(database)
        yield StoredPreferences(database)
    finally:
        await database.close()
