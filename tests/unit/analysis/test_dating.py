from datetime import timedelta

import numpy as np
import pytest

from bench.business_counts import DAYS, Setting, generate_told, grid_of
from bench.drops_ceiling import ceiling
from tools.analysis.baseline import fit_baseline
from tools.analysis.calendar import DAY, HOUR, Floats
from tools.analysis.dating import freed, nearest
from tools.analysis.windows import Windows

SETTING = Setting(500.0, 1.3)


def hours(count: int) -> Floats:
    return np.arange(count, dtype=np.float64) * 3600


def test_between_two_likely_days_lies_the_nearest_to_both() -> None:
    loglik = np.log(np.array([0.01, 0.38, 0.1, 0.32, 0.19]))
    assert nearest(hours(5) * 24, loglik, DAY) == 2


def test_where_the_counts_tell_the_hour_the_hour_is_kept() -> None:
    loglik = np.full(200, -12.0)
    loglik[[90, 91]] = [0.0, -1.0]
    assert nearest(hours(200), loglik, HOUR) == 90


def test_no_day_is_judged_by_what_lies_beyond_a_gap_in_the_buckets() -> None:
    """Buckets that are neighbours in the list but two days apart in time do not count as near."""
    epochs = np.array([0.0, 3.0, 4.0]) * 86400
    assert nearest(epochs, np.log(np.array([0.5, 0.25, 0.25])), timedelta(days=1)) == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_beginning_is_likeliest_near_the_truth_with_nothing_taken_for_granted(seed: int) -> None:
    counts, _, _ = generate_told(SETTING, np.random.default_rng(seed), factor=0.7)
    grid, days = grid_of(counts), np.arange(DAYS)
    learned, first = days < DAYS - 21, days[-21:]
    baseline = fit_baseline(counts, grid, learned)
    windows = Windows.of(counts, baseline, np.ones(DAYS, dtype=np.bool_))
    plain, factors = windows.steps(first, DAYS, -1)
    loglik = freed(windows, baseline, learned, first, DAYS, factors)
    assert loglik.max() == 0.0
    assert abs(int(first[np.argmax(loglik)]) - (DAYS - 7)) <= 1
    # A baseline that may be wrong leaves the days less far apart than one that is believed.
    assert np.ptp(loglik) < np.ptp(plain)


@pytest.mark.parametrize("factor", [0.7, None])
def test_who_is_told_all_but_the_day_finds_it(factor: float | None) -> None:
    dice = np.random.default_rng(4)
    for _ in range(5):
        counts, _, drawn = generate_told(SETTING, dice, factor=0.7)
        assert abs(ceiling(counts, drawn, SETTING, factor) - (DAYS - 7)) <= 1
