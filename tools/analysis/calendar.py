"""Local days, hours and weeks of a company, holidays, and counts in buckets of UTC time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Period:
    """A span of time [start, end), both aware."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a period needs aware times")
        if self.end <= self.start:
            raise ValueError("a period ends after it starts")

    def contains(self, moment: datetime) -> bool:
        """Whether the moment lies in [start, end)."""
        return self.start <= moment < self.end


@dataclass(frozen=True)
class Holiday:
    """A public holiday: local date, name, ISO country code."""

    date: date
    name: str
    country: str


@dataclass(frozen=True)
class Grid:
    """Buckets of equal length from an aware start, seen in a company's timezone.

    `dates`, `weekdays` (0 is Monday) and `slots` (which step of the local day, by the wall clock) have one entry per
    bucket. Buckets of a day or longer count to the local day of their middle and have slot 0.
    """

    start: datetime
    step: timedelta
    size: int
    tz: ZoneInfo

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError("a grid needs an aware start")
        if self.step <= timedelta(0):
            raise ValueError("a grid's step is positive")

    @cached_property
    def epochs(self) -> Floats:
        """Start of every bucket, and the end of the last: seconds since 1970, size + 1 of them."""
        return self.start.timestamp() + self.step.total_seconds() * np.arange(self.size + 1, dtype=np.float64)

    @cached_property
    def _wall(self) -> Floats:
        """Local wall-clock seconds of every bucket's start (of its middle for buckets of a day or longer)."""
        seconds = self.epochs[:-1]
        if self.step >= DAY:
            seconds = seconds + self.step.total_seconds() / 2
        # Offsets change on quarter hours at the finest, so one look-up serves every bucket of a quarter hour.
        quarters, inverse = np.unique(np.floor(seconds / 900), return_inverse=True)
        offsets = np.array([_offset(self.tz, q * 900.0) for q in quarters], dtype=np.float64)
        return np.asarray(seconds + offsets[inverse], dtype=np.float64)

    @cached_property
    def ordinals(self) -> Ints:
        """Proleptic ordinal of every bucket's local date."""
        return (np.floor(self._wall / 86400).astype(np.int64)) + date(1970, 1, 1).toordinal()

    @cached_property
    def weekdays(self) -> Ints:
        """Local weekday of every bucket, Monday 0 to Sunday 6."""
        return (self.ordinals + 6) % 7

    @cached_property
    def slots(self) -> Ints:
        """Which step of its local day every bucket is, by the wall clock."""
        if self.step >= DAY:
            return np.zeros(self.size, dtype=np.int64)
        return (np.mod(self._wall, 86400) // self.step.total_seconds()).astype(np.int64)

    @property
    def slots_a_day(self) -> int:
        """How many steps an ordinary local day holds."""
        return max(1, int(np.ceil(86400 / self.step.total_seconds())))

    @property
    def end(self) -> datetime:
        """End of the last bucket."""
        return self.start + self.step * self.size

    def moment(self, index: int) -> datetime:
        """Start of the bucket, in the grid's own timezone of `start`."""
        return self.start + self.step * index

    def complete(self, now: datetime) -> Flags:
        """Which buckets had ended at `now`: the running one has not."""
        return self.epochs[1:] <= now.timestamp() + 1e-6

    def within(self, period: Period) -> Flags:
        """Which buckets lie wholly in the period."""
        inside: Flags = (self.epochs[:-1] >= period.start.timestamp() - 1e-6) & (
            self.epochs[1:] <= period.end.timestamp() + 1e-6
        )
        return inside

    def index_at(self, moment: datetime) -> int:
        """The bucket boundary nearest to the moment, from 0 to size."""
        raw = (moment - self.start) / self.step
        return int(np.clip(round(raw), 0, self.size))


@dataclass(frozen=True)
class Days:
    """Counts folded into local days.

    `covered` is how much of the local day's time the complete buckets hold (1 for a whole day); `complete` says
    covered is 1 and the day is over.
    """

    dates: tuple[date, ...]
    counts: Floats
    covered: Floats
    complete: Flags


def _offset(tz: ZoneInfo, epoch: float) -> float:
    offset = datetime.fromtimestamp(epoch, UTC).astimezone(tz).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """Start of a local day, aware, in UTC."""
    return datetime.combine(day, time(), tzinfo=tz).astimezone(UTC)


def day_period(day: date, tz: ZoneInfo) -> Period:
    """One local day: 23, 24 or 25 hours of it."""
    return days_period(day, day, tz)


def days_period(first: date, last: date, tz: ZoneInfo) -> Period:
    """The local days from first to last, both included."""
    return Period(midnight(first, tz), midnight(last + DAY, tz))


def local_date(moment: datetime, tz: ZoneInfo) -> date:
    """The local date at a moment."""
    return moment.astimezone(tz).date()


def week_period(day: date, tz: ZoneInfo) -> Period:
    """The local week, Monday to Sunday, in which the day lies."""
    monday = day - DAY * day.weekday()
    return days_period(monday, monday + DAY * 6, tz)


def fold_days(counts: Floats, grid: Grid, now: datetime) -> Days:
    """Fold buckets into local days; the running day is there, marked incomplete, with its complete buckets only."""
    known = grid.complete(now)
    ordinals, inverse = np.unique(grid.ordinals, return_inverse=True)
    seconds = np.bincount(inverse, weights=known * grid.step.total_seconds(), minlength=len(ordinals)).astype(
        np.float64
    )
    totals = np.bincount(inverse, weights=np.where(known, counts, 0.0), minlength=len(ordinals)).astype(np.float64)
    dates = tuple(date.fromordinal(int(o)) for o in ordinals)
    lengths = np.array(
        [(midnight(d + DAY, grid.tz) - midnight(d, grid.tz)).total_seconds() for d in dates], dtype=np.float64
    )
    covered = seconds / lengths if len(dates) else seconds
    return Days(dates, totals, covered, covered >= 1 - 1e-9)


def public_holidays(countries: Iterable[str], first: date, last: date) -> tuple[Holiday, ...]:
    """Public holidays of the countries (ISO codes) from first to last, by date; unknown countries have none."""
    import holidays

    found: list[Holiday] = []
    for country in sorted(set(countries)):
        try:
            known = holidays.country_holidays(country, years=range(first.year, last.year + 1))
        except NotImplementedError:
            continue
        found.extend(Holiday(day, name, country) for day, name in known.items() if first <= day <= last)
    return tuple(sorted(found, key=lambda h: (h.date, h.country)))
