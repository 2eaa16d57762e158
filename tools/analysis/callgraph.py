"""Which service is behind it: metrics that move with the target's, among what the target calls."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tools.analysis.calendar import Floats

# A correlation this much smaller is outweighed by being one call further down: causes lie deep, their effects above.
_DEPTH_BONUS = 0.05
_NORMAL_POINTS = 24
_LEAST_POINTS = 8


@dataclass(frozen=True)
class Suspect:
    """A service that the target reaches: absolute correlation with the target's metric, calls between, score."""

    node: str
    correlation: float
    depth: int
    score: float


def call_depths(calls: Mapping[str, Sequence[str]], target: str) -> dict[str, int]:
    """Every service that the target reaches, with the fewest calls between; the target itself at 0."""
    depths = {target: 0}
    queue = deque([target])
    while queue:
        node = queue.popleft()
        for called in calls.get(node, ()):
            if called not in depths:
                depths[called] = depths[node] + 1
                queue.append(called)
    return depths


def rank_suspects(
    target: str,
    calls: Mapping[str, Sequence[str]],
    normal: Mapping[str, Floats],
    incident: Mapping[str, Floats],
) -> list[Suspect]:
    """Rank the services that the target calls, directly or not, as causes of its metric's incident.

    `normal` and `incident` hold one series per service, of the same kind of metric as the target's (its latency, say),
    on common times; NaN where nothing was measured. The last points of the normal time and all of the incident are
    correlated with the target's, so that only what moved together with it, and differs from before, scores. Services
    that were hardly measured are left out. Raises KeyError where the target itself has no series.
    """
    baseline, during = normal[target], incident[target]
    reference = np.concatenate([baseline[-_NORMAL_POINTS:], during])
    suspects: list[Suspect] = []
    for node, depth in call_depths(calls, target).items():
        if depth == 0 or node not in incident:
            continue
        before = normal.get(node, np.full(len(baseline), np.nan))[-_NORMAL_POINTS:]
        correlation = _correlation(reference, np.concatenate([before, incident[node]]))
        if correlation is not None:
            suspects.append(Suspect(node, correlation, depth, correlation + _DEPTH_BONUS * depth))
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.node))


def _correlation(left: Floats, right: Floats) -> float | None:
    both = np.isfinite(left) & np.isfinite(right)
    if both.sum() < _LEAST_POINTS:
        return None
    a, b = left[both] - left[both].mean(), right[both] - right[both].mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(abs(a @ b)) / norm if norm > 1e-12 else None
