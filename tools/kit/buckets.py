"""Buckets of time by a company's own clock: where one begins, and all of a period without a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tools.nouns import Grain


def bucket_of(at: datetime, grain: Grain, zone: ZoneInfo) -> datetime:
    """When the bucket that `at` lies in begins, in UTC. `minute` means quarter hours; weeks begin on Monday."""
    if grain == "minute":
        return datetime.fromtimestamp(at.timestamp() // 900 * 900, tz=UTC)
    local = at.astimezone(zone)
    begun = local.replace(minute=0, second=0, microsecond=0)
    if grain == "hour":
        return begun.astimezone(UTC)
    day = begun.replace(hour=0, fold=0)
    if grain == "week":
        day -= timedelta(days=local.weekday())
    elif grain == "month":
        day = day.replace(day=1)
    return day.astimezone(UTC)


def buckets(since: datetime, until: datetime, grain: Grain, zone: ZoneInfo) -> list[datetime]:
    """The beginnings of all buckets that touch [since, until), in UTC, in order."""
    found: list[datetime] = []
    at = bucket_of(since, grain, zone)
    while at < until:
        found.append(at)
        at = _next(at, grain, zone)
    return found


def _next(at: datetime, grain: Grain, zone: ZoneInfo) -> datetime:
    if grain == "minute":
        return at + timedelta(minutes=15)
    # Half a day more than the longest bucket of its kind lands in the next one, whatever the clocks do; where they go
    # back by half an hour, that hour lasts longer.
    length = {"hour": timedelta(hours=1), "day": timedelta(days=1.5), "week": timedelta(days=7.5)}
    reach = length.get(grain, timedelta(days=31.5))
    while (following := bucket_of(at + reach, grain, zone)) <= at:
        reach += timedelta(minutes=30)
    return following


def gapless(counts: Mapping[datetime, float], axis: Sequence[datetime], grain: Grain, zone: ZoneInfo) -> list[float]:
    """A value for each bucket of `axis`: the sum of the finer counts that lie in it, 0 where there are none."""
    sums = dict.fromkeys(axis, 0.0)
    for at, count in counts.items():
        begun = at if at in sums else bucket_of(at, grain, zone)
        if begun in sums:
            sums[begun] += count
    return list(sums.values())
