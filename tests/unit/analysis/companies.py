"""A small company's hourly counts, for the tests of the analysis."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tools.analysis.calendar import Floats, Grid

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
START = datetime(2026, 9, 28, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 9, 20, tzinfo=UTC)  # a Wednesday morning
WEEK = np.array([1.2, 1.2, 1.15, 1.15, 1.1, 0.6, 0.6])
SHAPE = np.array([1, 1, 1, 1, 1, 2, 3, 5, 7, 9, 9, 9, 8, 8, 9, 9, 8, 6, 5, 4, 3, 3, 2, 2], dtype=np.float64)


def hourly_counts(
    per_day: float = 800,
    factor: Callable[[datetime], float] = lambda moment: 1.0,
    growth: float = 0.0,
    seed: int = 1,
    noise: float = 0.03,
) -> Floats:
    """Counts from START to the hour that runs at NOW, a third of it over; `factor` is asked every ten minutes."""
    dice = np.random.default_rng(seed)
    size = int((NOW - START) / HOUR) + 1
    levels: dict[date, float] = {}
    counts = np.zeros(size)
    for i in range(size):
        local = (START + HOUR * i).astimezone(BERLIN)
        level = levels.setdefault(local.date(), float(np.exp(dice.normal(0, noise))))
        mean = per_day * WEEK[local.weekday()] * SHAPE[local.hour] / SHAPE.sum() * level * (1 + growth) ** (i / 24)
        moments = [START + HOUR * i + timedelta(minutes=m) for m in range(0, 60, 10)]
        counts[i] = dice.poisson(mean * np.mean([factor(m) * (m < NOW) for m in moments]))
    return counts


def berlin(day: int, hour: int = 0, month: int = 11) -> datetime:
    """A moment of 2026 in the company's time."""
    return datetime(2026, month, day, hour, tzinfo=BERLIN)


def grid_of(counts: Floats) -> Grid:
    """The counts' grid."""
    return Grid(START, HOUR, len(counts), BERLIN)
