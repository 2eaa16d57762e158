"""Slack as the demo company talks in it: public channels, messages, threads, people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.refs import slug, user_id
from app.demo.vendors.page import page
from app.demo.vendors.slack_board import Board
from app.demo.vendors.slack_files import ADDRESS, Files
from app.demo.vendors.slack_messages import Messages, Said, Unposted
from app.demo.vendors.slack_page import SlackPage
from app.demo.vendors.slack_views import Views
from app.demo.vendors.vendor import Demo, Handler
from app.demo.world import Member

CREDENTIALS: Mapping[str, str] = {"token": "demo-slack"}
# Of the bot that answers there; Slack's own libraries know a bot by how its token begins.
BOT_TOKEN = "xoxb-demo-slack"

LARGEST = 999


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """The methods of the Web API that reading and writing messages need, and the pages that permalinks open."""
    vendor = _Slack(demo.company)
    board, files, views = Board(vendor.messages), Files(vendor.messages), Views(vendor.messages)
    shown = SlackPage(demo.company, vendor.messages, board, views, demo.doorbell)
    methods = {
        "auth.test": vendor.auth_test,
        "conversations.list": vendor.channels,
        "conversations.info": vendor.channel,
        "conversations.members": vendor.readers,
        "conversations.history": vendor.history,
        "conversations.replies": vendor.replies,
        "users.list": vendor.users,
        "users.info": vendor.user,
        "chat.getPermalink": vendor.permalink,
        "search.messages": vendor.search,
    }
    writes = {
        "chat.postMessage": vendor.post_message,
        "chat.delete": vendor.delete,
        "conversations.open": vendor.open,
        **{name: _answering(method) for part in (board, files, views) for name, method in part.methods().items()},
    }
    return [
        *(Route(f"/api/{name}", vendor.api(method), methods=["GET", "POST"]) for name, method in methods.items()),
        *(Route(f"/api/{name}", _sending(vendor, method), methods=["POST"]) for name, method in writes.items()),
        *shown.routes(),
        *files.pages(),
        Route("/api/{method}", vendor.api(lambda _: _failed("unknown_method"))),
        Route("/archives/{channel}/{message}", vendor.message_page),
        Route("/archives/{channel}", vendor.channel_page),
        Route("/team/{user}", vendor.user_page),
    ]


class _Slack:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.team = {"id": "T0DEMO000", "name": company.facts.name, "domain": slug(company.facts.name)}
        self.messages = Messages(company)
        self.by_channel = self.messages.by_channel
        self.direct: dict[str, str] = {}

    def api(self, handler: Handler) -> Handler:
        """Wants the token, which Slack's callers send as a header."""

        def answer(request: Request) -> Response:
            sent = request.headers.get("authorization")
            if sent is None:
                return _failed("not_authed")
            known = (f"Bearer {CREDENTIALS['token']}", f"Bearer {BOT_TOKEN}")
            return handler(request) if sent in known else _failed("invalid_auth")

        return answer

    def auth_test(self, request: Request) -> Response:
        bot = {"user": "deus", "user_id": "U0DEUS000", "bot_id": "B0DEUS000", "is_enterprise_install": False}
        url = f"{self.company.public_url}/slack/"
        return _done({"url": url, "team": self.team["name"], "team_id": self.team["id"], **bot})

    def channels(self, request: Request) -> Response:
        listed = [self._channel(ident) for ident in sorted(self.messages.names)]
        return self._paged(request, "channels", listed)

    def channel(self, request: Request) -> Response:
        ident = request.query_params.get("channel", "")
        return (
            _done({"channel": self._channel(ident)}) if ident in self.messages.names else _failed("channel_not_found")
        )

    def history(self, request: Request) -> Response:
        """Newest first; answers in threads are not in a channel's history, only what they answer is."""
        ask = request.query_params
        said = self.by_channel.get(ask.get("channel", ""))
        if said is None:
            return _failed("channel_not_found")
        try:
            oldest, latest = float(ask.get("oldest", "0")), float(ask.get("latest") or self.company.now.timestamp())
        except ValueError:
            return _failed("invalid_ts_oldest")
        shown = [
            self.messages.shown(ask["channel"], message, all_metadata=_truthy(ask.get("include_all_metadata")))
            for message in reversed(said)
            if not message.thread
            and (
                oldest < float(message.ts) < latest
                or (_truthy(ask.get("inclusive")) and float(message.ts) in (oldest, latest))
            )
        ]
        return self._paged(request, "messages", shown, pin_count=0)

    def replies(self, request: Request) -> Response:
        ask = request.query_params
        said = self.by_channel.get(ask.get("channel", ""))
        if said is None:
            return _failed("channel_not_found")
        asked = next((m for m in said if m.ts == ask.get("ts")), None)
        if asked is None:
            return _failed("thread_not_found")
        root, metadata = asked.thread or asked.ts, _truthy(ask.get("include_all_metadata"))
        # Whatever the period, what the thread answers comes first.
        oldest = float(ask.get("oldest", "0"))
        thread = [m for m in said if root == m.ts or (root == m.thread and float(m.ts) >= oldest)]
        return self._paged(
            request, "messages", [self.messages.shown(ask["channel"], m, all_metadata=metadata) for m in thread]
        )

    def users(self, request: Request) -> Response:
        return self._paged(request, "members", [self._user(member) for member in self.company.people], cache_ts=0)

    def readers(self, request: Request) -> Response:
        """The members of a channel: everybody."""
        if request.query_params.get("channel", "") not in self.by_channel:
            return _failed("channel_not_found")
        return self._paged(request, "members", [user_id(member.id) for member in self.company.people])

    def user(self, request: Request) -> Response:
        wanted = request.query_params.get("user", "")
        found = next((member for member in self.company.people if user_id(member.id) == wanted), None)
        return _failed("user_not_found") if found is None else _done({"user": self._user(found)})

    def permalink(self, request: Request) -> Response:
        ask = request.query_params
        said = self.by_channel.get(ask.get("channel", ""))
        if said is None:
            return _failed("channel_not_found")
        found = next((m for m in said if m.ts == ask.get("message_ts")), None)
        if found is None:
            return _failed("message_not_found")
        return _done({"channel": ask["channel"], "permalink": self._url(ask["channel"], found)})

    def post_message(self, sent: Mapping[str, Any]) -> Response:
        """A message of the app's own, to a channel, a direct conversation or a thread."""
        channel = str(sent.get("channel") or "")
        if channel not in self.by_channel:
            return _failed("channel_not_found")
        try:
            message = self.messages.post(channel, sent)
        except Unposted as refusal:
            return _failed(str(refusal))
        return _done({"channel": channel, "ts": message.ts, "message": self.messages.shown(channel, message)})

    def delete(self, sent: Mapping[str, Any]) -> Response:
        """The app deletes what it has posted, and nothing else."""
        channel, ts = str(sent.get("channel") or ""), str(sent.get("ts") or "")
        said = self.by_channel.get(channel)
        if said is None:
            return _failed("channel_not_found")
        found = next((m for m in said if m.ts == ts), None)
        if found is None:
            return _failed("message_not_found")
        if not found.posted:
            return _failed("cant_delete_message")
        said.remove(found)
        return _done({"channel": channel, "ts": ts})

    def open(self, sent: Mapping[str, Any]) -> Response:
        """The direct conversation with one person; it stays the same one."""
        users = [user for user in str(sent.get("users") or "").split(",") if user]
        if not users:
            return _failed("users_list_not_supplied")
        if len(users) > 1 or users[0] not in {user_id(member.id) for member in self.company.people}:
            return _failed("too_many_users" if len(users) > 1 else "user_not_found")
        channel, known = f"D{users[0][1:]}", users[0] in self.direct
        self.direct[users[0]] = channel
        self.by_channel.setdefault(channel, [])
        return _done({"channel": {"id": channel}, **({"no_op": True, "already_open": True} if known else {})})

    def search(self, request: Request) -> Response:
        """Slack's search is for people: it answers no bot."""
        return _failed("not_allowed_token_type")

    def message_page(self, request: Request) -> Response:
        """A message and the thread that it stands in."""
        said = self.by_channel.get(request.path_params["channel"], [])
        wanted = request.path_params["message"]
        found = next((m for m in said if f"p{m.ts}".replace(".", "") == wanted), None)
        if found is None:
            return Response("Not found", 404)
        root = found.thread or found.ts
        told = "\n\n".join(f"{m.author}, {m.at:%d %B %H:%M} UTC\n{m.words}" for m in said if root in (m.ts, m.thread))
        name = self.messages.names.get(request.path_params["channel"])
        return page(f"#{name}" if name else "Direct message", "Slack", [("Said by", found.author)], told)

    def channel_page(self, request: Request) -> Response:
        """A channel and what was said in it last."""
        ident = request.path_params["channel"]
        if ident not in self.messages.names:
            return Response("Not found", 404)
        last = self.by_channel[ident][-20:]
        told = "\n\n".join(f"{m.author}, {m.at:%d %B %H:%M} UTC\n{m.words}" for m in last)
        return page(f"#{self.messages.names[ident]}", "Slack", [("Members", str(len(self.company.people)))], told)

    def user_page(self, request: Request) -> Response:
        """A person's profile."""
        wanted = request.path_params["user"]
        member = next((m for m in self.company.people if user_id(m.id) == wanted), None)
        if member is None:
            return Response("Not found", 404)
        return page(member.name, "Slack", [("Role", member.role), ("E-mail", member.email)], "")

    def _paged(self, request: Request, key: str, records: Sequence[Any], **more: Any) -> Response:
        """Cursor pagination: `limit`, `cursor`, and response_metadata.next_cursor, empty on the last page."""
        try:
            limit = int(request.query_params.get("limit", "100"))
            start = int(request.query_params.get("cursor") or "0")
        except ValueError:
            return _failed("invalid_cursor")
        if not 1 <= limit <= LARGEST or not 0 <= start <= len(records):
            return _failed("invalid_limit" if not 1 <= limit <= LARGEST else "invalid_cursor")
        following = start + limit
        has_more = following < len(records)
        metadata = {"response_metadata": {"next_cursor": str(following) if has_more else ""}}
        flag = {"has_more": has_more} if key == "messages" else {}
        return _done({key: records[start:following], **flag, **more, **metadata})

    def _url(self, channel: str, message: Said) -> str:
        return f"{self.company.public_url}/slack/archives/{channel}/p{message.ts.replace('.', '')}"

    def _channel(self, ident: str) -> dict[str, Any]:
        name = self.messages.names[ident]
        purpose = {"value": "", "creator": "", "last_set": 0}
        return {
            "id": ident, "name": name, "name_normalized": name, "is_channel": True, "is_group": False, "is_im": False,
            "is_mpim": False, "is_private": False, "is_archived": False, "is_general": name == "general",
            "is_member": True, "is_shared": False, "is_ext_shared": False, "is_org_shared": False,
            "is_pending_ext_shared": False, "pending_shared": [], "unlinked": 0, "created": 1_600_000_000,
            "creator": "U0DEUS000", "previous_names": [], "topic": purpose, "purpose": purpose,
            "num_members": len(self.company.people),
        }  # fmt: skip

    def _user(self, member: Member) -> dict[str, Any]:
        first, _, last = member.name.partition(" ")
        profile = {
            "real_name": member.name, "real_name_normalized": member.name, "display_name": member.id,
            "display_name_normalized": member.id, "first_name": first, "last_name": last, "email": member.email,
            "title": member.role, "team": self.team["id"], "avatar_hash": "", "phone": "", "skype": "",
            "status_emoji": "", "status_expiration": 0, "status_text": "",
        }  # fmt: skip
        return {
            "id": user_id(member.id), "team_id": self.team["id"], "name": member.id, "real_name": member.name,
            "deleted": False, "is_bot": False, "is_admin": False, "is_owner": False, "is_primary_owner": False,
            "is_restricted": False, "is_ultra_restricted": False, "is_app_user": False, "updated": 1_600_000_000,
            "tz": str(self.company.facts.timezone), "tz_label": str(self.company.facts.timezone), "tz_offset": 0,
            "color": "9f69e7", "profile": profile,
        }  # fmt: skip


