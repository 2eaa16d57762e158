"""The time that a sentence names, as a half-open interval in the company's timezone: English, German, Spanish."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agents.planners.glossary import Glossed, aligned
from agents.planners.slots.moment import (
    MONTHS,
    Calendar,
    Grain,
    Span,
    find_clocks,
    find_days,
    month_number,
    part_of_day,
)
from agents.planners.slots.units import NUMBERS, back, grain_of, number_in, unit_around, weekend_around

_NUMBER = r"(?P<count>\d{1,3}|" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + ")"
_UNIT = r"(?P<unit>minute|min|hour|day|night|week|month|quarter|year)s?"
_MONTH = "|".join(MONTHS)
_ROLLING = re.compile(rf"\b(?:in |over |during |for |within )?(?:the )?(?:last|past|previous)\s+{_NUMBER}\s+{_UNIT}\b")
_ROLLING_ONE = re.compile(
    r"\b(?:in |over |during |within )?the (?:past|last) (?P<unit>hour|minute)\b|"
    r"\bover the past (?P<unit2>day|week|month|quarter|year)\b"
)
_PAST_UNIT = re.compile(r"\b(?:for |in |over |during )the past (?P<unit>day|week|month|quarter|year)\b")
_NEXT = re.compile(rf"\b(?:in |over |during |within )?(?:the )?(?:next|coming)\s+{_NUMBER}\s+{_UNIT}\b")
_AGO = re.compile(
    rf"\b{_NUMBER}\s+{_UNIT}\s+ago\b|\b(?:does|before|ago)\s+(?P<count2>\d{{1,3}}|zwei|drei|dos|tres|"
    rf"ein|eine|un|one|two|three)\s+(?P<unit2>minute|hour|day|week|month|year)s?\b"
)
_NAMED = re.compile(
    r"\b(?:(?P<before>week before last)|(?P<which>last|this|next|current|previous|coming|"
    r"past)\s+(?:\w+\s+)?(?P<unit>week|weekend|month|quarter|year)(?:'?s)?\b|"
    r"\bfor the (?P<plain>week|month|quarter|year)\b(?! (?:of|before|after|to))|(?:the |over the |"
    r"at the |on the )?(?P<weekend>weekend)\b|(?P<todate>month|week|quarter|year) to date|"
    r"(?:the )?(?:beginning|start) of (?:the |this )?(?P<begun>week|month|quarter|year))"
)
_MONTH_ALONE = re.compile(
    rf"\b(?P<link>in|of|for|during|since|until|vs|versus|to|compared to|than|last|the|"
    rf"this)\s+(?P<month>{_MONTH})\b(?:\s+(?P<year>20\d\d))?(?!\s+\d)|"
    rf"\b(?P<month2>{_MONTH})(?=\s+(?:outage|incident|release|numbers|figures|report))"
)
_SWAPPED = re.compile(
    r"\b(week|weekend|month|quarter|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday) (last|next)\b"
)
_AHEAD = re.compile(
    r"\b(?:will|going (?:out|live|to)|goes (?:out|live)|gonna|upcoming|planned|scheduled|due|landing|"
    r"about to|launch(?:es|ing)?|ships?\b(?! date)|shipping|roll out|announce|by|before|until|next|"
    r"coming|come|comes)\b"
)
_LOOKS_BACK = re.compile(r"\b(?:did|was|were|had|happened|went|since|dropped|fell|shipped|released|have|has)\b")
_BETWEEN = re.compile(
    r"\b(?P<open>between|from|of the|of|starting)\s+(?P<first>.+?)\s*(?P<join>\band\b|\bto\b|"
    r"\buntil\b|\btill\b|\bthrough\b|–|-(?=\s))\s*(?:the )?(?P<second>.+)"
)
_CLOCK_PAIR = re.compile(
    r"(?<![\d#.:-])(\d{1,2}(?::\d\d)?)\s*(?:-|–|to)\s*(\d{1,2}(?::\d\d)?)\s*(am|pm|h\b|o'clock|hrs)?(?![\d%])"
)
_SINCE = re.compile(
    r"\b(?:ever )?(?:since|starting|as of)\s+(?:the\s+|(?:we|i|they|he|she|the|our|its?|that)\s+[^.?!,;]{1,50}\s)?$"
)
# What follows is not the time that is asked about but the one that it is held against: "down 20% on two weeks ago".
_COMPARED = re.compile(
    r"(?:\b(?:vs\.?|versus|than|compared (?:to|with)|against)"
    r"|(?:%|\bpercent|\bpoints?|\b(?:a|an|by) (?:third|half|quarter|fifth|tenth)|\b(?:down|up)) (?:on|from))"
    r"\s+(?:the )?$"
)
_UNTIL = re.compile(r"\b(?:by|until|before)\s+(?:the\s+)?(?:end of\s+)?$")


@dataclass(frozen=True)
class TimeRange:
    """[start, end), aware and in the company's timezone; `text` is what was said. The end may lie ahead of now."""

    start: datetime
    end: datetime
    grain: Grain
    text: str


