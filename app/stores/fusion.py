"""Several rankings of the same pieces → one, by reciprocal rank fusion (Cormack et al., SIGIR 2009). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The constant of the paper: how little the first place is worth more than the second.
FLAT = 60


@dataclass(frozen=True)
class Found:
    """A piece and why it was found: the words of the question that it has, its likeness in meaning from −1 to 1."""

    id: str
    score: float
    words: tuple[str, ...] = ()
    likeness: float | None = None

    @property
    def why(self) -> str:
        """The reason in words."""
        named = ", ".join(f"“{word}”" for word in self.words[:5])
        reasons = [f"has {named}"] if named else []
        if self.likeness is not None:
            reasons.append(f"likeness in meaning {self.likeness:.2f}")
        return "; ".join(reasons)


def fuse(words: Sequence[tuple[str, tuple[str, ...]]], likenesses: Sequence[tuple[str, float]]) -> list[Found]:
    """Pieces in order of the sum of 1/(60 + rank) over both rankings, best first.

    Each ranking is best first: (id, words found), (id, likeness). Scores are scaled so that first in both is 1. Equal
    sums go by likeness, then by id, so the order does not depend on chance.
    """
    found: dict[str, tuple[str, ...]] = dict(words)
    alike: Mapping[str, float] = dict(likenesses)
    sums: dict[str, float] = {}
    for ranking in ([id for id, _ in words], [id for id, _ in likenesses]):
        for rank, id in enumerate(ranking, 1):
            sums[id] = sums.get(id, 0.0) + (FLAT + 1) / (FLAT + rank) / 2
    fused = [Found(id, score, found.get(id, ()), alike.get(id)) for id, score in sums.items()]
    return sorted(fused, key=lambda one: (-one.score, -(one.likeness or -1.0), one.id))
