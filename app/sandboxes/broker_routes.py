"""Requests of a route: passed on to its upstream with the credential put in, and answered without it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import h11

from agents.errors import BudgetSpent
from agents.sandbox import Traffic
from app.sandboxes.broker_meter import Meter
from app.sandboxes.broker_policy import Call, Refusal, passed_back, passed_on
from app.sandboxes.broker_questions import NotAsked
from tools.kit.passage import passed

if TYPE_CHECKING:
    import httpx


class Cut(Exception):
    """An answer that must not go on."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Body:
    """What comes of one request's body, up to its limit and to what is left for all."""

    def __init__(self, bodies: Bodies, most: int) -> None:
        self.data = bytearray()
        self._bodies, self._most = bodies, most

    def add(self, piece: bytes) -> Refusal | None:
        """Takes a piece, or says why not."""
        if len(self.data) + len(piece) > self._most:
            return Refusal(413, "too much")
        if self._bodies.left < len(piece):
            return Refusal(503, "too much at once")
        self._bodies.left -= len(piece)
        self.data += piece
        return None


class Bodies:
    """How many bytes of bodies may be held here at once for one sandbox."""

    def __init__(self, most: int) -> None:
        self.left = most

    @contextlib.contextmanager
    def one(self, most: int) -> Iterator[Body]:
        """A body that may be as long as that; it counts for as long as it is held."""
        body = Body(self, most)
        try:
            yield body
        finally:
            self.left += len(body.data)


class Spotter:
    """Finds a credential in what a service answers, also where it lies across two pieces."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret.encode() if secret else b""
        self._held = b""

    def passes(self, piece: bytes) -> bytes:
        """What of it may go on now. Raises Cut where the credential is in it."""
        data = self._held + piece
        if self._secret and self._secret in data:
            raise Cut(Refusal(502, "the credential was in the answer"))
        longest = min(len(data), max(0, len(self._secret) - 1))
        held = next((size for size in range(longest, 0, -1) if self._secret.startswith(data[-size:])), 0)
        self._held = data[len(data) - held :]
        return data[: len(data) - held]

    def rest(self) -> bytes:
        """What was held back, at the end."""
        return self._held


class Caller:
    """Asks upstreams in the sandbox's place. Holds the credentials' values, which it shows nowhere."""

    def __init__(self, client: httpx.AsyncClient, secrets: Mapping[str, str], meter: Meter) -> None:
        self._client, self._secrets, self._meter = client, secrets, meter

    def host(self, call: Call) -> str:
        """Whom a call asks, for the audit log."""
        return urlsplit(call.route.upstream).netloc

    async def call(
        self, call: Call, headers: list[tuple[str, str]], body: bytes, traffic: Traffic
    ) -> AsyncGenerator[h11.Response | h11.Data | h11.EndOfMessage, None]:
        """The answer, piece by piece; what a model's answer costs is booked. Raises Cut, Unavailable, TimedOut."""
        tally, charge, status = call.route.tally, None, 0
        if tally is not None and call.method == "POST":
            try:
                charge = await self._meter.before(tally, body)
            except BudgetSpent:
                raise Cut(Refusal(403, "the budget is used up")) from None
            except NotAsked as fault:
                raise Cut(Refusal(403, str(fault))) from None
        try:
            async with contextlib.aclosing(self._answered(call, headers, body, traffic)) as answered:
                async for sent in answered:
                    if isinstance(sent, h11.Response):
                        status = sent.status_code
                    elif isinstance(sent, h11.Data) and charge is not None:
                        charge.reader.feed(bytes(sent.data))
                    yield sent
        finally:
            if tally is not None and charge is not None:
                await asyncio.shield(asyncio.ensure_future(self._meter.after(tally, charge, status)))

    async def _answered(
        self, call: Call, headers: list[tuple[str, str]], body: bytes, traffic: Traffic
    ) -> AsyncGenerator[h11.Response | h11.Data | h11.EndOfMessage, None]:
        route = call.route
        secret = self._secrets.get(route.secret) if route.secret else None
        sent = [*passed_on(route, headers), ("host", self.host(call)), ("accept-encoding", "identity")]
        if secret is not None:
            sent.append((route.header.lower(), route.form.replace("{}", secret)))
        if body or call.method not in ("GET", "HEAD", "DELETE"):
            sent.append(("content-length", str(len(body))))
        async with passed(self._client, call.method, call.url, sent, body, quiet=traffic.quiet) as answer:
            yield _head(answer.status, passed_back(answer.headers), secret)
            spotter, received = Spotter(secret), 0
            async for piece in answer.pieces:
                received += len(piece)
                if received > traffic.received:
                    raise Cut(Refusal(502, "too much"))
                if data := spotter.passes(piece):
                    yield h11.Data(data=data)
            if data := spotter.rest():
                yield h11.Data(data=data)
            yield h11.EndOfMessage()


def _head(status: int, headers: list[tuple[str, str]], secret: str | None) -> h11.Response:
    if any(name == "content-encoding" and value != "identity" for name, value in headers):
        # What is packed cannot be looked through.
        raise Cut(Refusal(502, "a packed answer"))
    if secret and any(secret in value for _, value in headers):
        raise Cut(Refusal(502, "the credential was in the answer"))
    return h11.Response(status_code=status, headers=[*headers, ("connection", "close")])
