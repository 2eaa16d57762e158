"""Times as services write them: ISO 8601 in and out, always UTC."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> datetime:
    """The time that a service wrote. Raises ValueError for anything but ISO 8601 with an offset."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return parsed.astimezone(UTC)


def stamp(moment: datetime | None) -> str | None:
    """A time as services want it, to the second: 2026-11-18T15:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
