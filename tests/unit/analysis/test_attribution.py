from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.analysis.attribution import attribute, attribute_marginals
from tools.analysis.calendar import Floats

DIMS = ("browser", "country", "device")
SHARES = {
    "browser": {"Chrome": 0.56, "Safari": 0.28, "Firefox": 0.09, "Edge": 0.07},
    "country": {"US": 0.5, "DE": 0.3, "GB": 0.2},
    "device": {"desktop": 0.65, "mobile": 0.35},
}
KEYS = list(product(*(SHARES[dim] for dim in DIMS)))
MIX = np.array([np.prod([SHARES[dim][value] for dim, value in zip(DIMS, key, strict=True)]) for key in KEYS])


def week(where: dict[str, set[str]], factor: float, total: float = 1400, seed: int = 0) -> tuple[Floats, Floats]:
    dice = np.random.default_rng(seed)
    inside = np.array([all(key[DIMS.index(dim)] in values for dim, values in where.items()) for key in KEYS])
    before = dice.poisson(total * 4 * MIX) / 4
    return dice.poisson(total * MIX * np.where(inside, factor, 1.0)).astype(np.float64), before


def test_one_value_of_one_dimension() -> None:
    seen, expected = week({"browser": {"Safari"}}, 0.3)
    found = attribute(DIMS, KEYS, seen, expected)
    assert found.where == {"browser": "Safari"}
    assert 0.7 < found.share < 1.4
    assert found.segments[0].factor < 0.45


def test_a_segment_of_two_dimensions() -> None:
    seen, expected = week({"browser": {"Safari"}, "country": {"DE"}}, 0.2, total=4000)
    assert attribute(DIMS, KEYS, seen, expected).where == {"browser": "Safari", "country": "DE"}


def test_several_values_of_one_dimension() -> None:
    seen, expected = week({"country": {"DE", "GB"}}, 0.5, total=4000)
    found = attribute(DIMS, KEYS, seen, expected)
    named = {value for segment in found.segments for value in segment.values.get("country", ())}
    assert named == {"DE", "GB"}
    assert all(set(segment.values) == {"country"} for segment in found.segments)


def test_a_segment_that_rose() -> None:
    seen, expected = week({"device": {"mobile"}}, 1.6)
    assert attribute(DIMS, KEYS, seen, expected, direction=1).where == {"device": "mobile"}


def test_a_broad_drop_blames_nobody() -> None:
    seen, expected = week({}, 0.6)
    found = attribute(DIMS, KEYS, seen * 0.6 // 1, expected)
    assert found.where == {}
    assert found.broad


def test_breakdowns_alone_name_the_segment() -> None:
    seen, expected = week({"browser": {"Safari"}}, 0.3)
    table = {
        dim: {
            value: (
                float(sum(s for s, key in zip(seen, KEYS, strict=True) if key[i] == value)),
                float(sum(e for e, key in zip(expected, KEYS, strict=True) if key[i] == value)),
            )
            for value in SHARES[dim]
        }
        for i, dim in enumerate(DIMS)
    }
    assert attribute_marginals(table).where == {"browser": "Safari"}
    assert attribute_marginals(
        {dim: {v: (e * 0.7, e) for v, (_, e) in row.items()} for dim, row in table.items()}
    ).broad


def test_an_empty_table_is_broad() -> None:
    assert attribute(DIMS, [], np.array([]), np.array([])).broad
    assert attribute_marginals({}).broad


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(len(KEYS))), st.integers(0, 5))
def test_the_order_of_leaves_does_not_matter(order: list[int], seed: int) -> None:
    seen, expected = week({"browser": {"Safari"}}, 0.4, seed=seed)
    straight = attribute(DIMS, KEYS, seen, expected)
    shuffled = attribute(DIMS, [KEYS[i] for i in order], seen[order], expected[order])
    assert straight.where == shuffled.where


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 2.0), st.integers(100, 100000))
def test_counts_that_moved_exactly_alike_are_broad(factor: float, total: int) -> None:
    expected = total * MIX
    assert attribute(DIMS, KEYS, expected * factor, expected).where == {}
