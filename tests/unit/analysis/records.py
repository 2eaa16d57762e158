"""Records of a small company, for the tests of the computed verbs; a test says only what matters to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tools.kit.analysis import Frame
from tools.nouns import (
    Customer,
    Deployment,
    ErrorGroup,
    Incident,
    Issue,
    Message,
    Noun,
    Person,
    Pick,
    Point,
    PullRequest,
    Series,
    Ticket,
)

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)  # a Wednesday
FRAME = Frame(now=NOW, timezone=ZONE)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def issue(number: int, **fields: Any) -> Issue:
    base = {
        "service": "linear",
        "ref": f"ENG-{number}",
        "url": f"https://l.test/{number}",
        "at": ago(10),
        "state": "open",
    }
    return Issue(**{**base, "title": f"Issue {number}", **fields})


def pull(number: int, **fields: Any) -> PullRequest:
    base = {"service": "github", "ref": f"acme/web#{number}", "url": f"https://g.test/{number}", "at": ago(3)}
    return PullRequest(
        **{**base, "number": number, "repo": "acme/web", "state": "open", "title": f"Pull {number}", **fields}
    )


def error(number: int, **fields: Any) -> ErrorGroup:
    base = {"service": "sentry", "ref": f"WEB-{number}", "url": f"https://s.test/{number}", "at": ago(2)}
    return ErrorGroup(**{**base, "title": f"TypeError {number}", "last_seen": NOW, **fields})


def deployment(name: str, **fields: Any) -> Deployment:
    base = {"service": "vercel", "ref": name, "url": f"https://v.test/{name}", "at": ago(1), "component": "web"}
    return Deployment(**{**base, "environment": "production", "state": "success", **fields})


def message(name: str, body: str, **fields: Any) -> Message:
    base = {"service": "slack", "ref": name, "url": f"https://c.test/{name}", "at": ago(1), "channel": "dev"}
    return Message(**{**base, "author": "Ann Lee", "body": body, **fields})


def ticket(number: int, **fields: Any) -> Ticket:
    base = {"service": "intercom", "ref": str(number), "url": f"https://i.test/{number}", "at": ago(1), "state": "open"}
    return Ticket(**{**base, **fields})


def customer(name: str, **fields: Any) -> Customer:
    base = {"service": "stripe", "ref": f"cus_{name}", "url": "https://p.test/c", "at": ago(300), "name": name}
    return Customer(**{**base, **fields})


def incident(name: str, **fields: Any) -> Incident:
    return Incident(**{"service": "pagerduty", "ref": name, "url": "https://pd.test/i", "at": ago(5), **fields})


def person(name: str, handle: str, service: str = "github", **fields: Any) -> Person:
    base = {
        "service": service,
        "ref": handle,
        "url": "https://x.test/p",
        "at": ago(900),
        "name": name,
        "handle": handle,
    }
    return Person(**{**base, **fields})


def series(metric: str, values: list[float], **fields: Any) -> Series:
    """Daily values of which the last is the day before the running one's begin, local days."""
    today = NOW.astimezone(ZONE).replace(hour=0)
    days = [today - timedelta(days=len(values) - n) for n in range(len(values))]
    points = tuple(Point(at=day, value=value) for day, value in zip(days, values, strict=True))
    base = {
        "service": "posthog",
        "ref": metric,
        "url": "https://h.test/m",
        "at": days[0],
        "metric": metric,
        "grain": "day",
    }
    return Series(**{**base, "points": points, **fields})


def grouped(picks: Any) -> dict[str, list[str]]:
    """The refs that a computation chose, by group."""
    found: dict[str, list[str]] = {}
    chosen: list[Noun] = list(picks)
    for one in chosen:
        assert isinstance(one, Pick)
        found.setdefault(one.group, []).append(one.noun.ref)
    return found
