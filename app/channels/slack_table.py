"""A table of an answer as Slack's table block, and as aligned text where it does not fit. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.channels.slack_post import Block
from app.channels.slack_text import address, escape, heard

# https://docs.slack.dev/reference/block-kit/blocks/table-block; a message may have one of them.
ROWS, COLUMNS, LETTERS = 100, 20, 10_000
EMPTY = "\u00a0"  # a cell needs a letter

Place = Callable[[str], str | None]
_RULE = re.compile(r"^\s*\|?[\s|:-]+\|?\s*$")
_MARKS = re.compile(r"\*\*|__|`")
_CITED = re.compile(r"\[(\d{1,3})\](?!\()")
_NUMBER = re.compile(r"^[^A-Za-z]*\d[^A-Za-z]*$")


def table(lines: Sequence[str], place: Place) -> Block | None:
    """The rows of a Markdown table as a table block; None where Slack would not take it. Numbers stand right."""
    rows = cells(lines)
    width = max((len(row) for row in rows), default=0)
    if not 1 < len(rows) <= ROWS or not 0 < width <= COLUMNS:
        return None
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    drawn = [[_cell(cell, place) for cell in row] for row in rows]
    block: Block = {"type": "table", "rows": drawn, "column_settings": _columns(rows, _aligned_right(lines, width))}
    return block if sum(len(_words(cell)) for row in drawn for cell in row) <= LETTERS else None


def table_of(data: Any) -> Block | None:
    """A table artifact's data, {columns, rows} or rows alone, as a table block."""
    rows = list(data.get("rows") or ()) if isinstance(data, Mapping) else list(data or ())
    columns = list(data.get("columns") or ()) if isinstance(data, Mapping) else []
    if not columns and rows and isinstance(rows[0], Mapping):
        columns = list(rows[0])
    keys = [str(one.get("key") or one.get("label")) if isinstance(one, Mapping) else str(one) for one in columns]
    names = [str(one.get("label") or one.get("key")) if isinstance(one, Mapping) else str(one) for one in columns]
    listed = [[row.get(key) for key in keys] if isinstance(row, Mapping) else list(row) for row in rows]
    said = [names, *([_said(value) for value in row] for row in listed)]
    return table(["| " + " | ".join(one.replace("|", "¦") for one in row) + " |" for row in said], lambda _: None)


def cells(lines: Sequence[str]) -> list[list[str]]:
    """The cells of a Markdown table, without marks and without the rule below its head."""
    rows = [line.strip().removeprefix("|").removesuffix("|").split("|") for line in lines if not _RULE.match(line)]
    return [[_MARKS.sub("", cell).strip() for cell in row] for row in rows]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The rows as text in columns, for a Markdown block."""
    shown = [[cell.replace("&", "&amp;").replace("<", "&lt;") for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in shown if n < len(row)) for n in range(max(map(len, shown), default=0))]
    lines = ["  ".join(cell.ljust(widths[n]) for n, cell in enumerate(row)).rstrip() for row in shown]
    return "\n".join(("```", *lines, "```"))


def without_tables(blocks: Sequence[Block]) -> list[Block] | None:
    """The blocks with their tables as text, for where Slack does not take the block; None if there is none."""
    if not any(block["type"] == "table" for block in blocks):
        return None
    return [_as_text(block) if block["type"] == "table" else block for block in blocks]


def _as_text(block: Block) -> Block:
    rows = [[heard(_words(cell), "").replace(EMPTY, "") for cell in row] for row in block["rows"]]
    return {"type": "markdown", "text": aligned(rows)}


def _cell(text: str, place: Place) -> dict[str, Any]:
    """A cell; its citations are links."""
    parts: list[dict[str, Any]] = []
    at = 0
    for found in _CITED.finditer(text):
        url = place(found[1])
        if url is None:
            continue
        parts += [{"type": "text", "text": text[at : found.start()]}] if found.start() > at else []
        parts.append({"type": "link", "url": address(url).replace("&amp;", "&"), "text": found[0]})
        at = found.end()
    if not parts:
        return {"type": "raw_text", "text": escape(text) or EMPTY}
    parts += [{"type": "text", "text": text[at:]}] if at < len(text) else []
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}


def _words(cell: Mapping[str, Any]) -> str:
    if cell["type"] == "raw_text":
        return str(cell["text"])
    return "".join(part["text"] for section in cell["elements"] for part in section["elements"])


def _aligned_right(lines: Sequence[str], width: int) -> list[bool]:
    """Which columns the Markdown wants on the right."""
    rule = next((line for line in lines if _RULE.match(line) and "-" in line), "")
    wanted = [one.strip().endswith(":") for one in rule.strip().strip("|").split("|")]
    return [wanted[n] if n < len(wanted) else False for n in range(width)]


def _columns(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[dict[str, Any]]:
    settings = []
    for n, wanted in enumerate(right):
        numbers = [bool(_NUMBER.match(row[n])) for row in rows[1:] if row[n]]
        ends = wanted or (bool(numbers) and all(numbers))
        settings.append({"align": "right" if ends else "left", "is_wrapped": not ends})
    return settings


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return " ".join(str(value).split())
