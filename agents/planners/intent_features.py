"""The words of a sentence as a sparse vector: tf-idf of words, word pairs and letter groups."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from scipy import sparse

from agents.planners.glossary import Glossed, aligned
from agents.planners.slots import change, metric, timerange
from agents.planners.slots.marks import priority
from agents.planners.slots.moment import Grain

# whether a sentence names a time does not depend on when it is read
_ANY_MOMENT = datetime(2026, 1, 7, 12, tzinfo=UTC)
_REF = re.compile(r"#\d+|\b[a-z]{2,6}-\d+\b|\b(?:pr|pull request|issue|ticket|bug) ?#?\d+\b")
_PERCENT = re.compile(r"\b\d+(?:[.,]\d+)? ?(?:%|percent\b|prozent\b|por ciento\b)")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}(?:st|nd|rd|th)\b")
_CLOCK = re.compile(r"\b\d{1,2}(?::\d{2}|h| ?(?:am|pm|uhr)\b)(?: ?(?:am|pm|uhr|h)\b)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_WORD = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """Lower case without accents, with refs, percentages, dates, clock times and numbers each replaced by one word."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in folded if not unicodedata.combining(char)).replace("’", "'")
    for pattern, word in (
        (_REF, " xref "),
        (_PERCENT, " xpct "),
        (_DATE, " xdate "),
        (_CLOCK, " xtime "),
        (_NUMBER, " xnum "),
    ):
        bare = pattern.sub(word, bare)
    return " ".join(_WORD.findall(bare.replace("'", "")))


@dataclass(frozen=True)
class Terms:
    """A sentence's counted words (with pairs and marks) and letter groups."""

    words: Counter[str]
    letters: Counter[str]


def terms(text: str) -> Terms:
    """The terms of a sentence in any of the three languages, as of its English gloss."""
    glossed = aligned(text)
    listed = plain(glossed.text).split()
    words = Counter(listed)
    # marked ends: the first words often tell the intent
    fenced = ["^", *listed, "$"]
    words.update(f"{left} {right}" for left, right in pairwise(fenced))
    words.update(_marks(glossed))
    letters: Counter[str] = Counter()
    for word in listed:
        padded = f" {word} "
        for size in (3, 4, 5):
            letters.update(padded[start : start + size] for start in range(max(1, len(padded) - size + 1)))
    return Terms(words, letters)


def _marks(glossed: Glossed) -> list[str]:
    """Words for what the sentence names, whatever it calls it: a metric, a change, a time, a priority."""
    marks = ["=metric"] if metric.names_any(glossed.text) else []
    if change.find(glossed) is not None:
        marks += ["=change", "=metric change"] if marks else ["=change"]
    when = timerange.find(glossed.source, now=_ANY_MOMENT, timezone="UTC")
    if when is not None:
        marks.append("=clock" if when.grain in (Grain.HOUR, Grain.MINUTE) else "=time")
    if priority(glossed.text):
        marks.append("=priority")
    return marks


@dataclass(frozen=True)
class TermWeights:
    """Smoothed inverse document frequencies (as of the texts it was learned from) of one kind of term."""

    index: Mapping[str, int]
    idf: Mapping[str, float]

    @classmethod
    def learn(cls, documents: Sequence[Counter[str]], at_least: int) -> TermWeights:
        """Keeps the terms that occur in at least so many documents."""
        seen = Counter(term for document in documents for term in document)
        terms = sorted(term for term, count in seen.items() if count >= at_least)
        idf = {term: math.log((1 + len(documents)) / (1 + seen[term])) + 1 for term in terms}
        return cls({term: column for column, term in enumerate(terms)}, idf)

    def row(self, document: Counter[str]) -> dict[int, float]:
        """Column → weight, of length one; empty where no term is known."""
        weights = {
            self.index[term]: (1 + math.log(count)) * self.idf[term]
            for term, count in document.items()
            if term in self.index
        }
        norm = math.sqrt(sum(weight * weight for weight in weights.values()))
        return {column: weight / norm for column, weight in weights.items()}


@dataclass(frozen=True)
class WordSpace:
    """Turns sentences into sparse rows: words first, letter groups after them."""

    words: TermWeights
    letters: TermWeights
    word_scale: float
    letter_scale: float

    @classmethod
    def learn(
        cls, documents: Sequence[Terms], *, at_least: int = 1, word_scale: float = 1.0, letter_scale: float = 1.0
    ) -> WordSpace:
        """The space of these sentences' terms; a term must occur in `at_least` of them."""
        return cls(
            TermWeights.learn([document.words for document in documents], at_least),
            TermWeights.learn([document.letters for document in documents], at_least),
            word_scale,
            letter_scale,
        )

    @property
    def width(self) -> int:
        return len(self.words.index) + len(self.letters.index)

    def rows(self, documents: Sequence[Terms]) -> sparse.csr_array:
        """One sparse row a sentence, shape (documents, width), float32."""
        offset = len(self.words.index)
        columns: list[int] = []
        values: list[float] = []
        ends = [0]
        for document in documents:
            for column, value in self.words.row(document.words).items():
                columns.append(column)
                values.append(value * self.word_scale)
            for column, value in self.letters.row(document.letters).items():
                columns.append(offset + column)
                values.append(value * self.letter_scale)
            ends.append(len(columns))
        return sparse.csr_array(
            (np.array(values, dtype=np.float32), np.array(columns, dtype=np.int32), np.array(ends, dtype=np.int32)),
            shape=(len(documents), self.width),
        )
