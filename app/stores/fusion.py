"""Two rankings of the same pieces → one, by reciprocal rank fusion (Cormack et al., SIGIR 2009). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The constant of the paper: how little the first place is worth more than the second.
FLAT = 60
# A piece with a third of the question's words or less has no vote: ranks hide how weak the best of such hits is, and
# paraphrases would be answered by whatever shares one common word with them (bench/retrieval.py: 0.73 against 0.88).
WEAK = 0.34


@dataclass(frozen=True)
class WordHit:
    """A piece that has words of the question; `coverage` is the share of them that it has."""

    id: str
    words: tuple[str, ...]
    coverage: float


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


def fuse(words: Sequence[WordHit], likenesses: Sequence[tuple[str, float]]) -> list[Found]:
    """Pieces in order of the sum of votes / (60 + rank), best first; a hit by words votes with its coverage.

    Each ranking is best first. Scores are scaled so that first in both, with every word, is 1. Equal sums go by
    likeness, then by id, so that the order does not depend on chance. Without likenesses every hit by words counts.
    """
    alike = dict(likenesses)
    having = {hit.id: hit.words for hit in words}
    sums: dict[str, float] = {}
    for rank, hit in enumerate(words, 1):
        if hit.coverage >= WEAK or not likenesses:
            sums[hit.id] = hit.coverage * _vote(rank)
    for rank, (id, _) in enumerate(likenesses, 1):
        sums[id] = sums.get(id, 0.0) + _vote(rank)
    fused = [Found(id, score, having.get(id, ()), alike.get(id)) for id, score in sums.items()]
    return sorted(fused, key=lambda one: (-one.score, -(one.likeness if one.likeness is not None else -1.0), one.id))


def _vote(rank: int) -> float:
    return (FLAT + 1) / (FLAT + rank) / 2
