"""Which records bear on a topic: by words, by meaning where an embedder is at hand, and by ties. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.analysis.links import Key, join, key
from tools.analysis.words import covered, rarity, words
from tools.kit.analysis import Frame
from tools.nouns import Document, Noun

# A record counts as found from this share of the topic's words, or from this likeness in meaning.
LEAST_WORDS = 0.5
LEAST_LIKENESS = 0.42
TIE = 0.6


@dataclass(frozen=True)
class Hit:
    """A record with its score from 0 to 1 and the reason why it was found."""

    noun: Noun
    score: float
    reason: str


def find(topic: str, nouns: Sequence[Noun], frame: Frame, *, most: int = 12, ties: bool = True) -> list[Hit]:
    """The records that bear on a topic, best first. Nothing is found for a topic without a telling word."""
    records = list({key(noun): noun for noun in nouns}.values())
    query = words(topic)
    if not query or not records:
        return []
    texts = [noun.text() for noun in records]
    weights = rarity(texts)
    in_titles = [covered(query, words(noun.title), weights) for noun in records]
    shares = [max(covered(query, words(text), weights), held) for text, held in zip(texts, in_titles, strict=True)]
    # Meaning costs some milliseconds a text, so it is asked only where no record has the words.
    if frame.likeness and max(shares) < LEAST_WORDS:
        alike = frame.likeness(topic, [text[:400] for text in texts])
    else:
        alike = [0.0] * len(texts)
    hits: dict[Key, Hit] = {}
    for noun, text, share, in_title, likeness in zip(records, texts, shares, in_titles, alike, strict=True):
        if share >= LEAST_WORDS or likeness >= LEAST_LIKENESS:
            score = min(1.0, 0.6 * share + 0.15 * in_title + 0.5 * max(0.0, likeness))
            hits[key(noun)] = Hit(noun, score, _reason(query, text, likeness))
    if ties:
        _tie(records, hits)
    ranked = sorted(hits.values(), key=lambda hit: (-hit.score, hit.noun.ref))
    best = ranked[0].score if ranked else 0.0
    return [hit for hit in ranked if hit.score >= 0.45 * best][:most]


def _tie(records: Sequence[Noun], hits: dict[Key, Hit]) -> None:
    """Adds what the found records name or are named by: the pull request of an issue, the tickets of a bug."""
    joined = join(records)
    by_key = {key(noun): noun for noun in records}
    for found, hit in list(hits.items()):
        if isinstance(hit.noun, Document):
            continue
        for other in joined.get(found, ()):
            passed = hit.score * TIE
            if other not in hits or hits[other].score < passed:
                reason = f"tied to {hit.noun.ref}" if other not in hits else hits[other].reason
                hits[other] = Hit(by_key[other], max(passed, hits[other].score if other in hits else 0.0), reason)


def _reason(query: Sequence[str], text: str, likeness: float) -> str:
    shared = sorted(set(query) & set(words(text)))
    if shared:
        return f"says {', '.join(shared[:4])}"
    return f"means much the same ({likeness:.2f})"