def find(text: str, *, now: datetime, timezone: str) -> TimeRange | None:
    """The first time range that the sentence names; None where it names none. `now` must be aware."""
    if now.tzinfo is None:
        raise ValueError("now must carry its timezone")
    zone = ZoneInfo(timezone)
    glossed = aligned(text)
    lowered = _SWAPPED.sub(r"\2 \1", glossed.text.lower())
    local = now.astimezone(zone).replace(tzinfo=None)
    ahead = bool(_AHEAD.search(lowered)) and not _LOOKS_BACK.search(lowered)
    calendar = Calendar(local, ahead)
    for rule in _RULES:
        span = rule(lowered, calendar)
        if span is not None:
            return _zoned(span, zone, now, glossed)
    return None


def _zoned(span: Span, zone: ZoneInfo, now: datetime, glossed: Glossed) -> TimeRange:
    """Wall times become instants; where the clock was put forward over the whole range, it is an hour long."""
    start = span.start.replace(tzinfo=zone).astimezone(UTC)
    end = span.end.replace(tzinfo=zone).astimezone(UTC)
    if end <= start:
        end = start + timedelta(hours=1)
    return TimeRange(start.astimezone(zone), end.astimezone(zone), span.grain, glossed.original(*span.at))


def _rolling(text: str, calendar: Calendar) -> Span | None:
    match = _ROLLING.search(text)
    if match:
        count, unit = number_in(match["count"]), match["unit"]
    else:
        match = _ROLLING_ONE.search(text) or _PAST_UNIT.search(text)
        if not match:
            return None
        groups = match.groupdict()
        count, unit = 1, groups.get("unit") or groups["unit2"]
    return Span(back(calendar.now, count, unit), calendar.now, grain_of(unit), match.span())


def _coming(text: str, calendar: Calendar) -> Span | None:
    match = _NEXT.search(text)
    if not match:
        return None
    midnight = datetime.combine(calendar.today, time())
    ahead = midnight - back(midnight, number_in(match["count"]), match["unit"])
    end = midnight + ahead + timedelta(days=1)
    return Span(calendar.now, max(end, calendar.now + timedelta(hours=1)), grain_of(match["unit"]), match.span())


def _ago(text: str, calendar: Calendar) -> Span | None:
    match = _AGO.search(text)
    if not match:
        return None
    count, unit = number_in(match["count"] or match["count2"]), match["unit"] or match["unit2"]
    point = back(calendar.now, count, unit)
    since = _SINCE.search(text[: match.start()])
    if since:
        return Span(point, calendar.now, grain_of(unit), (since.start(), match.end()))
    if unit in ("hour", "minute", "min"):
        around = timedelta(hours=1) if unit == "hour" else timedelta(minutes=10)
        return Span(point - around, min(point + around, calendar.now), grain_of(unit), match.span())
    if _COMPARED.search(text[: match.start()]):
        return None
    if unit in ("day", "night"):
        return Span(point, point + timedelta(days=1), Grain.DAY, match.span())
    start, end = unit_around(unit, point.date(), 0)
    return Span(start, end, grain_of(unit), match.span())


