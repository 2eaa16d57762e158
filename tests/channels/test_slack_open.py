"""How the channel is opened: found, set by its own names, over HTTP or a socket, and not at all by chance."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.channels.slack import PATH, open_channel
from app.channels.slack_listeners import UNDER_WAY
from app.channels.slack_people import person
from app.channels.slack_requests import signature
from app.main import _without_other_bots, channels
from app.settings import Settings, read_settings
from app.settings_channels import with_kept_channels
from tests.channels.fake_conversations import FrozenClock, ScriptedRuns, scripted
from tests.scenarios.playbooks.company import _served
from tools.kit.errors import UserMustMend

PATIENCE = 20.0
EVENT = {
    "type": "event_callback",
    "team_id": "T1",
    "api_app_id": "A1",
    "event_id": "Ev1",
    "event": {"type": "message", "channel_type": "im", "channel": "D1", "user": "U1", "ts": "1.0", "text": "Why?"},
}


class Kept:
    """Deliveries that are never behind; `places` are those that were begun."""

    def __init__(self) -> None:
        self.places: dict[str, Any] = {}
        self.begun = asyncio.Event()

    async def begin(self, run: str, channel: str, place: Any) -> Any:
        from app.channels.delivery import Delivery

        self.places[run] = place
        self.begun.set()
        return Delivery(run, channel, place)

    async def get(self, run: str, channel: str) -> Any:
        return None

    async def behind(self, channel: str, limit: int = 200) -> tuple[()]:
        return ()

    async def take(self, run: str, channel: str, holder: str, seconds: float) -> None:
        """Somebody else always carries it."""

    async def keep(self, delivery: Any) -> None:
        """Nothing is kept here."""


class Sockets:
    """A Slack that speaks Socket Mode: each socket gets the event, and is closed once it is acknowledged."""

    def __init__(self) -> None:
        self.opened = 0
        self.acknowledged: list[str] = []
        self.said: list[str] = []
        self.url = ""
        api = [Route("/api/{method}", self._method, methods=["GET", "POST"])]
        self.app = Starlette(routes=[*api, WebSocketRoute("/socket", self._socket)])

    async def _method(self, request: Request) -> JSONResponse:
        method = request.path_params["method"]
        self.said.append(method)
        if method == "apps.connections.open":
            assert request.headers["authorization"] == "Bearer xapp-1"
            return JSONResponse({"ok": True, "url": self.url.replace("http", "ws") + "/socket"})
        user = {"id": "U1", "team_id": "T1", "profile": {"email": "Ann@acme.test", "real_name": "Ann"}}
        known: dict[str, dict[str, Any]] = {
            "auth.test": {"team_id": "T1", "user_id": "U9", "bot_id": "B9"},
            "users.info": {"user": user},
            "conversations.open": {"channel": {"id": "D1"}},
        }
        return JSONResponse({"ok": True, "ts": "2.0", **known.get(method, {})})

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        self.opened += 1
        envelope = {"envelope_id": f"e{self.opened}", "type": "events_api", "payload": EVENT}
        await socket.send_text(json.dumps({**envelope, "accepts_response_payload": False}))
        try:
            while True:
                said = json.loads(await socket.receive_text())
                if "envelope_id" in said:
                    self.acknowledged.append(said["envelope_id"])
                    await socket.close()
                    return
        except (WebSocketDisconnect, RuntimeError):
            return


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    opened = Sockets()
    with _served(opened.app) as url:
        opened.url = url
        yield opened


@pytest.fixture
def product() -> Any:
    runs = ScriptedRuns(pace=0.0)
    approvals = SimpleNamespace()
    return SimpleNamespace(
        conversations=scripted(runs),
        approvals=approvals,
        clock=FrozenClock(),
        deliveries=Kept(),
        runs=runs,
        people=None,
        toolbox=SimpleNamespace(connected={}, title=str.capitalize),
    )


def test_the_channel_is_found_and_not_listed() -> None:
    assert open_channel in channels()


async def test_without_a_token_there_is_no_channel() -> None:
    nothing: Any = None
    async with open_channel(nothing, Settings()) as routes:
        assert list(routes) == []


async def test_a_token_without_a_way_in_is_refused_with_the_remedy(product: Any) -> None:
    settings = read_settings({"DEUS_SLACK_BOT_TOKEN": "xoxb-1"}, {})
    with pytest.raises(UserMustMend, match="no way in"):
        async with open_channel(product, settings):
            pass


def test_its_names_are_its_own() -> None:
    environ = {
        "DEUS_SLACK_TOKEN": "the-connector-s",
        "DEUS_SLACK_BOT_TOKEN": "xoxb-1",
        "DEUS_SLACK_BOT_SIGNING_SECRET": "hush",
        "DEUS_SLACK_BOT_CHANNELS": "#growth, C0123 ,",
        "SLACK_BOT_TOKEN": "chainlit-s",
    }
    settings = read_settings(environ, {})
    assert settings.services["slack"] == {"token": "the-connector-s"}
    assert settings.slack_bot_channels == ("#growth", "C0123")
    assert settings.unknown == ()
    assert "hush" not in repr(settings)
    assert "xoxb-1" not in repr(settings)
    assert read_settings({}, {"slack_bot_channels": ["growth"]}).slack_bot_channels == ("growth",)


async def test_other_programs_names_change_nothing(product: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"):
        monkeypatch.setenv(name, "of-another-program")
    _without_other_bots()
    settings = read_settings({"DEUS_SLACK_BOT_TOKEN": "xoxb-1", "DEUS_SLACK_BOT_SIGNING_SECRET": "hush"}, {})
    async with open_channel(product, settings) as routes:
        (route,) = routes
        bolt = route.endpoint.__self__._bolt  # type: ignore[attr-defined]
        assert bolt.client.token == "xoxb-1"
        assert bolt.oauth_flow is None
        assert route.path == PATH  # type: ignore[attr-defined]


async def test_over_a_socket_events_come_are_acknowledged_and_a_closed_socket_is_opened_anew(
    sockets: Sockets, product: Any
) -> None:
    environ = {
        "DEUS_SLACK_BOT_TOKEN": "xoxb-1",
        "DEUS_SLACK_BOT_APP_TOKEN": "xapp-1",
        "DEUS_SLACK_BOT_URL": f"{sockets.url}/api/",
    }
    async with open_channel(product, read_settings(environ, {})) as routes:
        assert list(routes) == [], "no address is needed"
        async with asyncio.timeout(PATIENCE):
            await product.deliveries.begun.wait()
            while sockets.opened < 2 or len(sockets.acknowledged) < 2:  # noqa: ASYNC110 - another thread's lists
                await asyncio.sleep(0.01)
    (place,) = product.deliveries.places.values()
    assert place == {"channel": "D1", "thread": "1.0", "user": "U1", "team": "T1"}
    (run,) = await product.conversations.runs()
    assert (run.actor, run.channel, run.question) == ("ann@acme.test", "slack", "Why?")


@pytest.mark.parametrize(
    ("changes", "actor", "ours"),
    [
        ({}, "ann@acme.test", True),
        ({"profile": {}}, "slack:U1", True),
        ({"is_email_confirmed": False}, "slack:U1", True),
        ({"team_id": "T2"}, "slack:U1", False),
        ({"is_stranger": True}, "slack:U1", False),
        ({"is_bot": True}, "slack:U1", False),
        ({"deleted": True}, "slack:U1", False),
    ],
)
def test_an_address_counts_where_this_workspace_vouches_for_it(changes: Any, actor: str, ours: bool) -> None:
    user = {"id": "U1", "team_id": "T1", "profile": {"email": " Ann@Acme.test "}} | changes
    found = person(user, "T1")
    assert (found.actor, found.ours) == (actor, ours)


async def signed(client: httpx.AsyncClient, body: dict[str, Any]) -> int:
    raw, now = json.dumps(body).encode(), str(int(time.time()))
    headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature("hush", now, raw)}
    answered = await client.post(PATH, content=raw, headers={"Content-Type": "application/json", **headers})
    return answered.status_code


async def test_what_could_not_be_stored_is_sent_again_by_slack_and_taken_then(
    sockets: Sockets, product: Any, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {
        "DEUS_SLACK_BOT_TOKEN": "xoxb-1",
        "DEUS_SLACK_BOT_SIGNING_SECRET": "hush",
        "DEUS_SLACK_BOT_URL": f"{sockets.url}/api/",
    }
    runs, troubles = product.runs, [RuntimeError("the database is away")]

    async def begin(turn: Any) -> str:
        if troubles:
            raise troubles.pop()
        return await ScriptedRuns.begin(runs, turn)

    runs.begin = begin
    with caplog.at_level(logging.CRITICAL):
        async with open_channel(product, read_settings(environ, {})) as routes:
            wire = httpx.ASGITransport(Starlette(routes=list(routes)))
            async with httpx.AsyncClient(transport=wire, base_url="http://deus.test") as client:
                assert await signed(client, EVENT) == 500
                again = {**EVENT, "event_context": "again"}
                assert await signed(client, again) == 200
                assert await signed(client, {**again, "event_context": "and again"}) == 200
    assert len(await product.conversations.runs()) == 1


class Busy:
    """A store of runs that takes its time: nothing is stored before it is let go."""

    def __init__(self, runs: ScriptedRuns) -> None:
        self._begin = runs.begin
        self.asked: list[str] = []
        self.free = asyncio.Event()
        runs.begin = self.begin  # type: ignore[method-assign]

    async def begin(self, turn: Any) -> str:
        self.asked.append(turn.message_id)
        await self.free.wait()
        return await self._begin(turn)


async def test_slack_has_its_answer_while_the_database_is_busy(sockets: Sockets, product: Any) -> None:
    environ = {
        "DEUS_SLACK_BOT_TOKEN": "xoxb-1",
        "DEUS_SLACK_BOT_SIGNING_SECRET": "hush",
        "DEUS_SLACK_BOT_URL": f"{sockets.url}/api/",
    }
    busy = Busy(product.runs)
    form = {"command": "/deus", "text": "Why?", "user_id": "U1", "team_id": "T1", "channel_id": "D1", "trigger_id": "7"}
    async with open_channel(product, read_settings(environ, {})) as routes:
        wire = httpx.ASGITransport(Starlette(routes=list(routes)))
        async with httpx.AsyncClient(transport=wire, base_url="http://deus.test") as client:
            assert await signed(client, EVENT) == 200
            assert await signed(client, {**EVENT, "event_context": "Slack's retry"}) == 200
            raw, now = urlencode(form).encode(), str(int(time.time()))
            headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature("hush", now, raw)}
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answered = await client.post(PATH, content=raw, headers={**kind, **headers})
            assert answered.json() == {"text": UNDER_WAY, "response_type": "ephemeral"}
            assert busy.asked == ["T1/D1/1.0", "T1/command/7"]
            assert await product.conversations.runs() == []
            busy.free.set()
            async with asyncio.timeout(PATIENCE):
                while len(product.deliveries.places) < 2:  # noqa: ASYNC110 - what is stored
                    await asyncio.sleep(0.01)
    assert len(await product.conversations.runs()) == 2


async def test_over_a_socket_too(sockets: Sockets, product: Any) -> None:
    environ = {
        "DEUS_SLACK_BOT_TOKEN": "xoxb-1",
        "DEUS_SLACK_BOT_APP_TOKEN": "xapp-1",
        "DEUS_SLACK_BOT_URL": f"{sockets.url}/api/",
    }
    busy = Busy(product.runs)
    async with open_channel(product, read_settings(environ, {})), asyncio.timeout(PATIENCE):
        while not sockets.acknowledged:  # noqa: ASYNC110 - another thread's list
            await asyncio.sleep(0.01)
        assert await product.conversations.runs() == []
        assert busy.asked == ["T1/D1/1.0"]
        busy.free.set()
        await product.deliveries.begun.wait()


def test_what_the_vault_keeps_counts_where_nothing_else_is_said() -> None:
    kept = {
        "slack_bot": {"token": "xoxb-kept", "app_token": "xapp-kept", "channels": "#growth"},
        "github": {"token": "x"},
    }
    settings = with_kept_channels(read_settings({"DEUS_SLACK_BOT_TOKEN": "xoxb-set"}, {}), kept)
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == "xoxb-set"
    assert settings.slack_bot_app_token is not None
    assert settings.slack_bot_app_token.get_secret_value() == "xapp-kept"
    assert settings.slack_bot_channels == ("#growth",)
    assert "xapp-kept" not in repr(settings)
    with pytest.raises(UserMustMend, match="slack_bot_pace"):
        with_kept_channels(read_settings({}, {}), {"slack_bot": {"pace": "soon"}})
