"""`deus approvals`: what waits for a yes, shown as a diff, decided, changed and taken back from a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.approval import Approval, Choice
    from agents.approvals import UndoAsked
    from agents.effect import Effect
    from app.bootstrap import Product

cli = typer.Typer(help="List what waits for a yes, show it, decide, take back.", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether this is really meant.")]
Wait = Annotated[bool, typer.Option("--wait", help="Go on until the run has ended or waits again.")]
Note = Annotated[str, typer.Option(help="A word on it, for the record.")]
State = Annotated[str, typer.Option(help="requested, approved, rejected, expired, withdrawn or all.")]
OfRun = Annotated[str, typer.Option("--run", help="Everything that this run waits for.")]
STATES = ("requested", "approved", "rejected", "expired", "withdrawn")
GLANCE = 0.2


@cli.callback()
def approvals(context: typer.Context, state: State = "requested", as_json: AsJson = False) -> None:
    """List what waits for a decision, newest first."""
    if context.invoked_subcommand is None:
        _listing(state, as_json)


@cli.command("list")
def listing(state: State = "requested", as_json: AsJson = False) -> None:
    """List what waits for a decision, newest first."""
    _listing(state, as_json)


@cli.command("show")
def show(approval: str, as_json: AsJson = False) -> None:
    """Show one: what would change, who reads it, why somebody is asked, until when."""
    found, now = asyncio.run(_found(approval, ""))
    print(_json(found, now) if as_json else in_words(found))


@cli.command("approve")
def approve(
    approval: Annotated[str, typer.Argument(help="Its id; left out with --run.")] = "",
    run: OfRun = "",
    yes: Yes = False,
    wait: Wait = False,
    note: Note = "",
) -> None:
    """Say yes to what is shown. What is done is what was shown."""
    _decided("approve", approval, run, yes=yes, wait=wait, note=note)


@cli.command("reject")
def reject(
    approval: Annotated[str, typer.Argument(help="Its id; left out with --run.")] = "",
    run: OfRun = "",
    yes: Yes = False,
    wait: Wait = False,
    note: Note = "",
) -> None:
    """Say no; nothing is done."""
    _decided("reject", approval, run, yes=yes, wait=wait, note=note)


@cli.command("edit")
def edit(
    approval: str,
    given: Annotated[list[str], typer.Option("--set", help="field=value; an empty value takes the field away.")],
    wait: Wait = False,
) -> None:
    """Want other arguments; they are shown and asked about anew."""
    (found,), _ = asyncio.run(_found(approval, ""))
    args = _edited(found, given)
    asyncio.run(_edit(approval, args))
    print("It is looked at anew, and asked about again.")
    _goes_on(found.proposal.run, wait)


@cli.command("withdraw")
def withdraw(approval: str, yes: Yes = False, wait: Wait = False) -> None:
    """Take a proposal back; nothing is done."""
    found, _ = asyncio.run(_found(approval, ""))
    _really("Take it back?", found, yes=yes)
    asyncio.run(_withdraw(approval))
    print("Taken back; nothing was done.")
    _goes_on(found[0].proposal.run, wait)


@cli.command("receipts")
def receipts(run: str, as_json: AsJson = False) -> None:
    """Show what a run has changed, with links, and how it is taken back."""
    found = asyncio.run(_receipts(run))
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
        return
    from app.channels.approval_terminal import receipt

    print("\n\n".join(receipt(one, colour=_colour()) for one in found) or "This run has changed nothing.")


@cli.command("undo")
def undo(effect: str, yes: Yes = False) -> None:
    """Take a write back, unless its target has moved on since."""
    if not yes and sys.stdin.isatty():
        typer.confirm("Take it back?", abort=True)
    print(asyncio.run(_undo(effect)))


def _listing(state: str, as_json: bool) -> None:
    from tools.kit.errors import UserMustMend

    if state not in (*STATES, "all"):
        raise UserMustMend(f"There is no state {state}.", remedy=f"Take one of {', '.join(STATES)} or all.")
    found, now = asyncio.run(_listed(None if state == "all" else state))
    if as_json:
        print(_json(found, now))
        return
    if not found:
        print("Nothing waits for a decision." if state == "requested" else "There is nothing here.")
    from app.channels.approval_terminal import plain

    for one in found:
        proposal = one.proposal
        until = f"{proposal.expires_at:%d %b %H:%M}" if one.state == "requested" else ""
        line = f"{one.id}  {one.state:<9}  {until:<12}  {proposal.service:<10}  {proposal.title}  (run {proposal.run})"
        print(plain(line))


def _decided(choice: Choice, approval: str, run: str, *, yes: bool, wait: bool, note: str) -> None:
    from tools.kit.errors import UserMustMend

    if bool(approval) == bool(run):
        raise UserMustMend("Name one approval, or a run with --run.", remedy="`deus approvals` lists them.")
    found, _ = asyncio.run(_found(approval, run))
    if not found:
        raise UserMustMend(f"Run {run} waits for nothing.", remedy="`deus approvals` lists what waits.")
    _really("Approve?" if choice == "approve" else "Reject?", found, yes=yes)
    decide(found, choice, note)
    _goes_on(found[0].proposal.run, wait)


def decide(found: Sequence[Approval], choice: Choice, note: str = "") -> None:
    """Records the decision about what was shown, in the name of whoever sits here, and says what came of it."""
    from agents.approval import settled

    for after in asyncio.run(_decide(found, choice, note)):
        more = after.proposal.needed - len(after.decisions)
        how = settled(after) if after.state != "requested" else f"{more} more yeses needed"
        print(f"{after.proposal.title}: {how}.")


def _really(question: str, found: Sequence[Approval], *, yes: bool) -> None:
    """Shows what it is about; on a terminal it asks."""
    print(in_words(found))
    if not yes and sys.stdin.isatty():
        typer.confirm(f"\n{question}", abort=True)


def in_words(found: Sequence[Approval]) -> str:
    """The approvals as they are shown in a terminal."""
    from app.channels.approval_terminal import drawn

    titles = {one.proposal.step: one.proposal.title for one in found}
    return "\n\n".join(drawn(one, titles, colour=_colour()) for one in found)


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _json(found: Sequence[Approval], now: Any) -> str:
    from app.channels.approval_view import view

    return json.dumps([view(one, now).model_dump(mode="json") for one in found], indent=2)


def _edited(found: Approval, given: Sequence[str]) -> Mapping[str, Any]:
    """The arguments with those that were given in the place of theirs, read as the form reads them."""
    from app.channels.approval_form import arguments, fields
    from tools.kit.errors import UserMustMend

    proposal = found.proposal
    names = [field["name"] for field in fields(proposal.verb, {})]
    args = dict(proposal.args)
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or name not in names:
            raise UserMustMend(f"--set {one} sets nothing.", remedy=f"Write field=value; fields: {', '.join(names)}.")
        args.pop(name, None)
        args |= arguments(proposal.verb, {name: value})
    return args


def _goes_on(run: str, wait: bool) -> None:
    """Follows the run, driving it where nobody else does; or says who will go on with it."""
    if wait:
        asyncio.run(_wait(run))
        return
    where = "The run goes on in the Deus that is running." if asyncio.run(_at_work()) else ALONE
    print(f"{where}  deus approvals receipts {run}")


ALONE = "The run goes on when Deus runs again, or with --wait."


def _settings() -> Any:
    from app.settings import load_settings

    return load_settings(os.environ)


def _me() -> str:
    return os.environ.get("USER") or "cli"


async def _listed(state: str | None) -> tuple[Sequence[Approval], Any]:
    from app.bootstrap import open_product

    async with open_product(_settings(), at_once=False) as product:
        now = product.clock.now()
        found = await product.approvals.listed(state)
        if state == "requested":
            found = [one for one in found if now < one.proposal.expires_at]
        return found, now


async def _found(approval: str, run: str) -> tuple[Sequence[Approval], Any]:
    """The approval of that id, or those that a run waits for, as they are now."""
    from app.bootstrap import open_product
    from tools.kit.errors import UserMustMend

    async with open_product(_settings(), at_once=False) as product:
        now = product.clock.now()
        if run:
            return [one for one in await product.approvals.of_run(run) if one.state == "requested"], now
        try:
            return [await product.approvals.get(approval)], now
        except LookupError as error:
            raise UserMustMend(str(error), remedy="`deus approvals` lists them.") from error


async def _decide(found: Sequence[Approval], choice: Choice, note: str) -> list[Approval]:
    from agents.approval import Decision
    from app.decisions import open_decisions

    async with open_decisions(_settings()) as table:
        return [
            await table.decisions.decide(
                one.id,
                Decision(
                    choice=choice, by=_me(), channel="cli", at=table.clock.now(), digest=one.proposal.digest, note=note
                ),
            )
            for one in found
        ]


async def _edit(approval: str, args: Mapping[str, Any]) -> None:
    from app.decisions import open_decisions

    async with open_decisions(_settings()) as table:
        await table.decisions.edit(approval, args, _me(), "cli")


async def _withdraw(approval: str) -> None:
    from app.decisions import open_decisions

    async with open_decisions(_settings()) as table:
        await table.decisions.withdraw(approval, _me(), "cli")


async def _at_work() -> bool:
    from app.decisions import open_decisions

    async with open_decisions(_settings()) as table:
        return table.at_work


async def _receipts(run: str) -> Sequence[Effect]:
    from app.bootstrap import open_product

    async with open_product(_settings(), at_once=False) as product:
        return await product.approvals.receipts(run)


async def _undo(effect: str) -> str:
    from agents.approvals import UndoAsked
    from app.bootstrap import open_product
    from tools.kit.errors import UserMustMend

    async with open_product(_settings(), at_once=False) as product:
        try:
            back = await product.approvals.undo(effect, by=_me(), channel="cli")
        except UndoAsked as asked:
            return await _asks(product, asked)
        except LookupError as error:
            raise UserMustMend(str(error), remedy="`deus approvals receipts RUN` names them.") from error
        return f"Taken back: {back.said} {back.url}".rstrip()


async def _asks(product: Product, asked: UndoAsked) -> str:
    """What waits for a yes before something is taken back, as soon as that is asked."""
    from agents.event import pauses

    async for event in product.conversations.follow(asked.run):
        if pauses(event):
            break
    waiting = [one for one in await product.approvals.of_run(asked.run) if one.state == "requested"]
    how = f"{asked.message}\n\n{in_words(waiting)}\n\ndeus approvals approve --run {asked.run} --wait"
    return how if waiting else (await product.conversations.document(asked.run)).answer


async def _wait(run: str) -> None:
    from app.bootstrap import open_product

    at_work = await _at_work()
    async with open_product(_settings(), at_once=not at_work) as product:
        if not at_work:
            await product.ready()
        standing = await until_settled(product, run)
        from app.channels.approval_terminal import receipt

        for effect in await product.approvals.receipts(run):
            print(receipt(effect, colour=_colour()))
        document = await product.conversations.document(run)
    print("\n".join(filter(None, ("", document.answer, document.error))))
    if standing == "awaiting_approval":
        print(f"It waits again: deus approvals approve --run {run}")


async def until_settled(product: Product, run: str) -> str:
    """Waits until a run that was decided about has ended or waits again; how it stands then."""
    while True:
        standing = (await product.conversations.summary(run)).status
        events = await product.conversations.events(run)
        last = max((event.seq for event in events if event.kind == "approval.resolved"), default=0)
        went_on = any(event.seq > last and event.kind in ("run.resumed", "run.finished") for event in events)
        if went_on and standing != "running":
            return standing
        await asyncio.sleep(GLANCE)
