"""Who may sign in to the web chat: a name, a password and the secret of the cookies, made on the first start."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_FILE = "sign-in.json"
OWNER = "founder"
# scrypt's n (as a power of two), r and p.
_COST = (15, 8, 1)
_NONE = "scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
# No letters that look alike: the password is read from a terminal.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class SignIn:
    """A person's way into the chat. `secret` signs the cookies, so that a restart signs nobody out."""

    user: str
    password: str
    secret: str


def sign_in(data: Path, user: str | None = None, password: str | None = None) -> SignIn:
    """What is kept in the data folder, made where it is missing. A user or password that is given takes its place."""
    path = data / _FILE
    kept = _read(path)
    if kept is None:
        kept = SignIn(user or OWNER, _password(), secrets.token_urlsafe(48))
        data.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(kept), file, indent=2)
    return replace(kept, user=user or kept.user, password=password or kept.password)


def owner_of(data: Path, user: str | None = None) -> str:
    """The name under which the owner of this server signs in, whether or not a password was made yet."""
    kept = _read(data / _FILE)
    return user or (kept.user if kept else OWNER)


def hashed(password: str) -> str:
    """A password as it is kept: scrypt with a salt of its own. Takes some 50 ms; call it in a thread."""
    salt = secrets.token_bytes(16)
    return "$".join(("scrypt", *map(str, _COST), _text(salt), _text(_scrypt(password, salt, *_COST))))


def matches(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was hashed. It takes as long where there is none. Call it in a thread."""
    kind, n, r, p, salt, digest = (kept or _NONE).split("$")
    made = _scrypt(password, base64.b64decode(salt), int(n), int(r), int(p))
    return kind == "scrypt" and hmac.compare_digest(made, base64.b64decode(digest)) and kept is not None


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**n, r=r, p=p, maxmem=2 ** (n + 8) * r, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


def _read(path: Path) -> SignIn | None:
    try:
        return SignIn(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read as a sign-in. Delete it, and a new password is made.") from error
