"""Which playbook a sentence asks for: by its meaning and its words, with a decision that knows when to ask back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.planners.intent_features import Terms, TermWeights, WordSpace, terms
from agents.planners.logistic import Features, Logistic

Vectors = NDArray[np.float32]

OUT_OF_SCOPE = ""
MEANING_SCALE = 2.0
WORD_SCALE = 1.5
LETTER_SCALE = 1.0
PENALTY = 0.02


class Decision(StrEnum):
    """What to do with a ranked sentence."""

    ACCEPT = "accept"
    ASK = "ask"
    OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True)
class Thresholds:
    """When a ranking is good enough.

    `accept` is the least probability, `margin` the least lead over the second and over none; from `refuse` on (the
    probability that no playbook fits) the sentence is out of scope. Chosen by `bench.intents calibrate`.
    """

    accept: float = 0.5
    margin: float = 0.35
    refuse: float = 0.45


@dataclass(frozen=True)
class Verdict:
    """A decision with the three playbooks that come nearest, best first, and the probability that none of them fits."""

    decision: Decision
    nearest: tuple[tuple[str, float], ...]
    out_of_scope: float

    @property
    def intent(self) -> str | None:
        """The accepted playbook's id."""
        return self.nearest[0][0] if self.decision is Decision.ACCEPT else None


class Fit(Protocol):
    """How a matcher comes about: learned anew, or found where one was kept."""

    def __call__(
        self,
        examples: Mapping[str, Sequence[str]],
        vectors: Mapping[str, Vectors],
        *,
        negatives: Sequence[str],
        negative_vectors: Vectors,
    ) -> IntentMatcher: ...


class IntentMatcher:
    """A logistic regression over sentence vectors and tf-idf words, with what no playbook offers as a class of its own.

    Vectors, of examples and queries alike, are those of `glossary.gloss(sentence)`: the encoder knows English only.
    """

    def __init__(self, intents: tuple[str, ...], words: WordSpace, model: Logistic, thresholds: Thresholds) -> None:
        self.intents = intents
        self._words = words
        self._model = model
        self._thresholds = thresholds

    @classmethod
    def fit(
        cls,
        examples: Mapping[str, Sequence[str]],
        vectors: Mapping[str, Vectors],
        *,
        negatives: Sequence[str],
        negative_vectors: Vectors,
        thresholds: Thresholds | None = None,
        at_least: int = 2,
        penalty: float = PENALTY,
    ) -> IntentMatcher:
        """Learns from example sentences per intent and their unit vectors, row by row.

        Raises ValueError when sentences and vectors differ in number.
        """
        intents = tuple(examples)
        groups = [(list(examples[name]), vectors[name]) for name in intents] + [(list(negatives), negative_vectors)]
        for name, (texts, rows) in zip((*intents, "negatives"), groups, strict=True):
            if len(texts) != len(rows):
                raise ValueError(f"{name}: {len(texts)} sentences but {len(rows)} vectors")
        texts = [text for group, _ in groups for text in group]
        labels = np.repeat(np.arange(len(groups)), [len(group) for group, _ in groups])
        documents = [terms(text) for text in texts]
        words = WordSpace.learn(documents, at_least=at_least, word_scale=WORD_SCALE, letter_scale=LETTER_SCALE)
        features = _features(words, documents, np.concatenate([rows for _, rows in groups]))
        model = Logistic.fit(features, labels, classes=len(groups), penalty=penalty)
        return cls(intents, words, model, thresholds or Thresholds())

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was learned, as arrays of numbers and of text; `restored` makes the same matcher of it."""
        found: dict[str, NDArray[Any]] = {
            "intents": np.array(self.intents),
            "scales": np.array([self._words.word_scale, self._words.letter_scale]),
            "dense": self._model.dense,
            "sparse": self._model.sparse,
            "bias": self._model.bias,
        }
        for name, weights in (("words", self._words.words), ("letters", self._words.letters)):
            terms = sorted(weights.index, key=lambda term: weights.index[term])
            found |= {name: np.array(terms), f"{name}_idf": np.array([weights.idf[term] for term in terms])}
        return found

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[Any]], thresholds: Thresholds | None = None) -> IntentMatcher:
        """The matcher whose `state` that is. Raises KeyError or ValueError for what is none."""
        words, letters = (_weights(state[name], state[f"{name}_idf"]) for name in ("words", "letters"))
        word_scale, letter_scale = map(float, state["scales"])
        space = WordSpace(words, letters, word_scale, letter_scale)
        model = Logistic(state["dense"], state["sparse"], state["bias"])
        if model.sparse.shape != (space.width, len(state["intents"]) + 1):
            raise ValueError("the weights are not those of the words")
        return cls(tuple(map(str, state["intents"])), space, model, thresholds or Thresholds())

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> NDArray[np.float64]:
        """Shape (texts, intents + 1), rows summing to one; the last column is out of scope."""
        return self._model.probabilities(_features(self._words, [terms(text) for text in texts], vectors))

    def rank(self, text: str, vector: Vectors) -> list[tuple[str, float]]:
        """All intents with their probabilities, best first; what is missing to one is out of scope."""
        (row,) = self.probabilities([text], vector.reshape(1, -1))
        return self._ranked(row)

    def decide(self, text: str, vector: Vectors) -> Verdict:
        """Accept the best intent, ask which of the nearest was meant, or say that none fits."""
        (row,) = self.probabilities([text], vector.reshape(1, -1))
        return judge(self._ranked(row), self._thresholds)

    def _ranked(self, row: NDArray[np.float64]) -> list[tuple[str, float]]:
        scored = zip(self.intents, map(float, row), strict=False)
        return sorted(scored, key=lambda item: -item[1])


def _weights(terms: NDArray[Any], idf: NDArray[Any]) -> TermWeights:
    listed = terms.tolist()
    return TermWeights({term: n for n, term in enumerate(listed)}, dict(zip(listed, idf.tolist(), strict=True)))


def judge(ranked: Sequence[tuple[str, float]], thresholds: Thresholds) -> Verdict:
    """The decision for intents ranked by probability, best first."""
    none = max(0.0, 1.0 - sum(score for _, score in ranked))
    best = ranked[0][1] if ranked else 0.0
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    if none >= thresholds.refuse:
        decision = Decision.OUT_OF_SCOPE
    elif best >= thresholds.accept and best - max(second, none) >= thresholds.margin:
        decision = Decision.ACCEPT
    else:
        decision = Decision.ASK
    return Verdict(decision, tuple(ranked[:3]), none)


def _features(words: WordSpace, documents: Sequence[Terms], vectors: Vectors) -> Features:
    return Features(np.asarray(vectors, dtype=np.float32) * MEANING_SCALE, words.rows(documents))
