"""The chat's place in the server: a waiting page until Chainlit is loaded, then Chainlit, asking no other host."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.channels.sign_in import matches
from app.channels.sign_in_session import Sessions
from app.channels.sign_in_tries import Tries

if TYPE_CHECKING:
    from agents.approvals import Approvals
    from agents.conversation import Conversations
    from agents.files import FileDoor
    from agents.identity import Person
    from agents.ports import Clock
    from app.channels.sign_in import SignIn

log = logging.getLogger(__name__)

_PUBLIC = Path(__file__).parents[1] / "public"
_FOREIGN = re.compile(r'\s*<(?:link|meta)\b[^>]*"https?://[^>]*>')
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class Accounts(Protocol):
    """Those who sign in with a password of their own."""

    async def password(self, login: str) -> tuple[Person, str] | None: ...

    async def password_of(self, actor: str) -> str | None: ...


@dataclass(frozen=True)
class Desk:
    """What the chat needs of the product."""

    conversations: Conversations
    approvals: Approvals
    clock: Clock
    sign_in: SignIn
    starters: tuple[str, ...]
    people: Accounts | None = None
    files: FileDoor | None = None
    tries: Tries = field(default_factory=Tries)

    @property
    def sessions(self) -> Sessions:
        """Those who are signed in."""
        return Sessions(self.sign_in, self.people)

    async def signed_in(self, login: str, password: str) -> tuple[str, str] | None:
        """Id and name of whoever signs in so; None if nobody does. Raises TooOften."""
        async with self.tries.one(login) as right:
            found = await self._fits(login, password)
            if found is not None:
                right()
            return found

    async def _fits(self, login: str, password: str) -> tuple[str, str] | None:
        known = hmac.compare_digest(login.strip().casefold().encode(), self.sign_in.user.casefold().encode())
        right = hmac.compare_digest(password.encode(), self.sign_in.password.encode())
        if known or self.people is None:
            return (self.sign_in.user, self.sign_in.user) if known and right else None
        person, kept = await self.people.password(login.strip()) or (None, None)
        fits = await asyncio.to_thread(matches, password, kept)
        return (person.id, person.name) if person is not None and fits else None


def furnish(root: Path) -> None:
    """Puts Chainlit's settings and our public files where Chainlit looks for them, outside the package."""
    settings = root / ".chainlit"
    (settings / "translations").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_PUBLIC / "chainlit.toml", settings / "config.toml")
    styles = ("approvals.css", "diff.css", "work.css", "inbox.css")
    private = ("chainlit.toml", "words.json", "starting.html", "inbox.js", *styles)
    shutil.copytree(_PUBLIC, root / "public", dirs_exist_ok=True, ignore=shutil.ignore_patterns(*private))
    theirs = json.loads((_chainlit() / "translations" / "en-US.json").read_text(encoding="utf-8"))
    ours = json.loads((_PUBLIC / "words.json").read_text(encoding="utf-8"))
    (settings / "translations" / "en-US.json").write_text(json.dumps(_over(theirs, ours)), encoding="utf-8")


def _chainlit() -> Path:
    """Where Chainlit is installed, without importing it, for that takes seconds."""
    spec = importlib.util.find_spec("chainlit")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("Chainlit is not installed.")
    return Path(spec.origin).parent


def _over(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in over.items():
        deeper = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _over(merged[name], value) if deeper else value
    return merged


def own_page(html: str) -> str:
    """The page without what other hosts would be asked for: fonts, styles of formulas, preview images."""
    return _FOREIGN.sub("", html)


def content_policy(html: str) -> str:
    """A content security policy for a page: our own host alone, and the inline scripts that it has now.

    Chainlit compiles its custom elements in the browser, hence 'unsafe-eval'.
    """
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _SCRIPT.findall(html)
    ]
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' {' '.join(hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class ChatMount:
    """An ASGI application that is there at once and becomes the chat when that has been loaded in a thread."""

    def __init__(self, load: Callable[[], ASGIApp]) -> None:
        self._load = load
        self._chat: ASGIApp | None = None
        self._failed = False

    @property
    def state(self) -> str:
        """starting, ready or failed."""
        return "failed" if self._failed else "ready" if self._chat else "starting"

    async def open(self) -> None:
        """Loads the chat. A failure is shown on the page and leaves the rest of the server as it is."""
        try:
            self._chat = await asyncio.to_thread(self._load)
        except Exception:  # a background task's top
            self._failed = True
            log.exception("The web chat could not be loaded.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._chat is not None:
            await self._chat(scope, receive, send)
        elif scope["type"] == "http":
            await self._waiting(scope)(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1013})

    def _waiting(self, scope: Scope) -> ASGIApp:
        accepts = dict(scope["headers"]).get(b"accept", b"")
        if b"text/html" not in accepts:
            return PlainTextResponse("The chat is starting.", 503, {"Retry-After": "1"})
        words = (
            "The chat could not be loaded. The reason is in the server's log; restart Deus when it is mended."
            if self._failed
            else "Setting the table. The chat opens by itself in a few seconds."
        )
        page = (_PUBLIC / "starting.html").read_text(encoding="utf-8").replace("{{ words }}", words)
        if self._failed:
            page = page.replace('<meta http-equiv="refresh" content="1">', "")
        return HTMLResponse(page, 503, {"Retry-After": "1", "Cache-Control": "no-store"})
