"""How often somebody may try to sign in: by name, by internet address, and how many at once. In this process."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from time import monotonic

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.channels.widget_limits import Limits
from tools.kit.errors import DeusError

# Wrong tries: of one name, and from one address, behind which a whole office may sit.
BY_NAME, BY_ADDRESS, WINDOW = 10, 40, 300.0
# A try takes 32 MB and some 50 ms of a core.
AT_ONCE = 4
CODE = "tooOften"
_address: ContextVar[str] = ContextVar("address of who signs in", default="unknown")


class TooOften(DeusError):
    """It was tried too often; `seconds` say when it may be tried again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, math.ceil(seconds))
        super().__init__("Signing in was tried too often.", remedy=f"Try again in {self.seconds} seconds.")


class Tries:
    """Counts tries that fail; one that succeeds does not count. Nothing costly is done for one too many."""

    def __init__(self, tick: Callable[[], float] = monotonic) -> None:
        self._limits = Limits(tick)
        self._turns = asyncio.Semaphore(AT_ONCE)

    @contextlib.asynccontextmanager
    async def one(self, name: str) -> AsyncIterator[Callable[[], None]]:
        """One try, in its turn; call what it yields when it was right. Raises TooOften."""
        counted: list[str] = []

        def right() -> None:
            for key in counted:
                self._limits.forgive(key)

        keys = (
            (f"address {_address.get()}", BY_ADDRESS),
            (f"name {hashlib.sha256(name.strip().casefold().encode()).hexdigest()}", BY_NAME),
        )
        for key, most in keys:
            if left := self._limits.wait(key, most, WINDOW):
                raise TooOften(left)
            counted.append(key)
        async with self._turns:
            yield right


class Addressed:
    """The chat, which is told where a try to sign in comes from."""

    def __init__(self, chat: ASGIApp) -> None:
        self._chat = chat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client = scope.get("client")
            _address.set(str(client[0]) if client else "unknown")
        await self._chat(scope, receive, send)


def refused(error: TooOften) -> HTTPException:
    """The answer to a try too many; the page has words for it (app/public/words.json)."""
    return HTTPException(429, CODE, {"Retry-After": str(error.seconds)})
