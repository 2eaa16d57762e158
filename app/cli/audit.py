"""`deus audit`: what happened, whether the log of it is whole, and its way out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from agents.audit import Anchor, AuditRow, Fault
    from app.stores.audit import AuditLog

cli = typer.Typer(help="Look at the audit log, verify it, export it, anchor it.", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@cli.callback()
def audit(
    context: typer.Context,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    run: Annotated[str | None, typer.Option(help="Only what belongs to this run.")] = None,
) -> None:
    """List the last entries, newest first."""
    if context.invoked_subcommand:
        return
    rows = asyncio.run(_latest(limit, run))
    if as_json:
        print(json.dumps([row.line() for row in rows], indent=2))
        return
    for row in rows:
        print(f"{row.n:>7}  {row.at[:19]}  {row.kind:<20}  {row.actor:<24}  {row.run or ''}")


@cli.command("verify")
def verify(
    as_json: AsJson = False,
    anchor: Annotated[Path | None, typer.Option(help="A file of lines that `deus audit anchor` printed.")] = None,
) -> None:
    """Check that no row was changed, taken away or moved; with anchors, that none was cut off or written anew."""
    rows, fault, anchors = asyncio.run(_verified(anchor))
    if as_json:
        found = None if fault is None else {"kind": fault.kind, "n": fault.n, "sentence": fault.sentence}
        print(json.dumps({"ok": fault is None, "rows": rows, "anchors": anchors, "fault": found}))
    elif fault is None:
        print(f"The audit log is whole: {rows} rows, {anchors} anchors.")
    else:
        print(f"The audit log was tampered with. {fault.sentence} Up to row {rows} it is whole.", file=sys.stderr)
    if fault is not None:
        raise typer.Exit(1)


@cli.command("export")
def export(
    format: Annotated[Literal["jsonl", "ocsf"], typer.Option(help="Rows as they are, or OCSF events.")] = "jsonl",
    since: Annotated[str | None, typer.Option(help="A day or an ISO time: only what happened from then on.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; standard output if left out.")] = None,
) -> None:
    """Write the log as JSON Lines, oldest first."""
    start = _moment(since)
    with contextlib.ExitStack() as stack:
        file = sys.stdout if output is None else stack.enter_context(output.open("w", encoding="utf-8"))
        written = asyncio.run(_exported(format, start, file.write))
    if output is not None:
        print(f"{written} rows are in {output}.")


@cli.command("anchor")
def anchor() -> None:
    """Print the chain's head as a line to keep elsewhere; `deus audit verify --anchor FILE` takes it."""
    print(asyncio.run(_head()).model_dump_json())


@contextlib.asynccontextmanager
async def _opened() -> AsyncIterator[AuditLog]:
    from app.settings import load_settings
    from app.workspace import open_audit

    async with open_audit(load_settings(os.environ)) as log:
        yield log


async def _latest(limit: int, run: str | None) -> list[AuditRow]:
    async with _opened() as log:
        return list(await log.latest(limit, run=run))


async def _verified(path: Path | None) -> tuple[int, Fault | None, int]:
    from app.anchors import AnchorFile
    from app.settings import load_settings

    chosen = path or load_settings(os.environ).audit_anchor_file
    # A file that is set and not there yet has no anchors; one that somebody names must be there.
    anchors = AnchorFile(chosen).read() if chosen is not None and (path is not None or chosen.exists()) else []
    async with _opened() as log:
        rows, fault = await log.verify(anchors)
    return rows, fault, len(anchors)


async def _exported(format: str, since: datetime | None, write: Callable[[str], object]) -> int:
    from agents.audit import canonical
    from agents.audit_ocsf import ocsf

    written = 0
    async with _opened() as log:
        workspace = (await log.head()).workspace
        async for row in log.rows(since=since):
            write(canonical(ocsf(row, workspace) if format == "ocsf" else row.line()) + "\n")
            written += 1
    return written


async def _head() -> Anchor:
    async with _opened() as log:
        return await log.head()


def _moment(text: str | None) -> datetime | None:
    from tools.kit.errors import UserMustMend

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserMustMend(f"--since {text} is no day or ISO time.", remedy="Write it like 2026-11-01.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
