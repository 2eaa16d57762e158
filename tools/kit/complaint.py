"""What a service says when it refuses or fails: its words, its first error, how long it asks to wait."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping
from typing import Any

Json = Any


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a `Retry-After` header asks for, given as a number or as an HTTP date."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def first_error(body: bytes) -> Mapping[str, Json] | None:
    """The first error of a GraphQL answer, which some services send with the status 400."""
    data = _parsed(body)
    errors = data.get("errors") if isinstance(data, dict) else None
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else None


def said(body: bytes, otherwise: str) -> str:
    """The service's own words about a failure, cut short; `otherwise` where it has none."""
    data = _parsed(body)
    if data is None:
        return body.decode("utf-8", errors="replace") or otherwise
    if (error := first_error(body)) and isinstance(error.get("message"), str):
        return str(error["message"])
    if isinstance(data, dict):
        for key in ("message", "detail", "error", "title"):
            value = data.get(key)
            if isinstance(value, str):
                return value
            if isinstance(value, dict) and isinstance(value.get("message"), str):
                return str(value["message"])
    return otherwise


def _parsed(body: bytes) -> Json:
    try:
        return json.loads(body)
    except ValueError:
        return None
