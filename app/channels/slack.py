"""Slack as a channel: over a socket with an app token, over HTTP at /slack/events with a signing secret."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.channels.delivery import Deliverer
from app.channels.slack_requests import LARGEST, Refused, Seen, parse, verify
from tools.kit.errors import UserMustMend

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from app.bootstrap import Product
    from app.settings import Settings

log = logging.getLogger(__name__)

PATH = "/slack/events"
TIMEOUT = 10  # seconds


@contextlib.asynccontextmanager
async def open_channel(product: Product, settings: Settings) -> AsyncIterator[Sequence[BaseRoute]]:
    """The channel at work while the block runs, and its routes; nothing without a bot token."""
    if settings.slack_bot_token is None:
        yield ()
        return
    if settings.slack_bot_signing_secret is None and settings.slack_bot_app_token is None:
        raise UserMustMend(
            "Slack's messages cannot reach Deus: there is a bot token, but no way in.",
            remedy="Set DEUS_SLACK_BOT_APP_TOKEN (a socket, no public address) or DEUS_SLACK_BOT_SIGNING_SECRET.",
        )
    deliveries = product.deliveries
    assert deliveries is not None, "a product with channels keeps what it shows in them"
    import aiohttp

    from app.channels.slack_asking import Asking, Tasks
    from app.channels.slack_assistant import Pane, Showing
    from app.channels.slack_bot import SlackBot
    from app.channels.slack_edit import Editing
    from app.channels.slack_entries import Entries
    from app.channels.slack_homes import Homes, Services
    from app.channels.slack_listeners import bolt_of
    from app.channels.slack_people import People
    from app.channels.slack_poster import Poster
    from app.channels.slack_socket import Socket, Watch

    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=True)
        )
        client = _client(settings.slack_bot_token.get_secret_value(), settings.slack_bot_url, session)
        conversations, toolbox, home = product.conversations, product.toolbox, settings.address
        people = People(client, product.people, settings.people_role)
        showing = Showing(Poster(client, home), client, toolbox.title)
        deliverer = Deliverer(conversations, deliveries, showing, pace=settings.slack_bot_pace)
        asking = Asking(
            conversations, deliverer, product.clock, client, people, settings.slack_bot_channels, product.people
        )
        homes = Homes(asking, conversations, product.approvals, Services(toolbox.connected), client, home)
        pane, tasks = Pane(client, people, lambda: toolbox.connected), Tasks()
        bot = SlackBot(asking, product.approvals, deliveries, client, pane, homes, tasks)
        await stack.enter_async_context(deliverer.working())
        await stack.enter_async_context(homes.working())
        stack.push_async_callback(tasks.close)
        editing = Editing(product.approvals, asking, client, bot.stands)
        bolt = bolt_of(client, bot, Entries(asking, conversations, client, home), editing, tasks)
        if settings.slack_bot_app_token is not None:
            socket = Socket(bolt, settings.slack_bot_app_token.get_secret_value(), Watch())
            await stack.enter_async_context(socket.working())
        routes: list[BaseRoute] = []
        if settings.slack_bot_signing_secret is not None:
            secrets = settings.slack_bot_signing_secret.get_secret_value().split(",")
            routes.append(Route(PATH, Door(bolt, [one.strip() for one in secrets]).answer, methods=["POST"]))
        yield routes


class Door:
    """HTTP mode: what Slack has signed goes to Bolt, everything else is refused before anything reads it."""

    def __init__(self, bolt: AsyncApp, secrets: Sequence[str], now: Callable[[], float] = time.time) -> None:
        self._bolt = bolt
        self._secrets = secrets
        self._now = now
        self._signatures = Seen()

    async def answer(self, request: Request) -> Response:
        """Slack's answer: 200 once it is stored or under way; 400, 401 or 413 for what is refused."""
        from slack_bolt.adapter.starlette.async_handler import to_starlette_response
        from slack_bolt.async_app import AsyncBoltRequest

        try:
            body = await _body(request)
            headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw]
            signed = verify(headers, body, self._secrets, self._now())
            parse(body, request.headers.get("content-type", ""))
            if signed in self._signatures:
                if "x-slack-retry-num" in request.headers:
                    return Response()  # Slack asks again within the second; it has been taken.
                raise Refused(401, "The request was made before.")
        except Refused as refused:
            log.info("A request to %s was refused: %s", PATH, refused.why)
            return PlainTextResponse(refused.why, refused.status)
        self._signatures.add(signed)
        given: Any = dict(request.headers)
        answered = to_starlette_response(
            await self._bolt.async_dispatch(AsyncBoltRequest(body=body.decode("utf-8"), headers=given))
        )
        if answered.status_code >= 500:
            self._signatures.forget(signed)
        return answered


async def _body(request: Request) -> bytes:
    """The request's body. Raises Refused as soon as it is too large, whatever length it was said to have."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Refused(413, "The request is too large.")
    return bytes(body)


def _client(token: str, url: str, session: Any) -> AsyncWebClient:
    from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler

    from app.channels.slack_pace import PacedClient

    client = PacedClient(token=token, base_url=url, session=session, timeout=TIMEOUT)
    client.retry_handlers = [AsyncConnectionErrorRetryHandler()]
    return client
