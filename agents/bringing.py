"""What a program made in a sandbox, read as from a stranger: tables, charts and files. Pure."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | int | float | bool | None
MOST_ROWS = 500
MOST_COLUMNS = 60
MOST_CELL = 300
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Rows:
    """A table as it was read: so many rows as are kept, and how many there were."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    rows_in_all: int


def read_table(name: str, content: bytes) -> Rows | None:
    """The table in a CSV or JSON file; None where it holds none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    ending = name.rpartition(".")[2].lower()
    if ending == "json":
        return _of_json(text)
    if ending not in ("csv", "tsv"):
        return None
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if ending == "tsv" else ","))
    except csv.Error:
        return None
    filled = [line for line in lines if any(cell.strip() for cell in line)]
    return _rows(filled[0], [[cell_of(one) for one in line] for line in filled[1:]]) if filled else None


def is_picture(content: bytes) -> bool:
    """Whether it is a PNG, by its first bytes."""
    return content.startswith(_PNG)


def cell_of(text: str) -> Cell:
    """A cell's value: a number where the text is one as programs write them, None where nothing stands."""
    plain = text.strip()
    if not plain or plain.lower() in ("nan", "none", "null", "nat"):
        return None
    if plain in ("True", "False"):
        return plain == "True"
    if (
        len(plain) < 40
        and "_" not in plain
        and not (plain.lstrip("+-").startswith("0") and plain.lstrip("+-")[1:2].isdigit())
    ):
        for kind in (int, float):
            try:
                value = kind(plain)
            except ValueError:
                continue
            return _finite(value)
    return text[:MOST_CELL]


def _of_json(text: str) -> Rows | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, dict) and isinstance(data.get("columns"), list) and isinstance(data.get("rows"), list):
        rows = [row for row in data["rows"] if isinstance(row, list)]
        return _rows([str(name) for name in data["columns"]], [[_plain(one) for one in row] for row in rows])
    if isinstance(data, dict) and data and not any(isinstance(value, dict | list) for value in data.values()):
        return _rows(["what", "value"], [[str(name), _plain(value)] for name, value in data.items()])
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        columns = list(dict.fromkeys(str(name) for row in data for name in row))
        return _rows(columns, [[_plain(row.get(name)) for name in columns] for row in data])
    return None


def _rows(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Rows:
    named = _named(columns[:MOST_COLUMNS])
    kept = [(*row[: len(named)], *[None] * (len(named) - len(row))) for row in rows[:MOST_ROWS]]
    return Rows(named, tuple(kept), len(rows))


def _named(columns: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for number, name in enumerate(columns, 1):
        called = " ".join(name.split())[:80] or f"column {number}"
        found.append(called if called not in found else f"{called} ({number})")
    return tuple(found)


def _plain(value: Any) -> Cell:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return _finite(value)
    if isinstance(value, str):
        return value[:MOST_CELL]
    return json.dumps(value, ensure_ascii=False)[:MOST_CELL]


def _finite(value: int | float | None) -> Cell:
    if value is None or isinstance(value, int):
        # What no database and no browser holds exactly is text.
        return value if value is None or abs(value) < 2**53 else str(value)
    return value if math.isfinite(value) else None
