"""What a plain comparison with the days before would make one believe, and what that belief is made of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from scipy.special import ndtr

from tools.analysis.baseline import Baseline, Rows
from tools.analysis.calendar import DAY, Flags, Floats, Period, days_period, local_date, midnight

Reason = Literal["weekday", "incomplete-period", "earlier-peak", "trend"]

# An impression smaller than this needs no explanation; a reason carries it from this share on.
_SMALL, _SHARE = 0.04, 0.35


@dataclass(frozen=True)
class Impression:
    """The period's counts so far against the same number of whole local days before it, taken apart on the log scale.

    `naive` = `incomplete` + `weekday` + `trend` + `before` + `honest`: hours that are still to come, another mix of
    weekdays, growth, how far the days before had left their own expectation (negative where they were inflated), and
    how far the period itself did. `previous` are the days before; `before_p` says how surprising they were.
    """

    naive: float
    incomplete: float
    weekday: float
    trend: float
    before: float
    honest: float
    before_p: float
    previous: Period

    @property
    def relative(self) -> float:
        """The naive relative change: -0.3 where the plain comparison shows 30% less."""
        return float(np.expm1(self.naive))

    def label(self, asked: float) -> Reason | None:
        """The largest reason for an impression of the asked sign, None where there is no such impression."""
        sign = -1.0 if asked < 0 else 1.0
        reasons: dict[Reason, float] = {
            "incomplete-period": self.incomplete,
            "weekday": self.weekday,
            "trend": self.trend,
            "earlier-peak": self.before if self.before_p < 0.02 else 0.0,
        }
        if self.naive * sign < _SMALL:
            # A running Monday beats its Sunday and still looks poor beside the Monday before.
            del reasons["weekday"]
        impression = self.claimed(asked)
        best = max(reasons, key=lambda reason: reasons[reason] * sign)
        explained = reasons[best] * sign
        return best if impression * sign >= _SMALL and explained >= _SHARE * impression * sign else None

    def claimed(self, asked: float) -> float:
        """The impression, on the log scale, that somebody has who asks so: against the days or the weekdays before."""
        sign = -1.0 if asked < 0 else 1.0
        return self.naive if self.naive * sign >= _SMALL else self.naive - self.weekday


def impression_of(counts: Floats, base: Baseline, known: Flags, period: Period, now: datetime) -> Impression | None:
    """Compare as a person would who looks at the chart; None where the days before are not known."""
    grid = base.grid
    inside = known & grid.within(period)
    first = local_date(period.start, grid.tz)
    last = local_date(min(period.end, now) - timedelta(microseconds=1), grid.tz)
    span = (last - first).days + 1
    rolling = midnight(first, grid.tz) != period.start.astimezone(UTC)
    previous = days_period(first - DAY * span, first - DAY, grid.tz)
    if rolling:
        # Seven times 24 hours until now are compared with the same before them: nothing in it is unfinished.
        previous = Period(period.start - (min(period.end, now) - period.start), period.start)
    earlier = known & grid.within(previous)
    if previous.start < grid.start or not inside.any() or not earlier.any():
        return None
    expected, expected_before = float(base.expected[inside].sum()), float(base.expected[earlier].sum())
    observed, observed_before = float(counts[inside].sum()), float(counts[earlier].sum())
    whole = expected if rolling else _expected_whole(base, days_period(first, last, grid.tz))
    whole_before = expected_before if rolling else _expected_whole(base, previous)
    growth = base.weekly_growth * span / 7
    rows = base.rows(counts, earlier)
    mean = base.mean(rows)
    spread = np.sqrt(mean.sum() + base.day_variance * np.sum(mean**2) * base.stretch(len(mean)))
    surprise = (observed_before - expected_before) / max(float(spread), 1e-9)
    incomplete = np.log(max(expected, 1e-9) / max(whole, 1e-9))
    weekday = np.log(max(whole, 1e-9) / max(whole_before, 1e-9)) - growth
    before = np.log((expected_before + 0.5) / (observed_before + 0.5))
    honest = np.log((observed + 0.5) / (expected + 0.5))
    return Impression(
        naive=float(incomplete + weekday + growth + before + honest),
        incomplete=float(incomplete),
        weekday=float(weekday),
        trend=float(growth),
        before=float(before),
        honest=float(honest),
        before_p=float(2 * ndtr(-abs(surprise))),
        previous=previous,
    )


def _expected_whole(base: Baseline, period: Period) -> float:
    """Expected counts of whole local days, whether or not the grid reaches their end."""
    grid = base.grid
    day = local_date(period.start, grid.tz)
    ordinals = np.arange(day.toordinal(), local_date(period.end - DAY / 2, grid.tz).toordinal() + 1)
    rows = Rows(np.zeros(len(ordinals)), np.ones(len(ordinals)), ordinals.astype(np.int64))
    return float(base.mean(rows).sum())
