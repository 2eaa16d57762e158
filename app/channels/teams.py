"""Teams as a channel: activities come to /teams/messages, what Deus says goes to the Bot Connector."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from app.channels.delivery import Deliverer
from app.channels.teams_activity import Activity, Refused, is_allowed, is_loopback, parse, read
from tools.kit.errors import UserMustMend

if TYPE_CHECKING:
    from app.bootstrap import Product
    from app.channels.teams_bot import TeamsBot
    from app.channels.teams_tokens import Gate
    from app.settings import Settings

log = logging.getLogger(__name__)

PATH = "/teams/messages"
LARGEST = 256 * 1024  # bytes; Teams' own are some kilobytes
HERE = ("127.0.0.1", "localhost", "::1")


@contextlib.asynccontextmanager
async def open_channel(product: Product, settings: Settings) -> AsyncIterator[Sequence[BaseRoute]]:
    """The channel at work while the block runs, and its route; nothing without an app id, but for development."""
    if settings.teams_app_id is None and not settings.teams_development:
        yield ()
        return
    checked(settings)
    deliveries, people = product.deliveries, product.people
    assert deliveries is not None, "a product with channels keeps what it shows in them"
    assert people is not None, "a product with channels knows its people"
    from app.channels.teams_bot import TeamsBot
    from app.channels.teams_people import TeamsPeople
    from app.channels.teams_poster import Poster
    from app.channels.teams_tokens import BotToken, Gate, Keys
    from app.channels.teams_wire import Connector
    from tools.kit.wire import open_client

    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client())
        app_id, secret, tenant = settings.teams_app_id, settings.teams_app_secret, settings.teams_tenant_id or ""
        gate = token = None
        if app_id is not None and secret is not None:
            gate = Gate(Keys(client, settings.teams_openid_url), app_id)
            token = BotToken(client, settings.teams_login_url, tenant, app_id, secret.get_secret_value())
        connector = Connector(client, token)

        async def stop(run: str) -> None:
            summary = await product.conversations.summary(run)
            await product.conversations.stop(run, summary.actor)

        poster = Poster(connector, settings.address, stop=stop, pace=settings.teams_pace)
        deliverer = Deliverer(product.conversations, deliveries, poster, pace=settings.teams_pace)
        bot = TeamsBot(
            product.conversations,
            product.approvals,
            deliveries,
            deliverer,
            product.clock,
            connector,
            TeamsPeople(connector, people, tenant, settings.people_role),
            settings.address,
        )
        await stack.enter_async_context(deliverer.working())
        stack.push_async_callback(bot.close)
        door = Door(bot, gate, tenant, settings.teams_service_url)
        yield (Route(PATH, door.answer, methods=["POST"]),)


def checked(settings: Settings) -> None:
    """Raises UserMustMend where Teams could not be answered, or anybody could speak in its name."""
    if settings.teams_app_id is None:
        if settings.host not in HERE or not is_loopback(settings.address):
            raise UserMustMend(
                "DEUS_TEAMS_DEVELOPMENT lets anybody speak who reaches this server, which others can.",
                remedy="Set DEUS_TEAMS_APP_ID, DEUS_TEAMS_APP_SECRET and DEUS_TEAMS_TENANT_ID instead.",
            )
        return
    if settings.teams_app_secret is None or settings.teams_tenant_id is None:
        raise UserMustMend(
            "Teams cannot be answered: there is an app id, but no secret or no tenant.",
            remedy="Set DEUS_TEAMS_APP_SECRET and DEUS_TEAMS_TENANT_ID; docs/teams.md says where they are found.",
        )


class Door:
    """What Teams has sent to this app, from this company, goes to the bot; everything else is refused before that.

    Without a `gate` nothing is verified, and only this machine is listened to.
    """

    def __init__(self, bot: TeamsBot, gate: Gate | None, tenant: str, service_url: str | None) -> None:
        self._bot = bot
        self._gate = gate
        self._tenant = tenant
        self._service_url = service_url

    async def answer(self, request: Request) -> Response:
        """202 for what is taken up, the answer itself for a button; 400, 401 or 413 for what is refused."""
        try:
            activity = await self._taken(request)
        except Refused as refused:
            log.info("A request to %s was refused: %s", PATH, refused.why)
            return PlainTextResponse(refused.why, refused.status)
        if activity.type == "invoke":
            status, body = await self._bot.invoke(activity)
            return JSONResponse(body, status)
        await self._bot.hear(activity)
        return Response(status_code=202)

    async def _taken(self, request: Request) -> Activity:
        body = await _body(request)
        if self._gate is None:
            if request.client is None or request.client.host not in HERE:
                raise Refused(401, "Only this machine is listened to.")
            activity = read(parse(body))
            allowed = is_loopback(activity.service_url) or is_allowed(activity.service_url, self._service_url)
        else:
            tokens = request.headers.getlist("authorization")
            if len(tokens) != 1:
                raise Refused(401, "The request bears no token, or several.")
            claims, key = await self._gate.admit(tokens[0])
            activity = read(parse(body))
            self._gate.fits(claims, key, activity)
            allowed = is_allowed(activity.service_url, self._service_url)
        if not allowed:
            raise Refused(401, "The request comes from a service that is not Teams.")
        if self._tenant and activity.tenant != self._tenant:
            raise Refused(401, "The request comes from another company.")
        if not activity.conversation or not activity.bot:
            raise Refused(400, "The request belongs to no conversation.")
        return activity


async def _body(request: Request) -> bytes:
    """The request's body. Raises Refused as soon as it is too large, whatever length it was said to have."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Refused(413, "The request is too large.")
    return bytes(body)
