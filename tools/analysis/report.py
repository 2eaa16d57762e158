"""The computed verbs about how numbers run: a metric's trend, churn, the week's report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import AwareDatetime, Field

from tools.analysis.labels import label
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Noun, Series

WEEK = timedelta(days=7)
CHURN_DAYS = 28
# A week counts as different from the one before beyond this many standard errors of its own history.
SURE = 2.5


class Trend(Noun):
    """How a metric runs by complete weeks, Monday to Sunday: the last one, the one before, the growth over all of them.

    `weekly_growth` is the slope of the logarithm, relative, a week; `average` is a day's in the last week; `running` is
    the count of the week that is not over. `chart` is an artefact of kind chart.
    """

    kind: ClassVar[str] = "trend"
    metric: str
    label: str
    unit: str
    last: float
    before: float
    change: float | None
    average: float
    weeks: int
    weekly_growth: float | None
    direction: str
    clear: bool
    since: AwareDatetime
    until: AwareDatetime
    running: float
    total: float
    chart: dict[str, Any] = Field(default_factory=dict)


class Churn(Noun):
    """Cancellations of 28 days over the subscriptions that were active at their start, now and 28 days before."""

    kind: ClassVar[str] = "churn"
    cancelled: float
    active: float
    rate: float
    cancelled_before: float
    active_before: float
    rate_before: float
    since: AwareDatetime
    until: AwareDatetime


class AnalyzeTrend(Analysis):
    """Tell how metrics run by week: level, change against the week before, growth, whether that is more than noise."""

    name = "analyze.trend"
    returns = Trend
    series: tuple[Series, ...] = ()
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def compute(self, frame: Frame) -> Sequence[Noun]:
        return [t for series in self.series if (t := trend(series, frame, self.since, self.until)) is not None]


class AnalyzeChurn(Analysis):
    """Compute the churn rate: cancellations of the last 28 days over the subscriptions active at their start."""

    name = "analyze.churn"
    returns = Churn
    cancellations: tuple[Series, ...] = ()
    subscriptions: tuple[Series, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        if not self.cancellations or not self.subscriptions:
            return []
        days = daily(self.cancellations[0], frame.timezone)
        today = frame.now.astimezone(frame.timezone).date()
        active = self.subscriptions[0]

        def window(end: date) -> float:
            return sum(days.get(end - timedelta(days=n), 0.0) for n in range(1, CHURN_DAYS + 1))

        earlier = today - timedelta(days=CHURN_DAYS)
        starts = [_midnight(day, frame.timezone) for day in (earlier, earlier - timedelta(days=CHURN_DAYS))]
        levels = [_at(active, start) for start in starts]
        if min(days, default=today) > earlier - timedelta(days=CHURN_DAYS) or None in levels or not all(levels):
            return []
        now_level, before_level = (float(level or 0) for level in levels)
        lost, lost_before = window(today), window(earlier)
        return [
            Churn(
                service="deus",
                ref="churn",
                url=self.cancellations[0].url,
                at=frame.now,
                title="Churn",
                cancelled=lost,
                active=now_level,
                rate=lost / now_level,
                cancelled_before=lost_before,
                active_before=before_level,
                rate_before=lost_before / before_level,
                since=starts[0],
                until=_midnight(today, frame.timezone),
            )
        ]


def trend(series: Series, frame: Frame, since: datetime | None, until: datetime | None) -> Trend | None:
    """A series' trend by complete local weeks; None where it holds fewer than two of them."""
    days = daily(series, frame.timezone)
    today = frame.now.astimezone(frame.timezone).date()
    monday = today - timedelta(days=today.weekday())
    if until is not None:
        named = until.astimezone(frame.timezone).date()
        monday = min(monday, named - timedelta(days=named.weekday()))
    first = min(days, default=today)
    sums: list[float] = []
    start = monday - WEEK
    while start >= first:
        sums.append(sum(days.get(start + timedelta(days=n), 0.0) for n in range(7)))
        start -= WEEK
    if len(sums) < 2:
        return None
    last, before = sums[0], sums[1]
    growth, sure = _growth(sums[::-1])
    clear = abs(last - before) > SURE * _weekly_noise(sums[::-1])
    change = (last - before) / before if before else None
    low = _midnight(monday - WEEK, frame.timezone)
    running = sum(value for day, value in days.items() if day >= monday)
    period = [v for d, v in days.items() if since is None or _midnight(d, frame.timezone) >= since]
    return Trend(
        service="deus",
        ref=f"trend:{called(series)}",
        url=series.url,
        at=frame.now,
        title=called(series),
        metric=series.metric,
        label=called(series),
        unit=series.unit,
        last=last,
        before=before,
        change=change,
        average=last / 7,
        weeks=len(sums),
        weekly_growth=growth,
        direction="flat" if growth is None or not sure else "rising" if growth > 0 else "falling",
        clear=clear,
        since=low,
        until=_midnight(monday, frame.timezone),
        running=running,
        total=sum(period),
        chart=_chart(called(series), days, today, frame.timezone),
    )


def called(series: Series) -> str:
    """What people call a series; those of payments differ by status and by what is summed."""
    if series.metric != "payments":
        return label(series.metric)
    if series.where.get("status") == "failed":
        return "Failed payments"
    return "Payments" if series.unit in ("payments", "events", "") else "Revenue"


def daily(series: Series, zone: ZoneInfo) -> Mapping[date, float]:
    """A series summed by local day."""
    found: dict[date, float] = {}
    for point in series.points:
        day = point.at.astimezone(zone).date()
        found[day] = found.get(day, 0.0) + point.value
    return found


def _chart(metric: str, days: Mapping[date, float], today: date, zone: ZoneInfo) -> dict[str, Any]:
    points = [[_midnight(day, zone).isoformat(), value] for day, value in sorted(days.items())]
    return {
        "series": [{"name": metric, "points": points}],
        "unit": "a day",
        "onset": None,
        "recovered": None,
        "interval": None,
        "expected": None,
        "timezone": zone.key,
        "incomplete_from": _midnight(today, zone).isoformat() if today in days else None,
    }


def _growth(sums: Sequence[float]) -> tuple[float | None, bool]:
    """Growth a week from a line through the logarithms, and whether it is surely not zero."""
    if len(sums) < 4 or min(sums) <= 0:
        return None, False
    x = np.arange(len(sums), dtype=float)
    y = np.log(np.asarray(sums))
    slope, level = np.polyfit(x, y, 1)
    rest = y - (slope * x + level)
    error = math.sqrt(float(rest @ rest) / max(1, len(sums) - 2) / float(((x - x.mean()) ** 2).sum()))
    return math.expm1(float(slope)), abs(float(slope)) > SURE * max(error, 1e-6)


def _weekly_noise(sums: Sequence[float]) -> float:
    """The standard error of the difference of two weeks: from counting, and from how the weeks before differed."""
    steps = np.abs(np.diff(np.asarray(sums, dtype=float)[:-1]))
    seen = float(np.median(steps)) / 0.6745 if len(steps) >= 3 else 0.0
    return max(math.sqrt(max(1.0, sums[-1] + sums[-2])), seen)


def _at(series: Series, moment: datetime) -> float | None:
    """The level of a series of levels at a moment: its last bucket that had begun by then."""
    earlier = [point.value for point in series.points if point.at <= moment]
    return earlier[-1] if earlier else None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
