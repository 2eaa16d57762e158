"""Part against whole: did a share of counts change in a window of time? What moves both alike drops out.

A metric against the step of the funnel before it, or a segment against all of its metric: weekdays, holidays, noise and
growth of the whole are in both, so the share of one in the other is steady, and small changes of it show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import xlog1py, xlogy

from tools.analysis.calendar import Flags, Floats, Grid, Ints

# Shares are never steadier than this multiple of chance, nor is a wild history trusted to be wilder than that one.
_LEAST_DISPERSION, _MOST_DISPERSION = 0.6, 30.0
# What a window with an end must gain over one without, in nats.
_END_COST = 4.0
# What passes by itself passes within so many buckets.
_LONGEST_PASSING = 240
_QUARTERS = 4


@dataclass(frozen=True)
class Shift:
    """A window [first, last) of buckets whose share differs: `gain` in nats over no window, `factor` on the odds."""

    first: int
    last: int
    gain: float
    factor: float
    lasting: bool


@dataclass(frozen=True)
class Likelihood:
    """Log-likelihood, up to a constant, of a change having begun at `epochs` (seconds, rising); linear in between."""

    epochs: Floats
    loglik: Floats

    def at(self, second: float) -> float:
        """The log-likelihood of a beginning at that moment, -inf outside of what was searched."""
        if second < self.epochs[0] or second > self.epochs[-1]:
            return float("-inf")
        return float(np.interp(second, self.epochs, self.loglik))

    @cached_property
    def total(self) -> float:
        """Log of the integral of the likelihood over time, in hours."""
        top = float(self.loglik.max())
        hours = np.gradient(self.epochs) / 3600
        return top + float(np.log(np.sum(np.exp(self.loglik - top) * hours)))

    def within(self, second: float, spread: float) -> float:
        """Log of the mean likelihood over [second, second + spread seconds)."""
        return float(np.logaddexp.reduce([self.at(second + spread * (i + 0.5) / 8) for i in range(8)]) - np.log(8))

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """The shortest stretch of time (as one interval) that holds that much of the probability."""
        weight = np.exp(self.loglik - self.loglik.max()) * np.gradient(self.epochs)
        order = np.argsort(-weight)
        kept = order[: int(np.searchsorted(np.cumsum(weight[order]) / weight.sum(), mass)) + 1]
        return float(self.epochs[kept.min()]), float(self.epochs[min(kept.max() + 1, len(self.epochs) - 1)])


@dataclass(frozen=True)
class Contrast:
    """Counts of a part (`part`) and of the whole it belongs to (`whole`), in buckets; `known` ones count."""

    part: Floats
    whole: Floats
    grid: Grid
    known: Flags

    @classmethod
    def between(cls, counts: Floats, other: Floats, grid: Grid, known: Flags) -> Contrast:
        """Two metrics of one family: the share of the first in both together."""
        return cls(counts, counts + other, grid, known)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        part, whole = np.where(self.known, self.part, 0.0), np.where(self.known, self.whole, 0.0)
        return np.append(0.0, np.cumsum(part)), np.append(0.0, np.cumsum(whole))

    @cached_property
    def dispersion(self) -> float:
        """How much wilder than chance the share is from day to day: the median, so that an event is no noise."""
        ordinals, day = np.unique(self.grid.ordinals[self.known], return_inverse=True)
        part = np.bincount(day, weights=self.part[self.known], minlength=len(ordinals)).astype(np.float64)
        whole = np.bincount(day, weights=self.whole[self.known], minlength=len(ordinals)).astype(np.float64)
        use = whole > 0
        if use.sum() < 5 or part.sum() == 0:
            return 1.0
        local = np.array([_local_share(part[use], whole[use], i) for i in range(int(use.sum()))])
        variance = np.maximum(whole[use] * local * (1 - local), 1e-9)
        squared = (part[use] - whole[use] * local) ** 2 / variance
        middle = float(np.median(squared)) / 0.4549
        # Two months of days tell a dispersion of 1 from one of 1.5 hardly at all.
        settled = 1.0 if 0.75 <= middle <= 1.5 else middle
        return float(np.clip(settled, _LEAST_DISPERSION, _MOST_DISPERSION))

    def gains(self, first: Ints, last: Ints, sign: int) -> tuple[Floats, Floats]:
        """Gain in nats of each window, and its factor on the odds; 0 where it moved the other way."""
        parts, wholes = self._sums
        part_in, whole_in = parts[last] - parts[first], wholes[last] - wholes[first]
        part_out, whole_out = parts[-1] - part_in, wholes[-1] - whole_in
        share_in = part_in / np.maximum(whole_in, 1e-9)
        share_out = part_out / np.maximum(whole_out, 1e-9)
        share = parts[-1] / max(wholes[-1], 1e-9)
        gain = fit_share(part_in, whole_in, share_in) + fit_share(part_out, whole_out, share_out)
        gain = (gain - fit_share(parts[-1], wholes[-1], share)) / self.dispersion
        odds_in = (part_in + 0.5) / (whole_in - part_in + 0.5)
        odds_out = (part_out + 0.5) / (whole_out - part_out + 0.5)
        factor = odds_in / odds_out
        wrong = (np.sign(share_in - share_out) != sign) if sign else (gain < 0)
        empty = (whole_in <= 0) | (whole_out <= 0)
        return np.where(wrong | empty, 0.0, gain), np.asarray(factor, dtype=np.float64)

    def best(self, search: tuple[int, int], sign: int, may_end: bool = True, stride: int = 3) -> Shift | None:
        """The window that gains most among those that begin in the search (places of buckets)."""
        low, high = search
        end = int(np.flatnonzero(self.known)[-1]) + 1
        firsts = np.arange(low, min(high, end), dtype=np.int64)
        if len(firsts) == 0:
            return None
        gain, factor = self.gains(firsts, np.full(len(firsts), end), sign)
        place = int(np.argmax(gain))
        best = Shift(int(firsts[place]), end, float(gain[place]), float(factor[place]), True)
        if not may_end:
            return best
        coarse = np.arange(low, end, stride, dtype=np.int64)
        rows, columns = np.triu_indices(len(coarse), 1)
        passing = coarse[columns] - coarse[rows] <= _LONGEST_PASSING
        starts, ends = coarse[rows[passing]], coarse[columns[passing]]
        if len(starts) == 0:
            return best
        gain, factor = self.gains(starts, ends, sign)
        place = int(np.argmax(gain))
        first, last = int(starts[place]), int(ends[place])
        for _ in range(2):
            near = np.arange(max(low, first - stride), min(last, first + stride + 1), dtype=np.int64)
            first = int(near[int(np.argmax(self.gains(near, np.full(len(near), last), sign)[0]))])
            near = np.arange(max(first + 1, last - stride), min(end, last + stride) + 1, dtype=np.int64)
            last = int(near[int(np.argmax(self.gains(np.full(len(near), first), near, sign)[0]))])
        gain, factor = self.gains(np.array([first]), np.array([last]), sign)
        if float(gain[0]) - _END_COST > best.gain and last < end:
            return Shift(first, last, float(gain[0]) - _END_COST, float(factor[0]), False)
        return best

    def onset(self, shift: Shift, search: tuple[int, int]) -> Likelihood:
        """The likelihood of every beginning, by quarter buckets, the window's end and its factor as found."""
        parts, wholes = self._sums
        part_in, whole_in = parts[shift.last] - parts[shift.first], wholes[shift.last] - wholes[shift.first]
        before = np.clip((parts[-1] - part_in) / max(wholes[-1] - whole_in, 1e-9), 1e-6, 1 - 1e-6)
        during = np.clip((part_in + 0.25) / max(whole_in + 0.5, 1e-9), 1e-6, 1 - 1e-6)
        low, high = search[0], min(search[1], shift.last)
        part, whole = self.part[low:high] * self.known[low:high], self.whole[low:high] * self.known[low:high]
        normal = fit_share(part, whole, np.full(len(part), before))
        changed = fit_share(part, whole, np.full(len(part), during))
        after = np.append(np.cumsum((changed - normal)[::-1])[::-1], 0.0)
        columns = [after[:-1]]
        for quarter in range(1, _QUARTERS):
            left = 1 - quarter / _QUARTERS
            mixed = fit_share(part, whole, np.full(len(part), before * (1 - left) + during * left)) - normal
            columns.append(after[1:] + mixed)
        loglik = np.append(np.stack(columns, axis=1).ravel(), after[-1]) / self.dispersion
        step = self.grid.step.total_seconds() / _QUARTERS
        epochs = self.grid.epochs[low] + step * np.arange(len(loglik), dtype=np.float64)
        return Likelihood(epochs, np.asarray(loglik - loglik.max(), dtype=np.float64))


def fit_share(part: Floats | float, whole: Floats | float, share: Floats | float) -> Floats:
    """Binomial log-likelihood without its constant."""
    return np.asarray(xlogy(part, share) + xlog1py(np.subtract(whole, part), -np.asarray(share)), dtype=np.float64)


def _local_share(part: Floats, whole: Floats, place: int, reach: int = 5) -> float:
    """The share of the days around one day, without that day."""
    low, high = max(0, place - reach), min(len(part), place + reach + 1)
    others = np.r_[low:place, place + 1 : high]
    return float(np.clip((part[others].sum() + 0.01) / max(whole[others].sum() + 0.02, 1e-9), 1e-6, 1 - 1e-6))
