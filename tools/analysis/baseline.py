"""What a metric's own history leads one to expect, hour by hour, and how far from it chance alone goes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np

from tools.analysis.calendar import Flags, Floats, Grid, Holiday, Ints

# Counts of prior weight with which a weekday's hours lean on those of all days.
_SHAPE_PRIOR = 1000.0
# Weak priors, as standard deviations on the log scale: a weekday against the average day, growth in a week.
_WEEKDAY_SD, _TREND_SD = 1.5, 0.10
_BISQUARE = 4.0
# Good days follow good days in every business; short histories show it too unsurely to be believed when they deny it.
_LEAST_CORRELATION = 0.12
_WINSOR = 2.5
# Mean of min(z², c²) for a normal z at c = _WINSOR.
_WINSOR_MEAN = 0.9463


@dataclass(frozen=True)
class Rows:
    """Counts summed over parts of local days: `counts`, `exposure` (share of that day's usual total), `ordinals`."""

    counts: Floats
    exposure: Floats
    ordinals: Ints


@dataclass(frozen=True)
class Baseline:
    """The expectation: weekday times trend times the day's shape, log-linear, and its uncertainty.

    `expected` has one value per bucket of the grid, future and running ones included. A day's count with expectation m
    varies with variance m + day_variance·m², neighbouring days with correlation `correlation`. `weekly_growth` is the
    trend on the log scale per week, `weekly_growth_error` its standard error; `days` is how many days it learned on.
    """

    grid: Grid
    expected: Floats
    shape: Floats
    coefficients: Floats
    covariance: Floats
    origin: int
    day_variance: float
    correlation: float
    weekly_growth: float
    weekly_growth_error: float
    days: int

    @property
    def freedom(self) -> int:
        """Degrees of freedom left to the dispersion."""
        return max(3, self.days - len(self.coefficients))

    def rows(self, counts: Floats, mask: Flags) -> Rows:
        """Sum the masked buckets by local day."""
        return _rows(counts, self.grid, mask, self.shape)

    def mean(self, rows: Rows) -> Floats:
        """Expected counts of rows."""
        matrix = design(rows.ordinals, self.origin)
        return np.asarray(rows.exposure * np.exp(np.clip(matrix @ self.coefficients, -30, 30)), dtype=np.float64)

    def error(self, rows: Rows, weights: Floats) -> float:
        """Standard error of the weighted sum of the rows' expectation, from having learned it on finite history."""
        gradient = design(rows.ordinals, self.origin).T @ (weights * self.mean(rows))
        spread = float(gradient @ self.covariance @ gradient)
        return float(np.sqrt(max(0.0, spread) * self.stretch(self.days)))

    def stretch(self, days: int) -> float:
        """By how much correlation between neighbouring days widens the variance of a sum of so many of them."""
        shares: Floats = np.arange(1, max(1, days), dtype=np.float64)
        weight: Floats = (1 - shares / max(1, days)) * np.power(np.full(len(shares), self.correlation), shares)
        return float(1 + 2 * weight.sum())


def fit_baseline(
    counts: Floats, grid: Grid, learn: Flags, holidays: Iterable[Holiday] = (), trend: bool = True
) -> Baseline:
    """Learn the expectation from the buckets marked `learn`, robustly, with holidays left out where history allows.

    Quasi-likelihood by reweighted least squares: weekday and linear trend on the log scale, bisquare weights, variance
    estimated from winsorised residuals, lag-one correlation from neighbouring days. Raises ValueError without a bucket.
    """
    if not learn.any():
        raise ValueError("there is no history to learn from")
    kept = _without_holidays(grid, learn, {h.date for h in holidays})
    shape = _day_shape(counts, grid, kept)
    rows = _rows(counts, grid, kept, shape)
    usable = rows.exposure > 0.02
    rows = Rows(rows.counts[usable], rows.exposure[usable], rows.ordinals[usable])
    origin = int(rows.ordinals[-1])
    matrix = design(rows.ordinals, origin)
    penalty = _penalty(trend)
    beta = _start(rows)
    day_variance = 0.0
    covariance = np.eye(matrix.shape[1])
    for turn in range(14):
        mean = rows.exposure * np.exp(np.clip(matrix @ beta, -30, 30))
        deviation = np.sqrt(mean + day_variance * mean**2)
        residual = (rows.counts - mean) / deviation
        # The first turns judge by Huber weights, which have one answer; the later ones let odd days go entirely.
        robust = _huber(residual) if turn < 5 else _bisquare(residual)
        weight = robust * mean**2 / deviation**2
        working = matrix @ beta + (rows.counts - mean) / np.maximum(mean, 1e-9)
        working = np.where(mean > 1e-9, working, matrix @ beta)
        gram = matrix.T @ (weight[:, None] * matrix) + np.diag(penalty)
        covariance = np.linalg.inv(gram)
        beta = covariance @ (matrix.T @ (weight * working))
        mean = rows.exposure * np.exp(np.clip(matrix @ beta, -30, 30))
        day_variance = _day_variance(rows.counts, mean, len(beta) - (not trend))
    residual = (rows.counts - mean) / np.sqrt(mean + day_variance * mean**2)
    all_rows = np.exp(np.clip(design(grid.ordinals, origin) @ beta, -30, 30))
    expected = all_rows * shape[grid.weekdays, grid.slots]
    return Baseline(
        grid=grid,
        expected=np.asarray(expected, dtype=np.float64),
        shape=shape,
        coefficients=beta,
        covariance=covariance,
        origin=origin,
        day_variance=day_variance,
        correlation=_correlation(residual, rows.ordinals),
        weekly_growth=float(beta[-1]),
        weekly_growth_error=float(np.sqrt(covariance[-1, -1])),
        days=len(rows.counts),
    )


def _without_holidays(grid: Grid, learn: Flags, dates: set[date]) -> Flags:
    ordinals = np.array([d.toordinal() for d in dates], dtype=np.int64)
    kept: Flags = learn & ~np.isin(grid.ordinals, ordinals)
    enough = len(np.unique(grid.ordinals[kept])) >= max(14, 0.6 * len(np.unique(grid.ordinals[learn])))
    return kept if enough else learn


def _day_shape(counts: Floats, grid: Grid, learn: Flags) -> Floats:
    """Share of a day's total in each slot, for each weekday: 7 rows that sum to 1."""
    slots = grid.slots_a_day
    raw = np.zeros((7, slots))
    np.add.at(raw, (grid.weekdays[learn], grid.slots[learn]), counts[learn])
    seen = np.zeros((7, slots))
    np.add.at(seen, (grid.weekdays[learn], grid.slots[learn]), 1.0)
    # Divided by how often the slot was seen, so that half a day of history does not bend the shape.
    total = (raw.sum(0) + 0.5) / np.maximum(seen.sum(0), 1.0)
    common = np.where(seen.sum(0) > 0, total, total[seen.sum(0) > 0].mean() if (seen.sum(0) > 0).any() else 1.0)
    common = common / common.sum()
    level = raw.sum(1, keepdims=True)
    own = np.where(seen > 0, raw / np.maximum(seen, 1.0), 0.0)
    own_total = own.sum(1, keepdims=True)
    full = (seen > 0).all(1, keepdims=True) & (own_total > 0)
    own = np.where(full, own / np.maximum(own_total, 1e-12), common)
    weight = np.where(full, level / (level + _SHAPE_PRIOR), 0.0)
    return np.asarray(weight * own + (1 - weight) * common, dtype=np.float64)


def _rows(counts: Floats, grid: Grid, mask: Flags, shape: Floats) -> Rows:
    ordinals, inverse = np.unique(grid.ordinals[mask], return_inverse=True)
    share = shape[grid.weekdays[mask], grid.slots[mask]]
    return Rows(
        np.bincount(inverse, weights=counts[mask], minlength=len(ordinals)).astype(np.float64),
        np.bincount(inverse, weights=share, minlength=len(ordinals)).astype(np.float64),
        ordinals.astype(np.int64),
    )


def design(ordinals: Ints, origin: int) -> Floats:
    """Level, seven weekday deviations, weeks since the origin."""
    weekday = (ordinals + 6) % 7
    columns = [np.ones(len(ordinals)), *(np.where(weekday == d, 1.0, 0.0) for d in range(7)), (ordinals - origin) / 7.0]
    return np.asarray(np.stack(columns, axis=1), dtype=np.float64)


def _penalty(trend: bool) -> Floats:
    slope = 1 / _TREND_SD**2 if trend else 1e12
    return np.array([1e-6, *([1 / _WEEKDAY_SD**2] * 7), slope], dtype=np.float64)


def _start(rows: Rows) -> Floats:
    rate = np.log((rows.counts + 0.5) / np.maximum(rows.exposure, 0.02))
    weekday = (rows.ordinals + 6) % 7
    level = float(np.median(rate))
    medians = [float(np.median(rate[weekday == d])) - level if (weekday == d).any() else 0.0 for d in range(7)]
    return np.array([level, *medians, 0.0], dtype=np.float64)


def _huber(residual: Floats) -> Floats:
    return np.asarray(np.minimum(1.0, 1.5 / np.maximum(np.abs(residual), 1e-9)), dtype=np.float64)


def _bisquare(residual: Floats) -> Floats:
    inside = np.maximum(0.0, 1 - (residual / _BISQUARE) ** 2)
    return np.asarray(inside**2, dtype=np.float64)


def _day_variance(counts: Floats, mean: Floats, used: int) -> float:
    """The variance beyond Poisson, relative to the squared mean, that winsorised residuals call for."""
    share = len(counts) / max(1, len(counts) - min(used, len(counts) - 1))

    squares, mean_squares = (counts - mean) ** 2 * share, mean**2

    def excess(variance: float) -> float:
        squared = squares / (mean + variance * mean_squares + 1e-9)
        return float(np.minimum(squared, _WINSOR**2).sum()) / len(counts) - _WINSOR_MEAN

    low, high = 0.0, 4.0
    if excess(low) <= 0:
        return 0.0
    for _ in range(18):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _correlation(residual: Floats, ordinals: Ints) -> float:
    clipped = np.clip(residual, -_WINSOR, _WINSOR)
    pairs = np.diff(ordinals) == 1
    if pairs.sum() < 10:
        return _LEAST_CORRELATION
    products = clipped[1:][pairs] * clipped[:-1][pairs]
    raw = float(np.mean(products) / max(1e-9, float(np.mean(clipped**2))))
    # The fit removes some correlation of its own; this returns the part known to be lost at this length.
    return float(np.clip(raw + (1 + 3 * raw) / len(residual), _LEAST_CORRELATION, 0.6))
