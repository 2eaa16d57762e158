import numpy as np
import pytest

from tools.analysis.callgraph import call_depths, rank_suspects

CALLS = {"site": ["search", "pay"], "search": ["db"], "pay": ["bank"], "db": ["site"]}


def test_depths_survive_a_circle() -> None:
    assert call_depths(CALLS, "site") == {"site": 0, "search": 1, "pay": 1, "db": 2, "bank": 2}


def test_the_deepest_service_that_moved_along_comes_first() -> None:
    dice = np.random.default_rng(0)
    fault = np.array([5.0, 5.2, 4.9, 5.1, 5.3])
    quiet = {node: dice.normal(1, 0.05, 40) for node in ("site", "search", "pay", "db", "bank", "elsewhere")}
    during = {
        "site": fault,
        "search": fault * 0.9,
        "db": fault * 0.8,
        "pay": dice.normal(1, 0.05, 5),
        "bank": np.full(5, np.nan),
        "elsewhere": fault,
    }
    ranked = rank_suspects("site", CALLS, quiet, during)
    assert ranked[0].node == "db"
    assert {suspect.node for suspect in ranked} == {"search", "pay", "db", "bank"}


def test_hardly_measured_services_are_left_out() -> None:
    series = {"site": np.arange(20.0), "search": np.where(np.arange(20) < 17, np.nan, 1.0)}
    assert rank_suspects("site", CALLS, series, {"site": np.arange(3.0), "search": np.array([1.0, np.nan, 2.0])}) == []


def test_a_target_without_a_series_is_an_error() -> None:
    with pytest.raises(KeyError):
        rank_suspects("site", CALLS, {}, {})
