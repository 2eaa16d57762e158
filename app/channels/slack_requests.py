"""What comes to /slack/events: only what Slack has signed, just now and once, gets through."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

# https://docs.slack.dev/authentication/verifying-requests-from-slack
TOLERANCE = 300  # seconds
LARGEST = 1_000_000  # bytes; Slack's own are some kilobytes
VERSION = "v0"
REMEMBERED = 20_000

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Refused(Exception):
    """A request that is not taken: the HTTP status, and why."""

    status: int
    why: str


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The signature that Slack gives a request."""
    base = b":".join((VERSION.encode(), timestamp.encode(), body))
    return f"{VERSION}={hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()}"


def verify(headers: Headers, body: bytes, secrets: Sequence[str], now: float) -> str:
    """The signature of a request that Slack has signed within the last five minutes. Raises Refused.

    `headers` are in lower case; what is there twice is there in vain. `now` is in seconds since 1970, by the world's
    clock. Several secrets stand side by side while one takes the other's place.
    """
    if len(body) > LARGEST:
        raise Refused(413, "The request is too large.")
    sent = {name: [value for key, value in headers if key == name] for name in (_SIGNATURE, _TIMESTAMP)}
    if any(len(values) != 1 or not values[0] for values in sent.values()):
        raise Refused(401, "The request is not signed.")
    (given,), (timestamp,) = sent[_SIGNATURE], sent[_TIMESTAMP]
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        raise Refused(401, "The request is too old, or from the future.")
    # Every secret is compared, so that the time taken does not tell which one is in use.
    fits = [hmac.compare_digest(signature(one, timestamp, body).encode(), given.encode()) for one in secrets if one]
    if not any(fits):
        raise Refused(401, "The signature does not fit the request.")
    return given


def parse(body: bytes, content_type: str) -> dict[str, Any]:
    """What a signed request says: an event, or what was pressed. Raises Refused."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "The request is not UTF-8.") from None
    if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        form = dict(parse_qsl(text, keep_blank_values=True))
        text = form.get("payload", json.dumps(form))
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "The request cannot be read.") from None
    if not isinstance(said, dict):
        raise Refused(400, "The request is no object.")
    return said


_SIGNATURE = "x-slack-signature"
_TIMESTAMP = "x-slack-request-timestamp"


class Seen:
    """The last things that were seen, so that each counts once."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._seen: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._seen

    def add(self, key: str) -> None:
        """From now on it has been seen."""
        self._seen[key] = None
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def forget(self, key: str) -> None:
        """It did not count after all."""
        self._seen.pop(key, None)
