"""`deus ask`: one question from the shell, answered here or by the server that is running."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.demo import World

if TYPE_CHECKING:
    from agents.event import Event
    from agents.record import RunDocument
    from app.bootstrap import Product

MARKS = {"done": "✓", "failed": "✗", "skipped": "–"}


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    world: World = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole run as JSON.")] = False,
    conversation: Annotated[str, typer.Option(help="Go on with a conversation of this name.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
) -> None:
    """Ask one question. With --world FILE it is asked of that demo company, with no server of one's own."""
    document = asyncio.run(_ask(question, world, conversation, show=not (quiet or as_json), dry=dry_run))
    print(document.model_dump_json(indent=2) if as_json else _shown(document))
    if document.status == "failed":
        raise typer.Exit(1)


async def _ask(question: str, world: Path | None, conversation: str, *, show: bool, dry: bool) -> RunDocument:
    import uuid

    from agents.event import pauses
    from agents.ports import Turn

    async with _product(world) as product:
        turn = Turn(
            text=question,
            actor=os.environ.get("USER") or "cli",
            channel="cli",
            conversation=conversation or f"cli-{uuid.uuid4()}",
            at=product.clock.now(),
            dry=dry,
        )
        run = await product.conversations.say(turn)
        async for event in product.conversations.follow(run):
            if show:
                _show(event)
            if pauses(event):
                break
        return await product.conversations.document(run)


@asynccontextmanager
async def _product(world: Path | None) -> AsyncIterator[Product]:
    """The product over a world's company, in a folder of its own that is removed; or over the connected services."""
    import tempfile

    from app.bootstrap import open_product
    from app.settings import load_settings

    async with AsyncExitStack() as stack:
        if world is None:
            settings = load_settings(os.environ)
        else:
            from app.demo.company import PUBLIC_URL, open_company
            from app.demo.place import company_settings
            from app.demo.process import running
            from app.demo.world import BadWorld, read_world
            from tools.kit.errors import UserMustMend

            try:
                company = open_company(read_world(world))
            except BadWorld as error:
                raise UserMustMend(str(error)) from error
            base = stack.enter_context(running(world, public_url=PUBLIC_URL))
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="deus-ask-", ignore_cleanup_errors=True))
            settings = load_settings({**os.environ, **company_settings(company, base, Path(folder))})
        yield await stack.enter_async_context(open_product(settings))


def _show(event: Event) -> None:
    """A line of progress on the error stream, so that the answer alone is on the output."""
    if event.kind == "step.finished":
        data = event.data
        mark = MARKS.get(str(data.get("state")), "·")
        print(f"  {mark} {data.get('summary') or data.get('id')} ({data.get('ms', 0)} ms)", file=sys.stderr, flush=True)


def _shown(document: RunDocument) -> str:
    lines = [document.answer]
    if document.error:
        lines.append(document.error)
    if document.status == "abstained":
        lines += [f'  deus ask "{suggestion}"' for suggestion in document.suggestions]
    lines += [""] * bool(document.evidence)
    for number, item in enumerate(document.evidence, 1):
        name = item.get("ref") or item.get("title") or item.get("verb")
        lines.append(f"[{number}] {item.get('service')}: {name}  {item.get('url') or ''}".rstrip())
    return "\n".join(lines)
