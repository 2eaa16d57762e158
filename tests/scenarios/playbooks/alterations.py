"""Claims with one thing changed: a numeral, a date, a ref, a link, a quotation; or true figures in wrong places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from agents.answer_format import plain
from agents.proof_mentions import MONTHS, Number, mentions

_DAY = re.compile(r"\b(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")
_CLOCK = re.compile(r"\b(\d{2}):(\d{2})\b")
# What a figure counts, and what it does not count instead.
_UNITS = (
    (r"(?<=\d)%", " points"),
    (r"(?<=\d)%", ""),
    (r"(?<=\d) points\b", "%"),
    (r"(?<=\d) people\b", " events"),
    (r"(?<=\d) people\b", "%"),
    (r"(?<=\d) events\b", " people"),
    (r"(?<=\d) days?\b", " hours"),
    (r"(?<=\d) days?\b", " weeks"),
    (r"(?<=\d) weeks?\b", " days"),
    (r"\$(?=\d)", "€"),
    (r"€(?=\d)", "£"),
    (r"£(?=\d)", "$"),
    (r"[$€£](?=\d)", ""),
    (r"(?<=\d) cancellations\b", " subscriptions"),
)
_MOST_OF_OTHERS = 12


def altered(text: str) -> Iterator[tuple[str, str]]:
    """(what was changed, the text with it changed), many of them; never the text itself."""
    said = mentions(text)
    for number in said.numbers:
        digits = re.search(r"\d[\d,]*(?:\.\d+)?", number.text)
        if digits is None:
            continue
        for changed in _figures(digits.group(0)):
            yield "figure", _once(text, number.text, number.text.replace(digits.group(0), changed, 1))
    for ref in said.refs:
        yield "ref", _once(text, ref, ref[:-1] + ("7" if ref[-1] != "7" else "3"))
    for link in said.links:
        yield "link", _once(text, link, link[:-1])
        yield "link", _once(text, link, link.replace("127.0.0.1", "evil.test"))
    for quoted in said.quotes:
        if len(quoted) > 8 and quoted in text:
            yield "quotation", text.replace(quoted, quoted[:4] + " never " + quoted[4:])
    for match in _DAY.finditer(text):
        day = datetime(2026, MONTHS[match.group(2)], int(match.group(1))) + timedelta(days=3)  # noqa: DTZ001
        yield "date", text[: match.start()] + f"{day.day} {day:%b}" + text[match.end() :]
    for match in _CLOCK.finditer(text):
        hour = (int(match.group(1)) + 5) % 24
        yield "time", text[: match.start()] + f"{hour:02d}:{match.group(2)}" + text[match.end() :]


def misplaced(text: str, evidence: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(what was done, the text after it): figures that are true elsewhere, a sign or a unit that is not this one's.

    `evidence` are the records that the claim cites.
    """
    numbers = [number for number in mentions(text).numbers if number.text.strip("+-−")[0].isdigit()]
    for one, other in combinations(numbers, 2):
        if _digits(one) != _digits(other) and one.percent == other.percent:
            yield "swap", _both(text, one, other)
    held = list(_held(list(evidence)))
    for number in numbers:
        for figure in _others(number, held):
            yield "other field", _once(text, number.text, number.text.replace(_digits(number), figure, 1))
        if number.sign:
            flipped = number.text.translate({ord("+"): "−", ord("−"): "+", ord("-"): "+"})
            if number.value:
                yield "sign", _once(text, number.text, flipped)
    for unit, wrong in _UNITS:
        for match in re.finditer(unit, text):
            yield "unit", text[: match.start()] + wrong + text[match.end() :]


def _digits(number: Number) -> str:
    found = re.search(r"\d[\d,]*(?:\.\d+)?", number.text)
    return found.group(0) if found else number.text


def _both(text: str, one: Number, other: Number) -> str:
    """Two figures exchanged; a mark holds the first one's place meanwhile."""
    marked = _once(text, one.text, one.text.replace(_digits(one), "\0", 1))
    moved = _once(marked, other.text, other.text.replace(_digits(other), _digits(one), 1))
    return moved.replace("\0", _digits(other), 1)


def _held(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in ("chart", "recent"):
                yield from _held(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _held(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def _others(number: Number, held: Iterable[float]) -> list[str]:
    """Figures that the evidence holds, written as this one is."""
    own = _digits(number)
    found: dict[str, None] = {}
    for value in held:
        written = f"{abs(value) * (100 if number.percent else 1):,.{number.digits}f}"
        if written != own and float(written.replace(",", "")) != float(number.value):
            found.setdefault(written)
    return list(found)[:_MOST_OF_OTHERS]


def _figures(digits: str) -> Iterator[str]:
    """Wrong figures near a right one, written as it is."""
    places = len(digits.partition(".")[2])
    value = float(digits.replace(",", ""))
    step = 10.0**-places
    for wrong in {value + step, value + 2 * step, value * 1.1 + 3 * step, value + 30 * step}:
        yield f"{wrong:,.{places}f}" if "," in digits or value >= 1000 else f"{wrong:.{places}f}"


def _once(text: str, old: str, new: str) -> str:
    """The last occurrence replaced: a ref's first one may be a part of its link."""
    if old not in text:
        # What came from outside stands there with its underscores escaped.
        old, new = plain(old), plain(new)
    place = re.search(rf"(?<![\w/]){re.escape(old)}(?!\w)", text)
    start = place.start() if place else text.index(old)
    return text[:start] + new + text[start + len(old) :]
