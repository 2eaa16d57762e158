"""What a piece of evidence is called: which service was asked what, of whom, over which time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from agents.evidence import counted
from tools.kit.tool import Verb
from tools.nouns import Noun

_LONGEST_WORDS = 60
_GRAINS = {"minute": "per quarter hour", "hour": "per hour", "day": "per day", "week": "per week", "month": "per month"}
# Fields of one word that narrow a list: "high", "open", "production".
_PLAIN = ("priority", "level", "state", "status", "environment", "team", "milestone", "ref")
# Fields whose value says nothing without their name: "of sarah", "in #general".
_NAMED = {"assignee": "of", "author": "by", "channel": "in", "release": "in", "path": "in", "key": "of"}


def evidence_title(service: str, request: Verb, nouns: Sequence[Noun], timezone: ZoneInfo) -> str:
    """ "PostHog: signup_completed by platform, country DE, per day, 9 Oct – 12 Nov": short, and unlike its neighbours.

    `service` is the service's title; days are the company's.
    """
    parts = [_what(request, nouns), *_narrowed(request)]
    grain = _GRAINS.get(str(getattr(request, "grain", "")))
    if grain:
        parts.append(grain)
    when = _period(request, timezone)
    if when.startswith("since") and len(parts) == 1:
        return f"{service}: {parts[0]} {when}"
    return f"{service}: {', '.join([*parts, when] if when else parts)}"


def _what(request: Verb, nouns: Sequence[Noun]) -> str:
    metric = getattr(request, "metric", None)
    steps = getattr(request, "steps", None)
    if metric:
        named = " by ".join([metric, *filter(None, [" and ".join(getattr(request, "by", ()))])])
        return named if nouns else f"no {named}"
    if steps:
        return f"funnel {' → '.join(steps)}"
    if request.returns.kind == "series" and nouns:
        measure = getattr(request, "measure", "")
        return f"{request.name.split('.')[0]}{f' ({measure})' if measure else ''}"
    return counted(nouns, request.returns.kind)


def _narrowed(request: Verb) -> list[str]:
    """The conditions, in the order in which one would say them; a default narrows nothing."""
    given = {name: getattr(request, name) for name in request.model_fields_set}
    found = [f"{dim} {value}" for dim, value in (given.get("where") or {}).items()]
    found += [str(given[name]) for name in _PLAIN if given.get(name) not in (None, "", "all")]
    found += list(given.get("labels") or ())
    found += [f"{word} {given[name]}" for name, word in _NAMED.items() if given.get(name)]
    text = " ".join(str(given.get("text") or "").split())
    if text:
        found.append(f"“{text if len(text) <= _LONGEST_WORDS else text[: _LONGEST_WORDS - 1] + '…'}”")
    return found


def _period(request: Verb, timezone: ZoneInfo) -> str:
    since, until = (_local(getattr(request, name, None), timezone) for name in ("since", "until"))
    if since is None and until is None:
        return ""
    if until is None:
        return f"since {_day(since)}" if since else ""
    if since is None:
        return f"until {_day(until)}"
    if until - since <= timedelta(days=2) and not (_midnight(since) and _midnight(until)):
        last = f"{until:%H:%M}" if until.date() == since.date() else f"{_day(until)}, {until:%H:%M}"
        return f"{_day(since)}, {since:%H:%M} – {last}"
    # The end is exclusive: up to midnight means the day before.
    last_day = until - timedelta(seconds=1) if _midnight(until) else until
    if last_day.date() == since.date():
        return _day(since)
    same_month = (since.year, since.month) == (last_day.year, last_day.month)
    return f"{since.day if same_month else _day(since)} – {_day(last_day)}"


def _local(value: object, timezone: ZoneInfo) -> datetime | None:
    return value.astimezone(timezone) if isinstance(value, datetime) else None


def _midnight(value: datetime) -> bool:
    return (value.hour, value.minute, value.second) == (0, 0, 0)


def _day(value: datetime | None) -> str:
    return f"{value.day} {value:%b}" if value else ""
