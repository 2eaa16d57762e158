from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis.companies import BERLIN, HOUR, NOW, START, berlin, grid_of, hourly_counts
from tools.analysis.baseline import fit_baseline
from tools.analysis.calendar import Floats
from tools.analysis.onset import Onset, onset
from tools.analysis.windows import Windows


def found_in(counts: Floats, **more: int) -> Onset:
    result = onset(counts, START, HOUR, BERLIN, NOW, direction=more.get("direction", 0))
    assert result is not None
    return result


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_lasting_step_is_dated_to_the_hour_or_so(seed: int) -> None:
    result = found_in(hourly_counts(factor=lambda m: 0.6 if m >= berlin(10, 10) else 1.0, seed=seed))
    assert result.found
    assert result.recovered is None
    assert abs(result.at - berlin(10, 10)) <= timedelta(hours=3)
    assert result.interval.start <= berlin(10, 10) + HOUR * 2
    assert 0.5 < result.factor < 0.7
    assert result.missing > 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sparse_counts_still_date_a_large_step(seed: int) -> None:
    result = found_in(hourly_counts(per_day=95, factor=lambda m: 0.2 if m >= berlin(10, 10) else 1.0, seed=seed))
    assert result.found
    assert abs(result.at - berlin(10, 10)) <= timedelta(hours=6)


def test_an_outage_has_a_beginning_and_an_end() -> None:
    result = found_in(hourly_counts(factor=lambda m: 0.03 if berlin(12, 13) <= m < berlin(12, 17) else 1.0))
    assert result.at == berlin(12, 13)
    assert result.recovered == berlin(12, 17)
    assert result.recovered_interval is not None
    assert result.recovered_interval.contains(berlin(12, 17))


def test_finer_buckets_date_more_finely() -> None:
    dice = np.random.default_rng(4)
    step = timedelta(minutes=10)
    size = int((NOW - START) / step)
    true = berlin(12, 13) + timedelta(minutes=20)
    rates = [20 * (0.4 if START + step * i >= true else 1.0) for i in range(size)]
    result = onset(dice.poisson(rates).astype(np.float64), START, step, BERLIN, NOW)
    assert result is not None
    assert abs(result.at - true) <= timedelta(minutes=20)


def test_a_quiet_history_has_no_onset() -> None:
    assert not found_in(hourly_counts()).found


def test_the_direction_asked_for_is_kept() -> None:
    counts = hourly_counts(factor=lambda m: 0.6 if m >= berlin(10, 10) else 1.0)
    assert found_in(counts, direction=1).factor > 1


def test_the_profile_is_best_at_the_onset_and_unknown_outside() -> None:
    result = found_in(hourly_counts(factor=lambda m: 0.6 if m >= berlin(10, 10) else 1.0))
    assert result.profile.at(result.at) == pytest.approx(0.0)
    assert result.profile.at(result.at + timedelta(minutes=59)) == pytest.approx(0.0)
    assert result.profile.at(result.at - timedelta(days=5)) < -10
    assert result.profile.at(START) == float("-inf")


def windows() -> Windows:
    counts = hourly_counts(per_day=60)
    grid = grid_of(counts)
    known = grid.complete(NOW)
    return Windows.of(counts, fit_baseline(counts, grid, known), known)


WINDOWS = windows()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, WINDOWS.size - 2), st.integers(1, 400), st.sampled_from([0.1, 0.5, 0.9, 1.4, 3.0]))
def test_a_window_gains_what_its_parts_gain(first: int, length: int, factor: float) -> None:
    """The quick sums over days equal the likelihood of the moved expectation computed afresh."""
    last = min(first + length, WINDOWS.size)
    moved = WINDOWS.expected.copy()
    moved[first:last] *= factor
    afresh = Windows(
        WINDOWS.buckets, WINDOWS.epochs, WINDOWS.counts, moved, WINDOWS.day, WINDOWS.inverse_variance, WINDOWS.odd
    )
    gain = WINDOWS.gains(np.array([first]), np.array([last]), factor)[0]
    assert gain == pytest.approx(afresh.null - WINDOWS.null, abs=1e-6)
