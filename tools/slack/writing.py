"""What can be written in Slack: messages to channels, people and threads."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.errors import BadArgument, NotFound, Refused
from tools.kit.words import means
from tools.slack.mrkdwn import mrkdwn, plain
from tools.slack.people import person
from tools.writes import MessagesSend

if TYPE_CHECKING:
    from tools.slack import Slack

EVENT = "deus_message"  # the kind of metadata that carries a write's key
LOOKED_BACK = timedelta(days=30)  # how far back a message is looked for by its key
_CALLS = ("@channel", "@here", "@everyone")


class Send(Action[Any, MessagesSend]):
    """Slack takes no idempotency key; the key travels in the message's metadata and is looked up there."""

    connector: Slack
    verb = MessagesSend
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: MessagesSend) -> Change:
        place = await self._thread(request) if request.thread else await self._place(request.to)
        warnings = [f"{call} calls nobody here: it is sent as plain text." for call in _CALLS if call in request.text]
        return place.model_copy(
            update={
                "after": {**place.after, "text": await self._read(_text(request))},
                "undo": "delete the message; whoever has read it by then has read it",
                "warnings": (*place.warnings, *warnings),
            }
        )

    async def do(self, request: MessagesSend, change: Change, key: str) -> Landed:
        channel = await self._channel(change)
        sent = await self.connector.send(
            "chat.postMessage",
            {
                "channel": channel,
                "text": _text(request),
                **({"thread_ts": change.bound["thread"]} if "thread" in change.bound else {}),
                "unfurl_links": False,
                "unfurl_media": False,
                "metadata": {"event_type": EVENT, "event_payload": {"key": key}},
            },
        )
        return await self._landed(change, channel, sent["message"])

    async def find(self, request: MessagesSend, change: Change, key: str) -> Landed | None:
        """Looks for the key among the last thirty days' messages of the channel or thread."""
        channel, since = await self._channel(change), self.connector.now() - LOOKED_BACK
        for record in await self._records(change, channel, f"{since.timestamp():.6f}"):
            metadata = record.get("metadata") or {}
            if metadata.get("event_type") == EVENT and (metadata.get("event_payload") or {}).get("key") == key:
                return await self._landed(change, channel, record)
        return None

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        ts = landed.undo["ts"]
        try:
            records = await self._records(change, landed.undo["channel"], ts)
        except NotFound:
            return None
        record = next((one for one in records if one["ts"] == ts and one.get("subtype") != "tombstone"), None)
        return None if record is None else {**_where(change), "text": await self._read(record["text"])}

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        try:
            await self.connector.send("chat.delete", {"channel": landed.undo["channel"], "ts": landed.undo["ts"]})
        except NotFound:
            return  # somebody has deleted it already

    async def _place(self, to: str) -> Change:
        """The channel or person that `to` names: `#growth`, `growth`, `tom@acme.test`, `@tom`, `Tom Whitaker`."""
        wanted = to.strip()
        channels, users = await self.connector.public(), await self.connector.users()
        name = wanted.removeprefix("#").casefold()
        channel = next((c for c in channels if name in (c["name"].casefold(), c["id"].casefold())), None)
        if wanted.startswith("#"):
            users = []
        elif wanted.startswith("@"):
            channel = None
        people = [user for user in users if not user.get("deleted") and not user.get("is_bot") and _means(wanted, user)]
        if channel is not None and people:
            raise self._unclear(f"#{channel['name']} is a channel and {_named(people[0])} a person: say #… or @….")
        if channel is not None:
            return await self._to_channel(channel)
        if len(people) > 1:
            raise self._unclear(f"{to!r} may be {', '.join(_named(user) for user in people)}: give the email address.")
        if people:
            return await self._to_person(people[0])
        known = [f"#{c['name']}" for c in channels] + [person(user, "").name for user in users]
        near = difflib.get_close_matches(wanted.lstrip("@"), known, n=3, cutoff=0.5)
        what = "channel" if wanted.startswith("#") else "channel or person"
        raise self._unclear(f"Slack has no {what} {to!r}. " + (f"Near it: {', '.join(near)}." if near else ""))

    async def _to_channel(self, channel: Any) -> Change:
        name = f"#{channel['name']}"
        if channel.get("is_archived"):
            raise self._unclear(f"{name} is archived; nobody can write there.")
        if not channel.get("is_member"):
            raise Refused(
                f"Deus is not in {name} and may not write there.",
                service=self.connector.name,
                remedy=f"Write /invite @Deus in {name}.",
            )
        url = f"{await self.connector.workspace_url()}/archives/{channel['id']}"
        shared = channel.get("is_ext_shared") or channel.get("is_shared")
        return Change(
            target=Target(service="slack", kind="channel", ref=channel["id"], title=name, url=url),
            after={"to": name},
            bound={"channel": channel["id"]},
            people=(name,),
            affects=max(1, channel.get("num_members") or 1),
            warnings=(f"People of other companies read {name}.",) if shared else (),
        )

    async def _to_person(self, user: Any) -> Change:
        found = person(user, await self.connector.workspace_url())
        return Change(
            target=Target(service="slack", kind="person", ref=found.ref, title=found.name, url=found.url),
            after={"to": found.name},
            bound={"user": found.ref},
            people=(f"{found.name} <{found.email}>" if found.email else found.name,),
        )

    async def _thread(self, request: MessagesSend) -> Change:
        """The thread that a message belongs to; `to` has to name the channel that it is in."""
        ident, _, ts = (request.thread or "").partition("/")
        if not ts:
            raise self._unclear(f"{request.thread!r} is no message's ref: one is like C0123ABCD/1763478000.000100.")
        place = await self._place(request.to)
        if place.bound.get("channel") != ident:
            raise self._unclear(f"The message {request.thread} is not in {place.target.title}.")
        answered = next((r for r in await self.connector.replies(ident, ts) if r["ts"] == ts), None)
        if answered is None:
            raise NotFound(f"Slack has no message {request.thread}.", service=self.connector.name)
        begun = (await self._read(answered["text"])).partition("\n")[0]
        return place.model_copy(
            update={
                "after": {**place.after, "in answer to": begun},
                "bound": {**place.bound, "thread": answered.get("thread_ts") or ts},
            }
        )

    async def _channel(self, change: Change) -> str:
        """The bound channel, or the direct conversation with the bound person; opening one that is open is harmless."""
        if "user" not in change.bound:
            return str(change.bound["channel"])
        opened = await self.connector.send("conversations.open", {"users": change.bound["user"]})
        return str(opened["channel"]["id"])

    async def _records(self, change: Change, channel: str, oldest: str) -> list[Any]:
        params = {"channel": channel, "oldest": oldest, "inclusive": "true", "include_all_metadata": "true"}
        if "thread" in change.bound:
            params["ts"] = change.bound["thread"]
            return await self.connector.all("conversations.replies", "messages", params)
        return await self.connector.all("conversations.history", "messages", params)

    async def _landed(self, change: Change, channel: str, record: Any) -> Landed:
        ts, base = str(record["ts"]), await self.connector.workspace_url()
        return Landed(
            ref=f"{channel}/{ts}",
            url=f"{base}/archives/{channel}/p{ts.replace('.', '')}",
            title=f"Message to {change.target.title}",
            state={**_where(change), "text": await self._read(record["text"])},
            said=f"Slack posted it to {change.target.title}.",
            undo={"channel": channel, "ts": ts},
        )

    async def _read(self, text: str) -> str:
        return plain(text, await self.connector.names() if "<@" in text else {})

    def _unclear(self, why: str) -> BadArgument:
        return BadArgument(why.strip(), service=self.connector.name)


def _text(request: MessagesSend) -> str:
    """The message in Slack's markup, with the links that are not in it yet beneath."""
    beneath = [link for link in request.links if link not in request.text]
    return mrkdwn("\n".join([request.text, *beneath]))


def _where(change: Change) -> dict[str, Any]:
    return {name: value for name, value in change.after.items() if name != "text"}


def _means(asked: str, user: Any) -> bool:
    profile = user.get("profile") or {}
    return means(asked, person(user, "").name, user["name"], profile.get("display_name"), profile.get("email"))


def _named(user: Any) -> str:
    found = person(user, "")
    return f"{found.name} <{found.email}>" if found.email else found.name


ACTIONS = (Send,)
