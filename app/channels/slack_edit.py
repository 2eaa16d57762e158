"""Other arguments for a write that waits for a yes: a modal with the verb's fields, each with what is wrong in it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agents.approval import Approval, NotDecided
from app.channels.approval_form import arguments, fields
from app.channels.slack_post import Block, context
from app.channels.slack_text import cut, escape
from tools.kit.errors import BadArgument, DeusError
from tools.kit.tool import Write, verbs

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.approvals import Approvals
    from app.channels.slack_asking import Asking

MODAL = "deus_change"
CHANNEL = "slack"
# https://docs.slack.dev/reference/views and …/block-kit/block-elements: what Slack takes, in characters.
TITLE, LABEL, HINT, WRONG, VALUE, CHOICE, CHOICES = 24, 150, 500, 300, 3000, 75, 100
MOST_FIELDS = 90
NEEDED = "This has to be filled in."
_BLOCK = "arg."
Body = Mapping[str, Any]
Stands = Callable[[Approval, str, Body], Awaitable[None]]


def form(approval: Approval) -> dict[str, Any]:
    """The modal: a field for each argument that fits, and a word on those that stay as they are. Pure."""
    proposal = approval.proposal
    shown = fields(proposal.verb, proposal.args)
    fitting = [one for one in shown if len(one["value"]) <= VALUE][:MOST_FIELDS]
    kept = [one["label"] for one in shown if one not in fitting]
    blocks: list[Block] = [context(f"*{escape(cut(proposal.title, LABEL))}* is asked about anew with what you change.")]
    blocks += [_input(one) for one in fitting]
    if kept:
        blocks.append(context(f"Too long to be changed here, so it stays as it is: {escape(', '.join(kept))}."))
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": json.dumps({"id": approval.id, "digest": proposal.digest}),
        "title": _plain("Change it"),
        "submit": _plain("Ask anew"),
        "close": _plain("Leave it"),
        "blocks": blocks,
    }


def changed(approval: Approval, filled: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The arguments that were filled in with those that were not in the form, and what is wrong by field. Pure."""
    proposal = approval.proposal
    args = {name: value for name, value in proposal.args.items() if name not in filled}
    wrong: dict[str, str] = {}
    for name, raw in filled.items():
        try:
            args |= arguments(proposal.verb, {name: raw})
        except BadArgument as error:
            wrong[name] = str(error)
    verb = verbs(Write).get(proposal.verb)
    if verb is None or wrong:
        return args, wrong
    try:
        verb.model_validate(args)
    except ValidationError as error:
        first = next(iter(filled), "")
        for one in error.errors():
            name = str(one["loc"][0]) if one["loc"] else first
            place = name if name in filled else first
            said = NEEDED if one["type"] == "missing" else str(one["msg"])
            wrong.setdefault(place, said if place == name else f"{name}: {said}")
    return args, wrong


class Editing:
    """Opens the modal and takes what was filled in. `stands` raises where a button is not where Deus has put it."""

    def __init__(self, approvals: Approvals, asking: Asking, client: AsyncWebClient, stands: Stands) -> None:
        self._approvals = approvals
        self._asking = asking
        self._client = client
        self._stands = stands

    async def open(self, body: Body, team: str) -> None:
        """Shows the modal to who pressed “Edit”. Raises NotDecided, LookupError."""
        value = json.loads(str(body["actions"][0].get("value") or "{}"))
        user = await self._asking.member(str(body["user"]["id"]), team)
        approval = await self._asked(str(value.get("id")), str(value.get("digest")), user.actor)
        await self._stands(approval, user.actor, body)
        await self._client.views_open(trigger_id=str(body["trigger_id"]), view=form(approval))

    async def submit(self, body: Body, team: str) -> dict[str, str]:
        """Has the write asked about anew with what was filled in; what is wrong instead, by block."""
        view = body["view"]
        about, filled = json.loads(str(view["private_metadata"])), _filled(view)
        first = next((f"{_BLOCK}{name}" for name in filled), "")
        try:
            user = await self._asking.member(str(body["user"]["id"]), team)
            approval = await self._asked(str(about["id"]), str(about["digest"]), user.actor)
            args, wrong = changed(approval, filled)
            if not wrong:
                await self._approvals.of(user.actor).edit(approval.id, args, by=user.actor, channel=CHANNEL)
        except (DeusError, LookupError) as error:
            return {first: cut(str(error), WRONG)}
        return {f"{_BLOCK}{name}": cut(words, WRONG) for name, words in wrong.items()}

    async def _asked(self, ident: str, digest: str, actor: str) -> Approval:
        desk = self._approvals.of(actor)
        await desk.admit(actor, CHANNEL)
        approval = await desk.get(ident)
        if approval.state != "requested":
            raise NotDecided(f"This was settled already: {approval.state}.")
        if approval.proposal.digest != digest:
            raise NotDecided("This is no longer what is asked. Look at the newest message.")
        return approval


def _filled(view: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the form, by argument; "" where nothing does."""
    values: Mapping[str, Any] = (view.get("state") or {}).get("values") or {}
    found = {}
    for block, elements in values.items():
        if block.startswith(_BLOCK):
            said = elements.get("value") or {}
            chosen = (said.get("selected_option") or {}).get("value")
            found[block.removeprefix(_BLOCK)] = str(said.get("value") or chosen or "")
    return found


def _input(field: Mapping[str, Any]) -> Block:
    block: Block = {
        "type": "input",
        "block_id": f"{_BLOCK}{field['name']}",
        "label": _plain(cut(field["label"], LABEL)),
        "optional": not field["required"],
        "element": _element(field),
    }
    return block | ({"hint": _plain(cut(field["help"], HINT))} if field["help"] else {})


def _element(field: Mapping[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in field["choices"] if choice]
    if choices and len(choices) <= CHOICES and all(len(choice) <= CHOICE for choice in choices):
        options = {choice: {"text": _plain(choice), "value": choice} for choice in choices}
        chosen = {"initial_option": options[field["value"]]} if field["value"] in options else {}
        return {"type": "static_select", "action_id": "value", "options": list(options.values()), **chosen}
    lines = field["kind"] in ("text", "list", "json")
    given = {"initial_value": field["value"]} if field["value"] else {}
    return {"type": "plain_text_input", "action_id": "value", "multiline": lines, "max_length": VALUE, **given}


def _plain(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}
