"""The widget's HTTP: who a visitor is, what they say, what they are told. Every answer is for an allowed page alone."""

from __future__ import annotations

import html
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from agents.identity import Identity, Person
from agents.ports import Turn
from agents.visiting import CHANNEL, MESSAGE, TICKET
from app.api.problem import Problem, document, status_of
from app.channels.widget_cursor import Cursor, parse
from app.channels.widget_feed import Feed
from app.channels.widget_limits import Limits
from app.channels.widget_person import Help
from app.channels.widget_request import address, bearer, body, called, cors, identifier, origin_of, preflight, words
from app.channels.widget_theme import Theme
from app.channels.widget_token import Unproven, Visitor, anonymous, token_of, visitor_of, vouched
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from app.bootstrap import Product
    from app.settings import Settings

MINUTE = 60.0
# Streams at once: of one visitor, whose tabs each have one, and of one internet address, behind which many may sit.
STREAMS = 6
STREAMS_OF_ADDRESS = 60
SERVICE = "widget"

Answer = Callable[["Door", Request], Awaitable[Response]]


@dataclass(frozen=True)
class Caller:
    """Who calls: the visitor of the token, and the person that they are here."""

    visitor: Visitor
    person: Person

    @property
    def actor(self) -> str:
        return self.person.id


def for_pages(answer: Answer) -> Answer:
    """Lets pages of allowed origins call, and no others; what goes wrong is a problem document that they can read."""

    @wraps(answer)
    async def answered(door: Door, request: Request) -> Response:
        origin = request.headers.get("origin")
        headers = cors(origin, door.origins)
        try:
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=preflight(origin_of(request, door.origins)))
            found = await answer(door, request)
        except Problem as problem:
            found = document(request, problem.status, problem.detail, problem.headers, remedy=problem.remedy)
        except Unproven as unproven:
            found = document(request, 401, str(unproven))
        except DeusError as error:
            found = document(request, status_of(error), error.message)
        found.headers.update(headers)
        return found

    return answered


