"""`deus runs`: what was asked, and how each run went."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agents.record import RunDocument

cli = typer.Typer(help="List runs, or show one.", invoke_without_command=True, no_args_is_help=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@cli.callback()
def runs(
    context: typer.Context, as_json: AsJson = False, limit: Annotated[int, typer.Option(min=1, max=1000)] = 20
) -> None:
    """List the last runs, newest first."""
    if context.invoked_subcommand:
        return
    found = asyncio.run(_runs(limit))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        print('No runs yet. Ask something: deus ask "Why did signups drop last week?"')
    for run in found:
        print(f"{run['run']}  {run['at'][:16]}  {run['status']:<10}  {run['question']}")


@cli.command("show")
def show(run: str, as_json: AsJson = False) -> None:
    """Show one run: its plan, its answer, its evidence."""
    from tools.kit.errors import UserMustMend

    try:
        document = asyncio.run(_document(run))
    except LookupError as error:
        raise UserMustMend(f"There is no run {run}.", remedy="`deus runs` lists them.") from error
    if as_json:
        print(document.model_dump_json(indent=2))
        return
    print(f"{document.question}\n{document.status}\n")
    for step in document.plan:
        print(
            f"  {step.get('state', ''):<8} {step.get('verb', ''):<22} {step.get('ms', 0):>6} ms  {step.get('id', '')}"
        )
    print(f"\n{document.answer}")


async def _runs(limit: int) -> list[dict[str, str]]:
    from app.bootstrap import open_product
    from app.settings import load_settings

    async with open_product(load_settings(os.environ)) as product:
        found = await product.conversations.runs(limit=limit)
        return [
            {"run": r.run, "at": r.at.isoformat(), "status": r.status, "question": r.question, "channel": r.channel}
            for r in found
        ]


async def _document(run: str) -> RunDocument:
    from app.bootstrap import open_product
    from app.settings import load_settings

    async with open_product(load_settings(os.environ)) as product:
        return await product.conversations.document(run)
