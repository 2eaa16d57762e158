import numpy as np
import pytest

from tools.analysis.funnel import compare_funnel

NAMES = ["visited", "started", "signed_up", "activated"]


def weeks(seed: int, rates: tuple[float, ...], visits: float = 20000, count: int = 6) -> np.ndarray:
    dice = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        row = [dice.poisson(visits)]
        for rate in rates:
            row.append(dice.binomial(row[-1], rate))
        rows.append(row)
    return np.array(rows, dtype=np.float64)


def test_the_step_that_broke_is_named() -> None:
    found = compare_funnel(NAMES, weeks(0, (0.1, 0.5, 0.4)), weeks(1, (0.1, 0.38, 0.4), count=1)[0])
    assert found.broken is not None
    assert (found.broken.source, found.broken.target) == ("started", "signed_up")
    assert found.broken.interval[0] < -0.24 < found.broken.interval[1]
    assert not found.entry_moved


def test_fewer_visitors_break_no_step() -> None:
    found = compare_funnel(NAMES, weeks(0, (0.1, 0.5, 0.4)), weeks(1, (0.1, 0.5, 0.4), visits=13000, count=1)[0])
    assert found.broken is None
    assert found.entry_moved
    assert found.entered < -0.3


def test_quiet_funnels_stay_whole() -> None:
    broken = [
        compare_funnel(NAMES, weeks(seed, (0.1, 0.5, 0.4), 4000), weeks(900 + seed, (0.1, 0.5, 0.4), 4000, 1)[0]).broken
        for seed in range(100)
    ]
    assert sum(step is not None for step in broken) <= 3


def test_empty_steps_are_survived() -> None:
    found = compare_funnel(NAMES, np.zeros((3, 4)), np.zeros(4))
    assert found.broken is None


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="one count per step"):
        compare_funnel(NAMES, np.zeros((3, 3)), np.zeros(4))
