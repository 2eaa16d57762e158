"""`deus runs`: what was asked, how each run went, and what can be done with a run: stop, resume, retry, fork."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from agents.event import Event
    from agents.record import RunDocument
    from app.bootstrap import Product

cli = typer.Typer(help="List runs, show one, or let one go on.", invoke_without_command=True, no_args_is_help=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
T = TypeVar("T")
FromStep = Annotated[str | None, typer.Option("--from", help="The step to begin with; `deus runs show` names them.")]
SPANS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@cli.callback()
def runs(
    context: typer.Context,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    status: Annotated[str | None, typer.Option(help="running, awaiting_approval, answered, failed, stopped …")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this person asked.")] = None,
    conversation: Annotated[str | None, typer.Option(help="Only this conversation.")] = None,
    since: Annotated[str | None, typer.Option(help="Only since then: a date, a time, or 30m, 12h, 7d, 2w.")] = None,
) -> None:
    """List the last runs, newest first."""
    if context.invoked_subcommand:
        return
    filters: dict[str, Any] = {"status": status, "actor": actor, "conversation": conversation, "limit": limit}
    found = asyncio.run(_runs(since, filters))
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        narrowed = any((status, actor, conversation, since))
        print("No such runs." if narrowed else 'No runs yet. Ask something: deus ask "Why did signups drop last week?"')
    for run in found:
        print(f"{run['run']}  {run['at'][:16]}  {run['status']:<10}  {run['question']}")


@cli.command("show")
def show(run: str, as_json: AsJson = False) -> None:
    """Show one run: its plan, its answer, its evidence."""
    document, events = _known(run, lambda product: _whole(product, run))
    if as_json:
        print(document.model_dump_json(indent=2))
        return
    _print(document, events)


async def _whole(product: Product, run: str) -> tuple[RunDocument, Sequence[Event]]:
    return await product.conversations.document(run), await product.conversations.events(run)


@cli.command("stop")
def stop(run: str) -> None:
    """Stop a run, whichever process drives it."""
    asked = _known(run, lambda product: product.conversations.stop(run, _me()))
    _told(asked, f"{run} is asked to stop.", f"{run} has ended already.")


@cli.command("resume")
def resume(run: str, as_json: AsJson = False) -> None:
    """Let a run go on that failed or was stopped; what it found stays."""
    _followed(run, lambda product: product.conversations.resume(run, _me()), as_json, "It did not fail or stop.")


@cli.command("retry")
def retry(run: str, step: FromStep = None, as_json: AsJson = False) -> None:
    """Try a run again from a step, or all that found nothing. What was done at a service is not done again."""
    _followed(run, lambda product: product.conversations.retry(run, _me(), step), as_json, "It has not ended yet.")


@cli.command("fork")
def fork(run: str, step: FromStep = None, as_json: AsJson = False) -> None:
    """Begin another run with what this one found before a step. What this one did is not done again."""
    _followed(run, lambda product: product.conversations.fork(run, _me(), step), as_json, "It has not ended yet.")


def _me() -> str:
    return os.environ.get("USER") or "cli"


def _told(happened: object, yes: str, no: str) -> None:
    from tools.kit.errors import UserMustMend

    if not happened:
        raise UserMustMend(no, remedy="`deus runs` shows how it stands.")
    print(yes)


def _known(run: str, does: Callable[[Product], Awaitable[T]]) -> T:
    """What `does` with the open product returns; an unknown run or step is the user's to mend."""
    from app.bootstrap import open_product
    from app.settings import load_settings
    from tools.kit.errors import UserMustMend

    async def opened() -> T:
        async with open_product(load_settings(os.environ), at_once=False) as product:
            return await does(product)

    try:
        return asyncio.run(opened())
    except LookupError as error:
        raise UserMustMend(str(error), remedy=f"`deus runs` lists runs, `deus runs show {run}` its steps.") from error


def _followed(run: str, does: Callable[[Product], Awaitable[str | int | None]], as_json: bool, no: str) -> None:
    """Does it, waits until the run ends or waits for somebody, and shows it."""
    from agents.event import pauses
    from tools.kit.errors import UserMustMend

    async def until(product: Product) -> tuple[RunDocument, Sequence[Event]]:
        made = await does(product)
        if not made:
            raise UserMustMend(f"{run} was left as it is. {no}", remedy="`deus runs` shows how it stands.")
        new, seen = (made, 0) if isinstance(made, str) else (run, made)
        async for event in product.conversations.follow(new, seen):
            if pauses(event):
                break
        return await _whole(product, new)

    document, events = _known(run, until)
    if as_json:
        print(document.model_dump_json(indent=2))
    else:
        print(document.run)
        _print(document, events)
    if document.status == "failed":
        raise typer.Exit(1)


def _print(document: RunDocument, events: Sequence[Event]) -> None:
    from app.channels.answer_terminal import readable
    from app.channels.code_terminal import calls, summary, viewed

    view = viewed(document.run, events)
    print(f"{document.question}\n{document.status}\n")
    for step in document.plan:
        ms = step.get("ms") or 0
        print(f"  {step.get('state', ''):<8} {step.get('verb', ''):<22} {ms:>6} ms  {step.get('id', '')}")
    if ran := calls(view):
        print(f"\nIn the sandbox:\n{ran}")
    print(f"\n{readable(document.answer)}")
    if work := summary(view):
        print(f"\n{work}")
    if document.error:
        print(document.error)


def _since(text: str, now: datetime) -> datetime:
    """A span before now, or a time; one without a zone is UTC."""
    from tools.kit.errors import UserMustMend

    span = re.fullmatch(r"(\d{1,4})([mhdw])", text)
    if span is not None:
        return now - timedelta(**{SPANS[span[2]]: int(span[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserMustMend(f"{text!r} is no time.", remedy="Say 2026-11-18T09:30, or 30m, 12h, 7d.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _runs(since: str | None, filters: dict[str, Any]) -> list[dict[str, str]]:
    from app.bootstrap import open_product
    from app.settings import load_settings

    async with open_product(load_settings(os.environ), at_once=False) as product:
        after = _since(since, product.clock.now()) if since else None
        found = await product.conversations.runs(since=after, **filters)
        return [
            {"run": r.run, "at": r.at.isoformat(), "status": r.status, "question": r.question, "channel": r.channel}
            for r in found
        ]
