"""Series with their finding → a figure: lines, marks, bands and ticks on a unit square, which the page draws. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Figure = dict[str, Any]

_MOST_TICKS = 8
_MOST_POINTS = 400


def figure(data: Mapping[str, Any]) -> Figure:
    """The figure of a chart artifact. x runs from 0 to 1 over time, y from 0 to 1 upward from zero.

    `lines` are {name, role (total, segment, rest, expected), points [[x, y, label, value]]}; `marks` upright lines
    {kind, x, label}; `bands` {kind (interval, incomplete), from, to}; ticks {at, label}. Times are in `timezone`.
    Colours are the page's, by role, so that light and dark share one figure.
    """
    zone = ZoneInfo(data.get("timezone") or "UTC")
    named = [(str(one.get("name", "")), _points(one.get("points"))) for one in data.get("series") or ()]
    expected = _points(data.get("expected"))
    times = [at for _, points in named for at, _ in points] + [at for at, _ in expected]
    values = [value for _, points in named for _, value in points] + [value for _, value in expected]
    if not times:
        return {
            "lines": [],
            "marks": [],
            "bands": [],
            "x": [],
            "y": [],
            "unit": data.get("unit") or "",
            "zone": zone.key,
        }
    first, last = min(times), max(times)
    span = max((last - first).total_seconds(), 1.0)
    step, top = _scale(max(values))
    hourly = _hourly(named[0][1] if named else expected)

    def x(at: datetime) -> float:
        return round(min(max((at - first).total_seconds() / span, 0.0), 1.0), 4)

    def line(name: str, role: str, points: Sequence[tuple[datetime, float]]) -> dict[str, Any]:
        kept = points if len(points) <= _MOST_POINTS else _thinned(points)
        return {
            "name": name,
            "role": role,
            "points": [
                [x(at), round(max(value, 0.0) / top, 4), _when(at, zone, hourly), _number(value)] for at, value in kept
            ],
        }

    lines = [
        line(name, _role(index, [name for name, _ in named]), points) for index, (name, points) in enumerate(named)
    ]
    if expected:
        lines.append(line("expected", "expected", expected))
    return {
        "lines": lines,
        "marks": [
            {"kind": kind, "x": x(at), "label": f"{word} {_when(at, zone, clock=True)}"}
            for kind, word in (("onset", "Began"), ("recovered", "Recovered"))
            if (at := _time(data.get(kind))) and first <= at <= last
        ],
        "bands": _bands(data, x, times, first, last),
        "x": [{"at": x(at), "label": label} for at, label in _days(first, last, zone)],
        "y": [
            {"at": round(tick * step / top, 4), "label": _number(tick * step)} for tick in range(round(top / step) + 1)
        ],
        "unit": data.get("unit") or "",
        "zone": zone.key,
    }


def _role(index: int, names: Sequence[str]) -> str:
    """The whole comes first, where it is there at all: of two series of which one is the rest, the other is a part."""
    if names[index].startswith("all other"):
        return "rest"
    parts = len(names) == 2 and names[1].startswith("all other")
    return "total" if index == 0 and not parts else "segment"


def _bands(
    data: Mapping[str, Any], x: Any, times: Sequence[datetime], first: datetime, last: datetime
) -> list[dict[str, Any]]:
    bands = []
    ends = [_time(end) for end in data.get("interval") or ()]
    if len(ends) == 2 and ends[0] and ends[1] and ends[0] <= last and ends[1] >= first:
        bands.append({"kind": "interval", "from": x(ends[0]), "to": x(ends[1])})
    since = _time(data.get("incomplete_from"))
    if since and since <= last:
        # The bucket that is not over begins at `since`; what leads to its point is drawn as unsure.
        before = max((at for at in times if at < since), default=first)
        bands.append({"kind": "incomplete", "from": x(before), "to": 1.0})
    return bands


def _points(raw: Any) -> list[tuple[datetime, float]]:
    read = [(_time(point[0]), point[1]) for point in raw or ()]
    return [(at, float(value)) for at, value in read if at is not None and value is not None]


def _time(raw: Any) -> datetime | None:
    if not raw:
        return None
    at = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _hourly(points: Sequence[tuple[datetime, float]]) -> bool:
    return len(points) > 1 and points[1][0] - points[0][0] < timedelta(hours=20)


def _thinned(points: Sequence[tuple[datetime, float]]) -> list[tuple[datetime, float]]:
    """At most _MOST_POINTS points, keeping each stretch's lowest and highest so that no dip disappears."""
    size = math.ceil(len(points) / (_MOST_POINTS // 2))
    kept = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        low, high = min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])
        kept += sorted({low, high})
    return kept


def _scale(most: float) -> tuple[float, float]:
    """A round distance between ticks (1, 2 or 5 times a power of ten) and the top of the axis."""
    if most <= 0:
        return 1.0, 1.0
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough)
    return step, step * math.ceil(most / step)


def _days(first: datetime, last: datetime, zone: ZoneInfo) -> list[tuple[datetime, str]]:
    """Midnights in the company's timezone, evenly apart, few enough to be read."""
    day = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if day < first.astimezone(zone):
        day += timedelta(days=1)
    days = []
    while day <= last.astimezone(zone):
        days.append(day)
        day += timedelta(days=1)
    every = next(size for size in (1, 2, 7, 14, 28, 56, 112, 400) if len(days) / size <= _MOST_TICKS or size == 400)
    kept = days[-1::-every][::-1] if days else []
    return [(day.astimezone(UTC), f"{day.day} {day:%b}") for day in kept]


def _when(at: datetime, zone: ZoneInfo, clock: bool) -> str:
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}" + (f", {local:%H:%M}" if clock else "")


def _number(value: float) -> str:
    if value == round(value) or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.2f}".rstrip("0").rstrip(".")
