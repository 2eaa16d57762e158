"""The figures of evidence, each with its field and its record, and those that a figure in a text can stand for. Pure.

The words choose: a figure's sign, unit and neighbours, and the record that the sentence names, say which fields may
bear it; only then is its value compared. A figure that some other field happens to hold is not borne out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from agents.proof_computed import COMPUTED, printed
from agents.proof_fields import accepts, measure, priced, score
from agents.proof_mentions import WORDS, Mentions, Number

# What is kept to be drawn, or by the hour, states nothing by itself.
NOT_STATED = frozenset({"chart", "recent"})
_INSIDE = re.compile(
    rf"(?P<money>[$€£])?(?<![\w.])(?:\d[\d,]*(?:\.\d+)?|(?:{'|'.join(WORDS)})\b)(?P<percent>\s?%)?", re.IGNORECASE
)
_TOKEN = re.compile(r"[^\W\d_]+|\d[\d,.]*|%")
_NAMED_BY = ("ref", "title", "label", "name", "metric", "key")
_IDENTIFIERS = frozenset({"ref", "id", "sha", "merge_sha", "release"})
_MOST_IN_TEXT = 400
_LONGEST_NAME = 80
_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# So many equal neighbours say that a sentence repeats a text, so its figure must be that text's.
_REPEATED = 3
_STOP = frozenset(
    {
        "0",
        "%",
        "a",
        "an",
        "and",
        "as",
        "at",
        "by",
        "for",
        "from",
        "had",
        "has",
        "in",
        "is",
        "it",
        "its",
        "of",
        "on",
        "or",
    }
    | {"so", "that", "the", "this", "to", "was", "were", "with"}
)


@dataclass(frozen=True)
class Figure:
    """A number of a record. `owners` are the records that hold it, innermost last; `left` and `right` are the words
    around one that stands inside a text, nearest first."""

    value: float
    name: str
    owners: tuple[int, ...]
    kind: str = ""
    unit: str = ""
    share: bool = False
    at: datetime | None = None
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    percent: bool = False
    money: str = ""


@dataclass
class Figures:
    """All figures of some evidence: those that fields state, those that texts tell, and how records are called."""

    zone: ZoneInfo
    stated: list[Figure] = field(default_factory=list)
    told: list[Figure] = field(default_factory=list)
    names: set[tuple[str, int]] = field(default_factory=set)
    _records: int = 0

    def add(self, record: Mapping[str, Any], skipped: frozenset[str]) -> None:
        """Takes a record's figures in, those of the records inside it too."""
        self._record(record, (), skipped)

    def spans(self, number: Number, said: Mentions) -> bool:
        """Whether some field says how long it is that a duration in the text speaks of."""
        over = said.readable[: number.start].rstrip(" *").endswith("over")
        units = {figure.name for figure in self.stated if measure(figure) == "span"}
        return bool(units) if over else f"{number.unit}s" in units

    def bear(self, number: Number, said: Mentions) -> bool | None:
        """Whether the fields or the texts for which the words let this figure stand hold its value.

        None where none of them does, but the words do not say clearly that it is one of them.
        """
        scopes = list(self._scopes(number, said))
        left, right = _words(said.readable, number.start, number.end)
        for scope in scopes:
            close = [(f, _alike(f, left, right)) for f in self.told if _within(f, scope)]
            repeated = [(f, n) for f, n in close if n >= min(_REPEATED, max(1, len(f.left) + len(f.right)))]
            if repeated:
                most = max(n for _, n in repeated)
                return any(_tells(f, number) for f, n in repeated if n == most)
        for scope in scopes:
            fitting = [f for f in self.stated if _within(f, scope) and accepts(f, number, said)]
            scored = [(f, score(f, number, said)) for f in fitting]
            if scored:
                best = max(s for _, s in scored)
                if any(_states(f, number) for f, s in scored if s == best):
                    return True
                if best > 1:
                    # The words say which field it is, and it holds something else.
                    return False
                break
        for scope in scopes:
            related = [f for f in self.told if _within(f, scope) and _related(f, left, right)]
            if any(_tells(f, number) for f in related):
                return True
            if related:
                break
        return None

    def _record(self, record: Mapping[str, Any], owners: tuple[int, ...], skipped: frozenset[str]) -> None:
        self._records += 1
        owners = (*owners, self._records)
        if record.get("kind") == "table":
            self._table(record, owners)
            return
        if record.get("kind") == "output":
            self.stated += [
                Figure(one.value, one.words, owners, "output", percent=one.percent, money=one.money)
                for one in printed(str(record.get("printed") or ""))
            ]
            return
        called = [record.get(name) for name in _NAMED_BY]
        where = record.get("where")
        called += list(where.values()) if isinstance(where, dict) else []
        for name in called:
            if isinstance(name, str) and len(name) > 2:
                self.names.add((plainly(name), self._records))
                _, number, short = name.rpartition("#")
                if number and short.isdigit():
                    self.names.add((f"#{short}", self._records))
        about = Figure(
            0.0,
            "",
            owners,
            kind=str(record.get("kind") or ""),
            unit=str(record.get("unit") or record.get("currency") or "").lower(),
            share=record.get("rate") is True,
        )
        for name, part in record.items():
            # A line of a report has a change in points, which is a number.
            drawn = name in skipped and not isinstance(part, int | float)
            if not drawn and name != "url":
                self._part(part, str(name), about, skipped)

    def _part(self, part: Any, name: str, about: Figure, skipped: frozenset[str]) -> None:
        if isinstance(part, bool) or part is None:
            return
        if isinstance(part, int | float):
            self.stated.append(_named(about, float(part), name))
        elif isinstance(part, str):
            self._text(part, name, about)
        elif isinstance(part, dict):
            if "ref" in part or "kind" in part:
                self._record(part, about.owners, skipped)
            else:
                for key, inner in part.items():
                    if key not in skipped:
                        self._part(inner, f"{name}.{key}", about, skipped)
        elif name == "points":
            self._points(part, about)
        elif isinstance(part, list | tuple):
            pair = len(part) == 2 and all(isinstance(one, int | float) for one in part)
            for place, inner in enumerate(part):
                if isinstance(inner, dict):
                    self._record(inner, about.owners, skipped)
                else:
                    self._part(inner, f"{name}.{place}" if pair else name, about, skipped)

    def _points(self, points: Sequence[Mapping[str, Any]], about: Figure) -> None:
        """Each bucket's value under its time, and the sum over all of them."""
        for point in points:
            at = datetime.fromisoformat(point["at"]).astimezone(self.zone)
            self.stated.append(_named(about, float(point["value"]), "point", at))
        self.stated.append(_named(about, float(sum(point["value"] for point in points)), "total"))

    def _table(self, record: Mapping[str, Any], owners: tuple[int, ...]) -> None:
        """Each row as a record of its own, called by its words, with the columns' names for its fields."""
        columns = [str(name) for name in record.get("columns") or ()]
        about = Figure(0.0, "", owners, kind="table")
        self.stated.append(_named(about, float(record.get("rows_in_all") or 0), "rows"))
        self._text(str(record.get("title") or ""), "title", about)
        for name in columns:
            self._text(name, "column", about)
        for row in record.get("rows") or ():
            self._records += 1
            about = Figure(0.0, "", (*owners, self._records), kind="table")
            for name, cell in zip(columns, row, strict=False):
                if isinstance(cell, str):
                    if 1 < len(cell) <= _LONGEST_NAME:
                        self.names.add((plainly(cell), self._records))
                    if not _A_DAY.fullmatch(cell):
                        self._text(cell, "cell", about)
                elif isinstance(cell, int | float) and not isinstance(cell, bool):
                    self.stated.append(_named(about, float(cell), "_".join(plainly(name).split())))

    def _text(self, text: str, name: str, about: Figure) -> None:
        if name in _IDENTIFIERS or re.match(r"https?://|\d{4}-\d{2}-\d{2}T", text):
            return
        readable = plainly(text)
        for match in list(_INSIDE.finditer(readable))[:_MOST_IN_TEXT]:
            digits = re.sub(r"[$€£%,\s]", "", match.group(0))
            value = float(WORDS.get(digits) or digits)
            left, right = _words(readable, match.start(), match.end())
            self.told.append(
                Figure(
                    value,
                    name,
                    about.owners,
                    left=left,
                    right=right,
                    percent=match["percent"] is not None,
                    money=match["money"] or "",
                )
            )

    @cached_property
    def _callings(self) -> Mapping[str, frozenset[int]]:
        found: dict[str, set[int]] = {}
        for name, owner in self.names:
            found.setdefault(name, set()).add(owner)
        return {name: frozenset(owners) for name, owners in found.items()}

    def _scopes(self, number: Number, said: Mentions) -> Iterator[frozenset[int] | None]:
        """The records that the sentence may speak of here, the likeliest first; None is all of them."""
        text = said.readable
        places: list[tuple[int, int, frozenset[int]]] = []
        for name, owners in self._callings.items():
            if name not in text:
                continue
            for match in re.finditer(rf"(?<![\w#]){re.escape(name)}(?!\w)", text):
                places.append((match.start(), match.end(), owners))
        # A name inside a longer one names nothing.
        places = [p for p in places if not any(q[0] <= p[0] and p[1] <= q[1] and q[:2] != p[:2] for q in places)]
        next_to = [p for p in places if p[0] > number.end and not text[number.end : p[0]].strip(" *[")]
        before = sorted((p for p in places if p[1] <= number.start), key=lambda p: -p[1])
        inside = [p for p in places if p[0] <= number.start and number.end <= p[1]]
        after = sorted((p for p in places if p[0] >= number.end and p not in next_to), key=lambda p: p[0])
        for _, _, owners in [*inside, *next_to, *before, *after]:
            yield owners
        yield None


