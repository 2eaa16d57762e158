"""What a company with many metrics and properties may ask of its analytics."""

from __future__ import annotations

from agents.planners.situation_slots import MOST_DIMS, MOST_METRICS, dims_of, relatives


def test_identifiers_and_constants_are_no_segments() -> None:
    dims = {"browser": ["a", "b"], "user_id": [str(n) for n in range(500)], "version": ["1"]}
    assert dims_of(dims) == ["browser"]


def test_a_table_has_so_many_properties_at_most() -> None:
    assert len(dims_of({f"p{n}": ["a", "b"] for n in range(20)})) == MOST_DIMS


def test_few_metrics_are_all_read_in_their_order() -> None:
    assert relatives("b", {"a": {}, "b": {}}) == ["a", "b"]


def test_of_many_the_relatives_are_read_first() -> None:
    metrics = {f"m{n:02}": {"queue": ["a", "b"]} for n in range(40)} | {
        "signup_started": {"browser": ["a", "b"]},
        "signed_up": {"browser": ["a", "b"]},
    }
    found = relatives("signed_up", metrics)
    assert found[:2] == ["signed_up", "signup_started"]
    assert len(found) == MOST_METRICS
