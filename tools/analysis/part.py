"""The computed verb about a part of a metric: did those people change as well, and the rest?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
from pydantic import AwareDatetime, Field

from tools.analysis.calendar import Floats, Period, public_holidays
from tools.analysis.change import Change, assess
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Noun, Series, Where

HOUR = timedelta(hours=1)
# History that the period itself must leave, so that there is something to compare with.
LEAST_HISTORY = timedelta(days=8)
USUAL = timedelta(days=7)


class PartFinding(Noun):
    """What became of a part of a metric in a period [start, end), beside the rest of it.

    `change` and `rest` are relative to what the part's and the rest's own history lead one to expect; `happened` is
    None where that cannot be told. `chart` is an artefact of kind chart.
    """

    kind: ClassVar[str] = "part_finding"
    metric: str
    where: Where
    start: AwareDatetime
    end: AwareDatetime
    happened: bool | None
    change: float
    interval: tuple[float, float]
    observed: float
    expected: float
    power: float
    rest_happened: bool | None
    rest: float
    rest_interval: tuple[float, float]
    chart: dict[str, Any] = Field(default_factory=dict)


class AnalyzePart(Analysis):
    """Judge whether one part of a metric (mobile, one country) left its own history, and whether the rest did."""

    name = "analyze.part"
    returns = PartFinding
    part: tuple[Series, ...] = Field(default=(), description="the part's hourly series")
    whole: tuple[Series, ...] = Field(default=(), description="the whole metric's hourly series")
    period: dict[str, str] | None = Field(default=None, description="start and end of the period asked about, ISO 8601")
    direction: str | None = None
    percent: float | None = None

    def compute(self, frame: Frame) -> Sequence[Noun]:
        if not self.part or not self.whole or not self.part[0].points:
            return []
        part, whole = self.part[0], self.whole[0]
        counts, total = _counts(part), _counts(whole)
        size = min(len(counts), len(total))
        period = self._period(part, frame)
        if period is None:
            return []
        own = self._assess(counts[:size], part, period, frame)
        rest = self._assess((total - counts)[:size] if len(total) == size else total[:size], part, period, frame)
        return [
            PartFinding(
                service="deus",
                ref=f"part:{part.metric}",
                url=part.url,
                at=frame.now,
                title=part.metric,
                metric=part.metric,
                where=dict(part.where),
                start=period.start,
                end=period.end,
                happened=own.happened,
                change=own.relative,
                interval=own.interval,
                observed=own.observed,
                expected=own.expected,
                power=own.power,
                rest_happened=rest.happened,
                rest=rest.relative,
                rest_interval=rest.interval,
                chart=_chart(part, counts[:size], (total[:size] - counts[:size]), frame),
            )
        ]

    def _period(self, series: Series, frame: Frame) -> Period | None:
        first = series.points[0].at + LEAST_HISTORY
        start, end = frame.now - USUAL, frame.now
        if self.period:
            start, end = (datetime.fromisoformat(self.period[name]) for name in ("start", "end"))
        start, end = max(start, first), min(end, frame.now)
        return Period(start, end) if start < end else None

    def _assess(self, counts: Floats, series: Series, period: Period, frame: Frame) -> Change:
        start = series.points[0].at
        asked = min(0.95, abs(self.percent or 20.0) / 100.0) * (1 if self.direction == "up" else -1)
        holidays = public_holidays(frame.countries, start.date(), frame.now.date()) if frame.countries else ()
        return assess(counts, start, HOUR, frame.timezone, frame.now, period, holidays=holidays, asked=asked)


def _counts(series: Series) -> Floats:
    return np.array([point.value for point in series.points], dtype=np.float64)


def _chart(series: Series, part: Floats, rest: Floats, frame: Frame) -> dict[str, Any]:
    """Four weeks of both by local day."""
    days: dict[datetime, list[float]] = {}
    for point, own, other in zip(series.points, part, rest, strict=False):
        local = point.at.astimezone(frame.timezone)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if day >= frame.now - timedelta(days=29):
            sums = days.setdefault(day, [0.0, 0.0])
            sums[0] += float(own)
            sums[1] += float(other)
    today = frame.now.astimezone(frame.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    names = (", ".join(series.where.values()) or "part", "all others")
    return {
        "series": [
            {"name": name, "points": [[day.isoformat(), sums[n]] for day, sums in sorted(days.items())]}
            for n, name in enumerate(names)
        ],
        "unit": "a day",
        "onset": None,
        "recovered": None,
        "interval": None,
        "expected": None,
        "timezone": frame.timezone.key,
        "incomplete_from": today.isoformat(),
    }
