"""`deus inbox`: the conversations of every channel, from a terminal: read one, take it over, write, hand it back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from agents.handover import Handover
    from agents.inbox import Inbox

T = TypeVar("T")
cli = typer.Typer(help="Conversations of every channel: list, read, take over, write.", invoke_without_command=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Which = Annotated[str, typer.Argument(help="Its id; `deus inbox` names it.")]
As = Annotated[str, typer.Option("--as", help="Who acts: an actor's id. Whoever sits here, if left out.")]
Channel = Annotated[str | None, typer.Option(help="Only those that began there: web, slack, teams, widget, api.")]
InState = Annotated[
    Literal["open", "waiting", "taken", "closed"] | None, typer.Option(help="Only those in this state.")
]
OfPerson = Annotated[str | None, typer.Option(help="Only those that this actor began, or has.")]
Limit = Annotated[int, typer.Option(min=1, max=500)]


@cli.callback()
def inbox(
    context: typer.Context,
    channel: Channel = None,
    state: InState = None,
    person: OfPerson = None,
    limit: Limit = 30,
    as_json: AsJson = False,
) -> None:
    """List the conversations, the one that was used last first."""
    if context.invoked_subcommand is None:
        listing(channel, state, person, limit, as_json)


@cli.command("list")
def listing(
    channel: Channel = None,
    state: InState = None,
    person: OfPerson = None,
    limit: Limit = 30,
    as_json: AsJson = False,
) -> None:
    """List the conversations, the one that was used last first."""
    found = _with(lambda door: door.listed(channel, state, person, limit))
    if as_json:
        from app.channels.inbox_view import talk_shown

        _print([talk_shown(one) for one in found])
        return
    if not found:
        print("There are no such conversations.")
    from app.channels.approval_terminal import plain

    for one in found:
        has = f" by {one.name or one.by}" if one.state == "taken" else ""
        said = f"{one.last_by or 'Deus'}: {one.last}" if one.last else f"{one.who}: {one.title}"
        print(plain(f"{one.conversation}  {one.channel:<7} {one.state + has}  {one.updated_at:%d %b %H:%M}  {said}"))


@cli.command("show")
def show(conversation: Which, as_json: AsJson = False) -> None:
    """Show all that was said in one."""

    async def read(door: Inbox) -> tuple[Any, Any]:
        return await door.one(conversation), await door.transcript(conversation)

    talk, said = _with(read)
    if as_json:
        from app.channels.inbox_view import talk_shown

        lines = [{**vars(one), "at": one.at.isoformat()} for one in said]
        _print({"conversation": talk_shown(talk), "transcript": lines})
        return
    from app.channels.approval_terminal import plain

    print(plain(f"{talk.title} ({talk.channel}, {talk.state})"))
    for one in said:
        who = one.by or ("" if one.kind == "note" else "Deus")
        print(plain(f"\n{one.at:%d %b %H:%M} {who}".rstrip()))
        print("\n".join(plain(line) for line in one.text.splitlines()))


@cli.command("take")
def take(conversation: Which, who: As = "", as_json: AsJson = False) -> None:
    """Take one over: what Deus does there stops, and it stays silent."""
    _told(_with(lambda door: door.take(conversation, _actor(who))), as_json, "It is yours. `deus inbox write` answers.")


@cli.command("write")
def write(conversation: Which, text: str, who: As = "", as_json: AsJson = False) -> None:
    """Write in the place of Deus, where the conversation takes place."""
    from tools.kit.errors import UserMustMend

    if not text.strip():
        raise UserMustMend("There is nothing to write.", remedy="Give the words after the conversation.")
    run = _with(lambda door: door.write(conversation, _actor(who), text.strip()))
    print(json.dumps({"run": run}) if as_json else f"Written, as run {run}.")


@cli.command("hand-back")
def hand_back(conversation: Which, who: As = "", as_json: AsJson = False) -> None:
    """Let Deus answer again."""
    _told(_with(lambda door: door.hand_back(conversation, _actor(who))), as_json, "Deus answers there again.")


@cli.command("close")
def close(conversation: Which, who: As = "", as_json: AsJson = False) -> None:
    """End one, until somebody writes in it."""
    _told(_with(lambda door: door.close(conversation, _actor(who))), as_json, "Closed.")


def _told(there: Handover, as_json: bool, words: str) -> None:
    if not as_json:
        print(words)
        return
    from app.channels.inbox_view import standing_shown

    _print(standing_shown(there))


def _print(shown: object) -> None:
    print(json.dumps(shown, indent=2, ensure_ascii=False))


def _actor(who: str) -> str:
    return who or os.environ.get("USER") or "cli"


def _with(what: Callable[[Inbox], Awaitable[T]]) -> T:
    """What comes of the work at the workspace's inbox; what is not there is said with its remedy."""
    return asyncio.run(_at_inbox(what))


async def _at_inbox(what: Callable[[Inbox], Awaitable[T]]) -> T:
    from app.bootstrap import open_product
    from app.settings import load_settings
    from tools.kit.errors import UserMustMend

    async with open_product(load_settings(), at_once=False) as product:
        assert product.inbox is not None, "every workspace that is opened so has an inbox"
        try:
            return await what(product.inbox.local)
        except LookupError as error:
            raise UserMustMend(str(error), remedy="`deus inbox` lists what there is.") from error
