"""The socket to Slack: opened in the running loop, and opened anew when it is told to go, dies, or is open and dead."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.channels.slack import _client
from app.channels.slack_socket import Socket, Watch
from tests.channels.slack_websocket import PATIENCE, Exchange
from tests.scenarios.playbooks.company import _served

QUICK = Watch(look=0.05, silence=0.4, patience=5.0, keepalive=0.1, longest_wait=0.2)
PATIENT = Watch(look=0.05, silence=60.0, patience=5.0, keepalive=60.0, longest_wait=0.2)
EVENT = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": {"type": "app_mention", "text": "Why?"}}


class Api:
    """Slack's Web API. While there is a `refusal` it opens no socket."""

    def __init__(self) -> None:
        self.url = ""
        self.refusal = ""
        self.asked: list[str] = []
        self.app = Starlette(routes=[Route("/api/{method}", self._method, methods=["GET", "POST"])])

    async def _method(self, request: Request) -> JSONResponse:
        method = request.path_params["method"]
        self.asked.append(method)
        if method == "apps.connections.open":
            refused = {"ok": False, "error": self.refusal}
            return JSONResponse(refused if self.refusal else {"ok": True, "url": self.url})
        return JSONResponse({"ok": True, "team_id": "T1", "user_id": "U9", "bot_id": "B9"})


@pytest.fixture
def api() -> Iterator[tuple[Api, str]]:
    served = Api()
    with _served(served.app) as url:
        yield served, url


@contextlib.asynccontextmanager
async def opened(
    api: tuple[Api, str], exchange: Exchange, watch: Watch
) -> AsyncIterator[tuple[Socket, asyncio.Queue[str]]]:
    """A socket at work, and the events that came over it."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    api[0].url = exchange.url
    async with aiohttp.ClientSession() as session:
        bolt = AsyncApp(
            client=_client("xoxb-1", f"{api[1]}/api/", session),
            signing_secret="",
            request_verification_enabled=False,
            process_before_response=True,
        )

        async def hear(event: dict[str, Any]) -> None:
            heard.put_nowait(event["text"])

        bolt.event("app_mention")(hear)
        socket = Socket(bolt, "xapp-1", watch)
        async with socket.working():
            yield socket, heard


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not look():  # noqa: ASYNC110 - another thread's state
            await asyncio.sleep(0.01)


async def heard_over(exchange: Exchange, heard: asyncio.Queue[str]) -> None:
    """The next line carries an event, which is acknowledged."""
    line = await exchange.line()
    await line.tell({"envelope_id": "e1", "type": "events_api", "payload": EVENT, "accepts_response_payload": False})
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() == "Why?"
        assert await line.acknowledged.get() == "e1"


async def test_a_socket_that_is_open_and_says_nothing_is_opened_anew(api: tuple[Api, str]) -> None:
    async with Exchange(deaf=1).serving() as exchange, opened(api, exchange, QUICK) as (socket, heard):
        assert (await exchange.line()).deaf
        await heard_over(exchange, heard)
        await until(socket.is_alive)


async def test_one_that_goes_deaf_later_is_noticed_too(api: tuple[Api, str]) -> None:
    async with Exchange().serving() as exchange, opened(api, exchange, QUICK) as (socket, heard):
        line = await exchange.line()
        await until(socket.is_alive)
        line.deaf = True
        await heard_over(exchange, heard)


async def test_while_it_answers_it_stays(api: tuple[Api, str]) -> None:
    async with Exchange().serving() as exchange, opened(api, exchange, QUICK) as (socket, _):
        await exchange.line()
        # The keepalive comes four times: longer than the socket may be silent.
        await until(lambda: api[0].asked.count("auth.test") >= 5)
        assert socket.is_alive()
        assert exchange.opened == 1


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_told_to_go_it_goes_to_another(api: tuple[Api, str], reason: str) -> None:
    async with Exchange().serving() as exchange, opened(api, exchange, PATIENT) as (_, heard):
        line = await exchange.line()
        await line.tell({"type": "hello", "num_connections": 1})
        await line.tell({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})
        await heard_over(exchange, heard)


@pytest.mark.parametrize("hand", ["message_receiver", "message_processor"])
async def test_one_whose_events_nobody_takes_up_is_opened_anew(api: tuple[Api, str], hand: str) -> None:
    async with Exchange().serving() as exchange, opened(api, exchange, PATIENT) as (socket, heard):
        await exchange.line()
        await until(socket.is_alive)
        assert socket._handler is not None
        getattr(socket._handler.client, hand).cancel()
        await heard_over(exchange, heard)


async def test_what_slack_refuses_is_told_with_the_remedy_and_tried_again(
    api: tuple[Api, str], caplog: pytest.LogCaptureFixture
) -> None:
    api[0].refusal = "invalid_auth"
    with caplog.at_level(logging.ERROR):
        async with Exchange().serving() as exchange, opened(api, exchange, QUICK) as (_, heard):
            await until(lambda: "deus connect slack --bot --check" in caplog.text)
            api[0].refusal = ""
            await heard_over(exchange, heard)


async def test_a_socket_that_nobody_opens_is_given_up(api: tuple[Api, str]) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # It reads until the other end gives up.
        await reader.read()
        writer.close()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    host, port = hanging.sockets[0].getsockname()
    quick = Watch(look=0.05, silence=60.0, patience=0.3, keepalive=60.0, longest_wait=0.1)
    async with hanging, Exchange().serving() as exchange:
        real, exchange.url = exchange.url, f"ws://{host}:{port}/"
        async with opened(api, exchange, quick) as (_, heard):
            await until(lambda: api[0].asked.count("apps.connections.open") >= 2)
            api[0].url = real
            await heard_over(exchange, heard)
