"""Expressions for a single day or clock time, read against a calendar in the company's wall time.

All values here are naive local times; `timerange` gives them their zone. Text is English and lower case, as
`glossary.aligned` leaves it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_SHORT_DAYS = {"mon": 0, "tue": 1, "tues": 1, "wed": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6}
_SHORT_MONTHS = {month[:3]: number for number, month in enumerate(MONTHS, 1)} | {"sept": 9}

_DAY_NAME = "|".join((*WEEKDAYS, *sorted(_SHORT_DAYS, key=len, reverse=True)))
_MONTH_NAME = "|".join((*MONTHS, *sorted(_SHORT_MONTHS, key=len, reverse=True)))
_PARTS = {
    "morning": (0, 12),
    "noon": (11, 13),
    "lunchtime": (12, 14),
    "afternoon": (12, 18),
    "evening": (18, 24),
    "night": (20, 30),
}
_PART = r"(?:morning|lunchtime|afternoon|evening|night)"
CLOCK = (
    r"(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?\s*(?P<half>am|pm|a\.m\.|p\.m\.|o'?clock|hrs?|"
    r"h\b|hours\b)?|(?P<named>noon|midnight|midday))"
)
_DATE = (
    rf"(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})"
    rf"|(?:the\s+)?(?P<dotted>\d{{1,2}}\.\d{{1,2}}\.(?:\d{{4}}|\d{{2}})?(?!\d))"
    rf"|(?P<month>{_MONTH_NAME})\.?\s+(?:the\s+)?(?P<month_day>\d{{1,2}})(?:st|nd|rd|"
    rf"th)?(?![\d:%])(?:,?\s+(?P<year1>20\d\d))?"
    rf"|(?:the\s+)?(?P<day_of>\d{{1,2}})(?:st|nd|rd|th|"
    rf"\.)?\s+(?:of\s+)?(?P<of_month>{_MONTH_NAME})\b(?:\s+(?:of\s+)?(?P<year2>20\d\d))?"
    rf"|(?:the\s+)?(?P<ordinal>\d{{1,2}})(?:st|nd|rd|th)\b"
    rf"|(?:the\s+)(?P<bare_day>\d{{1,2}})\b\.?(?!\d|\s*(?:%|percent|days?|weeks?|hours?|months?|"
    rf"minutes?|o'clock|am\b|pm\b|and the most))"
    rf"|(?P<relative>day before yesterday|day after tomorrow|yesterday|today|tomorrow|tonight|last night)"
    rf"|(?:(?P<which>last|this|next|past|coming)\s+)?(?P<weekday>{_DAY_NAME})s?(?=\W|$)(?:\s+(?P<after>last|next))?"
    rf"|(?:(?:this|in the)\s+(?P<this_part>{_PART})))"
)
DAY = re.compile(
    rf"\b(?:on\s+)?(?:the\s+(?={_DAY_NAME}|last|next))?{_DATE}(?:'s)?(?:\s+(?:in the\s+|at\s+)?(?P<part>{_PART})\b)?"
)
AROUND = (
    r"(?P<around>at around|at about|around|about|approximately|approx\.?|roughly|circa|near|close to|"
    r"at|by|before|after)"
)
CLOCK_TIME = re.compile(
    rf"(?:\b{AROUND}\s+)?(?<![\d#.:-]){CLOCK}(?![\d%:]|\s*(?:%|percent|days?|weeks?|months?|people|"
    rf"users|customers|bugs?))"
)


class Grain(StrEnum):
    """How finely a time was named."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True)
class Span:
    """A named stretch of local wall time, [start, end), and where in the text it was named."""

    start: datetime
    end: datetime
    grain: Grain
    at: tuple[int, int]


@dataclass(frozen=True)
class Calendar:
    """What day words mean: `now` in local wall time, and whether the sentence speaks of what is to come."""

    now: datetime
    ahead: bool = False

    @property
    def today(self) -> date:
        return self.now.date()

    def weekday(self, number: int, which: str | None) -> date:
        """The day that "Tuesday", "last Tuesday" or "next Tuesday" means; "last" is never today nor yesterday."""
        back = (self.today.weekday() - number) % 7
        if which in ("next", "coming") or (self.ahead and which is None):
            forward = (number - self.today.weekday()) % 7
            if which == "next" and forward == 0:
                forward = 7
            return self.today + timedelta(days=forward)
        if which in ("last", "past") and back < 2:
            back += 7
        if which == "this":
            return self.today + timedelta(days=number - self.today.weekday())
        return self.today - timedelta(days=back)

    def day_of_month(self, day: int, month: int | None = None, year: int | None = None) -> date | None:
        """The nearest such day not ahead (not past, when the sentence looks ahead); None where there is none."""
        step = 1 if self.ahead else -1
        for distance in range(13 if month is None else 60):
            position = self.today.year * 12 + self.today.month - 1 + step * distance
            candidate_year, candidate_month = divmod(position, 12)
            candidate_month += 1
            if (month is not None and candidate_month != month) or (year is not None and candidate_year != year):
                continue
            try:
                found = date(candidate_year, candidate_month, day)
            except ValueError:
                continue
            if year is not None or (found >= self.today if self.ahead else found <= self.today):
                return found
        return _valid(year, month, day) if year and month else None


