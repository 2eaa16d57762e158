"""Counts such as a young company's: a weekly cycle, growth, more noise than chance, and now and then an odd day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tools.analysis.calendar import Floats, Grid

_WEEK = np.array([1.15, 1.2, 1.15, 1.1, 1.05, 0.7, 0.65])
_HOURS = np.repeat([0.25, 0.4, 1.4, 1.8, 1.75, 1.25, 0.75, 0.4], 3)
START = datetime(2026, 3, 2, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
DAYS = 120


@dataclass(frozen=True)
class Setting:
    """Mean counts a day, dispersion of a day's count (variance over mean), lag-one correlation of the daily noise."""

    per_day: float
    dispersion: float
    correlation: float = 0.2
    odd_days: int = 2
    growth: float = 0.001


@dataclass(frozen=True)
class Drawn:
    """What lies behind generated counts, a value a day.

    `mean` is the expectation without noise, odd days and change; `variance` the level's, relative to the squared mean;
    `oddness` multiplies odd days.
    """

    mean: Floats
    variance: Floats
    oddness: Floats


def generate(
    setting: Setting, dice: np.random.Generator, *, factor: float = 1.0, last_days: float = 7.0, step_hours: int = 24
) -> tuple[Floats, datetime]:
    """As `generate_told`, without what was drawn."""
    counts, end, _ = generate_told(setting, dice, factor=factor, last_days=last_days, step_hours=step_hours)
    return counts, end


def generate_told(
    setting: Setting, dice: np.random.Generator, *, factor: float = 1.0, last_days: float = 7.0, step_hours: int = 24
) -> tuple[Floats, datetime, Drawn]:
    """Counts in buckets of `step_hours` over 120 days, the last `last_days` changed; the end; what was drawn.

    Odd days, anywhere, are multiplied by 0.5 or by 1.8; growth is drawn from ± the setting's, a day.
    """
    day = np.arange(DAYS, dtype=np.float64)
    shocks = dice.standard_normal(DAYS) * np.sqrt(1 - setting.correlation**2)
    noise = np.empty(DAYS)
    noise[0] = dice.standard_normal()
    for i in range(1, DAYS):
        noise[i] = setting.correlation * noise[i - 1] + shocks[i]
    mean = setting.per_day * (_WEEK / _WEEK.mean())[(day.astype(int)) % 7]
    mean = mean * np.exp(dice.uniform(-setting.growth, setting.growth) * (day - DAYS))
    # A day's own level carries what the dispersion has beyond Poisson; gamma, so that it stays positive.
    variance = np.maximum(setting.dispersion - 1, 1e-6) / mean
    level = np.exp(noise * np.sqrt(np.log1p(variance)) - np.log1p(variance) / 2)
    odd = dice.choice(DAYS, setting.odd_days, replace=False)
    oddness = np.ones(DAYS)
    oddness[odd] = dice.choice([0.5, 1.8], setting.odd_days)
    level *= oddness
    slots = 24 // step_hours
    shape = _HOURS.reshape(slots, step_hours).sum(1) / _HOURS.sum()
    rate = ((mean * level)[:, None] * shape[None, :]).ravel()
    changed = np.arange(len(rate)) >= round((DAYS - last_days) * slots)
    counts = dice.poisson(rate * np.where(changed, factor, 1.0)).astype(np.float64)
    return counts, START + timedelta(days=DAYS), Drawn(mean, variance, oddness)


def grid_of(counts: Floats) -> Grid:
    """The grid of generated counts."""
    return Grid(START, timedelta(days=DAYS) / len(counts), len(counts), ZONE)
