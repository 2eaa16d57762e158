"""Where did it happen? The segment whose change explains a metric's, or none where all moved alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import gammaln

from tools.analysis.calendar import Floats

# The price of a dimension in nats, and what a segment must gain beyond all prices before it is blamed.
_DEPTH_COST = 1.0
_LEAST_SCORE = 3.0
# With breakdowns only: what a second dimension needs, in nats and as its part of the loss, to narrow the first.
_JOINT_SCORE, _JOINT_SHARE = 0.5, 0.7
# Segments differ a little from one another week by week, for no reason (relative standard deviation).
_SEGMENT_NOISE = 0.03
# Factors that the rest of the metric may have moved by.
_REST = np.exp(np.linspace(np.log(0.1), np.log(6.0), 121))


@dataclass(frozen=True)
class Segment:
    """A part of the metric: for each of its dimensions the values that moved.

    `factor` is observed over expected within it, `share` how much of the whole loss (or gain) lies in it, `score` the
    evidence against "all moved alike" in nats, its prices paid.
    """

    values: dict[str, tuple[str, ...]]
    observed: float
    expected: float
    share: float
    score: float

    @property
    def factor(self) -> float:
        """Observed over expected counts."""
        return self.observed / max(self.expected, 1e-9)

    @property
    def where(self) -> dict[str, str]:
        """The values, several of one dimension joined by a comma."""
        return {dim: ", ".join(values) for dim, values in self.values.items()}


@dataclass(frozen=True)
class Attribution:
    """The segments that explain a change, the weightiest first; none where it was broad.

    `broad` says that all moved alike, or that no segment stands out. `alternatives` are the best-scored segments of the
    first scan, whether or not they were taken.
    """

    segments: tuple[Segment, ...]
    broad: bool
    alternatives: tuple[Segment, ...]

    @property
    def where(self) -> dict[str, str]:
        """The first segment's values, {} where the change was broad."""
        return self.segments[0].where if self.segments else {}

    @property
    def share(self) -> float:
        """How much of the change the first segment holds; 1 where it was broad."""
        return self.segments[0].share if self.segments else 1.0

    @property
    def score(self) -> float:
        """The first segment's evidence in nats, else the best that was not enough."""
        best = self.segments or self.alternatives
        return best[0].score if best else 0.0


@dataclass(frozen=True)
class _Candidate:
    values: dict[str, tuple[str, ...]]
    observed: float
    expected: float
    price: float


