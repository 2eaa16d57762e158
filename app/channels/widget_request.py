"""What a page may send: checked for its origin, its size and its form before anything is done about it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from app.api.problem import Problem

LARGEST = 16_384
LONGEST_TEXT = 4000
_ID = re.compile(r"[A-Za-z0-9-]{8,64}", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}@[^\s@<>()\[\],;:\"\\]+\.[^\s@<>()\[\],;:\"\\.]{2,63}")
ALLOWED = "authorization, content-type, last-event-id"


def cors(origin: str | None, allowed: Sequence[str]) -> dict[str, str]:
    """The headers that let a page of an allowed origin, and of no other, read an answer."""
    headers = {"Vary": "Origin", "Cache-Control": "no-store"}
    if origin in allowed and origin is not None:
        headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
    return headers


def preflight(origin: str) -> dict[str, str]:
    """What a browser of an allowed origin is told before it sends."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": ALLOWED,
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


def origin_of(request: Request, allowed: Sequence[str]) -> str:
    """The page's origin. Raises a 403 problem where it is missing or not among those that are allowed."""
    given = request.headers.getlist("origin")
    if len(given) != 1 or given[0] not in allowed:
        raise Problem(
            403,
            "The widget may not be used from this page.",
            remedy="Add the page's origin to DEUS_WIDGET_ORIGINS: scheme, host and port, exactly.",
        )
    return given[0]


def bearer(request: Request) -> str:
    """The token that came along. Raises a 401 problem without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "bearer" or not token:
        raise Problem(401, "This needs the visitor's token.", remedy="Ask for one at /widget/session.")
    return token


async def body(request: Request, fields: Mapping[str, type], needed: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON object that was sent. Raises 413 as soon as it is too large, 400 for anything but the known fields."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > LARGEST:
            raise Problem(413, f"A request may have {LARGEST:,} bytes.")
    try:
        found = json.loads(bytes(read).decode("utf-8")) if read else {}
    except UnicodeDecodeError as error:
        raise Problem(400, "The request is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise Problem(400, "The request is not JSON.") from error
    if not isinstance(found, dict):
        raise Problem(400, "The request is not a JSON object.")
    for name, value in found.items():
        if name not in fields or (value is not None and not isinstance(value, fields[name])):
            raise Problem(400, f"The field {name[:40]!r} is not known, or not of the right kind.")
    for name in needed:
        if found.get(name) in (None, ""):
            raise Problem(400, f"The field {name!r} is missing.")
    return found


def words(value: str, most: int = LONGEST_TEXT) -> str:
    """Somebody's words without control characters. Raises 400 for none, or what is no text, 413 for too many."""
    if len(value) > most:
        raise Problem(413, f"A text may have {most:,} characters.")
    kept = "".join(c for c in value if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn")).strip()
    if not kept:
        raise Problem(400, "The text is empty.")
    return kept


def called(name: str) -> str:
    """What somebody calls themselves as one line of the company's own pages takes it: no address in it is a link."""
    return re.sub(r"[^\w .,'’-]", "", name)[:80].strip() or "somebody"


def identifier(value: str) -> str:
    """The id that the page gave a message, so that one that is sent twice is said once. Raises 400."""
    if not _ID.fullmatch(value):
        raise Problem(400, "The id of a message has 8 to 64 letters, digits and hyphens.")
    return value


def address(value: str) -> str:
    """An e-mail address. Raises 400 for what cannot be one."""
    if len(value) > 254 or not _EMAIL.fullmatch(value):
        raise Problem(400, "That is no e-mail address.")
    return value
