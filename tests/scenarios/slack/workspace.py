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

from app.api import approvals, problem, runs
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
        body = {
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
