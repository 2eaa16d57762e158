"""The demo company's Slack as a page: what was posted, drawn as Slack draws it, and the ways to answer and to press."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import httpx
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.refs import user_id
from app.demo.vendors.slack_board import Board
from app.demo.vendors.slack_doorbell import APP, BOT, TEAM, Doorbell
from app.demo.vendors.slack_drawing import blocks_html, modal_html, mrkdwn
from app.demo.vendors.slack_messages import Messages, Said, Unposted
from app.demo.vendors.slack_views import Views

if TYPE_CHECKING:
    from jinja2 import Template

MOST = 40  # messages of a channel, beside their threads
_NAMED = re.compile(r"@deus\b", re.IGNORECASE)
_USER = re.compile(r"<@(U\w+)>")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class SlackPage:
    """The page below /slack/posted, and what its script asks for below /slack/page."""

    def __init__(
        self, company: Company, messages: Messages, board: Board, views: Views, doorbell: Doorbell | None
    ) -> None:
        self._company = company
        self._messages = messages
        self._board = board
        self._views = views
        self._doorbell = doorbell
        self._names = {BOT: "Deus", **{user_id(member.id): member.name for member in company.people}}

    def routes(self) -> Sequence[BaseRoute]:
        """The page, its files, the fragments that it looks at, and what it sends."""
        sends = {"tell": self.tell, "press": self.press, "submit": self.submit, "home": self.home}
        sends |= {"command": self.command, "shortcut": self.shortcut}
        return [
            Route("/posted", self.posted),
            Route("/say", self.say, methods=["POST"]),
            Route("/page/messages", self.messages),
            Route("/page/modal", self.modal),
            Route("/page/slack.{kind}", self.asset),
            *(Route(f"/page/{name}", _sent(send), methods=["POST"]) for name, send in sends.items()),
        ]

    def posted(self, request: Request) -> Response:
        """The page; with ?as=json what apps have posted, the last first, and what was told to one person alone."""
        if request.query_params.get("as") == "json":
            found = [
                (channel, one) for channel, said in self._messages.by_channel.items() for one in said if one.posted
            ]
            found.sort(key=lambda pair: pair[1].ts, reverse=True)
            shown = [{"channel": channel, **self._messages.shown(channel, one)} for channel, one in found]
            views = self._views
            beside = {"views": views.modals, "homes": views.homes, "statuses": views.statuses, "prompts": views.prompts}
            return JSONResponse({"messages": shown, "told": self._board.told, **beside})
        user, channel = self._where(request)
        if not request.query_params.get("channel"):
            return RedirectResponse(f"posted?user={user}&channel={channel}", 303)
        return HTMLResponse(self._shell(user, channel), headers={"Content-Security-Policy": POLICY})

    def asset(self, request: Request) -> Response:
        """The page's style or script."""
        kinds = {"css": "text/css", "js": "text/javascript"}
        kind = request.path_params["kind"]
        if kind not in kinds:
            return Response("Not found", 404)
        content = resources.files("app.demo").joinpath("pages", f"slack.{kind}").read_bytes()
        return Response(content, media_type=kinds[kind], headers={"Cache-Control": "no-cache"})

    def messages(self, request: Request) -> Response:
        """What stands in a channel, for one of the company, as HTML."""
        user, channel = self._where(request)
        if channel == "home":
            view = self._views.homes.get(user)
            return HTMLResponse(blocks_html(view["blocks"]) if view else "<p class=soft>There is nothing here yet.</p>")
        said = self._messages.by_channel.get(channel, [])
        roots = [one for one in said if not one.thread][-MOST:]
        shown = _template("slack_messages.html").render(
            channel=channel,
            threads=[self._thread(channel, root, said, user) for root in roots],
            told=self._alone(channel, user, None),
            listening=self._doorbell is not None,
        )
        return HTMLResponse(shown)

    def modal(self, request: Request) -> Response:
        """The modal that an interaction has opened; 204 as long as there is none."""
        view = self._views.modals.get(request.query_params.get("trigger", ""))
        return HTMLResponse(modal_html(view)) if view else Response(status_code=204)

    async def say(self, request: Request) -> Response:
        """Somebody says something: {channel, user, text, thread_ts}. A direct channel opens by itself."""
        sent = await request.json()
        channel = str(sent.get("channel") or "")
        if channel.startswith("D"):
            self._messages.by_channel.setdefault(channel, [])
        if channel not in self._messages.by_channel:
            return JSONResponse({"ok": False, "error": "channel_not_found"}, 404)
        text = _NAMED.sub(f"<@{BOT}>", str(sent["text"]))
        try:
            said = self._messages.speak(channel, str(sent["user"]), text, sent.get("thread_ts") or None)
        except Unposted as refusal:
            return JSONResponse({"ok": False, "error": str(refusal)}, 400)
        return JSONResponse({"ok": True, "channel": channel, "ts": said.ts})

    async def tell(self, bell: Doorbell, sent: Mapping[str, Any]) -> Response:
        """Tells Deus of a message that was said, as Slack does: by name in a channel it comes as two events."""
        channel, said = str(sent["channel"]), self._found(sent)
        kind = "im" if channel.startswith("D") else "channel"
        event = {
            "type": "message",
            "channel": channel,
            "channel_type": kind,
            "user": said.by["user"],
            "text": said.text,
        }
        event |= {"ts": said.ts, "event_ts": said.ts, "team": TEAM} | (
            {"thread_ts": said.thread} if said.thread else {}
        )
        answered = [await bell.event(event)]
        if kind == "channel" and f"<@{BOT}>" in said.text:
            answered.append(await bell.event({**event, "type": "app_mention"}))
        return _passed(answered[-1])

    async def press(self, bell: Doorbell, sent: Mapping[str, Any]) -> Response:
        """A button of a message or of the app's home was pressed."""
        trigger, user = bell.trigger(), str(sent["user"])
        body = self._by(user, "block_actions", trigger) | {
            "actions": [{**sent["action"], "block_id": "b", "action_ts": "1"}]
        }
        if sent.get("ts"):
            channel, message = str(sent["channel"]), self._found(sent)
            body |= {"channel": {"id": channel}, "message": self._messages.shown(channel, message)}
            body["container"] = {"type": "message", "message_ts": message.ts, "channel_id": channel}
        else:
            body |= {"view": self._views.homes.get(user) or {}, "container": {"type": "view"}}
        return _passed(await bell.interaction(body), trigger=trigger)

    async def submit(self, bell: Doorbell, sent: Mapping[str, Any]) -> Response:
        """A modal was submitted: {user, view, values} with each field's action, kind and value."""
        view = next((one for one in self._views.modals.values() if one["id"] == sent["view"]), None)
        if view is None:
            return JSONResponse({"error": "This form is no longer open."}, 404)
        state: dict[str, Any] = {}
        for block, field in sent["values"].items():
            value: dict[str, Any] = {"type": field["kind"], "value": field["value"] or None}
            if field["kind"] == "static_select":
                chosen = {"text": {"type": "plain_text", "text": field["value"]}, "value": field["value"]}
                value = {"type": field["kind"], "selected_option": chosen if field["value"] else None}
            state[block] = {field["action"]: value}
        trigger = bell.trigger()
        shown = {**view, "state": {"values": state}}
        return _passed(
            await bell.interaction(self._by(str(sent["user"]), "view_submission", trigger) | {"view": shown})
        )

    async def home(self, bell: Doorbell, sent: Mapping[str, Any]) -> Response:
        """Somebody opens the app's home."""
        user = str(sent["user"])
        event = {"type": "app_home_opened", "user": user, "channel": f"D{user[1:]}", "tab": "home", "event_ts": "1"}
        return _passed(await bell.event(event))

    async def command(self, bell: Doorbell, sent: Mapping[str, Any]) -> Response:
        """A slash command: {user, channel, command, text}."""
        trigger, channel = bell.trigger(), str(sent["channel"])
        form = {"team_id": TEAM, "api_app_id": APP, "user_id": str(sent["user"]), "channel_id": channel}
        form |= {"channel_name": self._messages.names.get(channel, "directmessage"), "trigger_id": trigger}
        form |= {"command": str(sent["command"]), "text": str(sent["text"]), "response_url": "http://127.0.0.1/"}
        return _passed(await bell.command(form), trigger=trigger)

    async def shortcut(self, bell: Doorbell, sent: Mapping[str, Any]) -> Response:
        """The shortcut of a message: {user, channel, ts, callback}."""
        trigger, channel = bell.trigger(), str(sent["channel"])
        body = self._by(str(sent["user"]), "message_action", trigger) | {"callback_id": str(sent["callback"])}
        shown = self._messages.shown(channel, self._found(sent))
        body |= {"channel": {"id": channel}, "message": shown, "message_ts": shown["ts"]}
        return _passed(await bell.interaction(body), trigger=trigger)

    def _by(self, user: str, kind: str, trigger: str) -> dict[str, Any]:
        person = {"id": user, "team_id": TEAM}
        return {"type": kind, "team": {"id": TEAM}, "user": person, "api_app_id": APP, "trigger_id": trigger}

    def _found(self, sent: Mapping[str, Any]) -> Said:
        said = self._messages.by_channel.get(str(sent["channel"]), [])
        return {one.ts: one for one in said}[str(sent["ts"])]

    def _where(self, request: Request) -> tuple[str, str]:
        users = [user_id(member.id) for member in self._company.people]
        asked = request.query_params.get("user")
        user = asked if asked in users else users[0]
        channel = request.query_params.get("channel") or f"D{user[1:]}"
        return user, f"D{user[1:]}" if channel.startswith("D") else channel

    def _shell(self, user: str, channel: str) -> str:
        names = sorted(self._messages.names.items(), key=lambda pair: pair[1])
        places = [(f"D{user[1:]}", "Deus"), ("home", "Deus · Home"), *((ident, f"# {name}") for ident, name in names)]
        return _template("slack.html").render(
            company=self._company.facts.name,
            people=[(user_id(one.id), one.name) for one in self._company.people],
            places=places,
            name=dict(places).get(channel, channel),
            user=user,
            channel=channel,
            hint="Message Deus" if channel.startswith("D") else "Mention @Deus, or just say something",
            listening=self._doorbell is not None,
        )

    def _thread(self, channel: str, root: Said, said: Sequence[Said], user: str) -> dict[str, Any]:
        return {
            "ts": root.ts,
            "root": self._message(root),
            "replies": [self._message(one) for one in said if one.thread == root.ts],
            "alone": self._alone(channel, user, root.ts),
            "status": self._views.status(root.ts),
        }

    def _alone(self, channel: str, user: str, thread: str | None) -> list[Markup]:
        """What was told to this person alone, in the thread where it was."""
        found = [
            one
            for one in self._board.alone
            if (one.get("channel"), one.get("user"), one.get("thread_ts") or None) == (channel, user, thread)
        ]
        return [Markup(blocks_html(one["blocks"]) or mrkdwn(str(one.get("text") or ""))) for one in found]

    def _message(self, one: Said) -> dict[str, Any]:
        """A message for the template; its body is HTML already."""
        bot = one.by.get("user") == BOT or one.posted
        said = _USER.sub(lambda found: f"<@{found[1]}|@{self._names.get(found[1], found[1])}>", one.text)
        words = "" if one.files else f'<div class="section"><div>{mrkdwn(said)}</div></div>'
        files = [{**file, "url": _path(str(file["url_private"]))} for file in one.files]
        return {
            "ts": one.ts, "name": "Deus" if bot else one.author, "bot": bot, "time": f"{one.at:%H:%M}", "files": files,
            "edited": one.edited, "body": Markup(blocks_html(one.blocks) if one.blocks else words),
        }  # fmt: skip


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader

    return Environment(loader=PackageLoader("app.demo", "pages"), autoescape=True).get_template(name)


def _path(url: str) -> str:
    """A file's address within the page, wherever it is reached."""
    return "files/" + url.partition("/files/")[2]


def _passed(answered: httpx.Response, **more: str) -> Response:
    """What Deus said, for the page's script."""
    try:
        said = json.loads(answered.content or b"{}")
    except ValueError:
        said = {}
    return JSONResponse({"status": answered.status_code, "said": said, **more})


def _sent(send: Any) -> Any:
    """A way to Deus. Only a script of this page gets through: others may not send JSON here."""

    async def answer(request: Request) -> Response:
        bell = send.__self__._doorbell
        if bell is None:
            return JSONResponse({"error": "Deus does not listen here."}, 503)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "Only JSON is taken here."}, 415)
        try:
            return await send(bell, await request.json())  # type: ignore[no-any-return]
        except (KeyError, ValueError, TypeError) as error:
            return JSONResponse({"error": f"This cannot be sent: {error!r}"}, 400)
        except httpx.HTTPError as error:
            return JSONResponse({"error": f"Deus could not be reached: {type(error).__name__}."}, 502)

    return answer
