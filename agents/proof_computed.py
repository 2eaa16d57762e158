"""What tables and a program's output bear out: figures by the words that stand beside them. Pure.

The program itself states nothing: a figure that stands in the code alone was not computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agents.proof_mentions import Mentions, Number

if TYPE_CHECKING:
    from agents.proof_fields import Field

# The kinds of record of which a figure's place and words, and no field of the product, say what it is.
COMPUTED = frozenset({"table", "output"})
MOST_LINES = 2_000
_STAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?|\b\d{1,2}:\d{2}\b"
)
_FIGURE = re.compile(
    r"(?P<money>[$€£])?(?<![\w.])[-−]?(?P<digits>\d[\d,]*(?:\.\d+)?(?:e[-+]?\d{1,3})?)(?P<percent>\s?%)?(?!\w)"
)
_WORD = re.compile(r"[^\W\d_]+")
_SMALL_WORDS = """a an and are as at be by for from had has have in is it its of on or so than that the there this to
was were will with would"""
_STOP = frozenset(_WORD.findall(_SMALL_WORDS))
_MONEY = re.compile(r"mrr|arr\b|amount|price|revenue|cost|usd|eur|gbp|dollar|euro|pound|total|value|sum", re.IGNORECASE)


@dataclass(frozen=True)
class Printed:
    """A figure that a program printed, with the words of its line that say what it is."""

    value: float
    words: str
    percent: bool = False
    money: str = ""


def printed(text: str) -> list[Printed]:
    """The figures of a program's output, line by line; times and dates are none."""
    return [one for line in text.splitlines()[:MOST_LINES] for one in _of_line(line)]


def _of_line(line: str) -> Iterator[Printed]:
    plain = _STAMP.sub(lambda match: " " * len(match[0]), line)
    found = list(_FIGURE.finditer(plain))
    label = _words(plain[: found[0].start()]) if found else []
    for place, match in enumerate(found):
        begins = found[place - 1].end() if place else 0
        own = _words(plain[begins : match.start()])
        if not own:
            ends = found[place + 1].start() if place + 1 < len(found) else len(plain)
            own = _words(plain[match.end() : ends])
        value = float(match["digits"].replace(",", ""))
        negative = match[0].lstrip("$€£ ")[:1] in "-−"
        told = " ".join(dict.fromkeys(own or label))
        yield Printed(-value if negative else value, told, match["percent"] is not None, match["money"] or "")


def fits(figure: Field, number: Number, said: Mentions) -> bool:
    """Whether a figure as it is written can be this one: its sign of percent, its currency, its unit, and, of what was
    printed, a word that both have."""
    if number.percent != figure.percent and not (number.percent and abs(figure.value) <= 1 and figure.value % 1):
        percentage = figure.kind == "table" and re.search(r"percent|pct|%|share|rate", figure.name)
        if not (number.percent and percentage):
            return False
    if number.money and not (figure.money == number.money or (not figure.money and _MONEY.search(figure.name))):
        return False
    words = _stems(figure.name.replace("_", " "))
    if number.unit and number.unit not in words:
        return False
    if figure.kind == "output":
        return not words or bool(words & _stems(said.readable))
    return True


def likeness(figure: Field, number: Number, said: Mentions) -> float:
    """How well the words around a figure say that it is this one: those between its neighbours most, and, of what was
    printed, those of the whole sentence."""
    words = _stems(figure.name.replace("_", " "))
    if not words:
        return 0.0
    near = words & _stems(_around(number, said))
    # Of two that share as many words, the one that says less besides is meant.
    score = 2.0 * len(near) + len(near) / (len(words) + 1)
    if figure.kind == "output":
        score += 0.5 * len(words & _stems(said.readable))
    return score


def _around(number: Number, said: Mentions) -> str:
    """The words between a figure's neighbours."""
    begins = max((one.end for one in said.numbers if one.end <= number.start), default=0)
    # A comma begins another part of the sentence.
    before = re.split(r"[,;(.]\s", said.readable[begins : number.start])[-1]
    return f"{before} {number.near}"


def moments(record: Mapping[str, Any]) -> Iterator[str]:
    """The times and dates that stand in a table's cells or were printed, in ISO form; what is none is left out."""
    for text in texts(record):
        for match in _STAMP.finditer(text):
            with suppress(ValueError):
                yield datetime.fromisoformat(match[0].replace(" ", "T")).isoformat()


def texts(record: Mapping[str, Any]) -> list[str]:
    """The words that stand in a table, or that a program printed; its code is none of them."""
    cells = [str(cell) for row in record.get("rows") or () for cell in row if cell is not None]
    names = [str(name) for name in record.get("columns") or ()]
    return [str(record.get("title") or ""), str(record.get("printed") or ""), *names, *cells]


def _words(text: str) -> list[str]:
    return [word for word in (one.lower() for one in _WORD.findall(text)) if word not in _STOP]


def _stems(text: str) -> set[str]:
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _words(text)}
