"""A file as a table: delimited text, JSON or a workbook, read as far as it can be. Runs inside a sandbox."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from xml.etree import ElementTree

from agents.programs.table_values import number

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
MOST_COLUMNS = 400
_FORMULA = re.compile(r"^\s*[=@]|^\s*[+-](?![\d.,\s$€£])")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DATES = frozenset([*range(14, 23), *range(45, 48)])
_DAY_ZERO = date(1899, 12, 30)


class NoTable(Exception):
    """The file holds no table; the message says what it is instead."""


@dataclass
class Sheet:
    """A table of texts: a header, rows of as many cells, how it was read, and what a reader should know of that."""

    format: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def read(name: str, content: bytes) -> Sheet:
    """The table in a file. Raises NoTable."""
    if not content.strip():
        raise NoTable("it is empty")
    ending = name.rpartition(".")[2].lower()
    if content.startswith(b"PK\x03\x04"):
        return workbook(content)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        raise NoTable(f"it is a picture of {width} × {height} pixels, and I read tables and text")
    if content.startswith((b"%PDF", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"GIF8", b"\xff\xd8\xff")):
        raise NoTable("it is no table: save it as CSV, and I will read that")
    text, coding, notes = decoded(content)
    if ending in ("json", "jsonl", "ndjson") or text.lstrip()[:1] in ("[", "{"):
        found = of_json(text)
        if found is not None:
            found.notes += notes
            return found
        if ending != "txt":
            raise NoTable("its JSON cannot be read as a list of records")
    return delimited(text, coding, notes, listed=ending in ("csv", "tsv"))


def decoded(content: bytes) -> tuple[str, str, list[str]]:
    """Bytes as text, the coding's name, and what to say of it."""
    for mark, coding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(coding, errors="replace"), coding.upper().removesuffix("-SIG"), []
    if b"\0" in content[:8192]:
        raise NoTable("it is neither text nor a workbook: save it as CSV, and I will read that")
    try:
        return content.decode("utf-8"), "UTF-8", []
    except UnicodeDecodeError:
        told = "it is not in UTF-8; I read it as Windows-1252, so look whether umlauts and accents are right"
        return content.decode("cp1252", errors="replace"), "Windows-1252", [told]


def delimited(text: str, coding: str, notes: list[str], *, listed: bool = False) -> Sheet:
    """Text in columns. Raises NoTable where it has only one, unless it is `listed` as a table."""
    csv.field_size_limit(10_000_000)
    lines = [line for line in text.splitlines()[:60] if line.strip()]
    if lines and (named := re.fullmatch(r"sep=(.)", lines[0])):
        delimiter: str | None = named[1]
        text = text.split("\n", 1)[1]
    else:
        delimiter = separator(text)
    if delimiter is None and listed and len(lines) > 1:
        delimiter = ","
    if delimiter is None:
        words = len(text.split())
        count = len(text.splitlines())
        raise NoTable(f"it is text without columns: {count:,} {'line' if count == 1 else 'lines'} and {words:,} words")
    records = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False) if any(row)]
    way = DELIMITERS.get(delimiter, repr(delimiter))
    return squared(f"text in {coding}, separated by {way}", records, notes)


def separator(text: str) -> str | None:
    """What separates the columns: what gives most of the first records the same number of them, the largest wins."""
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=delimiter, strict=False)
        widths: Counter[int] = Counter()
        try:
            for row, _ in zip(reader, range(60), strict=False):
                if any(row):
                    widths[len(row)] += 1
        except csv.Error:
            continue
        if not widths:
            continue
        width, often = widths.most_common(1)[0]
        share = often / widths.total()
        if width > 1 and share >= 0.6 and (best is None or (round(share, 1), width) > best[:2]):
            best = (round(share, 1), width, delimiter)
    return best[2] if best else None


def squared(how: str, records: list[list[str]], notes: list[str]) -> Sheet:
    """Records as a table with a header; rows that are too short or too long are mended and counted."""
    width = Counter(len(row) for row in records[:200]).most_common(1)[0][0]
    if width > MOST_COLUMNS:
        notes.append(f"it has {width} columns; I read the first {MOST_COLUMNS}")
        width = MOST_COLUMNS
    head = records[0]
    if any(number(cell) is not None for cell in head) or not any(cell.strip() for cell in head):
        notes.append("its first row is no header, so I call the columns by their number")
        header, body = [f"column {n}" for n in range(1, width + 1)], records
    else:
        header, body = named(head[:width], width), records[1:]
    uneven = sum(len(row) != len(records[0]) for row in body)
    if uneven:
        notes.append(f"{uneven:,} {'row has' if uneven == 1 else 'rows have'} more or fewer cells than the header")
    rows = [[*row[:width], *[""] * (width - len(row))] for row in body]
    formulas = sum(
        _FORMULA.match(cell) is not None for row in rows for cell in row if cell[:1] in "=@+-" and len(cell) > 1
    )
    if formulas:
        hold = "cell holds a formula" if formulas == 1 else "cells hold formulas"
        notes.append(f"{formulas:,} {hold}, read as text and not run")
    return Sheet(how, header, rows, notes)


