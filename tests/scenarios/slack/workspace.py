"""A demo company that talks to Deus in its Slack: signed requests in, the demo's Slack out, all over real sockets."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

from app.api import approvals, inbox, problem, runs
from app.api.access import api_token
from app.bootstrap import open_product
from app.channels.slack import PATH, open_channel
from app.channels.slack_requests import signature
from app.demo.company import PUBLIC_URL, open_company
from app.demo.history import generate
from app.demo.place import company_settings
from app.demo.refs import channel_id, user_id
from app.demo.server import build
from app.demo.vendors.slack import BOT_TOKEN
from app.demo.world import World, read_world
from app.settings import Settings, load_settings
from tests.planted import Overheard, planted
from tests.scenarios.playbooks.company import PATIENCE, _served
from tests.scenarios.writes.office import until

SECRET = planted("slack-signing")
TEAM = "T0DEMO000"
_NOTHING = {"blocks": [{"elements": [{"action_id": "deus_approve"}]}], "channel": ""}


class Workspace:
    """Slack as people and as Slack's own servers use it; `stop` and `start` are Deus's."""

    def __init__(self, world: World, slack: str, settings: Settings) -> None:
        self.world = world
        self.slack = httpx.Client(base_url=f"{slack}/slack", timeout=PATIENCE)
        self.settings = settings
        self.deus = httpx.Client(timeout=PATIENCE)
        self.events = 0
        self.people = [user_id(member.id) for member in open_company(world, PUBLIC_URL).people]
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        url = self._running.enter_context(_served(product_app(self.settings)))
        self.deus = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {api_token(self.settings)}"}, timeout=PATIENCE
        )
        self._running.callback(self.deus.close)

    def stop(self) -> None:
        self._running.close()
        self._running = contextlib.ExitStack()

    def direct(self, person: int = 0) -> str:
        return f"D{self.people[person][1:]}"

    def channel(self, name: str) -> str:
        return channel_id(name)

    def say(
        self, text: str, channel: str, person: int = 0, thread: str | None = None, kind: str = "message"
    ) -> dict[str, Any]:
        """Somebody says something, and Slack tells Deus. Returns the event's body."""
        user = self.people[person]
        spoken = {"channel": channel, "user": user, "text": text, **({"thread_ts": thread} if thread else {})}
        said = self.slack.post("/say", json=spoken).json()
        assert said["ok"], said
        event = {"type": kind, **spoken, "ts": said["ts"], "channel_type": "im" if channel[0] == "D" else "channel"}
        self.events += 1
        body = {
            "type": "event_callback",
            "team_id": TEAM,
            "api_app_id": "A0DEUS000",
            "event_id": f"Ev{self.events:08d}",
            "event": event,
        }
        self.tell(body)
        return body

    def tell(self, body: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Slack sends an event."""
        answered = self.send(json.dumps(body).encode(), "application/json", headers)
        assert answered.status_code == 200, answered.text
        return answered

    def press(self, message: Mapping[str, Any], words: str, person: int = 0) -> httpx.Response:
        """Somebody presses the button with these words."""
        actions = [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]
        (action,) = (one for one in actions if one["text"]["text"] == words)
        return self.act(action, message, person)

    def act(self, action: Mapping[str, Any], message: Mapping[str, Any], person: int = 0) -> httpx.Response:
        self.events += 1
        body = {
            "trigger_id": f"{self.events}.trigger",
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": self.people[person], "team_id": TEAM},
            "api_app_id": "A0DEUS000",
            "channel": {"id": message["channel"]},
            "message": message,
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
            "actions": [{**action, "type": "button", "block_id": "b", "action_ts": str(time.time())}],
        }
        form = urlencode({"payload": json.dumps(body)}).encode()
        answered = self.send(form, "application/x-www-form-urlencoded", {})
        assert answered.status_code == 200, answered.text
        return answered

    def interaction(
        self, kind: str, *, view: Mapping[str, Any], message: Mapping[str, Any], values: Mapping[str, str]
    ) -> dict[str, Any]:
        """A button's or a form's payload, as Slack sends it."""
        self.events += 1
        kinds = {block["block_id"]: block["element"]["type"] for block in view["blocks"] if block["type"] == "input"}
        state: dict[str, Any] = {}
        for name, value in values.items():
            field: dict[str, Any] = {"type": kinds[f"arg.{name}"], "value": value}
            if field["type"] == "static_select":
                field["selected_option"] = {"value": value} if value else None
            state[f"arg.{name}"] = {"value": field}
        approve = next(
            one
            for block in message["blocks"]
            for one in block.get("elements", ())
            if one.get("action_id") == "deus_approve"
        )
        return {
            "type": kind,
            "team": {"id": TEAM},
            "user": {"id": self.people[0], "team_id": TEAM},
            "api_app_id": "A0DEUS000",
            "trigger_id": f"{self.events}.trigger",
            **({"view": {**view, "state": {"values": state}}} if kind == "view_submission" else {}),
            **({"actions": [approve], "channel": {"id": message["channel"]}} if kind == "block_actions" else {}),
        }

    def fill_in(self, view: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
        """Somebody submits a form; what Deus answers Slack."""
        payload = self.interaction("view_submission", view=view, message=_NOTHING, values=values)
        form = urlencode({"payload": json.dumps(payload)}).encode()
        answered = self.send(form, "application/x-www-form-urlencoded", {})
        assert answered.status_code == 200, answered.text
        return dict(answered.json()) if answered.content else {}

    def forged(self, payload: Mapping[str, Any]) -> list[int]:
        """How an interaction is answered that is altered, unsigned, foreign, stale, oversized, or no text."""
        form, now = urlencode({"payload": json.dumps(payload)}).encode(), int(time.time())
        signed = signature(SECRET, str(now), form)
        tries = [
            (form + b"&x=1", now, signed),
            (form, now, ""),
            (form, now, signature("another's", str(now), form)),
            (form, now - 400, signature(SECRET, str(now - 400), form)),
            (form, now + 1, signed),
            (b"payload=" + b"x" * 1_000_001, now, signature(SECRET, str(now), b"payload=" + b"x" * 1_000_001)),
            (b"payload=%7B" + b"\xff", now, signature(SECRET, str(now), b"payload=%7B" + b"\xff")),
            (b"payload=[]", now, signature(SECRET, str(now), b"payload=[]")),
        ]
        return [
            self.deus.post(
                PATH,
                content=body,
                headers={
                    "Content-Type": "application/x-www-form-urlencoded",
                    "X-Slack-Request-Timestamp": str(at),
                    "X-Slack-Signature": sign,
                },
            ).status_code
            for body, at, sign in tries
        ]

    def views(self) -> list[dict[str, Any]]:
        """The forms that were opened, oldest first."""
        return list(self.slack.get("/posted", params={"as": "json"}).json()["views"].values())

    def event(self, **event: Any) -> None:
        """Slack sends an event of which no message is part."""
        self.events += 1
        about = {"type": "event_callback", "team_id": TEAM, "api_app_id": "A0DEUS000"}
        self.tell({**about, "event_id": f"Ev{self.events:08d}", "event": event})

    def command(self, text: str, channel: str, person: int = 0) -> str:
        """Somebody types /deus; what they alone are answered."""
        self.events += 1
        form = {
            "command": "/deus", "text": text, "user_id": self.people[person], "team_id": TEAM, "channel_id": channel,
            "channel_name": "somewhere", "trigger_id": f"{self.events}.1", "api_app_id": "A0DEUS000",
        }  # fmt: skip
        answered = self.send(urlencode(form).encode(), "application/x-www-form-urlencoded", {})
        assert answered.status_code == 200, answered.text
        said = answered.json()
        assert said["response_type"] == "ephemeral"
        return str(said["text"])

    def point(self, message: Mapping[str, Any], person: int = 0) -> dict[str, Any]:
        """Somebody chooses “Ask Deus about this” on a message; the form that opens."""
        self.events += 1
        trigger = f"{self.events}.2"
        body = {
            **self._by(person, "message_action", trigger), "callback_id": "deus_ask_about", "message_ts": message["ts"],
            "channel": {"id": message["channel"], "name": "somewhere"}, "message": message,
            "response_url": "http://127.0.0.1/",
        }  # fmt: skip
        assert self._interact(body).status_code == 200
        views: dict[str, Any] = until(lambda: self.shown("views").get(trigger, {}))
        return views

    def ask_about(self, view: Mapping[str, Any], question: str, person: int = 0) -> httpx.Response:
        """Somebody sends the form."""
        self.events += 1
        filled = {"question": {"question": {"type": "plain_text_input", "value": question}}}
        body = self._by(person, "view_submission", f"{self.events}.3")
        return self._interact({**body, "view": {**view, "state": {"values": filled}}})

    def at_home(self, person: int = 0) -> list[dict[str, Any]]:
        """The buttons of somebody's App Home."""
        view = self.shown("homes")[self.people[person]]
        return [one for block in view["blocks"] if block["type"] == "actions" for one in block["elements"]]

    def press_at_home(self, action: Mapping[str, Any], person: int = 0) -> None:
        """Somebody presses a button in their App Home."""
        view = self.shown("homes")[self.people[person]]
        self.events += 1
        body = self._by(person, "block_actions", f"{self.events}.4")
        pressed = [{**action, "type": "button", "block_id": "b", "action_ts": "1"}]
        assert self._interact({**body, "view": view, "container": {"type": "view"}, "actions": pressed}).is_success

    def shown(self, what: str) -> dict[str, Any]:
        """What Slack shows beside messages: views by trigger, homes by user, statuses by thread."""
        return dict(self.slack.get("/posted", params={"as": "json"}).json()[what])

    def _by(self, person: int, kind: str, trigger: str) -> dict[str, Any]:
        user = {"id": self.people[person], "team_id": TEAM}
        return {"type": kind, "team": {"id": TEAM}, "user": user, "api_app_id": "A0DEUS000", "trigger_id": trigger}

    def _interact(self, body: Mapping[str, Any]) -> httpx.Response:
        form = urlencode({"payload": json.dumps(body)}).encode()
        return self.send(form, "application/x-www-form-urlencoded", {})

    def send(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> httpx.Response:
        """A request as Slack signs it."""
        now = str(int(time.time()))
        signed = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature(SECRET, now, body)}
        return self.deus.post(PATH, content=body, headers={"Content-Type": content_type, **signed, **headers})

    def posted(self, thread: str | None = None) -> list[dict[str, Any]]:
        """What Deus has posted, oldest first; in one thread, if given."""
        found: Sequence[dict[str, Any]] = self.slack.get("/posted", params={"as": "json"}).json()["messages"]
        return [one for one in reversed(found) if thread is None or one.get("thread_ts") == thread]

    def told(self) -> list[list[str]]:
        """What was told to one person alone: [channel, user, text]."""
        return list(self.slack.get("/posted", params={"as": "json"}).json()["told"])

    def answer(self, thread: str) -> dict[str, Any]:
        """The first message of a thread, as soon as nothing more is to be said in it."""

        def finished() -> dict[str, Any]:
            posted = self.posted(thread)
            return posted[0] if posted and "Open in Deus" in json.dumps(posted[0].get("blocks", ())) else {}

        return until(finished, PATIENCE)

    def runs(self) -> list[dict[str, Any]]:
        return list(self.deus.get("/api/runs").json())


def product_app(settings: Settings) -> FastAPI:
    """The product's API and its Slack channel, without the web chat, which takes seconds to load."""

    @contextlib.asynccontextmanager
    async def lifespan(server: FastAPI) -> AsyncIterator[None]:
        async with open_product(settings) as product, open_channel(product, settings) as routes:
            server.router.routes.extend(routes)
            server.state.product = product
            await product.ready()
            yield

    api = FastAPI(lifespan=lifespan)
    api.include_router(runs.router)
    api.include_router(approvals.router)
    api.include_router(inbox.router)
    problem.install(api)
    return api


@contextlib.contextmanager
def workspace_of(path: Path, **environment: str) -> Iterator[Workspace]:
    """Serves a world's company and the product that listens in its Slack."""
    world = read_world(path)
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(
            _served(Overheard("Slack and the other vendors", build(open_company(world, PUBLIC_URL), generate(world))))
        )
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        nothing_more = folder / "deus.toml"
        nothing_more.touch()
        settings = load_settings(
            {
                **company_settings(open_company(world, base), base, folder),
                "DEUS_CONFIG": str(nothing_more),
                "DEUS_SLACK_BOT_TOKEN": BOT_TOKEN,
                "DEUS_SLACK_BOT_SIGNING_SECRET": SECRET,
                "DEUS_SLACK_BOT_URL": f"{base}/slack/api/",
                "DEUS_SLACK_BOT_PACE": "0.05",
                **environment,
            }
        )
        opened = Workspace(world, base, settings)
        stack.callback(opened.slack.close)
        stack.callback(opened.stop)
        opened.start()
        yield opened
