"""Slack as the demo company talks in it: public channels, messages, threads, people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.refs import channel_id, slug, user_id
from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo, Handler
from app.demo.world import Artefact, Member

CREDENTIALS: Mapping[str, str] = {"token": "demo-slack"}

LARGEST = 999


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """The methods of the Web API that a reader needs, and the pages that permalinks open."""
    vendor = _Slack(demo.company)
    methods = {
        "auth.test": vendor.auth_test,
        "conversations.list": vendor.channels,
        "conversations.info": vendor.channel,
        "conversations.history": vendor.history,
        "conversations.replies": vendor.replies,
        "users.list": vendor.users,
        "chat.getPermalink": vendor.permalink,
        "search.messages": vendor.search,
    }
    return [
        *(Route(f"/api/{name}", vendor.api(method)) for name, method in methods.items()),
        Route("/api/{method}", vendor.api(lambda _: _failed("unknown_method"))),
        Route("/archives/{channel}/{message}", vendor.message_page),
        Route("/team/{user}", vendor.user_page),
    ]


class _Slack:
    def __init__(self, company: Company) -> None:
        self.company = company
        self.team = {"id": "T0DEMO000", "name": company.facts.name, "domain": slug(company.facts.name)}
        said = sorted(company.of_kind("message"), key=self._ts)
        self.channels_by_id = {channel_id(str(m["channel"])): str(m["channel"]) for m in said}
        self.by_channel: dict[str, list[Artefact]] = {}
        for message in said:
            self.by_channel.setdefault(channel_id(str(message["channel"])), []).append(message)

    def api(self, handler: Handler) -> Handler:
        """Wants the token, which Slack's callers send as a header."""

        def answer(request: Request) -> Response:
            sent = request.headers.get("authorization")
            if sent is None:
                return _failed("not_authed")
            return handler(request) if sent == f"Bearer {CREDENTIALS['token']}" else _failed("invalid_auth")

        return answer

    def auth_test(self, request: Request) -> Response:
        bot = {"user": "deus", "user_id": "U0DEUS000", "bot_id": "B0DEUS000", "is_enterprise_install": False}
        url = f"{self.company.public_url}/slack/"
        return _done({"url": url, "team": self.team["name"], "team_id": self.team["id"], **bot})

    def channels(self, request: Request) -> Response:
        listed = [self._channel(ident) for ident in sorted(self.channels_by_id)]
        return self._paged(request, "channels", listed)

    def channel(self, request: Request) -> Response:
        ident = request.query_params.get("channel", "")
        return _done({"channel": self._channel(ident)}) if ident in self.by_channel else _failed("channel_not_found")

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
        inclusive = ask.get("inclusive") in ("1", "true")
        shown = [
            self._message(message)
            for message in reversed(said)
            if not message["thread"]
            and (
                oldest < float(self._ts(message)) < latest
                or (inclusive and float(self._ts(message)) in (oldest, latest))
            )
        ]
        return self._paged(request, "messages", shown, pin_count=0)

    def replies(self, request: Request) -> Response:
        said = self.by_channel.get(request.query_params.get("channel", ""))
        if said is None:
            return _failed("channel_not_found")
        asked = next((m for m in said if self._ts(m) == request.query_params.get("ts")), None)
        if asked is None:
            return _failed("thread_not_found")
        root = str(asked["thread"] or asked.id)
        thread = [self._message(m) for m in said if root in (m.id, m["thread"])]
        return self._paged(request, "messages", thread)

    def users(self, request: Request) -> Response:
        return self._paged(request, "members", [self._user(member) for member in self.company.people], cache_ts=0)

    def permalink(self, request: Request) -> Response:
        ask = request.query_params
        said = self.by_channel.get(ask.get("channel", ""))
        if said is None:
            return _failed("channel_not_found")
        found = next((m for m in said if self._ts(m) == ask.get("message_ts")), None)
        if found is None:
            return _failed("message_not_found")
        return _done({"channel": ask["channel"], "permalink": self.company.ref(found.id).url})

    def search(self, request: Request) -> Response:
        """Slack's search is for people: it answers no bot."""
        return _failed("not_allowed_token_type")

    def message_page(self, request: Request) -> Response:
        """A message and the thread that it stands in."""
        said = self.by_channel.get(request.path_params["channel"], [])
        wanted = request.path_params["message"]
        found = next((m for m in said if f"p{self._ts(m)}".replace(".", "") == wanted), None)
        if found is None:
            return Response("Not found", 404)
        root = str(found["thread"] or found.id)
        thread = [m for m in said if root in (m.id, m["thread"])]
        told = "\n\n".join(
            f"{self._author(m)}, {m.at:%d %B %H:%M} UTC\n{self.company.words(m['text'])}" for m in thread
        )
        return page(f"#{found['channel']}", "Slack", [("Said by", self._author(found))], told)

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

    def _ts(self, message: Artefact) -> str:
        return self.company.ref(message.id).number

    def _author(self, message: Artefact) -> str:
        member = self.company.member(message["author"])
        return member.name if member else str(message["author"])

    def _message(self, message: Artefact) -> dict[str, Any]:
        ts, channel = self._ts(message), channel_id(str(message["channel"]))
        shown: dict[str, Any] = {"type": "message", "ts": ts, "team": self.team["id"]}
        if self.company.member(message["author"]):
            shown["user"] = user_id(str(message["author"]))
        else:
            shown |= {"subtype": "bot_message", "bot_id": "B0OTHER00", "username": str(message["author"])}
        shown["text"] = escape(self.company.words(message["text"]), quote=False)
        replies = [self._ts(m) for m in self.by_channel[channel] if m["thread"] == message.id]
        if replies:
            shown |= {"thread_ts": ts, "reply_count": len(replies), "latest_reply": replies[-1], "subscribed": False}
        if message["thread"]:
            shown["thread_ts"] = self.company.ref(str(message["thread"])).number
        return shown

    def _channel(self, ident: str) -> dict[str, Any]:
        name = self.channels_by_id[ident]
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


def _done(content: Mapping[str, Any]) -> Response:
    return JSONResponse({"ok": True, **content})


def _failed(error: str) -> Response:
    """Slack tells its failures under HTTP 200."""
    return JSONResponse({"ok": False, "error": error})