def named(head: list[str], width: int) -> list[str]:
    """Names of columns, each once."""
    found: list[str] = []
    for place in range(width):
        name = " ".join(head[place].split())[:80] if place < len(head) else ""
        name = name or f"column {place + 1}"
        again = 2
        called = name
        while called in found:
            called, again = f"{name} ({again})", again + 1
        found.append(called)
    return found


def of_json(text: str) -> Sheet | None:
    """A list of records in JSON, or a record a line; None where it is neither."""
    try:
        data = json.loads(text)
        how = "JSON"
    except RecursionError:
        return None
    except ValueError:
        try:
            data = [json.loads(line) for line in text.splitlines() if line.strip()]
            how = "JSON, a record a line"
        except (ValueError, RecursionError):
            return None
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        data = max(lists, key=len) if lists else [data]
    if not isinstance(data, list) or not data or not all(isinstance(row, dict) for row in data):
        return None
    header = list(dict.fromkeys(str(key) for row in data for key in row))[:MOST_COLUMNS]
    rows = [[_written(row.get(key)) for key in header] for row in data]
    return Sheet(how, named(header, len(header)), rows, [])


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def workbook(content: bytes) -> Sheet:
    """The first sheet of an Excel workbook, by the values that were stored with it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            sheets = sorted(one for one in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", one))
            if not sheets:
                raise NoTable("it is an archive without a worksheet")
            first = min(sheets, key=lambda one: int(re.sub(r"\D", "", one)))
            shared = _shared(archive.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
            dates = _date_styles(archive.read("xl/styles.xml")) if "xl/styles.xml" in names else frozenset()
            records, formulas = _cells(archive.read(first), shared, dates)
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, NotImplementedError, RuntimeError) as error:
        raise NoTable("its workbook cannot be read: save it as CSV, and I will read that") from error
    notes = [f"it has {len(sheets)} sheets; I read the first"] if len(sheets) > 1 else []
    if formulas:
        hold = "cell holds a formula" if formulas == 1 else "cells hold formulas"
        notes.append(f"{formulas:,} {hold}; I read the values that were saved with them")
    records = [row for row in records if any(cell.strip() for cell in row)]
    if not records:
        raise NoTable("its first sheet is empty")
    return squared("an Excel workbook", records, notes)


def _shared(xml: bytes) -> list[str]:
    return ["".join(text.text or "" for text in one.iter(f"{_MAIN}t")) for one in ElementTree.fromstring(xml)]


def _date_styles(xml: bytes) -> frozenset[int]:
    """The styles of cells that are written as dates."""
    root = ElementTree.fromstring(xml)
    own = {
        int(one.get("numFmtId", "0"))
        for one in root.iter(f"{_MAIN}numFmt")
        if re.search(r"[ymd]", re.sub(r"\[[^\]]*\]|\"[^\"]*\"", "", one.get("formatCode", "").lower()))
    }
    styles = root.find(f"{_MAIN}cellXfs")
    ids = [int(one.get("numFmtId", "0")) for one in styles] if styles is not None else []
    return frozenset(place for place, id in enumerate(ids) if id in _DATES or id in own)


def _cells(xml: bytes, shared: list[str], dates: frozenset[int]) -> tuple[list[list[str]], int]:
    records: list[list[str]] = []
    formulas = 0
    for row in ElementTree.fromstring(xml).iter(f"{_MAIN}row"):
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            place = _place(cell.get("r", ""), len(cells))
            cells += [""] * (place - len(cells))
            formulas += cell.find(f"{_MAIN}f") is not None
            cells.append(_value(cell, shared, dates))
        records.append(cells[:MOST_COLUMNS])
    return records, formulas


def _place(reference: str, usual: int) -> int:
    letters = re.match(r"[A-Z]{1,3}", reference)
    if letters is None:
        return usual
    place = 0
    for letter in letters[0]:
        place = place * 26 + ord(letter) - 64
    return max(place - 1, usual)


def _value(cell: ElementTree.Element, shared: list[str], dates: frozenset[int]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v") or ""
    if kind == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{_MAIN}t"))
    if kind == "s":
        return shared[int(value)] if value.isdigit() and int(value) < len(shared) else ""
    if kind == "b":
        return "true" if value == "1" else "false"
    if kind == "n" and value and int(cell.get("s", "0")) in dates:
        try:
            return (_DAY_ZERO + timedelta(days=int(float(value)))).isoformat()
        except (ValueError, OverflowError):
            return value
    return value
