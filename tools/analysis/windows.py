"""The likelihood of windows of time in which a metric's level was multiplied by a factor.

Within a day counts are Poisson around the expectation; each day has a level of its own, gamma distributed with the
metric's day-to-day variance, and now and then a day is odd altogether. Both integrals have a closed form, so the
likelihood of a window is exact, for four counts an hour as for four thousand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaln

from tools.analysis.baseline import Baseline
from tools.analysis.calendar import Flags, Floats, Holiday, Ints, Period

# How often a day is odd altogether, how odd (as a variance), and how often a public holiday is.
_ODD, _ODD_VARIANCE, _ODD_HOLIDAY = 0.02, 0.2, 0.5
# No metric is steadier from day to day than this (variance of the daily level).
_LEAST_VARIANCE = 2e-4
_FALLS = np.array(
    [0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.27, 0.34, 0.42, 0.5, 0.57, 0.64, 0.7, 0.76, 0.81, 0.86, 0.9, 0.94]
)
_RISES = np.array([1.06, 1.11, 1.17, 1.24, 1.32, 1.42, 1.55, 1.7, 1.9, 2.2, 2.6, 3.2, 4.0, 6.0, 10.0])
# Windows are first sought among at most so many candidate times.
_COARSE = 700


@dataclass(frozen=True)
class Days:
    """Some days, and what of them lies in each of some windows (rows are windows, columns days).

    `total` and `expected` are the days' counts and expectation, `inside` and `inside_expected` those in the window.
    Methods take what moves the days' expectation and the windows' factor, both on the log scale.
    """

    total: Floats
    expected: Floats
    inside: Floats
    inside_expected: Floats
    shapes: tuple[float, float]
    constants: tuple[Floats, Floats]

    def loglik(self, shift: Floats, size: Floats) -> Floats:
        """Log-likelihood of the days for each window."""
        _, mean = self._means(shift, size)
        level = np.logaddexp(*self._levels(mean))
        return np.asarray((self.inside * size[:, None] + self.total * shift + level).sum(1), dtype=np.float64)

    def slopes(self, shift: Floats, size: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """What the log-likelihood rises by with each day's shift and with each window's factor; and its curvature.

        The curvature is each day's weight, the share of the day's expectation that is in the window, and what the
        counts within days add for the factor.
        """
        moved, mean = self._means(shift, size)
        usual, odd = self._levels(mean)
        oddness = np.exp(odd - np.logaddexp(usual, odd))
        rate = np.zeros_like(mean)
        weight = np.zeros_like(mean)
        for shape, share in zip(self.shapes, (1 - oddness, oddness), strict=True):
            rate += share * (self.total + shape) / (shape + mean)
            weight += share * shape * mean / (shape + mean)
        by_factor = (self.inside - rate * moved).sum(1)
        within = (moved * (1 - moved / mean)).sum(1)
        return self.total - rate * mean, by_factor, weight, moved / mean, within

    def _means(self, shift: Floats, size: Floats) -> tuple[Floats, Floats]:
        """Expectation in the window and of the whole day."""
        moved = np.exp(shift + size[:, None]) * self.inside_expected
        return moved, np.exp(shift) * (self.expected - self.inside_expected) + moved

    def _levels(self, mean: Floats) -> tuple[Floats, Floats]:
        usual, odd = (
            constant - (self.total + shape) * np.log(shape + mean)
            for shape, constant in zip(self.shapes, self.constants, strict=True)
        )
        return usual, odd


@dataclass(frozen=True)
class Windows:
    """Known buckets in order (`buckets` are places in the grid), their counts and expectation, folded into days."""

    buckets: Ints
    epochs: Floats
    counts: Floats
    expected: Floats
    day: Ints
    inverse_variance: float
    odd: Floats

    @classmethod
    def of(cls, counts: Floats, baseline: Baseline, known: Flags, holidays: Iterable[Holiday] = ()) -> "Windows":
        """Take the known buckets of a grid with their expectation."""
        places = np.flatnonzero(known)
        ordinals, day = np.unique(baseline.grid.ordinals[places], return_inverse=True)
        off = np.array([h.date.toordinal() for h in holidays], dtype=np.int64)
        rho = min(baseline.correlation, 0.5)
        variance = max(_LEAST_VARIANCE, baseline.day_variance * (1 + rho) / (1 - rho))
        return cls(
            buckets=places.astype(np.int64),
            epochs=baseline.grid.epochs[:-1][places],
            counts=np.asarray(counts[places], dtype=np.float64),
            expected=np.maximum(baseline.expected[places], 1e-6),
            day=day.astype(np.int64),
            inverse_variance=1 / variance,
            odd=np.where(np.isin(ordinals, off), _ODD_HOLIDAY, _ODD).astype(np.float64),
        )

    @property
    def size(self) -> int:
        """How many buckets."""
        return len(self.counts)

    def candidates(self, search: Period) -> Ints:
        """Places of the buckets that start in the search."""
        inside = (self.epochs >= search.start.timestamp() - 1e-6) & (self.epochs < search.end.timestamp() - 1e-6)
        return np.flatnonzero(inside).astype(np.int64)

    @cached_property
    def _edges(self) -> Ints:
        """First bucket of each day, and the size."""
        return np.append(np.searchsorted(self.day, np.arange(len(self.odd))), self.size).astype(np.int64)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        """Running sums of counts and of expectation, from 0."""
        return np.append(0.0, np.cumsum(self.counts)), np.append(0.0, np.cumsum(self.expected))

    @cached_property
    def _day_counts(self) -> Floats:
        return np.diff(self._sums[0][self._edges])

    @cached_property
    def _day_expected(self) -> Floats:
        return np.diff(self._sums[1][self._edges])

    @cached_property
    def _constants(self) -> tuple[Floats, Floats]:
        """What of each day's likelihood does not depend on its mean, for an ordinary and for an odd day."""
        total = self._day_counts
        parts = []
        for shape, share in ((self.inverse_variance, 1 - self.odd), (1 / _ODD_VARIANCE, self.odd)):
            parts.append(np.log(share) + gammaln(total + shape) - gammaln(shape) + shape * np.log(shape))
        return parts[0], parts[1]

    def _level(self, day: Ints, mean: Floats) -> Floats:
        """Log-likelihood of a day's total given its mean, over the gamma levels (up to terms without the mean)."""
        total = self._day_counts[day]
        usual, odd = self.inverse_variance, 1 / _ODD_VARIANCE
        ordinary = self._constants[0][day] - (total + usual) * np.log(usual + mean)
        return np.asarray(
            np.logaddexp(ordinary, self._constants[1][day] - (total + odd) * np.log(odd + mean)), dtype=np.float64
        )

    def days(self, chosen: Ints, first: Ints, last: int) -> Days:
        """The chosen days as the windows [first, last) cut them."""
        low = np.clip(first[:, None], self._edges[chosen], self._edges[chosen + 1])
        high = np.clip(last, low, self._edges[chosen + 1])
        counts, expected = (running[high] - running[low] for running in self._sums)
        return Days(
            total=self._day_counts[chosen],
            expected=self._day_expected[chosen],
            inside=counts,
            inside_expected=expected,
            shapes=(self.inverse_variance, 1 / _ODD_VARIANCE),
            constants=(self._constants[0][chosen], self._constants[1][chosen]),
        )

    @cached_property
    def _null_days(self) -> Floats:
        return self._level(np.arange(len(self.odd)), self._day_expected)

    @cached_property
    def null(self) -> float:
        """Log-likelihood with no window at all."""
        return float(np.sum(self.counts * np.log(self.expected)) + self._null_days.sum())

    def _part(self, first: Ints, last: Ints, day: Ints, factor: float) -> Floats:
        """Gain from multiplying buckets [first, last) of one day by the factor (arrays of such parts)."""
        counts, expected = self._sums
        inside = expected[last] - expected[first]
        mean = self._day_expected[day] + (factor - 1) * inside
        moved = (counts[last] - counts[first]) * np.log(factor)
        return np.asarray(moved + self._level(day, mean) - self._null_days[day], dtype=np.float64)

    @cached_property
    def _known_whole_days(self) -> dict[float, Floats]:
        return {}

    def _whole_days(self, factor: float) -> Floats:
        """Running sum over days of the gain from multiplying each whole day."""
        if factor not in self._known_whole_days:
            gains = self._part(self._edges[:-1], self._edges[1:], np.arange(len(self.odd)), factor)
            self._known_whole_days[factor] = np.append(0.0, np.cumsum(gains))
        return self._known_whole_days[factor]

    def gains(self, first: Ints, last: Ints, factor: float) -> Floats:
        """Gain of each window [first, last), pairs of one length; -inf where empty."""
        filled = first < last
        first = np.minimum(first, last - 1)
        day_first, day_last = self.day[first], self.day[last - 1]
        whole = self._whole_days(factor)
        head = self._part(first, np.minimum(last, self._edges[day_first + 1]), day_first, factor)
        tail = self._part(self._edges[day_last], last, day_last, factor)
        between = whole[day_last] - whole[np.minimum(day_first + 1, len(self.odd))]
        gain = np.where(day_first == day_last, head, head + tail + between)
        return np.asarray(np.where(filled, gain, -np.inf), dtype=np.float64)

    def _best_pair(self, first: Ints, last: Ints, factors: Floats) -> tuple[int, int, float, float]:
        """The best window (first, last, factor, gain) among all pairs of a beginning and an end, over the factors."""
        day_first, day_last = self.day[first], self.day[last - 1]
        apart = np.where(day_first[:, None] < day_last[None, :], 0.0, -np.inf)
        rows, columns = np.nonzero((day_first[:, None] == day_last[None, :]) & (first[:, None] < last[None, :]))
        best = (0, 0, 1.0, -np.inf)
        for factor in factors.tolist():
            whole = self._whole_days(factor)
            head = self._part(first, self._edges[day_first + 1], day_first, factor) - whole[day_first + 1]
            tail = self._part(self._edges[day_last], last, day_last, factor) + whole[day_last]
            table = apart + tail[None, :]
            table += head[:, None]
            row, column = divmod(int(np.argmax(table)), len(last))
            pair = (int(first[row]), int(last[column]), factor, float(table[row, column]))
            best = max(best, pair, key=lambda one: one[3])
            if len(rows):
                within = self._part(first[rows], last[columns], day_first[rows], factor)
                place = int(np.argmax(within))
                pair = (int(first[rows[place]]), int(last[columns[place]]), factor, float(within[place]))
                best = max(best, pair, key=lambda one: one[3])
        return best

    def steps(self, first: Ints, last: int, direction: int) -> tuple[Floats, Floats]:
        """For each beginning, the best gain over factors of windows that end at `last`, and that factor."""
        ends = np.full(len(first), last, dtype=np.int64)
        return self._best_factor(first, ends, _factors(direction))

    def ends(self, first: int, last: Ints, direction: int) -> Floats:
        """For each end, the best gain over factors of windows that begin at `first`."""
        return self._best_factor(np.full(len(last), first, dtype=np.int64), last, _factors(direction))[0]

    def _best_factor(self, first: Ints, last: Ints, factors: Floats) -> tuple[Floats, Floats]:
        table = np.stack([self.gains(first, last, float(f)) for f in factors])
        best = np.argmax(table, axis=0)
        columns = np.arange(len(first))
        # A parabola through the best factor and its neighbours, on the log scale, stands for all factors between them.
        middle = np.clip(best, 1, len(factors) - 2)
        x = np.log(factors)
        x0, x1, x2 = x[middle - 1], x[middle], x[middle + 1]
        y0, y1, y2 = (table[middle + shift, columns] for shift in (-1, 0, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (y2 - y1) / (x2 - x1) - (y1 - y0) / (x1 - x0)
            curve = slope / (x2 - x0)
            top = (x0 + x1) / 2 - (y1 - y0) / (x1 - x0) / (2 * curve)
            height = y1 + (top - x1) * ((y1 - y0) / (x1 - x0) + curve * (top - x0))
        fits = (curve < 0) & (top > x0) & (top < x2) & (height >= table[best, columns])
        # Beyond the parabola's reach the factor itself stands.
        gain = np.where(fits, height, table[best, columns])
        factor = np.where(fits, np.exp(np.where(fits, top, 0.0)), factors[best])
        return np.asarray(gain, dtype=np.float64), np.asarray(factor, dtype=np.float64)

    def best_window(self, candidates: Ints, direction: int) -> tuple[int, int, float, float] | None:
        """The best window (first, last, factor, gain) that begins at a candidate and ends before the data do."""
        stride = max(1, int(np.ceil(len(candidates) / _COARSE)))
        coarse = candidates[::stride]
        ends = np.unique(np.append(coarse[1:], self.size - 1))
        if len(ends) == 0 or self.size < 3:
            return None
        best = self._best_pair(coarse, ends, _factors(direction)[::2])
        if not np.isfinite(best[3]):
            return None
        first, last, rough, _ = best
        direction = -1 if rough < 1 else 1
        for _ in range(3):
            near = np.arange(
                max(int(candidates[0]), first - 2 * stride), min(last, first + 2 * stride + 1), dtype=np.int64
            )
            gains, _factor = self.steps(near, last, direction)
            first = int(near[int(np.argmax(gains))])
            near = np.arange(max(first + 1, last - 2 * stride), min(self.size, last + 2 * stride + 1), dtype=np.int64)
            last = int(near[int(np.argmax(self.ends(first, near, direction)))])
        gain, found = self.steps(np.array([first], dtype=np.int64), last, direction)
        return first, last, float(found[0]), float(gain[0])


def _factors(direction: int) -> Floats:
    if direction == 0:
        return np.concatenate([_FALLS, _RISES])
    return _FALLS if direction < 0 else _RISES
