"""Where did it happen, on generated cross tables of a young company's size.

Five dimensions, one week against the four before; the expected count of a leaf is a quarter of its four weeks. A
segment of one or of two dimensions, with 4% of the counts or more, loses a part of its rate, or all lose alike, or
nothing changes. Exact means: the named values are the true ones and no others. The generator is our own, its
dimensions independent of one another: optimistic where a company's are not.
"""

import sys
import time
from collections.abc import Sequence
from itertools import product

import numpy as np

from bench.bound import Bounds
from tools.analysis.attribution import attribute, attribute_marginals
from tools.analysis.calendar import Floats

_DIMS = ("browser", "country", "device", "source", "plan")
_SHARES: dict[str, tuple[float, ...]] = {
    "browser": (0.56, 0.27, 0.10, 0.07),
    "country": (0.52, 0.22, 0.14, 0.12),
    "device": (0.62, 0.38),
    "source": (0.45, 0.27, 0.18, 0.10),
    "plan": (0.60, 0.28, 0.12),
}
_KEYS = [
    tuple(f"{dim}{i}" for dim, i in zip(_DIMS, place, strict=True))
    for place in product(*map(range, map(len, _SHARES.values())))
]
_MIX = np.array([np.prod(share) for share in product(*_SHARES.values())])


def week(dice: np.random.Generator, per_day: float, factors: Floats) -> tuple[Floats, Floats]:
    """One week's counts by leaf under the factors, and what the four weeks before lead to expect."""
    level = per_day * 7 * _MIX
    noise = np.exp(dice.normal(0, 0.02, 2))
    before = dice.poisson(level * 4 * noise[0]).astype(np.float64)
    return dice.poisson(level * factors * noise[1]).astype(np.float64), before / 4


def segment(dice: np.random.Generator, depth: int) -> tuple[dict[str, str], Floats]:
    """A segment of so many dimensions that holds at least 4% of the counts, and its leaves."""
    while True:
        dims = sorted(dice.choice(len(_DIMS), depth, replace=False))
        chosen = {_DIMS[i]: f"{_DIMS[i]}{dice.integers(len(_SHARES[_DIMS[i]]))}" for i in dims}
        inside = np.array([all(key[_DIMS.index(d)] == v for d, v in chosen.items()) for key in _KEYS])
        if _MIX[inside].sum() >= 0.04:
            return chosen, inside


def drop_of_the_whole(dice: np.random.Generator, per_day: float, depth: int, size: float) -> bool:
    """Whether a segment is named exactly whose loss takes `size` from the whole metric."""
    while True:
        where, inside = segment(dice, depth)
        share = float(_MIX[inside].sum())
        if share * 0.95 >= size:
            break
    factors = np.where(inside, 1 - size / share, 1.0)
    seen, expected = week(dice, per_day, factors)
    return attribute(_DIMS, _KEYS, seen, expected).where == where


def world_like(dice: np.random.Generator, per_day: float, depth: int, marginal: bool) -> bool:
    """Whether a segment whose rate is multiplied by 0.2 to 0.6 is named exactly."""
    where, inside = segment(dice, depth)
    seen, expected = week(dice, per_day, np.where(inside, dice.uniform(0.2, 0.6), 1.0))
    if not marginal:
        return attribute(_DIMS, _KEYS, seen, expected).where == where
    return attribute_marginals(marginals(seen, expected)).where == where


def marginals(seen: Floats, expected: Floats) -> dict[str, dict[str, tuple[float, float]]]:
    """One breakdown per dimension."""
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for place, dim in enumerate(_DIMS):
        for value in range(len(_SHARES[dim])):
            inside = np.array([key[place] == f"{dim}{value}" for key in _KEYS])
            table.setdefault(dim, {})[f"{dim}{value}"] = (float(seen[inside].sum()), float(expected[inside].sum()))
    return table


def blamed(dice: np.random.Generator, per_day: float, factor: float, marginal: bool) -> bool:
    """Whether a segment is blamed although all leaves moved alike (or not at all)."""
    seen, expected = week(dice, per_day, np.full(len(_KEYS), factor))
    found = attribute_marginals(marginals(seen, expected)) if marginal else attribute(_DIMS, _KEYS, seen, expected)
    return bool(found.where)


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    runs = 60 if "--quick" in arguments else 300
    dice = np.random.default_rng(20260)
    bounds = Bounds()
    begun, calls = time.process_time(), 0
    print(f"{runs} tables each, {len(_KEYS)} leaves")
    for per_day in (50, 200, 1000):
        for depth in (1, 2):
            exact = float(np.mean([drop_of_the_whole(dice, per_day, depth, 0.2) for _ in range(runs)]))
            calls += runs
            name = f"exact, {per_day} a day, -20% of the whole, {depth} dimension{'s' * (depth > 1)}"
            if per_day >= 200:
                bounds.at_least(name, exact, 0.95)
            else:
                print(f"{name}: {exact:.3f}")
    for per_day, depth, marginal in product((200, 1000), (1, 2), (False, True)):
        exact = float(np.mean([world_like(dice, per_day, depth, marginal) for _ in range(runs)]))
        calls += runs
        how = "breakdowns only" if marginal else "cross table"
        print(f"exact, {per_day} a day, a segment at 0.2-0.6, {depth} dimension{'s' * (depth > 1)}, {how}: {exact:.3f}")
    for per_day, factor, marginal in product((50, 200, 1000, 20000), (0.5, 0.8, 1.0), (False, True)):
        wrong = float(np.mean([blamed(dice, per_day, factor, marginal) for _ in range(runs)]))
        calls += runs
        how = "breakdowns only" if marginal else "cross table"
        bounds.at_most(f"blamed, {per_day} a day, all alike at {factor}, {how}", wrong, 0.02)
    print(f"CPU ms a table: {(time.process_time() - begun) * 1000 / calls:.1f}")
    return bounds.exit_code()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
