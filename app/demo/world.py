"""A world file read: the company's people, streams and artefacts, and what truly happened to the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

KINDS = frozenset(
    {
        "pull_request", "deployment", "error", "issue", "message", "document", "flag_change", "alert", "incident",
        "campaign", "ticket", "customer", "payments", "holiday",
    }
)  # fmt: skip
TIMES = frozenset(
    {"at", "merged", "closed", "first_seen", "last_seen", "resolved", "until", "due", "since", "cancelled"}
)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_RELATIVE = re.compile(r"^([+-]?)((?:\d+(?:\.\d+)?[wdhms])+)$")


class BadWorld(ValueError):
    """A world file that cannot be understood; the message names the place and the remedy."""


@dataclass(frozen=True)
class CompanyFacts:
    name: str
    domain: str
    repo: str
    timezone: ZoneInfo


@dataclass(frozen=True)
class Member:
    """A person of the company."""

    id: str
    name: str
    email: str
    role: str
    team: str | None = None


@dataclass(frozen=True)
class Stream:
    """One kind of analytics event; FORMAT.md says what each field means. A child has `parent` and `rate`."""

    event: str
    per_day: float | None = None
    weekly: tuple[float, ...] | None = None
    hourly: str = "flat"
    noise: float | None = None
    trend: float = 0.0
    dims: Mapping[str, Mapping[str, float]] | None = None
    parent: str | None = None
    rate: float | None = None


@dataclass(frozen=True)
class Artefact:
    """Something that a tool shows. Times are aware UTC; other fields are as the file gives them."""

    id: str
    kind: str
    at: datetime | None
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields.get(name)

    def time(self, name: str) -> datetime | None:
        """A time field, None where it is open or unknown."""
        value: datetime | None = self.fields.get(name)
        return value


@dataclass(frozen=True)
class Effect:
    """What truly happened: the rate of matching events is multiplied, or an artefact's field has another value."""

    since: datetime | None
    until: datetime | None
    event: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0
    artefact: str | None = None
    field_name: str | None = None
    value: float | None = None


@dataclass(frozen=True)
class Outage:
    """What a tool does when it is asked: a status, "timeout" or "malformed"."""

    tool: str
    answer: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class World:
    """One company's last weeks. `truth` is kept for scoring and is served by nothing."""

    name: str
    seed: int
    now: datetime
    days: int
    company: CompanyFacts
    people: tuple[Member, ...]
    streams: tuple[Stream, ...]
    artefacts: tuple[Artefact, ...]
    effects: tuple[Effect, ...]
    outages: tuple[Outage, ...]
    truth: Mapping[str, Any]

    def of_kind(self, kind: str) -> list[Artefact]:
        """All artefacts of a kind, in the file's order."""
        return [artefact for artefact in self.artefacts if artefact.kind == kind]