def plainly(text: str) -> str:
    """Words in lower case on one line, without escapes and invisible joiners."""
    return " ".join(text.replace("\\", "").replace("\u2060", "").lower().split())


def rounds(value: float, number: Number) -> bool:
    """Whether a value, its sign dropped, is written as this figure: within half a unit of its last place."""
    tolerance = Decimal(1).scaleb(-number.digits) / 2
    return abs(Decimal(repr(abs(value))) - number.value) <= tolerance + Decimal("1e-9")


def _named(about: Figure, value: float, name: str, at: datetime | None = None) -> Figure:
    return Figure(value, name, about.owners, about.kind, about.unit, about.share, at)


def _within(figure: Figure, scope: frozenset[int] | None) -> bool:
    return scope is None or not scope.isdisjoint(figure.owners)


def _words(text: str, start: int, end: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The five words on either side of a place, nearest first; other figures are all alike."""
    left = _TOKEN.findall(text[max(0, start - 60) : start])[-5:][::-1]
    right = _TOKEN.findall(text[end : end + 60])[:5]
    return _masked(left), _masked(right)


def _masked(words: Sequence[str]) -> tuple[str, ...]:
    return tuple("0" if word[0].isdigit() else word for word in words)


def _alike(figure: Figure, left: Sequence[str], right: Sequence[str]) -> int:
    """How many neighbours in a row a figure in a text shares with a place in the sentence."""
    return _common(figure.left, left) + _common(figure.right, right)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _related(figure: Figure, left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether a figure in a text has a telling neighbour that the sentence has too, on the same side."""
    return any({*one} & {*other} - _STOP for one, other in ((figure.left, left), (figure.right, right)))


def _tells(figure: Figure, number: Number) -> bool:
    if figure.percent != number.percent or (figure.money and number.money and figure.money != number.money):
        return False
    if number.unit and not (figure.right and figure.right[0].startswith(number.unit)):
        return False
    return rounds(figure.value, number)


def _states(figure: Figure, number: Number) -> bool:
    if not priced(figure, number) or (number.sign and figure.value * number.sign < 0):
        return False
    # A percentage is kept as such, every other part of a whole as a fraction.
    fraction = number.percent and measure(figure) != "percentage"
    if figure.kind in COMPUTED:
        fraction = number.percent and not figure.percent and abs(figure.value) <= 1
    return rounds(figure.value * 100 if fraction else figure.value, number)