SCOPES = (
    "app_mentions:read,assistant:write,channels:history,channels:read,chat:write,commands,files:write,groups:history,"
    "groups:read,im:history,im:write,users:read,users:read.email"
)


def _done(content: Mapping[str, Any]) -> Response:
    return JSONResponse({"ok": True, **content}, headers={"x-oauth-scopes": SCOPES})


def _failed(error: str) -> Response:
    """Slack tells its failures under HTTP 200."""
    return JSONResponse({"ok": False, "error": error})


def _truthy(value: str | None) -> bool:
    return value in ("1", "true")


def _address(request: Request) -> str:
    """By what address this vendor was asked: its own, below that of the demo."""
    return f"{str(request.base_url).rstrip('/')}{request.scope.get('root_path', '')}/"


def _answering(method: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], Response]:
    """A method of the board as one of the API."""

    def answer(sent: Mapping[str, Any]) -> Response:
        try:
            return _done(method(sent))
        except Unposted as refusal:
            return _failed(str(refusal))

    return answer


def _sending(vendor: _Slack, method: Callable[[Mapping[str, Any]], Response]) -> Callable[[Request], Any]:
    """Reads what is sent: a JSON object, or a form as Slack takes it as well."""

    async def answer(request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                sent = json.loads(await request.body())
            except ValueError:
                return _failed("invalid_json")
            if not isinstance(sent, dict):
                return _failed("json_not_object")
        else:
            sent = dict(parse_qsl((await request.body()).decode()))
        # What the library calls parameters comes in the address, even of a POST.
        told = {**request.query_params, **sent, ADDRESS: _address(request)}
        return vendor.api(lambda _: method(told))(request)

    return answer
