"""The other ways to ask in Slack: the command /deus, and “Ask Deus about this” on a message."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agents.quote import Quote
from app.channels.slack_asking import CHANNEL, Asking, Place, value_of
from app.channels.slack_text import cut, escape, heard, link
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.conversation import Conversations, RunSummary

log = logging.getLogger(__name__)

COMMAND = "/deus"
SHORTCUT = "deus_ask_about"
MODAL = "deus_ask"
FIELD = "question"
# https://docs.slack.dev/reference/views/modal-views and …/block-kit/block-elements/plain-text-input-element
LONGEST_METADATA = 3000
LONGEST_INPUT = 3000
LONGEST_QUOTE = 2000
MOST_RUNS = 10

HELP = (
    "Ask me anything about the company's tools: `/deus why did signups drop last week?`\n"
    "• `/deus runs` lists what you asked last\n"
    "• `/deus help` shows this\n"
    "You can also write to me directly, name me in a channel where I listen, or choose *Ask Deus about this* from a "
    "message's menu. Whatever I would change waits for a yes."
)


class Entries:
    """Answers commands and shortcuts. Everything here returns or raises within the time that Slack waits."""

    def __init__(self, asking: Asking, conversations: Conversations, client: AsyncWebClient, home: str) -> None:
        self._asking = asking
        self._conversations = conversations
        self._client = client
        self._home = home

    async def commanded(self, body: Mapping[str, Any], team: str) -> str:
        """What is answered to who typed the command, and to nobody else. Raises DeusError and LookupError."""
        user, channel = str(body["user_id"]), str(body["channel_id"])
        text = heard(str(body.get("text") or ""), "")
        if text.casefold() in ("", "help", "?"):
            await self._asking.member(user, team)
            return HELP
        if text.casefold() == "runs":
            return await self._runs(user, team)
        said = _quoted(text)
        place = await self._placed(channel, user, team, f"<@{user}> asks: {said}", f"You asked: {said}")
        await self._asking.begin(text, place, f"{team}/command/{body['trigger_id']}")
        return _under_way(place, channel)

    async def pointed(self, body: Mapping[str, Any], team: str) -> None:
        """Somebody points at a message: opens the form that asks for the question. Raises DeusError."""
        await self._asking.member(str(value_of(body, "user")["id"]), team)
        await self._client.views_open(trigger_id=str(body["trigger_id"]), view=form(body))

    async def submitted(self, body: Mapping[str, Any], team: str) -> None:
        """The form was sent: asks in the message's thread, or in a direct message where Deus does not listen."""
        view, user = value_of(body, "view"), str(value_of(body, "user")["id"])
        about = json.loads(str(view["private_metadata"]))
        text = str(value_of(view, "state", "values", FIELD, FIELD).get("value") or "").strip()
        channel, ts = str(about["channel"]), str(about["ts"])
        url = await self._permalink(channel, ts)
        quoted = Quote(
            service=CHANNEL, ref=f"{channel}/{ts}", url=url, channel=str(about.get("name") or channel),
            author=str(about.get("author") or ""), text=str(about["text"]),
            at=datetime.fromtimestamp(float(ts), UTC),
        )  # fmt: skip
        named = link(url, "a message") if url else "a message"
        place = await self._placed(
            channel,
            user,
            team,
            f"<@{user}> asks about this: {_quoted(text)}",
            f"You asked about {named}: {_quoted(text)}",
            thread=str(about.get("thread") or ts),
        )
        await self._asking.begin(text, place, f"{team}/view/{view['id']}", quoted)

    async def _placed(
        self, channel: str, user: str, team: str, openly: str, directly: str, thread: str | None = None
    ) -> Place:
        """Where it is answered: there if Deus listens there, else directly. What was asked is said first, for neither
        command nor form leaves a message of its own."""
        from slack_sdk.errors import SlackApiError

        if await self._listens(channel):
            try:
                said = await self._asking.post(channel, openly, thread)
                return Place(channel, thread or said, user, team)
            except SlackApiError as error:
                log.info("Deus listens in %s but cannot speak there: %s", channel, error.response.get("error"))
        direct = await self._asking.direct(user)
        return Place(direct, await self._asking.post(direct, directly), user, team)

    async def _listens(self, channel: str) -> bool:
        return channel.startswith(("C", "G")) and await self._asking.listens(channel)

    async def _runs(self, user: str, team: str) -> str:
        person = await self._asking.member(user, team)
        door = self._conversations.of(person.actor)
        return runs_text(await door.runs(actor=person.actor, limit=MOST_RUNS), self._home)

    async def _permalink(self, channel: str, ts: str) -> str:
        from slack_sdk.errors import SlackApiError

        try:
            return str((await self._client.chat_getPermalink(channel=channel, message_ts=ts))["permalink"])
        except SlackApiError:
            # A place that is closed to Deus; the message was shown to it by somebody who is there.
            return ""