def moment(value: Any, now: datetime) -> datetime | None:
    """A time of a world file, absolute or relative to `now`, as aware UTC. Raises BadWorld for anything else."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = str(value).strip()
    relative = _RELATIVE.match(text)
    if relative:
        parts = re.findall(r"(\d+(?:\.\d+)?)([wdhms])", relative.group(2))
        delta = sum((timedelta(**{_UNITS[unit]: float(count)}) for count, unit in parts), timedelta())
        return now - delta if relative.group(1) == "-" else now + delta
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadWorld(f"{text!r} is no time: write one like -5d21h, +0h or 2026-11-18T09:00:00Z.") from None
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def read_world(path: Path) -> World:
    """Reads a world file. Raises BadWorld with the file's name for what FORMAT.md does not allow."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadWorld(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return parse_world(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadWorld(f"{path} is not YAML: {error}") from error
    except BadWorld as error:
        raise BadWorld(f"{path}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadWorld(f"{path} is not a world file: {type(error).__name__} {error}.") from error


def parse_world(data: Any) -> World:
    """A world from parsed YAML; raises BadWorld, KeyError, TypeError or ValueError where the form is wrong."""
    if not isinstance(data, dict):
        raise BadWorld("a world file is a mapping with name, now, company, streams and artefacts.")
    now = moment(data["now"], datetime.now(UTC))
    if now is None:
        raise BadWorld("`now` must be a time.")
    company = data["company"]
    return World(
        name=str(data["name"]),
        seed=int(data.get("seed", 0)),
        now=now,
        days=int(data.get("days", 56)),
        company=CompanyFacts(
            name=str(company["name"]),
            domain=str(company["domain"]),
            repo=str(company["repo"]),
            timezone=ZoneInfo(str(company.get("timezone", "UTC"))),
        ),
        people=tuple(
            Member(
                id=str(p["id"]),
                name=str(p["name"]),
                email=str(p["email"]),
                role=str(p.get("role", "")),
                team=str(p["team"]) if p.get("team") else None,
            )
            for p in data.get("people") or ()
        ),
        streams=tuple(_stream(raw) for raw in data.get("streams") or ()),
        artefacts=_artefacts(data.get("artefacts") or (), now),
        effects=tuple(_effect(raw, now) for raw in data.get("effects") or ()),
        outages=tuple(
            Outage(str(o["tool"]), str(o["answer"]), moment(o.get("from"), now), moment(o.get("until"), now))
            for o in data.get("outages") or ()
        ),
        truth=dict(data.get("truth") or {}),
    )


def _stream(raw: Mapping[str, Any]) -> Stream:
    weekly = raw.get("weekly")
    if weekly is not None and len(weekly) != 7:
        raise BadWorld(f"stream {raw['event']}: `weekly` has {len(weekly)} factors, a week has 7 days.")
    if raw.get("from") is None and raw.get("per_day") is None:
        raise BadWorld(f"stream {raw['event']}: give `per_day`, or `from` and `rate`.")
    dims = raw.get("dims")
    return Stream(
        event=str(raw["event"]),
        per_day=None if raw.get("per_day") is None else float(raw["per_day"]),
        weekly=None if weekly is None else tuple(float(w) for w in weekly),
        hourly=str(raw.get("hourly", "flat")),
        noise=None if raw.get("noise") is None else float(raw["noise"]),
        trend=float(raw.get("trend", 0.0)),
        dims=None
        if dims is None
        else {str(dim): {str(value): float(share) for value, share in shares.items()} for dim, shares in dims.items()},
        parent=raw.get("from"),
        rate=None if raw.get("rate") is None else float(raw["rate"]),
    )


def _artefacts(raws: Any, now: datetime) -> tuple[Artefact, ...]:
    seen: set[str] = set()
    artefacts: list[Artefact] = []
    for raw in raws:
        name, kind = str(raw["id"]), str(raw["kind"])
        if kind not in KINDS:
            raise BadWorld(f"artefact {name}: there is no kind {kind!r}; known are {', '.join(sorted(KINDS))}.")
        if name in seen:
            raise BadWorld(f"artefact {name} is there twice.")
        seen.add(name)
        fields = {
            key: moment(value, now) if key in TIMES else value
            for key, value in raw.items()
            if key not in ("id", "kind")
        }
        at = fields.get("at") or fields.get("first_seen") or fields.get("since")
        artefacts.append(Artefact(name, kind, at, fields))
    return tuple(artefacts)


def _effect(raw: Mapping[str, Any], now: datetime) -> Effect:
    return Effect(
        since=moment(raw.get("from"), now),
        until=moment(raw.get("until"), now),
        event=raw.get("event"),
        where={str(key): str(value) for key, value in (raw.get("where") or {}).items()},
        factor=float(raw.get("factor", 1.0)),
        artefact=raw.get("artefact"),
        field_name=raw.get("field"),
        value=None if raw.get("value") is None else float(raw["value"]),
    )
