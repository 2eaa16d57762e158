"""When did it begin, and did it end? A scan by likelihood over every bucket, at the finest resolution there is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tools.analysis.baseline import Baseline, fit_baseline
from tools.analysis.calendar import DAY, HOUR, Flags, Floats, Grid, Holiday, Ints, Period
from tools.analysis.dating import freed, nearest
from tools.analysis.windows import Windows

# What a window with an end must gain, in nats, over a step without one: one more free time.
_RECOVERY_COST = 5.0
# What having looked everywhere costs: log of the hours of a month. It is the same for coarser buckets, as noise that
# lasts for days, not the number of candidates, is what makes a step appear where there is none.
_SEARCH_COST = 6.5
# Beginnings that lose more than this against the likeliest, in nats, are not weighed again.
_PLAUSIBLE = 20.0
# Above this the change is no play of chance, over the search of a month (see bench/drops.py).
FOUND = 7.0


@dataclass(frozen=True)
class Profile:
    """Log-likelihood (nats, best is 0) of the change having begun at each of the times (aware)."""

    times: tuple[datetime, ...]
    loglik: Floats

    def at(self, moment: datetime) -> float:
        """Log-likelihood of the bucket that holds the moment; -inf outside the search."""
        if not self.times or moment < self.times[0]:
            return float("-inf")
        step = self.times[1] - self.times[0] if len(self.times) > 1 else HOUR
        index = int((moment - self.times[0]) / step)
        return float(self.loglik[index]) if index < len(self.loglik) else float("-inf")


@dataclass(frozen=True)
class Onset:
    """A step, or a window that ended, in a metric.

    `at` is the start of the first affected bucket; `interval` holds 95% of the probability, its end exclusive.
    `recovered` is None while the change goes on. `factor` multiplies the expected counts (0.8 is -20%). `score` is the
    log-likelihood gained in nats less the price of having searched; `found` says whether that rules chance out.
    `missing` is expected minus observed counts from `at` to the recovery or to now.
    """

    at: datetime
    interval: Period
    recovered: datetime | None
    recovered_interval: Period | None
    factor: float
    score: float
    found: bool
    missing: float
    profile: Profile
    recovered_profile: Profile | None


def onset(
    counts: Floats,
    start: datetime,
    step: timedelta,
    tz: ZoneInfo,
    now: datetime,
    *,
    search: Period | None = None,
    direction: int = 0,
    holidays: Iterable[Holiday] = (),
    may_recover: bool = True,
) -> Onset | None:
    """Find the likeliest beginning of a lasting or temporary change of the counts' level.

    `counts` are buckets of `step` from `start` (aware); those not over at `now` are ignored. Candidates lie in `search`
    (by default the last four weeks, leaving two to learn from). `direction` -1 is for drops, 1 for rises, 0 for both.
    None where there is too little to look at. The expectation is learned before the search and again around the find.
    """
    grid = Grid(start, step, len(counts), tz)
    values = np.asarray(counts, dtype=np.float64)
    known = grid.complete(now) & np.isfinite(values)
    if known.sum() < 2:
        return None
    end = grid.moment(int(np.flatnonzero(known)[-1]) + 1)
    search = search or Period(max(start + DAY * 14, end - DAY * 28, start + step), end)
    off = tuple(holidays)
    learned = known & (grid.epochs[1:] <= search.start.timestamp() + 1e-6)
    enough = len(np.unique(grid.ordinals[learned])) >= 10
    starts = [learned, known] if enough else [known]
    best: tuple[float, Windows, tuple[int, int, float, float]] | None = None
    before: tuple[Windows, Baseline] | None = None
    for mask in starts:
        learn = mask
        for _ in range(2):
            baseline = fit_baseline(values, grid, learn, off)
            windows = Windows.of(values, baseline, known, off)
            if enough and before is None:
                before = windows, baseline
            chosen = _choose(windows, search, direction, may_recover)
            if chosen is None:
                return None
            first, last, _, gain = chosen
            total = windows.null + gain
            if best is None or total > best[0]:
                best = (total, windows, chosen)
            touched = np.zeros(len(values), dtype=np.bool_)
            touched[windows.buckets[first] : windows.buckets[last - 1] + 1] = True
            learn = known & ~touched
            if len(np.unique(grid.ordinals[learn])) < 7:
                break
    if best is None:
        return None
    _, windows, chosen = best
    candidates = windows.candidates(search)
    candidates = candidates[candidates < chosen[1]]
    gains, factors = windows.steps(candidates, chosen[1], -1 if chosen[2] < 1 else 1)
    if before is not None:
        gains = gains - gains.max()
        plausible = gains > -_PLAUSIBLE
        gains[plausible] = freed(*before, learned, candidates[plausible], chosen[1], factors[plausible])
    place = nearest(windows.epochs[candidates], gains, step)
    dated = (int(candidates[place]), chosen[1], float(factors[place]), chosen[3])
    return _describe(windows, dated, grid, candidates, gains, direction)


def _choose(
    windows: Windows, search: Period, direction: int, may_recover: bool
) -> tuple[int, int, float, float] | None:
    """The best (first, last, factor, gain): a step unless a window is worth its price."""
    candidates = windows.candidates(search)
    if len(candidates) == 0:
        return None
    step_gain, step_factor = windows.steps(candidates, windows.size, direction)
    place = int(np.argmax(step_gain))
    best = (int(candidates[place]), windows.size, float(step_factor[place]), float(step_gain[place]))
    if may_recover:
        window = windows.best_window(candidates, direction)
        if window is not None and window[3] - _RECOVERY_COST > best[3]:
            best = window
    return best


def _describe(
    windows: Windows,
    chosen: tuple[int, int, float, float],
    grid: Grid,
    candidates: Ints,
    gains: Floats,
    direction: int,
) -> Onset:
    first, last, factor, gain = chosen
    sign = -1 if factor < 1 else 1
    profile, interval = _profile(windows, candidates, gains, grid)
    recovered: datetime | None = None
    recovered_profile: Profile | None = None
    recovered_interval: Period | None = None
    price = _SEARCH_COST + (float(np.log(2)) if direction == 0 else 0.0)
    if last < windows.size:
        price += _RECOVERY_COST
        ends = np.arange(first + 1, windows.size, dtype=np.int64)
        end_gains = windows.ends(first, ends, sign)
        recovered = grid.moment(int(windows.buckets[last]))
        recovered_profile, recovered_interval = _profile(windows, ends, end_gains, grid)
    missing = float(np.sum(windows.expected[first:last] - windows.counts[first:last]))
    return Onset(
        at=grid.moment(int(windows.buckets[first])),
        interval=interval,
        recovered=recovered,
        recovered_interval=recovered_interval,
        factor=factor,
        score=gain - price,
        found=gain - price > FOUND,
        missing=missing,
        profile=profile,
        recovered_profile=recovered_profile,
    )


def _profile(windows: Windows, places: Ints, gains: Floats, grid: Grid) -> tuple[Profile, Period]:
    loglik = gains - gains.max()
    weight = np.exp(loglik)
    order = np.argsort(-weight)
    needed = int(np.searchsorted(np.cumsum(weight[order]) / weight.sum(), 0.95)) + 1
    kept = order[:needed]
    buckets = windows.buckets[places]
    times = tuple(grid.moment(int(b)) for b in buckets)
    low, high = int(buckets[kept].min()), int(buckets[kept].max())
    return Profile(times, np.asarray(loglik, dtype=np.float64)), Period(grid.moment(low), grid.moment(high + 1))


def residuals(baseline: Baseline, counts: Floats, known: Flags) -> Floats:
    """Observed over expected counts for each bucket, NaN where unknown or nothing is expected."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(known & (baseline.expected > 0), counts / baseline.expected, np.nan)
    return np.asarray(ratio, dtype=np.float64)
