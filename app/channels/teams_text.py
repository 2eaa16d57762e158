"""Answers in Markdown → texts that Teams takes: nothing in them loads or pings anything. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

_CITATION = re.compile(r"\[(\d{1,3})\](?!\()")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|[\s|:-]+\|\s*$")
_MARKS = re.compile(r"\*\*|__|^#{1,6} |`", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~>-])")

Table = list[list[str]]


def cut(text: str, most: int) -> str:
    """The text, or as much of it as fits with an ellipsis, broken between paragraphs or words where that is near."""
    if len(text) <= most:
        return text
    kept = text[: max(most - 1, 0)]
    for mark in ("\n\n", "\n", " "):
        at = kept.rfind(mark)
        if at > most * 0.7:
            kept = kept[:at]
            break
    return kept.rstrip() + "…"


def literal(text: str) -> str:
    """Words of somebody's as they are, in Markdown: none of their marks counts."""
    return _MARKUP.sub(r"\\\1", streamed(" ".join(text.split())))


def streamed(text: str) -> str:
    """Markdown that is still growing: what begins another text begins the other's form as well."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\u200b[")


def markdown(text: str, place: Callable[[str], str | None]) -> tuple[str, list[Table]]:
    """Markdown for a message, and its tables, which Teams shows in cards alone: [[cell, …], …], the header first.

    `place` gives the URL of a citation's number.
    """
    parts: list[str] = []
    tables: list[Table] = []
    for is_table, lines in _parted(text.splitlines()):
        if is_table:
            tables.append(_cells(lines))
        else:
            parts.append(_CITATION.sub(lambda found: _cited(found, place), streamed("\n".join(lines))))
    return "\n".join(parts).strip(), tables


def plain(text: str, most: int = 300) -> str:
    """What notifications and screen readers get: the words without marks."""
    return cut(_MARKS.sub("", _LINK.sub(r"\1", text)).strip(), most)


def _cited(found: re.Match[str], place: Callable[[str], str | None]) -> str:
    url = place(found[1])
    # Parentheses would end the link.
    return rf"[\[{found[1]}\]]({address(url)})" if url else found[0]


def address(url: str) -> str:
    """A URL as it may stand within a link of Markdown."""
    return quote(url, safe=":/?#@!$&'*+,;=%~-._[]").replace("(", "%28").replace(")", "%29")


def _parted(lines: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    """Runs of lines, tables apart from the rest. A table within a code block is code."""
    kept: list[str] = []
    inside = coded = False
    for line in lines:
        coded ^= line.lstrip().startswith("```")
        is_row = bool(_ROW.match(line)) and not coded
        if is_row != inside and kept:
            yield inside, kept
            kept = []
        inside = is_row
        kept.append(line)
    if kept:
        yield inside, kept


def _cells(lines: Sequence[str]) -> Table:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not _RULE.match(line)]
    return [[_MARKS.sub("", _LINK.sub(r"\1", cell)) for cell in row] for row in rows]