def runs_text(found: Sequence[RunSummary], home: str) -> str:
    """Somebody's last runs, a line each."""
    if not found:
        return "You have not asked me anything yet. " + HELP
    lines = [
        f"• {link(f'{home}/runs/{one.run}', cut(' '.join(one.question.split()), 120))} – {one.status.replace('_', ' ')}"
        for one in found
    ]
    return "\n".join(["What you asked last:", *lines])


def form(body: Mapping[str, Any]) -> dict[str, Any]:
    """The form that asks what somebody wants to know of a message, as a view."""
    message, channel = value_of(body, "message"), value_of(body, "channel")
    said = cut(heard(_words(message), ""), LONGEST_QUOTE) or "(no text)"
    about = {
        "channel": str(channel.get("id") or ""),
        "name": str(channel.get("name") or ""),
        "ts": str(body.get("message_ts") or message.get("ts") or ""),
        "thread": str(message.get("thread_ts") or ""),
        "author": str(message.get("username") or message.get("user") or message.get("bot_id") or ""),
        "text": said,
    }
    while len(kept := json.dumps(about, ensure_ascii=False)) > LONGEST_METADATA:
        about["text"] = cut(about["text"], int(len(about["text"]) * 0.9))
    shown = "\n".join(f">{line}" for line in cut(escape(said), LONGEST_QUOTE).splitlines())
    field = {
        "type": "plain_text_input",
        "action_id": FIELD,
        "multiline": True,
        "max_length": LONGEST_INPUT,
        "placeholder": {"type": "plain_text", "text": "Is this known already?"},
        "focus_on_load": True,
    }
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": kept,
        "title": {"type": "plain_text", "text": "Ask Deus about this"},
        "submit": {"type": "plain_text", "text": "Ask"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": cut(shown, LONGEST_INPUT)}},
            {
                "type": "input",
                "block_id": FIELD,
                "label": {"type": "plain_text", "text": "What do you want to know?"},
                "element": field,
            },
        ],
    }


def notice(title: str, text: str) -> dict[str, Any]:
    """A small window that says one thing, where no message can."""
    said = {"type": "section", "text": {"type": "mrkdwn", "text": cut(escape(text), LONGEST_INPUT)}}
    shut = {"type": "plain_text", "text": "Close"}
    return {"type": "modal", "title": {"type": "plain_text", "text": cut(title, 24)}, "close": shut, "blocks": [said]}


def trouble(error: DeusError | LookupError) -> str:
    """What stands against something, as it is told to who wanted it."""
    return str(error) if isinstance(error, DeusError) else str(error.args[0] if error.args else error)


def _words(message: Mapping[str, Any]) -> str:
    """What a message says, also where its text stands in attachments alone, as with other programs' alerts."""
    said = str(message.get("text") or "")
    attached = [
        str(value)
        for one in message.get("attachments") or ()
        for name in ("pretext", "title", "text", "fallback")
        if (value := one.get(name)) and name != ("fallback" if one.get("text") else "")
    ]
    return "\n".join(filter(None, [said, *attached]))


def _quoted(text: str) -> str:
    return cut(escape(" ".join(text.split())), LONGEST_INPUT)


def _under_way(place: Place, channel: str) -> str:
    if place.channel == channel:
        return "I am on it, in the thread below."
    return "I am on it. The answer comes in our direct message, for I do not listen here."