def attribute(
    dims: Sequence[str],
    keys: Sequence[tuple[str, ...]],
    observed: Floats,
    expected: Floats,
    *,
    history_weight: float = 4.0,
    level_error: float = 0.05,
    direction: int = 0,
    depth: int = 3,
    most: int = 3,
) -> Attribution:
    """Find the segment of up to `depth` dimensions that moved while the rest stayed.

    Each leaf of the cross table is a key (one value per dimension) with its observed count and the count that history
    leads one to expect. `history_weight` is how many times longer the history was than the period (its counts carry
    chance too); `level_error` how far, on the log scale, the expectation of the whole may be off; `direction` the sign
    of the change, 0 for that of the total. Up to `most` segments are reported, each found after those before.
    Every cuboid is scanned: gain in likelihood over "all moved alike", less log(elements) and a price per dimension.
    """
    if len(keys) != len(observed) or len(keys) != len(expected):
        raise ValueError("keys, observed and expected differ in length")
    seen, hoped = np.asarray(observed, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    total_change = float(seen.sum() - hoped.sum())
    sign = direction or (-1 if total_change < 0 else 1)
    columns = [np.array([key[i] for key in keys], dtype=object) for i in range(len(dims))]
    left = np.ones(len(keys), dtype=np.bool_)
    segments: list[Segment] = []
    alternatives: tuple[Segment, ...] = ()
    while len(segments) < most and left.any():
        candidates = _cuboids(dims, [c[left] for c in columns], seen[left], hoped[left], depth)
        scored = _score(
            candidates,
            float(seen[left].sum()),
            float(hoped[left].sum()),
            total_change,
            history_weight,
            level_error,
            sign,
            against_broad=not segments,
        )
        if not segments:
            alternatives = tuple(scored[:5])
        if not scored or scored[0].score < _LEAST_SCORE:
            break
        segments.append(scored[0])
        hit = np.ones(len(keys), dtype=np.bool_)
        for i, dim in enumerate(dims):
            if dim in scored[0].values:
                hit &= np.isin(columns[i], scored[0].values[dim])
        left &= ~hit
    return Attribution(tuple(segments), not segments, alternatives)


def attribute_marginals(
    marginals: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    history_weight: float = 4.0,
    level_error: float = 0.05,
    direction: int = 0,
) -> Attribution:
    """The same where only one breakdown per dimension is known: {dimension: {value: (observed, expected)}}.

    A segment of two dimensions shows in both of its breakdowns; both are then named together. Dimensions that go hand
    in hand (Safari and iOS) do so too: a breakdown filtered by the first value tells them apart.
    """
    dims = [dim for dim, values in marginals.items() if len(values) > 1]
    scored = [_score_breakdown(dim, marginals[dim], history_weight, level_error, direction) for dim in dims]
    alternatives = sorted((segment for found in scored for segment in found[:2]), key=lambda segment: -segment.score)
    heads = sorted((found[0] for found in scored if found), key=lambda segment: -segment.score)
    if not heads or heads[0].score - np.log(len(dims)) < _LEAST_SCORE:
        return Attribution((), True, tuple(alternatives[:5]))
    first, joint, apart = heads[0], dict(heads[0].values), []
    for other in heads[1:]:
        # A segment of two dimensions puts all of the loss into one value of each; two segments put a part into either.
        if other.score >= _JOINT_SCORE and other.share >= _JOINT_SHARE:
            joint |= other.values
        elif other.score - np.log(len(dims)) >= _LEAST_SCORE:
            apart.append(other)
    merged = Segment(joint, first.observed, first.expected, first.share, first.score)
    return Attribution((merged, *apart), False, tuple(alternatives[:5]))


def _score_breakdown(
    dim: str, pairs: Mapping[str, tuple[float, float]], history_weight: float, level_error: float, direction: int
) -> list[Segment]:
    values = list(pairs)
    table = np.array([pairs[value] for value in values], dtype=np.float64)
    seen, hoped = float(table[:, 0].sum()), float(table[:, 1].sum())
    candidates = _cuboids([dim], [np.array(values, dtype=object)], table[:, 0], table[:, 1], 1)
    sign = direction or (-1 if seen < hoped else 1)
    return _score(candidates, seen, hoped, seen - hoped, history_weight, level_error, sign, against_broad=True)


def _cuboids(
    dims: Sequence[str], columns: Sequence[np.ndarray], observed: Floats, expected: Floats, depth: int
) -> list[_Candidate]:
    """Every element of every cuboid, and for single dimensions the runs of values that moved most."""
    found: list[_Candidate] = []
    codes: list[np.ndarray] = []
    names: list[list[str]] = []
    for column in columns:
        known, code = np.unique(column.astype(str), return_inverse=True)
        names.append([str(value) for value in known])
        codes.append(code)
    for size in range(1, min(depth, len(dims)) + 1):
        for chosen in combinations(range(len(dims)), size):
            shape = tuple(len(names[i]) for i in chosen)
            if any(length < 2 for length in shape):
                continue
            flat = np.ravel_multi_index([codes[i] for i in chosen], shape)
            seen = np.bincount(flat, weights=observed, minlength=int(np.prod(shape))).astype(np.float64)
            hoped = np.bincount(flat, weights=expected, minlength=int(np.prod(shape))).astype(np.float64)
            price = float(np.log(np.prod(shape))) + _DEPTH_COST * size
            for place in np.flatnonzero(hoped > 0):
                at = np.unravel_index(int(place), shape)
                values: dict[str, tuple[str, ...]] = {
                    dims[i]: (names[i][int(a)],) for i, a in zip(chosen, at, strict=True)
                }
                found.append(_Candidate(values, float(seen[place]), float(hoped[place]), price))
            if size == 1 and shape[0] > 2:
                found.extend(_runs(dims[chosen[0]], names[chosen[0]], seen, hoped))
    return found


def _runs(dim: str, names: list[str], seen: Floats, hoped: Floats) -> list[_Candidate]:
    """Sets of several values of one dimension: the best set of each size is a run in the order of their ratios."""
    order = np.argsort(seen / np.maximum(hoped, 1e-9))
    found: list[_Candidate] = []
    size = len(names)
    for ordered in (order, order[::-1]):
        for count in range(2, min(size - 1, 4) + 1):
            taken = ordered[:count]
            ways = gammaln(size + 1) - gammaln(count + 1) - gammaln(size - count + 1)
            price = float(ways + np.log(size)) + _DEPTH_COST * count
            values = {dim: tuple(sorted(names[int(i)] for i in taken))}
            found.append(_Candidate(values, float(seen[taken].sum()), float(hoped[taken].sum()), price))
    return found


def _score(
    candidates: list[_Candidate],
    observed: float,
    expected: float,
    total_change: float,
    history_weight: float,
    level_error: float,
    sign: int,
    against_broad: bool,
) -> list[Segment]:
    """Segments that moved in the sign's direction and more than the rest, by evidence, best first."""
    if not candidates:
        return []
    inner = np.array([c.observed for c in candidates])
    inner_expected = np.array([c.expected for c in candidates])
    price = np.array([c.price for c in candidates])
    outer, outer_expected = observed - inner, np.maximum(expected - inner_expected, 1e-9)
    own = np.maximum(inner, 0.25) / inner_expected
    inside = _likelihood(inner, inner_expected, history_weight, own)
    prior = -0.5 * (np.log(_REST) / level_error) ** 2
    rest = _likelihood(outer[:, None], outer_expected[:, None], history_weight, _REST[None, :]) + prior[None, :]
    place = np.argmax(rest, axis=1)
    split = inside + rest[np.arange(len(candidates)), place]
    # All alike: one factor, free where a broad change is in question, near 1 once the change has been explained.
    one = _likelihood(inner[:, None], inner_expected[:, None], history_weight, _REST[None, :])
    one = one + _likelihood(outer[:, None], outer_expected[:, None], history_weight, _REST[None, :])
    alike = (one if against_broad else one + prior[None, :]).max(axis=1)
    variance = 1 / inner_expected + 1 / outer_expected
    variance = variance * (1 + 1 / history_weight)
    gain = (split - alike) * variance / (variance + _SEGMENT_NOISE**2)
    moved = sign * np.log(own)
    fits = (moved > 0.02) & (moved > sign * np.log(_REST[place])) & (outer_expected > 1e-6)
    score = np.where(fits, gain - price, -np.inf)
    ranked = [int(i) for i in np.argsort(-score) if np.isfinite(score[i])]
    return [
        Segment(
            candidates[i].values,
            candidates[i].observed,
            candidates[i].expected,
            float((candidates[i].observed - candidates[i].expected) / total_change) if total_change else 0.0,
            float(score[i]),
        )
        for i in ranked
    ]


def _likelihood(observed: Floats, expected: Floats, history_weight: float, factor: Floats) -> Floats:
    """Log-likelihood of counts at factor times an expectation that itself was counted, history_weight times as long."""
    history = expected * history_weight
    mean = np.maximum(factor * expected, 1e-12)
    total = observed + history
    # Negative binomial, up to what does not depend on the factor; scaled so that factor 1 at expectation is 0.
    return np.asarray(
        observed * np.log(mean) - total * np.log(history + mean) + history * np.log(history), dtype=np.float64
    )
