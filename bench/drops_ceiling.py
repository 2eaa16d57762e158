"""How well a drop can be dated at all: by one who is told all that the generator drew but the day.

The generated counts come from a hidden level that follows a first-order autoregression, and each day's count is Poisson
given the level. With all else known the likelihood of every day of beginning is exact, by passing over a fine grid of
levels forwards without the change and backwards with it. The day is then the one with most probability within a day of
it. Not told the size either, the likelihood is averaged over sizes: what no estimator from the counts can surpass but
by luck or by knowing more than the counts.
"""

import numpy as np

from bench.business_counts import DAYS, Drawn, Setting
from tools.analysis.calendar import Floats

# Days that may be the first, as the product searches: two weeks before the judged week.
_SEARCHED = 21
_LEVELS = np.linspace(-5.0, 5.0, 61)
_SIZES = np.exp(np.linspace(np.log(0.5), np.log(1.3), 25))


def ceiling(counts: Floats, drawn: Drawn, setting: Setting, factor: float | None) -> int:
    """The day chosen by the one who is told all but it, or (without a factor) all but it and the size."""
    sizes = _SIZES if factor is None else np.array([factor])
    loglik = np.logaddexp.reduce([_loglik(counts, drawn, setting.correlation, float(size)) for size in sizes])
    weight = np.exp(loglik - loglik.max())
    return int(np.argmax(np.convolve(weight, np.ones(3), "same"))) + DAYS - _SEARCHED


def _loglik(counts: Floats, drawn: Drawn, correlation: float, factor: float) -> Floats:
    """Log-likelihood of each searched day being the first with the factor."""
    spread = np.sqrt(np.log1p(drawn.variance))[:, None]
    rate = (drawn.mean * drawn.oddness)[:, None] * np.exp(_LEVELS * spread - spread**2 / 2)
    before = counts[:, None] * np.log(rate) - rate
    after = counts[:, None] * np.log(rate * factor) - rate * factor
    step = np.exp(-((_LEVELS[None, :] - correlation * _LEVELS[:, None]) ** 2) / (2 * (1 - correlation**2)))
    step /= step.sum(1, keepdims=True)
    past = np.empty((DAYS, len(_LEVELS)))
    past[0] = np.exp(-(_LEVELS**2) / 2)
    past[0] /= past[0].sum()
    passed = np.zeros(DAYS)
    for day in range(1, DAYS):
        top = before[day - 1].max()
        joint = past[day - 1] * np.exp(before[day - 1] - top)
        passed[day] = passed[day - 1] + top + np.log(joint.sum())
        past[day] = (joint / joint.sum()) @ step
    future, total = np.ones(len(_LEVELS)), 0.0
    loglik = np.empty(DAYS)
    for day in range(DAYS - 1, DAYS - _SEARCHED - 1, -1):
        top = after[day].max()
        joint = np.exp(after[day] - top) * future
        total += top + np.log(joint.max())
        joint /= joint.max()
        loglik[day] = passed[day] + total + np.log(past[day] @ joint)
        future = step @ joint
    return loglik[-_SEARCHED:]
