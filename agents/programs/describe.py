"""What is in a file: its columns, what they hold, totals by group and month, and what a sentence asks of them.

Called in a sandbox as `describe.py FILE NAME QUESTION OUT`; writes OUT/report.json, and OUT/chart.png where a chart by
group is asked for and matplotlib is there.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from agents.programs.table_file import NoTable, Sheet, read
from agents.programs.table_question import Asked, asked
from agents.programs.table_values import Column, aggregate, tidy, understood

MOST_GROUPS = 500
SHOWN_GROUPS = 12
MOST_VALUES = 60
MONTHS = ("day", "week", "month", "year")
MAIN = (
    "amount",
    "revenue",
    "total",
    "sales",
    "price",
    "value",
    "mrr",
    "betrag",
    "umsatz",
    "preis",
    "importe",
    "ventas",
)


def report(name: str, content: bytes, question: str) -> dict[str, Any]:
    """Everything that is said of a file; `problem` alone where it holds no table."""
    try:
        sheet = read(name, content)
    except NoTable as error:
        return {"problem": str(error)}
    if not sheet.rows:
        return {"problem": f"it has a header ({', '.join(sheet.header[:8])}) and no rows"}
    columns = [understood(called, [row[place] for row in sheet.rows]) for place, called in enumerate(sheet.header)]
    wanted = asked(question, columns)
    return {
        "format": sheet.format,
        "rows": len(sheet.rows),
        "columns": len(columns),
        "empty": sum(column.values.count(None) for column in columns),
        "notes": _notes(sheet, columns),
        "fields": [field(column) for column in columns],
        "asked": answer(wanted, columns) if wanted is not None else None,
        "groups": groups(columns),
        "time": over_time(columns, main_value(columns), dates_of(columns)),
    }


def field(column: Column) -> list[Any]:
    """A column in a row: name, kind, filled, empty, different values, smallest, largest, mean, median, sum."""
    filled = column.filled
    row: list[Any] = [column.name, column.kind, len(filled), len(column.values) - len(filled), len(set(filled))]
    if column.kind == "number":
        numbers = column.numbers
        ways = ("min", "max") if column.is_identifier else ("min", "max", "mean", "median", "sum")
        row += [aggregate(how, numbers) for how in ways]
    elif column.kind == "date":
        days = [value for value in filled if isinstance(value, date)]
        row += [min(days).isoformat(), max(days).isoformat()]
    return [*row, *[None] * (10 - len(row))]


def main_value(columns: Sequence[Column]) -> Column | None:
    """The number that totals are made of: one that is called so, else the first that is no identifier."""
    useful = [one for one in columns if one.kind == "number" and not one.is_identifier]
    named = [one for one in useful if any(word in one.name.lower() for word in MAIN)]
    return next(iter([*named, *useful]), None)


def dates_of(columns: Sequence[Column]) -> Column | None:
    """The column by whose dates rows are put in order."""
    return next((one for one in columns if one.kind == "date"), None)


def groups(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Totals by the columns that sort rows into a few groups; two of them at most."""
    value = main_value(columns)
    fitting = []
    for column in columns:
        different = len(set(column.filled))
        if column.kind in ("text", "yes or no") and 2 <= different <= min(MOST_VALUES, len(column.values) // 2):
            fitting.append((different, column))
    fitting.sort(key=lambda one: one[0])
    made = [
        grouped(Asked("sum" if value else "count", value.name if value else None, by.name), columns)
        for _, by in fitting[:2]
    ]
    return [{**one, "rows": one["rows"][:SHOWN_GROUPS]} for one in made]


def answer(wanted: Asked, columns: Sequence[Column]) -> dict[str, Any]:
    """The table that a question asks for."""
    kept = [place for place in range(len(columns[0].values)) if _kept(wanted, columns, place)]
    chosen = [Column(c.name, c.kind, [c.values[place] for place in kept], unit=c.unit) for c in columns]
    some = f", {conditions(wanted)}" if wanted.where or wanted.limits else ""
    if wanted.grain is not None and (days := dates_of(chosen)) is not None:
        made = over_time(chosen, _called(chosen, wanted.value), days, wanted.grain, wanted.how)
        if made is not None:
            return {**made, "title": made["title"] + some, "chart": True}
    if wanted.by is not None:
        made = grouped(wanted, chosen)
        return {**made, "title": made["title"] + some, "chart": wanted.chart}
    column = _called(chosen, wanted.value)
    figure = float(len(kept)) if column is None else aggregate(wanted.how, column.numbers)
    what = f"{label(wanted)}{some}"
    rows = [[what, figure]] if column is None else [[what, figure], ["rows", float(len(kept))]]
    return {"title": what, "columns": ["what", "value"], "rows": rows, "rows_in_all": len(rows), "chart": False}


def grouped(wanted: Asked, columns: Sequence[Column]) -> dict[str, Any]:
    """A figure for each value of a column, the largest first."""
    by, value = _called(columns, wanted.by), _called(columns, wanted.value)
    assert by is not None, wanted
    parts: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for place, name in enumerate(by.values):
        key = "(empty)" if name is None else name.isoformat() if isinstance(name, date) else _short(name)
        sizes[key] += 1
        number = value.values[place] if value is not None else None
        if isinstance(number, float):
            parts[key].append(number)
    figures = {key: aggregate(wanted.how, parts[key]) if value is not None else float(sizes[key]) for key in sizes}
    ordered = sorted(figures, key=lambda key: (figures[key] is None, -(figures[key] or 0.0), key))
    columns_shown = [by.name, label(wanted), *(["rows"] if value is not None else [])]
    rows = [[key, figures[key], *([float(sizes[key])] if value is not None else [])] for key in ordered[:MOST_GROUPS]]
    return {
        "title": f"{label(wanted)} by {by.name}",
        "columns": columns_shown,
        "rows": rows,
        "rows_in_all": len(ordered),
    }


def over_time(
    columns: Sequence[Column], value: Column | None, days: Column | None, grain: str | None = None, how: str = "sum"
) -> dict[str, Any] | None:
    """A figure for each period (days, months or years, by how long it is), empty ones included; None without dates."""
    if days is None or not any(days.filled):
        return None
    known = [one for one in days.values if isinstance(one, date)]
    if grain is None:
        span = (max(known) - min(known)).days
        grain = "day" if span < 45 else "month" if span < 365 * 8 else "year"
    parts: dict[date, list[float]] = defaultdict(list)
    sizes: dict[date, int] = defaultdict(int)
    for place, one in enumerate(days.values):
        if isinstance(one, date):
            begin = begun(one, grain)
            sizes[begin] += 1
            number = value.values[place] if value is not None else None
            if isinstance(number, float):
                parts[begin].append(number)
    periods = list(_between(min(sizes), max(sizes), grain))[-MOST_GROUPS:]
    if len(periods) < 2:
        return None
    wanted = Asked(how if value else "count", value.name if value else None)
    figures = [aggregate(how, parts[at]) if value is not None else float(sizes[at]) for at in periods]
    return {
        "title": f"{label(wanted)} by {grain} ({days.name})",
        "columns": [grain, label(wanted), *(["rows"] if value is not None else [])],
        "rows": [
            [at.isoformat(), figure, *([float(sizes[at])] if value is not None else [])]
            for at, figure in zip(periods, figures, strict=True)
        ],
        "rows_in_all": len(periods),
        "points": [[at.isoformat(), figure] for at, figure in zip(periods, figures, strict=True) if figure is not None],
        "metric": label(wanted),
        "grain": grain,
    }


def begun(at: date, grain: str) -> date:
    """The first day of the period that a day is in."""
    if grain == "week":
        return at - timedelta(days=at.weekday())
    return {"day": at, "month": at.replace(day=1), "year": at.replace(month=1, day=1)}[grain]


def _between(first: date, last: date, grain: str) -> Sequence[date]:
    found = [first]
    while found[-1] < last and len(found) < 20_000:
        at = found[-1]
        if grain in ("day", "week"):
            found.append(at + timedelta(days=7 if grain == "week" else 1))
        elif grain == "month":
            found.append(date(at.year + at.month // 12, at.month % 12 + 1, 1))
        else:
            found.append(date(at.year + 1, 1, 1))
    return found


def label(wanted: Asked) -> str:
    """What a figure is called."""
    return "rows" if wanted.value is None else f"{wanted.how} of {wanted.value}"


def conditions(wanted: Asked) -> str:
    """Which rows are meant, in words."""
    parts = [f"{column} {value}" for column, value in wanted.where]
    words = {">": "over", ">=": "at least", "<": "under", "<=": "at most"}
    return " and ".join([*parts, *(f"{one.column} {words[one.how]} {tidy(one.than):g}" for one in wanted.limits)])


def chart(made: dict[str, Any], out: Path) -> None:
    """Draws a table by groups as bars; without matplotlib there is the table alone."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        return
    rows = [row for row in made["rows"] if row[1] is not None][:30]
    figure, axes = plt.subplots(figsize=(8, max(2.5, 0.32 * len(rows) + 1)))
    axes.barh([str(row[0])[:40] for row in reversed(rows)], [row[1] for row in reversed(rows)], color="#4c6ef5")
    axes.set_title(made["title"])
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / "chart.png", dpi=110, bbox_inches="tight")


def _notes(sheet: Sheet, columns: Sequence[Column]) -> list[str]:
    notes = list(sheet.notes)
    for column in columns:
        notes += column.notes
        if column.odd:
            hold = "cell is" if column.odd == 1 else "cells are"
            notes.append(f"{column.odd:,} {hold} no {column.kind} in “{column.name}” and left out")
    return notes[:12]


def _kept(wanted: Asked, columns: Sequence[Column], place: int) -> bool:
    named = {column.name: column.values[place] for column in columns}
    if any(named[column] != value for column, value in wanted.where):
        return False
    for limit in wanted.limits:
        value = named[limit.column]
        if not isinstance(value, float) or not limit.holds(value):
            return False
    return True


def _called(columns: Sequence[Column], name: str | None) -> Column | None:
    return next((one for one in columns if one.name == name), None)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def main(path: str, name: str, question: str, out: str) -> None:
    """Writes the report."""
    made = report(name, Path(path).read_bytes(), question)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = made.get("asked") or {}
    if wanted.get("chart") and "points" not in wanted:
        chart(wanted, folder)
    (folder / "report.json").write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:5])
