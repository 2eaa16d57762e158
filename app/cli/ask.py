"""`deus ask`: one question from the shell, answered here or by the server that is running."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.approvals import until_settled
from app.cli.demo import World

if TYPE_CHECKING:
    from agents.approval import Approval, Choice
    from agents.event import Event
    from agents.record import Attachment, RunDocument
    from app.bootstrap import Product

MARKS = {"done": "✓", "failed": "✗", "skipped": "–"}


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    world: World = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole run as JSON.")] = False,
    conversation: Annotated[str, typer.Option(help="Go on with a conversation of this name.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    file: Annotated[list[Path] | None, typer.Option(help="Ask about a file, such as a CSV; may be repeated.")] = None,
) -> None:
    """Ask one question. With --world FILE it is asked of that demo company, with no server of one's own."""
    asks = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    document, waiting, work = asyncio.run(
        _ask(question, world, conversation, file or (), show=not (quiet or as_json), dry=dry_run, asks=asks)
    )
    print(document.model_dump_json(indent=2) if as_json else _shown(document, kept=world is None))
    if work and not as_json:
        print(f"\n{work}")
    if waiting and not as_json:
        print(_waiting(waiting, kept=world is None))
    if document.status == "failed":
        raise typer.Exit(1)


async def _ask(
    question: str, world: Path | None, conversation: str, paths: Sequence[Path], *, show: bool, dry: bool, asks: bool
) -> tuple[RunDocument, Sequence[Approval], str]:
    """The run's document, what it waits for, and what came of its work in sandboxes, in short.

    Where somebody sits there (`asks`), they are asked at once.
    """
    import uuid

    from agents.event import pauses
    from agents.ports import Turn
    from app.channels.code_terminal import ended, summary, viewed
    from app.channels.web_view import fold

    async with _product(world) as product:
        actor = os.environ.get("USER") or "cli"
        turn = Turn(
            text=question,
            actor=actor,
            channel="cli",
            conversation=conversation or f"cli-{uuid.uuid4()}",
            at=product.clock.now(),
            dry=dry,
            files=await _brought(product, paths, actor),
        )
        run = await product.conversations.say(turn)
        view = viewed(run, ())
        async for event in product.conversations.follow(run):
            view = fold(view, event)
            if show:
                _show(event)
                _tell(ended(view, event))
            if pauses(event):
                break
        waiting = await _open(product, run)
        while waiting and asks:
            document = await product.conversations.document(run)
            said = [_shown(document, kept=world is None), summary(view)]
            choice = await asyncio.to_thread(_decided, "\n\n".join(filter(None, said)), waiting)
            if choice is None:
                break
            for one in waiting:
                await product.approvals.decide(one.id, choice, by=turn.actor, channel="cli", digest=one.proposal.digest)
            await until_settled(product, run)
            waiting = await _open(product, run)
        work = summary(viewed(run, await product.conversations.events(run)))
        return await product.conversations.document(run), waiting, work


async def _brought(product: Product, paths: Sequence[Path], actor: str) -> tuple[Attachment, ...]:
    """The files to ask about, kept."""
    from tools.kit.errors import UserMustMend

    if not paths:
        return ()
    if product.files is None:
        raise UserMustMend("Files are not taken here.", remedy="Ask without them.")
    kept = []
    for path in paths:
        try:
            # No more than is needed to say that it is too large.
            content = await asyncio.to_thread(_read, path, product.files.largest + 1)
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            raise UserMustMend(f"The file {path} cannot be read: {reason}.", remedy="Look at its path.") from error
        kept.append((await product.files.bring(content, name=path.name, actor=actor, channel="cli")).attachment)
    return tuple(kept)


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


async def _open(product: Product, run: str) -> list[Approval]:
    return [one for one in await product.approvals.of_run(run) if one.state == "requested"]


def _decided(said: str, waiting: Sequence[Approval]) -> Choice | None:
    """What whoever sits at the terminal says of all that waits; None to leave it open."""
    from app.cli.approvals import in_words

    print(f"{said}\n\n{in_words(waiting)}\n")
    answers: dict[str, Choice] = {"a": "approve", "r": "reject"}
    which = "it" if len(waiting) == 1 else f"all {len(waiting)}"
    told = typer.prompt(f"[a]pprove {which}, [r]eject {which}, or leave it [o]pen?", default="o", show_default=False)
    return answers.get(str(told).strip()[:1].casefold())


def _waiting(waiting: Sequence[Approval], *, kept: bool) -> str:
    """What waits for a yes, and how it is given."""
    from app.cli.approvals import in_words

    run = waiting[0].proposal.run
    how = f"deus approvals approve --run {run} --wait" if kept else "Nothing was done: this demo company is gone now."
    return f"\nThis waits for a yes:\n\n{in_words(waiting)}\n\n{how}"


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
    # What a step of a playbook did not need is no news.
    if event.kind == "step.finished" and event.data.get("state") != "skipped":
        data = event.data
        mark = MARKS.get(str(data.get("state")), "·")
        print(f"  {mark} {data.get('summary') or data.get('id')} ({data.get('ms', 0)} ms)", file=sys.stderr, flush=True)


def _tell(line: str) -> None:
    if line:
        print(line, file=sys.stderr, flush=True)


def _shown(document: RunDocument, *, kept: bool) -> str:
    """The answer, what it rests on, and what was done; `kept` says that there will be something to take back."""
    from app.channels.answer_terminal import readable

    lines = [readable(document.answer)]
    if document.error:
        lines.append(document.error)
    if document.status == "abstained":
        lines += [f'  deus ask "{suggestion}"' for suggestion in document.suggestions]
    lines += [""] * bool(document.evidence)
    # The text's numbers are those in which its claims name their evidence first.
    order = dict.fromkeys(item for claim in document.claims for item in claim.evidence)
    numbers = {item: number for number, item in enumerate(order, 1)}
    for item in sorted(document.evidence, key=lambda one: numbers.get(one["id"], len(numbers) + 1)):
        name = item.get("ref") or item.get("title") or item.get("verb")
        number = numbers.get(item["id"], "·")
        lines.append(f"[{number}] {item.get('service')}: {name}  {item.get('url') or ''}".rstrip())
    lines += [""] * bool(document.receipts)
    for receipt in document.receipts:
        state = "taken back" if receipt["undone"] else "done"
        lines.append(f"✓ {state}: {receipt['said']}  {receipt.get('url') or ''}".rstrip())
        if kept and receipt.get("undo") and not receipt["undone"]:
            lines.append(f"  deus approvals undo {receipt['id']}")
    return "\n".join(lines)