class Door:
    """The requests of the widget. A token opens the one conversation that it names, to pages of its origin."""

    def __init__(
        self,
        product: Product,
        settings: Settings,
        theme: Theme,
        secret: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        assert product.people is not None, "the widget's visitors are people of the workspace"
        self.origins = settings.widget_origins
        self._product = product
        self._people = product.people
        self._settings = settings
        self._theme = theme
        self._secret = secret
        # Tokens and signatures hold in the world's time, which is not that of a demo.
        self._now = now
        self._limits = Limits()
        self._feed = Feed(product.conversations, product.inbox)
        self._help = Help(product, self._feed)

    @for_pages
    async def theme(self, request: Request) -> Response:
        """How the widget looks; no secret, so that no token is asked for."""
        return JSONResponse(self._theme.document())

    @for_pages
    async def session(self, request: Request) -> Response:
        """A token: for somebody new, or for whom the host page vouches. A word that is wrong is a 401, never a guest's
        token."""
        origin = origin_of(request, self.origins)
        self._paced(f"session {_from(request)}", self._settings.widget_address_minute)
        given = await body(request, {"key": str, "user": dict})
        if self._settings.widget_key is not None and given.get("key") != self._settings.widget_key:
            raise Problem(401, "The widget's key is not the one of this server.", remedy="See data-key.")
        now = self._now()
        if "user" in given:
            fresh = timedelta(minutes=self._settings.widget_signed_minutes)
            secret = self._settings.widget_secret
            word = secret.get_secret_value() if secret is not None else None
            visitor = vouched(given["user"], word, origin, now, fresh)
        else:
            visitor = anonymous(origin)
        token = token_of(visitor, self._secret, now)
        return JSONResponse({"token": token, "conversation": visitor.conversation, "name": visitor.name}, 201)

    @for_pages
    async def conversation(self, request: Request) -> Response:
        """The conversation so far, and the place from which its events go on; another token where theirs ends soon."""
        caller = await self._caller(request)
        self._paced(f"read {caller.visitor.ident}", 10 * self._settings.widget_messages_minute)
        told, cursor = await self._feed.transcript(caller.visitor.conversation, caller.actor)
        standing = await self._feed.standing(caller.visitor.conversation)
        now = self._now()
        renewed = {"token": token_of(caller.visitor, self._secret, now)} if caller.visitor.renews(now) else {}
        return JSONResponse(
            {"messages": told, "after": str(cursor), **standing, "name": caller.visitor.name, **renewed}
        )

    @for_pages
    async def say(self, request: Request) -> Response:
        """Takes a message; an id that was said before is the same message."""
        caller = await self._caller(request)
        given = await body(request, {"text": str, "id": str}, ("text", "id"))
        said, mark = words(given["text"]), identifier(given["id"])
        self._pace(request, caller)
        run = await self._say(caller, said, MESSAGE + mark)
        self._feed.tell(caller.visitor.conversation)
        return JSONResponse({"run": run}, 202)

    @for_pages
    async def events(self, request: Request) -> Response:
        """What happens in the conversation, as server-sent events after `Last-Event-ID` (or `after`)."""
        caller = await self._caller(request)
        self._paced(f"streams {caller.visitor.ident}", 10 * self._settings.widget_messages_minute)
        try:
            after = parse(request.headers.get("last-event-id") or request.query_params.get("after") or "0")
        except ValueError as error:
            raise Problem(400, str(error)) from error
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        lines = self._lines(caller, after, _from(request))
        return StreamingResponse(await _begun(lines), media_type="text/event-stream", headers=headers)

    @for_pages
    async def person(self, request: Request) -> Response:
        """Asks for a person, who gets the conversation and what could be found out meanwhile."""
        caller = await self._caller(request)
        await body(request, {})
        self._pace(request, caller)
        return JSONResponse(await self._help.ask(caller.visitor, caller.actor), 202)

    @for_pages
    async def ticket(self, request: Request) -> Response:
        """Keeps a message for when somebody is there."""
        caller = await self._caller(request)
        fields = {"name": str, "email": str, "message": str, "id": str}
        given = await body(request, fields, ("name", "email", "message", "id"))
        name, email = " ".join(words(given["name"], 200).split()), address(given["email"].strip())
        said, mark = words(given["message"]), identifier(given["id"])
        self._pace(request, caller)
        text = f"{said}\n\n{name}, {email}"
        run = await self._say(caller, text, TICKET + mark)
        await self._help.ask(caller.visitor, caller.actor, f"A ticket of {called(name)}, {email[:120]}")
        return JSONResponse({"run": run, "kept": True, "email": email}, 202)

    async def document(self, request: Request) -> Response:
        """A public document that is published nowhere else, as a page of its own."""
        context = self._product.workshop.context
        found = await context.public_text(request.path_params["document"]) if context is not None else None
        if found is None:
            return document(request, 404, "There is no such document.")
        title, text = (html.escape(part) for part in found)
        style = "max-width:44rem;margin:3rem auto;padding:0 1rem;font:16px/1.6 system-ui;white-space:pre-wrap"
        return HTMLResponse(
            f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f'<title>{title}</title><main style="{style}"><h1>{title}</h1>{text}</main>'
        )

    async def _caller(self, request: Request) -> Caller:
        """Who calls. Raises 403 for another page, 401 for a token that is not to be believed."""
        origin = origin_of(request, self.origins)
        visitor = visitor_of(bearer(request), self._secret, origin, self._now())
        # An e-mail address that the host page gave joins nobody: a visitor stays one, whoever they are elsewhere.
        person = await self._people.recognise(
            Identity(service=SERVICE, ident=visitor.ident), name=visitor.name or "A visitor", role="visitor"
        )
        return Caller(visitor, person)

    async def _say(self, caller: Caller, text: str, mark: str) -> str:
        where, at = caller.visitor.conversation, self._product.clock.now()
        turn = Turn(text, caller.actor, CHANNEL, where, at, mark, role="visitor")
        return await self._product.conversations.of(caller.actor).say(turn)

    def _pace(self, request: Request, caller: Caller) -> None:
        self._paced(f"visitor {caller.visitor.ident}", self._settings.widget_messages_minute)
        self._paced(f"address {_from(request)}", self._settings.widget_address_minute)

    def _paced(self, key: str, most: int) -> None:
        wait = self._limits.wait(key, most, MINUTE)
        if wait > 0:
            raise Problem(429, "That was too often.", headers={"Retry-After": str(int(wait) + 1)})

    async def _lines(self, caller: Caller, after: Cursor, where: str) -> AsyncGenerator[str, None]:
        with (
            self._limits.hold(f"streams {caller.visitor.ident}", STREAMS) as own,
            self._limits.hold(f"streams of {where}", STREAMS_OF_ADDRESS) as theirs,
        ):
            if not (own and theirs):
                raise Problem(429, "There are too many streams open.", headers={"Retry-After": "5"})
            yield ": open\n\n"
            async with aclosing(self._feed.follow(caller.visitor.conversation, caller.actor, after)) as told:
                async for line in told:
                    yield line


async def _begun(lines: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    """The lines, once the first of them has come: until then a refusal is still an answer."""
    first = await anext(lines)

    async def all_of_them() -> AsyncIterator[str]:
        async with aclosing(lines):
            yield first
            async for line in lines:
                yield line

    return all_of_them()


def _from(request: Request) -> str:
    """The internet address of whoever calls."""
    return request.client.host if request.client is not None else "unknown"