def month_number(name: str) -> int:
    """1 for "january" or "jan"."""
    return MONTHS.index(name) + 1 if name in MONTHS else _SHORT_MONTHS[name]


def find_days(text: str, calendar: Calendar) -> list[Span]:
    """All days that the text names, in order, each with the part of the day that stands beside it."""
    found: list[Span] = []
    for match in DAY.finditer(text):
        day = _day(match, calendar)
        if day is None:
            continue
        part = match["part"] or match["this_part"]
        if match["relative"] in ("last night", "tonight"):
            part = "night"
        found.append(_with_part(day, part, match.span()))
    return found


def find_clocks(text: str, taken: list[Span]) -> list[tuple[time, tuple[int, int], bool]]:
    """Clock times outside the stretches already taken: (time, where, whether it was marked as a clock time)."""
    found: list[tuple[time, tuple[int, int], bool]] = []
    for match in CLOCK_TIME.finditer(text):
        if any(
            span.at[0] < match.end("hour" if match["hour"] else "named")
            and match.start("hour" if match["hour"] else "named") < span.at[1]
            for span in taken
        ):
            continue
        clock = _clock(match)
        if clock is None:
            continue
        marked = bool(match["minute"] or match["half"] or match["named"])
        marked = marked or (
            match["around"] in ("at", "around", "about", "at about", "at around", "circa") and int(match["hour"]) <= 24
        )
        found.append((clock, match.span(), marked))
    return found


def part_of_day(name: str, day: date) -> tuple[datetime, datetime]:
    """Wall-clock start and end of "afternoon" and the like; a night ends on the next morning at six."""
    first, last = _PARTS[name]
    midnight = datetime.combine(day, time())
    return midnight + timedelta(hours=first), midnight + timedelta(hours=last)


def _with_part(day: date, part: str | None, at: tuple[int, int]) -> Span:
    midnight = datetime.combine(day, time())
    whole = Span(midnight, midnight + timedelta(days=1), Grain.DAY, at)
    if part is None:
        return whole
    start, end = part_of_day(part, day)
    return replace(whole, start=start, end=end, grain=Grain.HOUR)


def _day(match: re.Match[str], calendar: Calendar) -> date | None:
    if match["iso"]:
        year, month, day = map(int, match["iso"].split("-"))
        return _valid(year, month, day)
    if match["dotted"]:
        day_text, month_text, year_text = match["dotted"].split(".")
        if not year_text:
            return calendar.day_of_month(int(day_text), int(month_text)) if 1 <= int(month_text) <= 12 else None
        return _valid(int(year_text) + (2000 if len(year_text) == 2 else 0), int(month_text), int(day_text))
    if match["month"]:
        return calendar.day_of_month(int(match["month_day"]), month_number(match["month"]), _year(match["year1"]))
    if match["of_month"]:
        return calendar.day_of_month(int(match["day_of"]), month_number(match["of_month"]), _year(match["year2"]))
    if match["ordinal"] or match["bare_day"]:
        return calendar.day_of_month(int(match["ordinal"] or match["bare_day"]))
    if match["relative"]:
        shift = {"day before yesterday": -2, "yesterday": -1, "last night": -1, "tomorrow": 1, "day after tomorrow": 2}
        return calendar.today + timedelta(days=shift.get(match["relative"], 0))
    if match["weekday"]:
        name = match["weekday"]
        number = WEEKDAYS.index(name) if name in WEEKDAYS else _SHORT_DAYS[name]
        return calendar.weekday(number, match["which"] or match["after"])
    return calendar.today


def _clock(match: re.Match[str]) -> time | None:
    if match["named"]:
        return time(0) if match["named"] == "midnight" else time(12)
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = (match["half"] or "").replace(".", "")
    if half in ("am", "pm"):
        if not 1 <= hour <= 12:
            return None if hour > 23 else time(hour, minute)
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour == 24:
        hour = 0
    return time(hour, minute) if hour < 24 else None


def _year(text: str | None) -> int | None:
    return int(text) if text else None


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
