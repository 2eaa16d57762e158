"""The names that a company knows, against which a sentence is read, and how a match reports its doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Vocabulary:
    """Known names, as the tools write them.

    `metric_vectors` (name → unit vector of `metric.describe(name)`) lets a metric be found by meaning
    where no word fits.
    """

    metrics: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    milestones: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    metric_vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """One known name for what the sentence says: score in 0..1, and the other names that it may mean, best first."""

    name: str
    score: float
    text: str
    alternatives: tuple[tuple[str, float], ...] = ()

    @property
    def sure(self) -> bool:
        """Whether it can be used without asking: a good score, and well ahead of the next name."""
        rival = self.alternatives[0][1] if self.alternatives else 0.0
        return self.score >= 0.6 and self.score - rival >= 0.1
