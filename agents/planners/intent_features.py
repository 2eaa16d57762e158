"""The words of a sentence as a sparse vector: tf-idf of words, word pairs and letter groups."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from scipy import sparse

from agents.planners.glossary import aligned, gloss
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
    for pattern, word in ((_REF, " xref "), (_PERCENT, " xpct "), (_DATE, " xdate "), (_CLOCK, " xtime "), (_NUMBER, " xnum ")):
        bare = pattern.sub(word, bare)
    return " ".join(_WORD.findall(bare.replace("'", "")))


def mark_terms(text: str) -> list[str]:
    """Words for what the sentence names, whatever it calls it: a metric, a change, a time, a priority."""
    glossed = aligned(text)
    marks = ["=metric"] if metric.names_any(glossed.text) else []
    moved = change.find(glossed)
    if moved is not None:
        marks += ["=change", "=metric change"] if marks else ["=change"]
    when = timerange.find(text, now=_ANY_MOMENT, timezone="UTC")
    if when is not None:
        marks.append("=clock" if when.grain in (Grain.HOUR, Grain.MINUTE) else "=time")
    if priority(glossed.text):
        marks.append("=priority")
    return marks


def word_terms(text: str) -> Counter[str]:
    """Words and pairs of neighbours, with marks for the beginning and the end, as the first words often tell the intent."""
    words = ["^", *plain(gloss(text)).split(), "$"]
    counts = Counter(words[1:-1])
    counts.update(mark_terms(text))
    counts.update(f"{left} {right}" for left, right in zip(words, words[1:], strict=False))
    return counts


def letter_terms(text: str) -> Counter[str]:
    """Groups of three to five letters within words: they survive typing errors and inflection."""
    counts: Counter[str] = Counter()
    for word in plain(gloss(text)).split():
        padded = f" {word} "
        for size in (3, 4, 5):
            counts.update(padded[start : start + size] for start in range(max(1, len(padded) - size + 1)))
    return counts


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
        cls, texts: Iterable[str], *, at_least: int = 1, word_scale: float = 1.0, letter_scale: float = 1.0
    ) -> WordSpace:
        """The space of these texts' terms; a term must occur in `at_least` of them."""
        listed = list(texts)
        return cls(
            TermWeights.learn([word_terms(text) for text in listed], at_least),
            TermWeights.learn([letter_terms(text) for text in listed], at_least),
            word_scale,
            letter_scale,
        )

    @property
    def width(self) -> int:
        return len(self.words.index) + len(self.letters.index)

    def rows(self, texts: Sequence[str]) -> sparse.csr_array:
        """One sparse row a text, shape (texts, width), float32."""
        offset = len(self.words.index)
        columns: list[int] = []
        values: list[float] = []
        ends = [0]
        for text in texts:
            for column, value in self.words.row(word_terms(text)).items():
                columns.append(column)
                values.append(value * self.word_scale)
            for column, value in self.letters.row(letter_terms(text)).items():
                columns.append(offset + column)
                values.append(value * self.letter_scale)
            ends.append(len(columns))
        return sparse.csr_array(
            (np.array(values, dtype=np.float32), np.array(columns, dtype=np.int32), np.array(ends, dtype=np.int32)),
            shape=(len(texts), self.width),
        )
