"""What a sentence asks of a table: which figure of which column, by what, of which rows. Runs inside a sandbox."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from agents.programs.table_values import Column, number

_HOW = {
    "sum": "sum total totals summe gesamt gesamtsumme suma altogether",
    "mean": "average mean avg durchschnitt durchschnittlich mittelwert mittel promedio media",
    "median": "median mediana",
    "max": "max maximum highest largest biggest most höchste höchster größte maximal máximo maximo mayor",
    "min": "min minimum lowest smallest least niedrigste kleinste minimal mínimo minimo menor",
    "count": "count number many wie viele anzahl cuántos cuántas cuantos cuantas zähle número",
}
HOW = {word: how for how, words in _HOW.items() for word in words.split() if word != "wie"}
_BY = "by per each every nach pro je jede jeder jedes por cada across versus vs against gegen grouped"
BY = frozenset(re.findall(r"\w+", _BY))
_CHART = "chart plot graph draw diagramm grafik zeichne gráfico grafica gráfica grafico dibuja histogram"
CHART = frozenset(re.findall(r"\w+", _CHART))
_GRAINS = {
    "month": "month months monthly monat monate monatlich mes meses mensual",
    "week": "week weeks weekly woche wochen wöchentlich semana semanas semanal",
    "day": "day days daily tag tage täglich día días diario dia dias",
    "year": "year years yearly annually jahr jahre jährlich año años anual",
}
GRAINS = {word: grain for grain, words in _GRAINS.items() for word in words.split()}
_MORE = r"more than|over|above|greater than|exceed(?:s|ing)?|mehr als|über|größer als|más de|mayor(?:es)? que|>"
_LESS = r"less than|fewer than|under|below|smaller than|weniger als|unter|kleiner als|menos de|menor(?:es)? que|<"
_LIMIT = re.compile(
    r"(?P<least>at least|mindestens|al menos|>=|≥)|(?P<most>at most|höchstens|como máximo|<=|≤)"
    rf"|(?P<more>{_MORE})|(?P<less>{_LESS})",
    re.I,
)
_FIGURE = re.compile(r"\s*(?:a |an |the |of )?[$€£]?\s*(\d[\d.,]*\d|\d)")
# A column with more values than this is searched for none of them in a sentence.
MOST_VALUES = 200


@dataclass(frozen=True)
class Limit:
    """Rows whose number is over or under another: `how` is one of >, >=, <, <=."""

    column: str
    how: str
    than: float

    def holds(self, value: float) -> bool:
        """Whether a value keeps to it."""
        return {
            ">": value > self.than, ">=": value >= self.than, "<": value < self.than, "<=": value <= self.than
        }[self.how]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """How (one of table_values.AGGREGATES) which column is taken together, by which column or over which grain of
    time, of rows with these values and limits."""

    how: str
    value: str | None = None
    by: str | None = None
    grain: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    limits: tuple[Limit, ...] = ()
    chart: bool = False


def asked(question: str, columns: Sequence[Column]) -> Asked | None:
    """What a sentence asks; None where it asks nothing in particular."""
    words = _words(question)
    mentioned = mentions(words, columns)
    grain = next(
        (GRAINS[word] for n, word in enumerate(words) if (word in GRAINS and _led(words, n, 1)) or _of_time(word)), None
    )
    if grain is None and re.search(r"over time|im (?:zeit)?verlauf|a lo largo del tiempo", question, re.I):
        grain = "month"
    by = next((one for start, _, one in mentioned if one.kind != "empty" and _led(words, start, 2)), None)
    if by is not None and by.kind == "date":
        by, grain = None, grain or "month"
    limits = _limits(question, columns, [one for _, _, one in mentioned])
    bound = {limit.column for limit in limits}
    figures = [one for _, _, one in mentioned if one.kind == "number" and one is not by and one.name not in bound]
    where = _where(words, columns, {by.name if by else "", *(one.name for one in figures)})
    taken = {place for start, end, _ in mentioned for place in range(start, end)}
    said = [HOW[word] for place, word in enumerate(words) if word in HOW and place not in taken]
    chart = bool(CHART & set(words))
    how = said[0] if said else None
    value = figures[0] if figures else None
    if how in ("sum", "mean", "median", "max", "min") and value is None:
        useful = [one for one in columns if one.kind == "number" and not one.is_identifier and one is not by]
        value = useful[0] if len(useful) == 1 else None
        if value is None:
            how = None
    if how is None and not (by or grain or chart or limits):
        return None
    if how is None:
        how = "sum" if value is not None and not value.is_identifier else "count"
    if how == "count":
        value = None
    if not (by or grain) and value is None and not (limits or where):
        return None
    return Asked(how, value.name if value else None, by.name if by else None, grain, where, limits, chart)


def mentions(words: Sequence[str], columns: Sequence[Column]) -> list[tuple[int, int, Column]]:
    """Where a sentence names columns, in its order; a name inside a longer one does not count."""
    found: list[tuple[int, int, Column]] = []
    for column in columns:
        parts = _name_words(column.name)
        if not parts:
            continue
        for start in range(len(words) - len(parts) + 1):
            if all(_same(words[start + n], part) for n, part in enumerate(parts)):
                found.append((start, start + len(parts), column))
    found.sort(key=lambda one: (one[0], -one[1]))
    return [
        one for one in found if not any(two[0] <= one[0] and one[1] <= two[1] and two[:2] != one[:2] for two in found)
    ]


def _words(text: str) -> list[str]:
    split = re.sub(r"(?<=[a-zà-ÿ0-9])(?=[A-Z])", " ", unicodedata.normalize("NFC", text))
    return re.findall(r"[^\W_]+", split.lower())


def _name_words(name: str) -> list[str]:
    return _words(name)[:8]


def _same(word: str, part: str) -> bool:
    return word == part or (len(part) > 2 and _stem(word) == _stem(part))


def _stem(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word.removesuffix("es") if word.endswith(("ses", "xes", "ches")) else word.removesuffix("s")


def _led(words: Sequence[str], at: int, room: int) -> bool:
    """Whether a word such as “by” stands shortly before a place."""
    return bool(BY & set(words[max(0, at - room) : at]))


def _of_time(word: str) -> bool:
    return word in GRAINS and word.endswith(("ly", "lich", "ual", "nal"))


def _limits(question: str, columns: Sequence[Column], named: Sequence[Column]) -> tuple[Limit, ...]:
    """The bounds that a sentence sets: each for the column that is named nearest."""
    found: list[Limit] = []
    for match in _LIMIT.finditer(question):
        figure = _FIGURE.match(question, match.end())
        than = number(figure[1]) if figure else None
        if figure is None or than is None:
            continue
        before = mentions(_words(question[: match.start()]), columns)
        after = mentions(_words(question[figure.end() :][:60]), columns)
        near = [one for _, _, one in after[:1]] + [one for _, _, one in reversed(before)]
        column = next((one for one in [*near, *named] if one.kind == "number"), None)
        if column is not None:
            how = {"least": ">=", "most": "<=", "more": ">", "less": "<"}[str(match.lastgroup)]
            found.append(Limit(column.name, how, than))
    return tuple(dict.fromkeys(found))


def _where(words: Sequence[str], columns: Sequence[Column], but: set[str]) -> tuple[tuple[str, str], ...]:
    """The values of columns of text that a sentence names, such as a country."""
    found: list[tuple[str, str]] = []
    said = f" {' '.join(words)} "
    for column in columns:
        if column.kind != "text" or column.name in but:
            continue
        values = {str(value) for value in column.filled}
        if len(values) > MOST_VALUES:
            continue
        named = [value for value in sorted(values, key=lambda one: (-len(one), one)) if _says(said, value)]
        if named:
            found.append((column.name, named[0]))
    return tuple(found)


def _says(said: str, value: str) -> bool:
    words = " ".join(_words(value))
    return len(words) > 2 and f" {words} " in said