def _named(text: str, calendar: Calendar) -> Span | None:
    for match in _NAMED.finditer(text):
        compared = _COMPARED.search(text[: match.start()])
        if compared and not (match["weekend"] and " on" in compared.group()):
            continue
        if match["before"]:
            start, end = unit_around("week", calendar.today, -2)
            return Span(start, end, Grain.WEEK, match.span())
        unit = match["unit"] or match["weekend"] or match["todate"] or match["begun"] or match["plain"]
        if unit == "weekend" and _UNTIL.search(text[: match.start()]):
            return _until(text, match.start(), match.end(), calendar, weekend_around(calendar.today, 0)[0])
        shift = {"last": -1, "previous": -1, "past": -1, "next": 1, "coming": 1}.get(match["which"] or "", 0)
        if unit == "weekend":
            shift = shift if match["which"] and match["which"] != "last" else 0
            start, end = weekend_around(calendar.today, shift if calendar.ahead or shift else -1)
        else:
            start, end = unit_around(unit, calendar.today, shift)
        since = _SINCE.search(text[: match.start()])
        if since and start < calendar.now:
            return Span(start, calendar.now, grain_of(unit), (since.start(), match.end()))
        return Span(start, end, grain_of(unit), match.span())
    return None


def _month(text: str, calendar: Calendar) -> Span | None:
    match = _MONTH_ALONE.search(text)
    if not match:
        return None
    number = month_number(match["month"] or match["month2"])
    behind = (calendar.today.month - number) % 12
    position = calendar.today.year * 12 + calendar.today.month - 1 - behind
    if calendar.ahead and behind:
        position += 12
    first = date(position // 12, number, 1)
    if match["year"]:
        first = first.replace(year=int(match["year"]))
    start, end = unit_around("month", first, 0)
    if match["link"] == "since" and start < calendar.now:
        return Span(start, calendar.now, Grain.MONTH, match.span())
    return Span(start, end, Grain.MONTH, match.span())


def _between(text: str, calendar: Calendar) -> Span | None:
    """ "between X and Y", "from X to Y", of days or clock times."""
    match = _BETWEEN.search(text)
    if not match:
        return None
    first_text, second_text = match["first"], match["second"]
    days_before, days_after = find_days(first_text, calendar), find_days(second_text, calendar)
    clocks = [find_clocks(part, days)[:1] for part, days in ((first_text, days_before), (second_text, days_after))]
    bare = [
        re.match(r"(?:the )?(\d{1,2})(?:\.|st|nd|rd|th)?(?:\s|$)", part.strip()) for part in (first_text, second_text)
    ]
    where = (match.start(), _end_of(match, days_after, clocks[1]))
    if clocks[0] and clocks[1] and not (days_before and days_after and not (clocks[0][0][2] or clocks[1][0][2])):
        day = next(iter(days_before or days_after or find_days(text, calendar)), None)
        base = day.start.date() if day else _day_for(clocks[0][0][0], calendar)
        end_base = days_after[0].start.date() if days_before and days_after else base
        start = datetime.combine(base, clocks[0][0][0])
        end = datetime.combine(end_base, clocks[1][0][0])
        afternoon = "afternoon" in text or "evening" in text or bool(re.search(r"\d\s*pm\b", second_text))
        if (
            afternoon
            and start.hour < 12
            and end.hour >= 12
            and not re.search(r"\d\s*am\b", first_text)
            and start.hour + 12 < end.hour
        ):
            start += timedelta(hours=12)
        return Span(start, end if end > start else end + timedelta(days=1), Grain.HOUR, where)
    if days_after and not days_before and bare[0]:
        try:
            start = days_after[0].start.replace(day=int(bare[0][1]))
        except ValueError:
            return None
        return Span(start, days_after[0].end, Grain.DAY, where) if start < days_after[0].end else None
    if days_before and days_after:
        start, end = days_before[0].start, days_after[0].end
        if end <= start:
            start, end = days_after[0].start, days_before[0].end
        return Span(start, end, Grain.DAY, where)
    return None


def _clock_pair(text: str, calendar: Calendar) -> Span | None:
    """ "10-12h yesterday"."""
    match = _CLOCK_PAIR.search(text)
    days = find_days(text, calendar)
    if not match or not (match[3] or ":" in match[1] or (days and any(d.at[1] <= match.start() + 1 for d in days))):
        return None
    first, second = (int(part.split(":")[0]) for part in (match[1], match[2]))
    if first > 23 or second > 24 or any(day.at[0] < match.end() and match.start() < day.at[1] for day in days):
        return None
    if match[3] == "pm" and second < 12:
        first, second = first + 12 if first < second else first, second + 12
    base = datetime.combine(days[0].start.date() if days else _day_for(time(first), calendar), time())
    minutes = [int(part.split(":")[1]) if ":" in part else 0 for part in (match[1], match[2])]
    start = base + timedelta(hours=first, minutes=minutes[0])
    end = base + timedelta(hours=second, minutes=minutes[1])
    return Span(start, end if end > start else end + timedelta(days=1), Grain.HOUR, match.span())


def _point(text: str, calendar: Calendar) -> Span | None:
    """A day, a clock time, or both: with "since" up to now, else the day, or the hour on either side."""
    days = find_days(text, calendar)
    clocks = [clock for clock in find_clocks(text, days) if clock[2]]
    if not days and not clocks:
        return None
    day = days[0] if days else None
    where = day.at if day else clocks[0][1]
    start_at = min(where[0], clocks[0][1][0]) if clocks else where[0]
    since = _SINCE.search(text[:start_at])
    if clocks:
        moment = _moment(clocks[0][0], day, calendar)
        where = (start_at, max(where[1], clocks[0][1][1]))
        if since and moment < calendar.now:
            return Span(moment, calendar.now, Grain.HOUR, (since.start(), where[1]))
        return Span(moment - timedelta(hours=1), moment + timedelta(hours=1), Grain.HOUR, where)
    if day is None:
        return None
    if since and day.start < calendar.now:
        return Span(day.start, calendar.now, day.grain, (since.start(), where[1]))
    if _UNTIL.search(text[:start_at]) and day.end > calendar.now:
        return _until(text, start_at, where[1], calendar, day.end)
    return day


def _moment(clock: time, day: Span | None, calendar: Calendar) -> datetime:
    if day is None:
        return datetime.combine(_day_for(clock, calendar), clock)
    moment = datetime.combine(day.start.date(), clock)
    # "Friday afternoon at 3"
    if day.grain is Grain.HOUR and clock.hour < 12 and moment < day.start <= moment + timedelta(hours=12) < day.end:
        return moment + timedelta(hours=12)
    return moment


def _until(text: str, start: int, end: int, calendar: Calendar, limit: datetime) -> Span:
    marker = _UNTIL.search(text[:start])
    midnight = datetime.combine(calendar.today, time())
    return Span(min(midnight, limit - timedelta(days=1)), limit, Grain.DAY, (marker.start() if marker else start, end))


def _day_for(clock: time, calendar: Calendar) -> date:
    """The day of a clock time alone: today, or yesterday where that hour is still to come."""
    return calendar.today if clock <= calendar.now.time() or calendar.ahead else calendar.today - timedelta(days=1)


def _end_of(match: re.Match[str], days: list[Span], clocks: list[tuple[time, tuple[int, int], bool]]) -> int:
    ends = [span.at[1] for span in days[:1]] + [clock[1][1] for clock in clocks]
    return match.start("second") + (max(ends) if ends else 0)


def _this_part(text: str, calendar: Calendar) -> Span | None:
    match = re.search(r"\bbetween .+? (?:this|in the) (morning|afternoon|evening)\b", text)
    if not match:
        return None
    return _between(text, calendar) or Span(*part_of_day(match[1], calendar.today), Grain.HOUR, match.span())


_RULES: tuple[Callable[[str, Calendar], Span | None], ...] = (
    _rolling,
    _coming,
    _ago,
    _this_part,
    _between,
    _clock_pair,
    _point,
    _named,
    _month,
)
