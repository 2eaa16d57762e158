"""Did it happen? A period's counts against what the metric's own history leads one to expect."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from tools.analysis.baseline import Baseline, Rows, fit_baseline
from tools.analysis.calendar import DAY, Flags, Floats, Grid, Holiday, Period
from tools.analysis.impression import Impression, impression_of
from tools.analysis.onset import Onset, onset

Verdict = Literal["dropped", "rose", "nothing", "cannot_tell"]
Label = Literal["weekday", "incomplete-period", "earlier-peak", "holiday", "trend"]

# Chance of calling a change where there is none (bench/drops.py measures it).
_ALPHA = 0.004
_HOLIDAY_ALPHA = 0.005
# The period as a whole and a step within it may each be short of proof, and together be enough.
_JOINT_ALPHA, _JOINT_SCORE = 0.02, 3.0
_WINSOR = 2.0
# A trend is worth naming from this much in four weeks, and from so many standard errors.
_TREND_SIZE, _TREND_SURE = 0.07, 3.6
_LEAST_DAYS = 7


@dataclass(frozen=True)
class Change:
    """What became of a metric in a period.

    `relative` is observed over expected less 1, `interval` its 95% interval; `observed` and `expected` are counts over
    the period's complete buckets (`covered` of them). `p_value` is two-sided; `power` is the chance that a change of
    the asked size would have been seen. `label` says what made the numbers look changed although they are not
    (weekday, incomplete-period, earlier-peak), or what ordinary thing moved them (holiday, trend). `scan` is the
    likeliest step or passing dip around the period. `weekly_growth` is the trend, relative, a week.
    """

    verdict: Verdict
    label: Label | None
    direction: int
    relative: float
    interval: tuple[float, float]
    observed: float
    expected: float
    p_value: float
    power: float
    asked: float
    period: Period
    covered: int
    weekly_growth: float
    impression: Impression | None
    scan: Onset | None
    baseline: Baseline | None

    @property
    def happened(self) -> bool | None:
        """Whether the numbers left what history leads one to expect; None where that cannot be told."""
        return None if self.verdict == "cannot_tell" else self.verdict in ("dropped", "rose")


@dataclass(frozen=True)
class _Test:
    """A period's rows against the baseline: the ratio, its standard error on the log scale, p-value, critical value."""

    ratio: float
    error: float
    z: float
    p_value: float
    critical: float
    freedom: int

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the relative change, from the square-root scale, which holds for small counts too."""
        reach = float(stdtrit(self.freedom, 0.975)) * self.error / 2
        root = float(np.sqrt(self.ratio))
        return max(0.0, root - reach) ** 2 - 1, (root + reach) ** 2 - 1

    def power(self, asked: float) -> float:
        """Chance of a significant result if the true relative change were as asked."""
        shift = 2 * abs(float(np.sqrt(max(0.0, 1 + asked))) - 1) / max(self.error, 1e-9)
        return float(ndtr(shift - self.critical))


def assess(
    counts: Floats,
    start: datetime,
    step: timedelta,
    tz: ZoneInfo,
    now: datetime,
    period: Period,
    *,
    baseline: Period | None = None,
    holidays: Iterable[Holiday] = (),
    asked: float = -0.2,
) -> Change:
    """Judge the period against the history before it (or against `baseline`).

    `counts` are buckets of `step` from the aware `start`; buckets not over at `now` are left out on both sides, so that
    a running day is compared with the same hours of its like. `holidays` are public holidays of the places that matter.
    `asked` is the change that the question claims (-0.2 is a drop by a fifth): power is computed for it, and the
    impression to be explained has its sign. Where history is shorter than a week the verdict is cannot_tell.
    """
    grid = Grid(start, step, len(counts), tz)
    values = np.asarray(counts, dtype=np.float64)
    off = tuple(holidays)
    known = grid.complete(now) & np.isfinite(values)
    inside = known & grid.within(period)
    before = grid.epochs[1:] <= period.start.timestamp() + 1e-6
    learn = known & (grid.within(baseline) if baseline else before)
    if not inside.any() or len(np.unique(grid.ordinals[learn])) < _LEAST_DAYS:
        return _unknown(values, inside, period, asked)
    base = fit_baseline(values, grid, learn, off)
    rows = base.rows(values, inside)
    test = _test(base, rows, winsorise=len(rows.counts) >= 4)
    found = onset(values, start, step, tz, now, search=_around(period, grid, known), holidays=off)
    expected = float(base.mean(rows).sum())
    observed = float(rows.counts.sum())
    change = Change(
        verdict="nothing",
        label=None,
        direction=0,
        relative=test.ratio - 1,
        interval=test.interval,
        observed=observed,
        expected=expected,
        p_value=test.p_value,
        power=test.power(asked),
        asked=asked,
        period=period,
        covered=int(inside.sum()),
        weekly_growth=float(np.expm1(base.weekly_growth)),
        impression=impression_of(values, base, known, period, now),
        scan=found,
        baseline=base,
    )
    return _judge(change, test, base, values, known, inside, off)


def _judge(
    change: Change,
    test: _Test,
    base: Baseline,
    values: Floats,
    known: Flags,
    inside: Flags,
    holidays: tuple[Holiday, ...],
) -> Change:
    """Turn figures into a verdict and a label: holidays, the whole period, a part of it, an earlier peak, the trend."""
    found = change.scan if change.scan is not None and change.scan.found else None
    fell_within = found is not None and found.factor < 1 and change.period.contains(found.at)
    if not fell_within and _low_on_holidays(base, values, inside, holidays):
        return replace(change, verdict="dropped", label="holiday", direction=-1)
    if found is not None and found.factor > 1 and found.recovered is not None and change.asked < 0:
        rest = known & inside & (base.grid.epochs[:-1] >= found.recovered.timestamp() - 1e-6)
        after = _test(base, base.rows(values, rest), winsorise=False) if rest.any() else None
        if after is None or after.z > -after.critical:
            return replace(change, verdict="nothing", label="earlier-peak", direction=0)
    if test.p_value < _ALPHA:
        direction = -1 if test.z < 0 else 1
        return replace(change, verdict="dropped" if direction < 0 else "rose", direction=direction)
    if _step_in_period(change, test):
        direction = -1 if change.scan is not None and change.scan.factor < 1 else 1
        return replace(change, verdict="dropped" if direction < 0 else "rose", direction=direction)
    trend = _trend(base.grid, values, known, holidays, change.asked)
    if trend is not None:
        growth, direction = trend
        verdict: Verdict = "dropped" if direction < 0 else "rose"
        return replace(change, verdict=verdict, label="trend", direction=direction, weekly_growth=growth)
    label = change.impression.label(change.asked) if change.impression is not None else None
    # Where the impression is explained, the claim to be ruled out is the impression itself.
    power = change.power
    if label is not None and change.impression is not None:
        power = test.power(float(np.expm1(change.impression.claimed(change.asked))))
    return replace(change, verdict="cannot_tell" if power < 0.5 else "nothing", label=label)


def _test(base: Baseline, rows: Rows, winsorise: bool) -> _Test:
    """Compare rows with their expectation; one odd day among several is held to a limit, as in the history."""
    mean = base.mean(rows)
    ratio = float(rows.counts.sum() / max(mean.sum(), 1e-9))
    counts = rows.counts
    if winsorise:
        shares = rows.counts / np.maximum(mean, 1e-9)
        ratio = float(np.median(shares))
        for _ in range(8):
            spread = np.sqrt(np.maximum(ratio, 1e-3) * mean + base.day_variance * (ratio * mean) ** 2)
            counts = np.clip(rows.counts, ratio * mean - _WINSOR * spread, ratio * mean + _WINSOR * spread)
            ratio = float(max(0.0, counts.sum()) / max(mean.sum(), 1e-9))
    total = max(float(mean.sum()), 1e-9)
    learned = base.error(rows, np.ones(len(mean))) / total
    stretch = base.stretch(len(mean))

    def error(at: float) -> float:
        """Standard error of 2·sqrt(ratio) where the true ratio is `at`."""
        chance = 1 / total + at * base.day_variance * float(np.sum(mean**2)) / total**2
        return float(np.sqrt(chance * stretch + at * learned**2))

    z = 2 * (np.sqrt(ratio + 0.375 / total) - np.sqrt(1 + 0.375 / total)) / error(1.0)
    freedom = base.freedom
    p_value = float(2 * stdtr(freedom, -abs(z)))
    critical = float(stdtrit(freedom, 1 - _ALPHA / 2))
    return _Test(ratio, error(max(ratio, 1e-3)), float(z), p_value, critical, freedom)


def _around(period: Period, grid: Grid, known: Flags) -> Period:
    """Where to look for the step behind the period: from two weeks before it to the last known bucket."""
    last = grid.moment(int(np.flatnonzero(known)[-1]) + 1)
    first = max(grid.start + DAY * 10, period.start - DAY * 14)
    return Period(min(first, last - grid.step), last)


def _step_in_period(change: Change, test: _Test) -> bool:
    """Whether a step or window that reaches into the period is sure, by itself or with the whole period's shift."""
    scan, period = change.scan, change.period
    if scan is None or scan.at >= period.end or (scan.recovered is not None and scan.recovered <= period.start):
        return False
    agrees = (scan.factor < 1) == (test.z < 0)
    return scan.found or (agrees and test.p_value < _JOINT_ALPHA and scan.score > _JOINT_SCORE)


