"""Who a visitor is: the token that the server signs, and the host page's word for somebody who is signed in there.

Pure but for the secret's file. Nothing here falls back: what cannot be read as it must be raises Unproven.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tools.kit.errors import UserMustMend

_FILE = "widget-secret"
SHORTEST_SECRET = 32
ISSUER = "widget"
LASTS = timedelta(days=30)
# A guest who comes back in the second half of that gets another; nobody but their browser can bring them back.
RENEWED = LASTS / 2
ANONYMOUS = "anonymous:"
# The fields of the host page's word, in the order of its canonical form.
FIELDS = ("at", "email", "id", "name")
LONGEST = {"email": 254, "id": 128, "name": 200, "hmac": 64}
# A host's clock may be this much ahead of ours.
AHEAD = timedelta(minutes=1)
_HMAC = re.compile(r"[0-9a-f]{64}")


class Unproven(Exception):
    """A token or a host page's word that is not to be believed; the message is for the developer of the page."""


@dataclass(frozen=True)
class Visitor:
    """A visitor as a token names them: the identity's `ident`, the one conversation that is theirs, the page's origin.
    `name` and `email` are the host page's word; an anonymous visitor has neither. `until` is the token's end, in
    seconds since 1970."""

    ident: str
    conversation: str
    origin: str
    name: str = ""
    email: str = ""
    until: int = 0

    def renews(self, now: datetime) -> bool:
        """Whether they get another token now. For whom the host page vouches it has to vouch anew."""
        return self.ident.startswith(ANONYMOUS) and self.until - now.timestamp() < RENEWED.total_seconds()


def kept_secret(data: Path) -> str:
    """The secret that signs tokens, made on the first start and readable by its owner alone.

    Raises UserMustMend where the file holds less than a secret: whoever guesses it is any visitor.
    """
    path = data / _FILE
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        whole = data / f"{_FILE}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        # It is there whole or not at all, and of two processes that begin at once one has made it.
        with contextlib.suppress(FileExistsError):
            os.link(whole, path)
        whole.unlink()
    kept = path.read_text(encoding="utf-8").strip()
    if len(kept) < SHORTEST_SECRET:
        raise UserMustMend(
            f"{path} holds no secret that could sign the widget's tokens.",
            remedy="Delete the file; another is made, and visitors who are not signed in begin anew.",
        )
    return kept


def anonymous(origin: str) -> Visitor:
    """Somebody new, of whom nothing is known."""
    ident = f"{ANONYMOUS}{secrets.token_hex(16)}"
    return Visitor(ident, conversation_of(ident, origin), origin)


def conversation_of(ident: str, origin: str) -> str:
    """The one conversation of a visitor: where a signed-in one comes back from another device it is the same."""
    return "widget-" + hashlib.sha256(f"{origin}\0{ident}".encode()).hexdigest()[:32]


def token_of(visitor: Visitor, secret: str, now: datetime) -> str:
    """A signed token for a visitor, bound to the origin of the page; it lasts a month."""
    import jwt

    claims = {
        "iss": ISSUER,
        "aud": visitor.origin,
        "sub": visitor.ident,
        "cid": visitor.conversation,
        "name": visitor.name,
        "email": visitor.email,
        "iat": int(now.timestamp()),
        "exp": int((now + LASTS).timestamp()),
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def visitor_of(token: str, secret: str, origin: str, now: datetime) -> Visitor:
    """Whose token it is. Raises Unproven if it is not ours, was altered, has expired, or is another origin's."""
    import jwt

    required = ["iss", "aud", "sub", "cid", "iat", "exp"]
    try:
        # Whoever asks says what time it is.
        options: Any = {"require": required, "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, secret, algorithms=["HS256"], audience=origin, issuer=ISSUER, options=options)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unproven("The token is not one that this server gave to this page.") from error
    ident, conversation, until = claims["sub"], claims["cid"], claims["exp"]
    if not isinstance(until, int) or until <= now.timestamp():
        raise Unproven("The token has expired.")
    if not isinstance(ident, str) or conversation != conversation_of(ident, origin):
        raise Unproven("The token names no conversation of its visitor.")
    return Visitor(ident, conversation, origin, str(claims.get("name", "")), str(claims.get("email", "")), until)


def canonical(fields: dict[str, Any]) -> bytes:
    """What the host page signs: JSON of at, email, id and name, in this order, without spaces, as UTF-8."""
    wanted = {name: fields[name] for name in FIELDS}
    return json.dumps(wanted, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def signed(fields: dict[str, Any], secret: str) -> str:
    """The HMAC-SHA256 of the canonical form, in hexadecimal; the host page makes the same."""
    return hmac.new(secret.encode(), canonical(fields), hashlib.sha256).hexdigest()


def vouched(given: object, secret: str | None, origin: str, now: datetime, fresh: timedelta) -> Visitor:
    """The visitor for whom a host page vouches: {at, email, id, name, hmac}, `at` in seconds since 1970.

    Raises Unproven for anything else than the exact fields, a wrong or missing signature, or a word older than
    `fresh`.
    """
    if secret is None:
        raise Unproven("This server takes no signed-in visitors: DEUS_WIDGET_SECRET is not set.")
    if not isinstance(given, dict) or set(given) != {*FIELDS, "hmac"}:
        raise Unproven("The signed-in visitor needs exactly id, email, name, at and hmac.")
    for name, most in LONGEST.items():
        if not isinstance(given[name], str) or len(given[name]) > most:
            raise Unproven(f"The signed-in visitor's {name} is no text, or too long.")
    at = given["at"]
    if isinstance(at, bool) or not isinstance(at, int) or not given["id"] or not _HMAC.fullmatch(given["hmac"]):
        raise Unproven("The signed-in visitor needs an id, a time in whole seconds, and an HMAC in hexadecimal.")
    try:
        right = hmac.compare_digest(signed(given, secret), given["hmac"])
    except UnicodeEncodeError as error:
        raise Unproven("The signed-in visitor's fields are not Unicode text.") from error
    if not right:
        raise Unproven("The signature of the signed-in visitor is wrong.")
    age = now.timestamp() - at
    if not -AHEAD.total_seconds() <= age <= fresh.total_seconds():
        raise Unproven("The signed-in visitor was signed too long ago: sign anew for each page.")
    ident = f"user:{given['id']}"
    return Visitor(ident, conversation_of(ident, origin), origin, given["name"], given["email"])
