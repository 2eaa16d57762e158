"""Part against whole: windows in which a share moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.analysis.calendar import Grid
from tools.analysis.contrast import Contrast, Likelihood

START = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = 24 * 42


def _contrast(change: int | None, factor: float = 0.4, end: int = HOURS, seed: int = 1) -> Contrast:
    dice = np.random.default_rng(seed)
    # The whole doubles halfway: a share does not mind.
    whole = dice.poisson(np.where(np.arange(HOURS) < HOURS // 2, 40.0, 80.0)).astype(np.float64)
    share = np.full(HOURS, 0.3)
    if change is not None:
        share[change:end] = 0.3 * factor
    part = dice.binomial(whole.astype(int), share).astype(np.float64)
    grid = Grid(START, timedelta(hours=1), HOURS, ZoneInfo("Europe/Berlin"))
    return Contrast(part, whole, grid, np.ones(HOURS, dtype=np.bool_))


def test_a_lasting_fall_is_dated_to_the_hour() -> None:
    contrast = _contrast(800)
    shift = contrast.best((24 * 14, HOURS), -1)
    assert shift is not None
    assert shift.lasting
    assert abs(shift.first - 800) <= 1
    assert 0.25 < shift.factor < 0.45
    likelihood = contrast.onset(shift, (24 * 14, HOURS))
    low, high = likelihood.interval()
    truth = contrast.grid.epochs[800]
    assert low - 1 <= truth <= high + 1
    assert high - low < 6 * 3600


def test_a_passing_fall_has_its_end() -> None:
    shift = _contrast(800, end=812).best((24 * 14, HOURS), -1)
    assert shift is not None
    assert not shift.lasting
    assert abs(shift.first - 800) <= 2
    assert abs(shift.last - 812) <= 2


def test_growth_of_the_whole_is_no_change_of_the_share() -> None:
    gains = [_contrast(None, seed=seed).best((24 * 14, HOURS), 0) for seed in range(8)]
    assert all(shift is not None and shift.gain < 14 for shift in gains)


def test_a_rise_is_found_as_one() -> None:
    shift = _contrast(800, factor=1.8).best((24 * 14, HOURS), 1)
    assert shift is not None
    assert abs(shift.first - 800) <= 1
    assert shift.factor > 1.5


@settings(max_examples=25, deadline=None)
@given(st.integers(400, 950), st.floats(0.1, 0.6))
def test_the_likelihood_peaks_near_the_truth(change: int, factor: float) -> None:
    contrast = _contrast(change, factor)
    shift = contrast.best((24 * 14, HOURS), -1)
    assert shift is not None
    likelihood = contrast.onset(shift, (24 * 14, HOURS))
    best = float(likelihood.epochs[int(np.argmax(likelihood.loglik))])
    assert abs(best - contrast.grid.epochs[change]) <= 12 * 3600


def test_outside_of_the_search_nothing_began() -> None:
    likelihood = Likelihood(np.array([0.0, 3600.0, 7200.0]), np.array([-1.0, 0.0, -2.0]))
    assert likelihood.at(-1) == float("-inf")
    assert likelihood.at(1800) == -0.5
