"""What every request passes: only our own host and pages, and headers that keep other sites out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# Pages of our own that need no scripts; the chat's page brings its own policy.
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


class Guard:
    """ASGI middleware. `hosts` are the names by which the server may be called; empty for any (behind a proxy).
    `others` are the origins whose pages may send to what lies below a path; what is there checks them itself, too.

    A page of another site cannot open the socket or send a form, for its Origin is not ours; a name that another site
    points at loopback cannot be used to read from here, for it is not among the hosts.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str] = LOOPBACK, others: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._app = app
        self._others = dict(others or {})
        self._hosts = frozenset(host.casefold() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await _problem(refusal)(scope, receive, _with_headers(send))
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").casefold()
        if self._hosts and _name(host) not in self._hosts:
            return "This server is not known by that name. Open it by the address that it printed at its start."
        origin = headers.get("origin")
        needs_origin = scope["type"] == "websocket" or scope["method"] not in _SAFE or "/ws/" in scope["path"]
        if scope["type"] == "http" and any(
            scope["path"].startswith(below) and origin in origins for below, origins in self._others.items()
        ):
            return None
        if needs_origin and origin is not None and urlsplit(origin).netloc.casefold() != host:
            return "This request came from a page of another site."
        return None


def _name(host: str) -> str:
    return host.rsplit(":", 1)[0] if not host.endswith("]") else host


def _problem(detail: str) -> JSONResponse:
    body = {"type": "about:blank", "title": "Refused", "status": 403, "detail": detail}
    return JSONResponse(body, 403, media_type="application/problem+json")


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", _POLICY)
        await send(message)

    return sent
