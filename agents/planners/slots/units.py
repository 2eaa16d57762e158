"""Minutes to years, counted back from now or as stretches of the calendar; all times are naive local times."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from agents.planners.slots.moment import Grain

NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "fourteen": 14,
    "thirty": 30,
    "couple of": 2,
    "few": 3,
    "ein": 1,
    "eine": 1,
    "zwei": 2,
    "drei": 3,
    "vier": 4,
    "dos": 2,
    "tres": 3,
    "cuatro": 4,
    "cinco": 5,
}


def number_in(text: str) -> int:
    """ "three" or "3" as a number; 1 where it is neither."""
    return NUMBERS.get(text) or (max(1, int(text)) if text.isdecimal() else 1)


def grain_of(unit: str) -> Grain:
    """How fine a time is that is named in this unit."""
    return {"min": Grain.MINUTE, "night": Grain.DAY, "weekend": Grain.DAY}.get(unit) or Grain(unit)


def back(now: datetime, count: int, unit: str) -> datetime:
    """So many units before now; from days on it starts at midnight."""
    if unit in ("minute", "min"):
        return now - timedelta(minutes=count)
    if unit == "hour":
        return now - timedelta(hours=count)
    midnight = datetime.combine(now.date(), time())
    if unit in ("day", "night", "week"):
        return midnight - timedelta(days=count * (7 if unit == "week" else 1))
    months = count * {"month": 1, "quarter": 3, "year": 12}[unit]
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    lengths = [
        31,
        29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28,
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ]
    return midnight.replace(year=year, month=month + 1, day=min(now.day, lengths[month]))


def unit_around(unit: str, day: date, shift: int) -> tuple[datetime, datetime]:
    """The calendar week (from Monday), month, quarter or year that lies `shift` of them after that of `day`."""
    if unit == "week":
        first = datetime.combine(day - timedelta(days=day.weekday()), time()) + timedelta(weeks=shift)
        return first, first + timedelta(weeks=1)
    size = {"month": 1, "quarter": 3, "year": 12}.get(unit, 1)
    position = (day.year * 12 + day.month - 1) // size * size + shift * size
    bounds = [datetime.combine(date(value // 12, value % 12 + 1, 1), time()) for value in (position, position + size)]
    return bounds[0], bounds[1]


def weekend_around(day: date, shift: int) -> tuple[datetime, datetime]:
    """Saturday and Sunday of the week that lies `shift` weeks after that of `day`."""
    saturday = day + timedelta(days=5 - day.weekday()) + timedelta(weeks=shift)
    start = datetime.combine(saturday, time())
    return start, start + timedelta(days=2)
