"""What was changed at the demo company's tools, kept in a file, so that a demo that is started again still shows it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT_HEADERS = ("authorization", "content-type", "notion-version")
ASKING = ("/search", "/query", "/git-upload-pack")
TELLING = "/slack/page/"  # tells Deus of what was said and pressed, and changes nothing here


def changes(method: str, path: str, body: bytes) -> bool:
    """Whether a request may change something: it is neither a GET, nor a search, nor a GraphQL query."""
    if method in ("GET", "HEAD", "OPTIONS") or path.rstrip("/").endswith(ASKING) or path.startswith(TELLING):
        return False
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        query = json.loads(body).get("query")
        return not (isinstance(query, str) and query.lstrip().startswith(("query", "fragment", "{")))
    return True


class Journal:
    """Stands before the tools: writes down every request that may change something, and lets one at a time through.

    Refused ones are written down too: what tools make is numbered, and a refusal may have used a number.
    """

    def __init__(self, app: ASGIApp, path: Path) -> None:
        self.app = app
        self.path = path
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        told = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Message:
            return next(told, None) or await receive()

        if not changes(scope["method"], scope["path"], body):
            await self.app(scope, again, send)
            return
        async with self._turn:
            await asyncio.to_thread(self._keep, scope, body)
            await self.app(scope, again, send)

    def _keep(self, scope: Scope, body: bytes) -> None:
        named = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode()
        entry = {
            "method": scope["method"],
            "url": scope["path"] + (f"?{query}" if query else ""),
            "headers": {name: named[name] for name in KEPT_HEADERS if name in named},
            **_written(body),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def replay(self) -> int:
        """Sends everything that is in the file to the tools once more, in its order; gives how many requests it was."""
        entries = list(self._entries())
        asyncio.run(self._send_all(entries))
        return len(entries)

    def _entries(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            # A line that was cut off when the process ended was never answered.
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    async def _send_all(self, entries: list[dict[str, Any]]) -> None:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for entry in entries:
                sent = base64.b64decode(entry["bytes"]) if "bytes" in entry else entry["body"].encode()
                await client.request(entry["method"], entry["url"], headers=entry["headers"], content=sent)


def _written(body: bytes) -> dict[str, str]:
    """A body as JSON can hold it: a file that was uploaded is no text."""
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"bytes": base64.b64encode(body).decode()}