def _low_on_holidays(base: Baseline, values: Floats, inside: Flags, holidays: tuple[Holiday, ...]) -> bool:
    """Whether holidays of the period are low and the rest of it is not."""
    off = np.array(sorted({h.date.toordinal() for h in holidays}), dtype=np.int64)
    on_holiday = inside & np.isin(base.grid.ordinals, off)
    if not on_holiday.any():
        return False
    test = _test(base, base.rows(values, on_holiday), winsorise=False)
    if test.z > 0 or test.p_value > _HOLIDAY_ALPHA or test.ratio > 0.93:
        return False
    rest = inside & ~on_holiday
    if not rest.any():
        return True
    others = _test(base, base.rows(values, rest), winsorise=True)
    return others.z > 0 or others.p_value > _ALPHA


def _trend(
    grid: Grid, values: Floats, known: Flags, holidays: tuple[Holiday, ...], asked: float
) -> tuple[float, int] | None:
    """Relative growth a week and its sign, where a trend over all that is known is sure, large and as asked."""
    if len(np.unique(grid.ordinals[known])) < 21:
        return None
    whole = fit_baseline(values, grid, known, holidays)
    growth, error = whole.weekly_growth, whole.weekly_growth_error * np.sqrt(whole.stretch(whole.days))
    sure = abs(growth) > _TREND_SURE * error and abs(np.expm1(4 * growth)) > _TREND_SIZE
    if not sure or np.sign(growth) != np.sign(asked):
        return None
    return float(np.expm1(growth)), int(np.sign(growth))


def _unknown(values: Floats, inside: Flags, period: Period, asked: float) -> Change:
    observed = float(values[inside].sum())
    return Change(
        verdict="cannot_tell",
        label="incomplete-period" if not inside.any() else None,
        direction=0,
        relative=0.0,
        interval=(-1.0, float("inf")),
        observed=observed,
        expected=float("nan"),
        p_value=1.0,
        power=0.0,
        asked=asked,
        period=period,
        covered=int(inside.sum()),
        weekly_growth=0.0,
        impression=None,
        scan=None,
        baseline=None,
    )
