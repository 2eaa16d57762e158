"""Which beginning is the most probable one, given that history and the size of the change are known only so well.

The likelihood of a beginning is worth what remains of it once the baseline's coefficients and the change's factor have
been given the freedom that the data leave them (Laplace's approximation). Of the beginnings, the one is chosen that is
most probably near the truth, which need not be the likeliest: between two likely days lies one that misses neither.
"""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

from tools.analysis.baseline import Baseline, design
from tools.analysis.calendar import DAY, HOUR, Flags, Floats, Ints
from tools.analysis.windows import Days, Windows

# What counts as near, each as much as the other, never less than a bucket; and how much the very bucket adds to that.
_TOLERANCES = (HOUR * 6, DAY)
_EXACT = 0.02
# Prior of the change's size, as a standard deviation on the log scale: most changes asked about are under a third.
_SIZE_SD = 0.25
_TURNS = 3
# No coefficient moves further in one turn.
_STRIDE = 0.5


def freed(windows: Windows, baseline: Baseline, learned: Flags, first: Ints, last: int, factors: Floats) -> Floats:
    """Log-likelihood (nats, best is 0) of the window [first, last), for each first, with nothing taken for granted.

    `learned` marks the grid's buckets that `baseline` was fitted on: its covariance stands for them, and all other
    days are judged anew for each beginning. `factors` are where the search for each beginning's own factor sets out.
    """
    ordinals = np.unique(baseline.grid.ordinals[windows.buckets])
    fresh = np.flatnonzero(~np.isin(ordinals, baseline.grid.ordinals[learned]))
    days = windows.days(fresh, first, last)
    matrix = design(ordinals[fresh], baseline.origin)
    size = matrix.shape[1]
    precision = np.zeros((size + 1, size + 1))
    precision[:size, :size] = np.linalg.inv(baseline.covariance * baseline.stretch(baseline.days))
    precision[size, size] = 1 / _SIZE_SD**2
    theta = np.zeros((len(first), size + 1))
    theta[:, size] = np.log(factors)
    for _ in range(_TURNS):
        slope, curve = _slope(days, matrix, precision, theta)
        stride = np.linalg.solve(curve, slope[:, :, None])[:, :, 0]
        theta = theta + np.clip(stride, -_STRIDE, _STRIDE)
    _, curve = _slope(days, matrix, precision, theta)
    gain = days.loglik(theta[:, :size] @ matrix.T, theta[:, size])
    gain -= np.einsum("ki,ij,kj->k", theta, precision, theta) / 2 + np.linalg.slogdet(curve)[1] / 2
    return np.asarray(gain - gain.max(), dtype=np.float64)


def _slope(days: Days, matrix: Floats, precision: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Gradient and negative curvature of log-likelihood and prior, for each beginning."""
    size = matrix.shape[1]
    by_level, by_factor, weight, share, within = days.slopes(theta[:, :size] @ matrix.T, theta[:, size])
    slope = np.column_stack([by_level @ matrix, by_factor]) - theta @ precision
    curve = np.empty((len(theta), size + 1, size + 1))
    curve[:, :size, :size] = np.einsum("kd,di,dj->kij", weight, matrix, matrix, optimize=True)
    curve[:, :size, size] = curve[:, size, :size] = (weight * share) @ matrix
    curve[:, size, size] = (weight * share**2).sum(1) + within
    return slope, curve + precision


def nearest(epochs: Floats, loglik: Floats, bucket: timedelta, tolerances: Iterable[timedelta] = _TOLERANCES) -> int:
    """Place of the time around which most of the probability lies, on the mean over the tolerances."""
    weight = np.exp(loglik - loglik.max())
    running = np.append(0.0, np.cumsum(weight))
    near = _EXACT * weight
    for reach in {max(bucket, tolerance).total_seconds() + 1 for tolerance in tolerances}:
        low, high = np.searchsorted(epochs, epochs - reach), np.searchsorted(epochs, epochs + reach)
        near += running[high] - running[low]
    return int(np.argmax(near))
