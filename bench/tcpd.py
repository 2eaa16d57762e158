"""The Turing Change Point Dataset's series and its two scores (van den Burg and Williams, 2020)."""

import itertools
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.analysis.calendar import Floats


@dataclass(frozen=True)
class AnnotatedSeries:
    """A series and where each of five people saw it change."""

    name: str
    values: Floats
    annotations: tuple[tuple[int, ...], ...]


def read_complete_series(folder: Path) -> list[AnnotatedSeries]:
    """The univariate series without missing values."""
    annotations = json.loads((folder / "_annotations.json").read_text())
    found = []
    for path in sorted(folder.glob("[!_]*.json")):
        record = json.loads(path.read_text())
        raw = record["series"][0]["raw"]
        if record["n_dim"] == 1 and all(value is not None for value in raw):
            marks = tuple(tuple(places) for places in annotations[record["name"]].values())
            found.append(AnnotatedSeries(record["name"], np.asarray(raw, dtype=np.float64), marks))
    return found


def f1_score(series: AnnotatedSeries, cut: Sequence[int], margin: int = 5) -> float:
    """F1 with a margin: precision against the union of the annotators, recall averaged over them; 0 always counts."""
    mine = {0, *cut}
    theirs = [{0, *places} for places in series.annotations]
    precision = len(_matched(set().union(*theirs), mine, margin)) / len(mine)
    recall = float(np.mean([len(_matched(places, mine, margin)) / len(places) for places in theirs]))
    return 2 * precision * recall / (precision + recall)


def cover_score(series: AnnotatedSeries, cut: Sequence[int]) -> float:
    """How well the pieces cover each annotator's pieces (Jaccard, weighted by length), averaged over annotators."""
    size = len(series.values)
    mine = _pieces(cut, size)
    scores = []
    for places in series.annotations:
        total = sum(
            (high - low) * max(_overlap((low, high), piece) for piece in mine) for low, high in _pieces(places, size)
        )
        scores.append(total / size)
    return float(np.mean(scores))


def _matched(truth: Collection[int], found: Collection[int], margin: int) -> set[int]:
    free, matched = set(found), set()
    for place in sorted(truth):
        near = sorted((abs(place - x), x) for x in free if abs(place - x) <= margin)
        if near:
            matched.add(place)
            free.remove(near[0][1])
    return matched


def _pieces(cut: Sequence[int], size: int) -> list[tuple[int, int]]:
    edges = [0, *sorted(set(cut) - {0}), size]
    return [(low, high) for low, high in itertools.pairwise(edges) if high > low]


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> float:
    common = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return common / (max(a[1], b[1]) - min(a[0], b[0]))
