"""What stands in a column: numbers, dates, yes and no, or text; and what they come to. Runs inside a sandbox."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import fmean, median

EMPTY = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "–", "—", "#n/a"})
YES_NO = frozenset({"yes", "no", "true", "false", "y", "n", "ja", "nein", "sí", "si"})
IDENTIFIER = re.compile(
    r"(?:^|[\s_-])(?:id|no|nr|num|number|code|zip|plz|phone|tel|key|uuid|index|year|jahr|año)$", re.I
)
_ENGLISH = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_EUROPEAN = re.compile(r"[-+]?(?:\d{1,3}(?:[.\s]\d{3})+|\d+)(?:,\d+)?")
_AROUND = re.compile(r"^[$€£¥]\s*|\s*(?:[$€£¥%]|EUR|USD|GBP|CHF)$")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?(?:[T ]\d{1,2}:\d{2}.*)?")
_THREE = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{2,4})(?:[ ,]+\d{1,2}:\d{2}.*)?")
_DAY_FIRST = re.compile(r"(\d{1,2})\.? ([A-Za-z]{3,9})\.?,? (\d{4})")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})")
# So much of a column must be of one kind; the rest is said to be odd.
ENOUGH = 0.9
# A column of many cells is tried on its first ones; what is far from a number there is none below.
SAMPLE = 1_000
LIKELY = 0.6


@dataclass
class Column:
    """A column as it was understood. `values` has one value a row: a float, a date or a text; None where nothing is."""

    name: str
    kind: str
    values: Sequence[float | date | str | None]
    odd: int = 0
    unit: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def filled(self) -> list[float | date | str]:
        """The values without the empty ones."""
        return [value for value in self.values if value is not None]

    @property
    def numbers(self) -> list[float]:
        """The numbers of a column of numbers."""
        return [value for value in self.values if isinstance(value, float)]

    @property
    def is_identifier(self) -> bool:
        """Whether its numbers name things, so that no sum of them means anything."""
        return self.kind == "number" and IDENTIFIER.search(self.name) is not None


def understood(name: str, cells: Sequence[str]) -> Column:
    """A column of cells as what most of them are."""
    texts = [None if cell.strip().lower() in EMPTY else cell.strip() for cell in cells]
    filled = [text for text in texts if text is not None]
    if not filled:
        return Column(name, "empty", texts)
    if {text.lower() for text in filled} <= YES_NO:
        return Column(name, "yes or no", texts)
    european = is_european(filled)
    first = filled[:SAMPLE]
    likely = sum(number(text, european=european) is not None for text in first) >= LIKELY * len(first)
    numbers = [None if text is None else number(text, european=european) for text in texts] if likely else []
    found = sum(value is not None for value in numbers)
    if likely and found >= ENOUGH * len(filled):
        units = {match.group(0).strip() for text in filled if (match := _AROUND.search(text))}
        unit = units.pop() if len(units) == 1 else ""
        return Column(name, "number", numbers, len(filled) - found, unit)
    order, sure = day_order(filled)
    likely = sum(day(text, order) is not None for text in first) >= LIKELY * len(first)
    dates = [None if text is None else day(text, order) for text in texts] if likely else []
    found = sum(value is not None for value in dates)
    if likely and found >= ENOUGH * len(filled):
        column = Column(name, "date", dates, len(filled) - found)
        if not sure:
            column.notes.append(f"the dates of “{name}” could be read in two ways; I took the day first")
        return column
    return Column(name, "text", texts)


def number(text: str, *, european: bool = False) -> float | None:
    """A number as people write it: with thousands, a currency, a percent sign, in parentheses below zero."""
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= 40 else None
    plain = text.strip().replace("−", "-").replace("\u00a0", " ").replace("'", "")
    negative = plain.startswith("(") and plain.endswith(")")
    plain = plain[1:-1].strip() if negative else plain
    sign = "-" if plain.startswith("-") else ""
    plain = _AROUND.sub("", _AROUND.sub("", plain[1:].strip() if sign else plain)).strip()
    whole = (_EUROPEAN if european else _ENGLISH).fullmatch(plain)
    if whole is None or not any(one.isdigit() for one in plain) or len(plain) > 40:
        return None
    digits = plain.replace(".", "").replace(" ", "").replace(",", ".") if european else plain.replace(",", "")
    value = float(digits)
    if not math.isfinite(value):
        return None
    return -value if negative or sign else value


def is_european(texts: Sequence[str]) -> bool:
    """Whether a column's decimals stand after commas: some of its numbers can only be read so, and none otherwise."""
    marked = [one for one in texts if "," in one or "." in one][:SAMPLE]
    only = sum(number(one, european=True) is not None and number(one) is None for one in marked)
    other = sum(number(one) is not None and number(one, european=True) is None for one in marked)
    return only > other


def day_order(texts: Sequence[str]) -> tuple[str, bool]:
    """Whether day ("d") or month ("m") comes first in dates such as 3/4/2026, and whether the column shows it."""
    parts = [match for text in texts if (match := _THREE.fullmatch(text)) and len(match[1]) <= 2]
    if any(int(match[1]) > 12 for match in parts) or any("." in match[0][:3] for match in parts):
        return "d", True
    return ("m", True) if any(int(match[2]) > 12 for match in parts) else ("d", not parts)


def day(text: str, order: str = "d") -> date | None:
    """The day of a date as people write it; the first of a month without a day."""
    try:
        if match := _ISO.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3] or 1))
        if match := _THREE.fullmatch(text):
            if len(match[1]) == 4:
                return date(int(match[1]), int(match[2]), int(match[3]))
            if len(match[1]) > 2 or len(match[3]) == 3:
                return None
            first, second = int(match[1]), int(match[2])
            year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)
            return date(year, second, first) if order == "d" else date(year, first, second)
        if match := _DAY_FIRST.fullmatch(text):
            return date(int(match[3]), _MONTHS.index(match[2][:3].lower()) + 1, int(match[1]))
        if match := _MONTH_FIRST.fullmatch(text):
            return date(int(match[3]), _MONTHS.index(match[1][:3].lower()) + 1, int(match[2]))
    except ValueError:
        return None
    return None


AGGREGATES = {
    "sum": math.fsum,
    "mean": fmean,
    "median": median,
    "min": min,
    "max": max,
    "count": len,
}


def aggregate(how: str, values: Sequence[float]) -> float | None:
    """Numbers by one of AGGREGATES; None of none, and where the figure is too large to be one."""
    if not values:
        return 0.0 if how in ("sum", "count") else None
    try:
        value = float(AGGREGATES[how](values))  # type: ignore[operator]
    except OverflowError:
        return None
    return tidy(value) if math.isfinite(value) else None


def tidy(value: float) -> float:
    """A number without the noise of binary fractions."""
    return float(f"{value:.12g}")
