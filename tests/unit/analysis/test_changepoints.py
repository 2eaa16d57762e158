import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.analysis.changepoints import change_points


def steps(seed: int, levels: tuple[float, ...], length: int = 40) -> np.ndarray:
    dice = np.random.default_rng(seed)
    return np.concatenate([level + dice.normal(0, 0.3, length) for level in levels])


def test_steps_are_found_where_they_are() -> None:
    assert [round(cut, -1) for cut in change_points(steps(0, (0.0, 3.0, 1.0)))] == [40, 80]


def test_a_bend_is_found() -> None:
    bend = np.concatenate([np.linspace(0, 1, 60), np.linspace(1, 8, 60)]) + np.random.default_rng(1).normal(0, 0.1, 120)
    cut = change_points(bend)
    assert len(cut) == 1
    assert abs(cut[0] - 60) <= 5


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_a_straight_line_are_left_whole(seed: int) -> None:
    dice = np.random.default_rng(seed)
    assert change_points(dice.normal(size=150)) == []
    assert change_points(np.arange(150) * 0.1 + dice.normal(size=150)) == []


def test_a_season_is_not_a_change() -> None:
    dice = np.random.default_rng(0)
    season = 10 * np.sin(np.arange(240) * 2 * np.pi / 12) + dice.normal(0, 0.5, 240) + 100
    assert change_points(season) == []


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50, [1.0, 2.0, 3.0]])
def test_short_and_constant_series_have_none(values: list[float]) -> None:
    assert change_points(np.array(values)) == []


def test_a_hole_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        change_points(np.array([1.0, np.nan, 2.0]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 50), st.floats(0.1, 100), st.floats(-1000, 1000))
def test_unit_and_origin_do_not_matter(seed: int, scale: float, shift: float) -> None:
    y = steps(seed, (0.0, 3.0)) - 50  # below zero, so that the log scale stays out of it
    assert change_points(y) == change_points((y - 2000) * scale + min(shift, 0))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=80))
def test_any_series_gives_ascending_inner_places(values: list[float]) -> None:
    cut = change_points(np.array(values))
    assert cut == sorted(set(cut))
    assert all(0 < place < len(values) for place in cut)
