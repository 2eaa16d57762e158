"""Evidence as the panel beside the answer shows it: what was asked, what came back, when, from where. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.record import Evidence

PAGE = 20
_LONGEST = 600
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")
_REFERENCE = re.compile(r"^\$(?P<id>[A-Za-z]\w*)(?:\.(?P<part>\w+(?:\.\w+)*))?$")
_HEAD = ("kind", "service", "ref", "url", "title", "at")


def evidence_page(evidence: Evidence, offset: int = 0, size: int = PAGE) -> dict[str, Any]:
    """One page of the records, each cut to what can be read, and all that is known about how they came here."""
    offset = max(0, min(offset, max(len(evidence.content) - 1, 0)))
    records = evidence.content[offset : offset + size]
    requests = evidence.asked.get("requests") or ()
    return {
        "id": evidence.id,
        "number": evidence.number,
        "title": evidence.title,
        "service": evidence.service,
        "verb": evidence.verb,
        "ref": evidence.ref,
        "url": _safe(evidence.url),
        "at": evidence.at.isoformat(),
        "sha256": evidence.sha256,
        "excerpt": evidence.excerpt,
        "asked": [[_label(name), _text(_named(value))] for name, value in _arguments(evidence.asked).items()],
        "requests": [_request(request) for request in requests][:PAGE],
        "unchecked": [[_label(name), _text(why)] for name, why in (evidence.asked.get("unchecked") or {}).items()],
        "records": [_record(record) for record in records],
        "offset": offset,
        "size": size,
        "total": len(evidence.content),
    }


def _arguments(asked: Mapping[str, Any]) -> dict[str, Any]:
    inner = asked.get("args")
    flat = inner if isinstance(inner, Mapping) else asked
    return {
        name: value
        for name, value in flat.items()
        if name not in ("requests", "unchecked", "verb") and value not in (None, "", [], {}, ())
    }


def _named(value: Any) -> Any:
    """An argument whose references to earlier steps are words: "$series_1.onset" is "onset of series 1"."""
    if isinstance(value, str):
        step = _REFERENCE.match(value)
        if step is None:
            return value
        part = f"{_label(step['part'].replace('.', ' '))} of " if step["part"] else ""
        return f"{part}{_label(step['id'])}"
    if isinstance(value, list | tuple):
        return [_named(one) for one in value if one is not None]
    if isinstance(value, Mapping):
        return {name: _named(inner) for name, inner in value.items()}
    return value


def _record(record: Mapping[str, Any]) -> dict[str, Any]:
    inner = record.get("record")
    if isinstance(inner, Mapping):
        chosen = _record(inner)
        reason = record.get("reason")
        return {**chosen, "fields": [["why", _text(reason)], *chosen["fields"]] if reason else chosen["fields"]}
    fields = []
    for name, value in record.items():
        if name in _HEAD or value in (None, "", [], {}, ()):
            continue
        fields.append([_label(name), _text(value)])
    return {
        "kind": _label(str(record.get("kind", "record"))),
        "title": str(record.get("title") or record.get("name") or record.get("ref") or ""),
        "ref": str(record.get("ref") or ""),
        "url": _safe(record.get("url")),
        "at": record.get("at"),
        "fields": fields,
    }


def _request(request: Any) -> str:
    if not isinstance(request, Mapping) or "url" not in request:
        return _text(request)
    rest = {name: value for name, value in request.items() if name not in ("service", "method", "url", "status", "ms")}
    rest = {name: value for name, value in rest.items() if value not in (None, "", {}, [], 1)}
    words = [str(request.get("method") or "GET"), str(request["url"])]
    words += [f"→ {request['status']}"] if request.get("status") else []
    words += [f"in {request['ms']} ms"] if request.get("ms") else []
    return " ".join(words) + (f"\n{_text(rest)}" if rest else "")


def _label(name: str) -> str:
    return name.replace("_", " ")


def _safe(url: Any) -> str | None:
    """The URL, if it is one that a browser may open: text from a vendor must not become a script."""
    return str(url) if str(url or "").startswith(("https://", "http://")) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        text = _moment(value) if _TIME.match(value) else value
    elif isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    elif isinstance(value, list | tuple) and value and all(_point(one) for one in value):
        text = "  ·  ".join(f"{one['at'][:16].replace('T', ' ')}  {one['value']:g}" for one in value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + f" … ({len(text):,} characters in all)"


def _moment(raw: str) -> str:
    """A time as a person writes it: 17 Nov 2026, 19:00 UTC."""
    try:
        at = datetime.fromisoformat(raw)
    except ValueError:
        return raw
    zone = "UTC" if at.utcoffset() == timedelta() else f"{at:%z}"
    return f"{at.day} {at:%b %Y, %H:%M} {zone}".rstrip()


def _point(one: Any) -> bool:
    return isinstance(one, Mapping) and set(one) == {"at", "value"} and isinstance(one["at"], str)
