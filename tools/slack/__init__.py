"""Slack: what people say to each other in public channels, and messages to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, matches, scopes, serves, together
from tools.kit.errors import BadArgument, NotFound, RateLimited, Refused, Unavailable
from tools.kit.paging import by_cursor
from tools.kit.wire import WireOptions
from tools.nouns import Message, Person, utc
from tools.slack.mrkdwn import plain
from tools.slack.people import display_name, person
from tools.slack.writing import ACTIONS
from tools.verbs import MessagesSearch, MessagesThread, PeopleFind

PAGE = 200  # Slack's advice
PERIOD = timedelta(days=90)  # what a free plan keeps
ANSWERED_LATE = timedelta(days=14)  # how long before the period a thread may have begun

_REFUSALS = frozenset(
    {
        "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission",
        "missing_scope", "not_allowed_token_type", "access_denied", "ekm_access_denied", "org_login_required",
    }
)  # fmt: skip
_FAULTS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class SlackSettings(ServiceSettings):
    """How to reach Slack."""

    base_url: str = Field(default="https://slack.com/api", description="the Web API's address")
    token: SecretStr = Field(
        description="a bot token (xoxb-…) with channels:read, channels:history, users:read and users:read.email, and "
        "to send messages chat:write, im:write and im:history (api.slack.com/apps → your app → OAuth & Permissions); "
        "invite the app to the channels that it should read and write in"
    )


class Slack(Connector):
    """Reads the public channels that the app is a member of. Bots may not use Slack's own search."""

    name = "slack"
    title = "Slack"
    Settings = SlackSettings
    actions = ACTIONS

    @classmethod
    def wire_options(cls, settings: SlackSettings) -> WireOptions:
        return WireOptions(base_url=settings.base_url, auth=Token(settings.token))

    async def check(self) -> Sight:
        answer = await self.wire.get("auth.test")
        workspace = self._checked(answer.data)
        names = [channel["name"] for channel in await self.channels()]
        sees = tuple(f"#{name}" for name in names) or ("no channel: invite the app to one",)
        return Sight(workspace["team"], sees, scopes(answer.headers))

    @serves(MessagesSearch)
    async def search(self, ask: MessagesSearch) -> Sequence[Message]:
        """Every channel's history of the period (90 days if it has no start), threads included."""
        until = ask.until or self.now()
        since = ask.since or until - PERIOD
        channels = await self.channels()
        if ask.channel:
            wanted = ask.channel.lstrip("#").casefold()
            channels = [c for c in channels if wanted in (c["name"], c["id"].casefold())]
            if not channels:
                raise NotFound(f"Slack shows no channel #{wanted} to the app.", service=self.name)
        people, base = await self.names(), await self.workspace_url()
        found = await together(self._said(channel, since, until) for channel in channels)
        messages = [
            _message(record, channel, people, base)
            for channel, records in zip(channels, found, strict=True)
            for record in records
        ]
        matching = [m for m in messages if since <= m.at < until and matches(ask.text, m.body)]
        return sorted(matching, key=lambda message: message.at, reverse=True)[: ask.limit]

    @serves(MessagesThread)
    async def thread(self, ask: MessagesThread) -> Sequence[Message]:
        name, _, ts = ask.ref.partition("/")
        if not ts:
            raise BadArgument(f"{ask.ref!r} is no message's ref: one is like C0123ABCD/1763478000.000100.")
        channel = (await self.ask("conversations.info", {"channel": name}))["channel"]
        people, base = await self.names(), await self.workspace_url()
        return [_message(record, channel, people, base) for record in await self.replies(name, ts)]

    @serves(PeopleFind)
    async def people(self, ask: PeopleFind) -> Sequence[Person]:
        base = await self.workspace_url()
        people = [person(user, base) for user in await self.users() if not user.get("deleted")]
        found = [p for p in people if matches(ask.text, p.name, p.handle, p.email)]
        return found[: ask.limit]

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Calls a method that reads."""
        return self._checked((await self.wire.get(method, params)).data)

    async def send(self, method: str, body: Mapping[str, Any]) -> Any:
        """Calls a method that changes something, once."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return self._checked((await self.wire.post(method, dict(body), headers=headers, repeat=False)).data)

    def _checked(self, answer: Any) -> Any:
        """Slack tells most failures as `ok: false` under HTTP 200; they become typed errors."""
        if answer["ok"] is True:
            return answer
        code = str(answer["error"])
        if code in _REFUSALS:
            needed = f", it needs {answer['needed']}" if answer.get("needed") else ""
            raise Refused(
                f"Slack refused the token ({code}{needed}).", service=self.name, remedy="Run `deus connect slack`."
            )
        if code == "ratelimited":
            raise RateLimited("Slack's rate limit is used up.", service=self.name)
        if code in _FAULTS:
            raise Unavailable(f"Slack answered {code}.", service=self.name)
        if code.endswith("_not_found"):
            raise NotFound(f"Slack: {code.replace('_', ' ')}.", service=self.name)
        raise BadArgument(f"Slack answered {code}.", service=self.name)

    async def all(self, method: str, key: str, params: Mapping[str, Any]) -> list[Any]:
        """The records of every page of a method that lists."""

        async def page(cursor: str | None) -> Any:
            return await self.ask(method, {**params, "limit": PAGE, "cursor": cursor})

        records: list[Any] = []
        async for answer in by_cursor(page, lambda data: (data.get("response_metadata") or {}).get("next_cursor")):
            records += answer[key]
        return records

    async def public(self) -> list[Any]:
        """Every public channel, whether or not the app is in it."""
        return await self.all("conversations.list", "channels", {"types": "public_channel"})

    async def channels(self) -> list[Any]:
        """The public channels that the app is in."""
        return [channel for channel in await self.public() if channel.get("is_member")]

    async def users(self) -> list[Any]:
        """Every member, deleted ones too, as Slack has them."""
        return await self.all("users.list", "members", {})

    async def names(self) -> dict[str, str]:
        """Members' names by their ids."""
        return {user["id"]: display_name(user) for user in await self.users()}

    async def workspace_url(self) -> str:
        """The address below which the workspace's messages are shown."""
        return str((await self.ask("auth.test"))["url"]).rstrip("/")

    async def replies(self, channel: str, ts: str) -> list[Any]:
        """A thread's messages, from the ts of any of them."""
        return await self.all("conversations.replies", "messages", {"channel": channel, "ts": ts})

    async def _said(self, channel: Any, since: datetime, until: datetime) -> list[Any]:
        """A channel's messages, and the answers in threads that went on in the period."""
        oldest, latest = (since - ANSWERED_LATE).timestamp(), until.timestamp()
        params = {"channel": channel["id"], "oldest": f"{oldest:.6f}", "latest": f"{latest:.6f}"}
        said = await self.all("conversations.history", "messages", params)
        answered = [
            m for m in said if m.get("reply_count") and float(m.get("latest_reply", latest)) >= since.timestamp()
        ]
        threads = await together(self.replies(channel["id"], message["ts"]) for message in answered)
        seen = {message["ts"] for message in said}
        return [*said, *(reply for thread in threads for reply in thread if reply["ts"] not in seen)]


def _message(record: Any, channel: Any, people: Mapping[str, str], base: str) -> Message:
    ts, parent = str(record["ts"]), record.get("thread_ts")
    author = record.get("user") or record.get("bot_id") or ""
    return Message(
        service="slack",
        ref=f"{channel['id']}/{ts}",
        url=f"{base}/archives/{channel['id']}/p{ts.replace('.', '')}",
        at=utc(int(ts.partition(".")[0])),
        title=f"#{channel['name']}",
        channel=channel["name"],
        author=people.get(author) or record.get("username") or author,
        body=plain(record["text"], people),
        thread=f"{channel['id']}/{parent}" if parent and parent != ts else None,
    )
