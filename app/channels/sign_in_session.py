"""Sessions of those who signed in to the web: each holds for the password that it was begun with, and no longer."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agents.approval import folded
from agents.identity import PROGRAM
from app.channels.sign_in import SignIn

COOKIE = "access_token"
STAMP = "stamp"


class Passwords(Protocol):
    """The hashes of people's own passwords."""

    async def password_of(self, actor: str) -> str | None: ...


@dataclass(frozen=True)
class Sessions:
    """Says whose a session is. `people` is None where the owner alone signs in."""

    sign_in: SignIn
    people: Passwords | None = None

    async def claims(self, actor: str) -> dict[str, str] | None:
        """What a new session has to bear besides the actor's name; None for one who has no password."""
        kept = await self._kept(actor)
        return None if kept is None else {STAMP: self._stamp(actor, kept)}

    async def of(self, token: str | None) -> str | None:
        """The actor of a session that we have signed, that has not expired and whose password is still the same."""
        import jwt

        if not token:
            return None
        try:
            claims = jwt.decode(token, self.sign_in.secret, algorithms=["HS256"], options={"require": ["exp"]})
        except jwt.InvalidTokenError:
            return None
        actor, borne = claims.get("identifier"), claims.get("metadata")
        stamp = borne.get(STAMP) if isinstance(borne, Mapping) else None
        # Only the token's bearer is called so: it may speak for others.
        if not isinstance(actor, str) or not isinstance(stamp, str) or folded(actor) == PROGRAM:
            return None
        kept = await self._kept(actor)
        holds = kept is not None and hmac.compare_digest(stamp.encode(), self._stamp(actor, kept).encode())
        return actor if holds else None

    async def _kept(self, actor: str) -> str | None:
        if actor == self.sign_in.user:
            return self.sign_in.password
        return await self.people.password_of(actor) if self.people is not None else None

    def _stamp(self, actor: str, kept: str) -> str:
        """What shows that the password is the same, and tells nothing of it."""
        return hmac.new(self.sign_in.secret.encode(), f"{actor}\n{kept}".encode(), hashlib.sha256).hexdigest()


def token_in(cookies: Mapping[str, Any]) -> str:
    """The session in a browser's cookies, which may come in pieces; "" if there is none."""
    pieces: list[str] = []
    while (piece := cookies.get(f"{COOKIE}_{len(pieces)}")) is not None:
        pieces.append(str(piece))
    return str(cookies.get(COOKIE) or "".join(pieces))
