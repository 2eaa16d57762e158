"""Answers in Markdown → texts that Teams takes: nothing in them loads or pings anything. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

_CITATION = re.compile(r"\[(\d{1,3})\](?!\()")
_HEADING = re.compile(r"^#{1,6} ")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_RULE = re.compile(r"^\s*\|[\s|:-]+\|\s*$")
_MARKS = re.compile(r"\*\*|__|^#{1,6} |`", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~>-])")

Table = list[list[str]]


@dataclass(frozen=True)
class Part:
    """A piece of an answer: words, a heading or code as `text`, or a table's rows, the header first."""

    kind: str
    text: str = ""
    rows: Table = field(default_factory=list)


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


def markdown(text: str, place: Callable[[str], str | None]) -> list[Part]:
    """Markdown in parts as cards draw them: paragraphs, headings, code, tables. `place` gives a citation's URL."""

    def cited(words: str) -> str:
        return _CITATION.sub(lambda found: _cited(found, place), streamed(words))

    parts: list[Part] = []
    for kind, lines in _parted(text.splitlines()):
        if kind == "table":
            parts.append(Part(kind, rows=_cells(lines)))
        elif kind == "code":
            parts.append(Part(kind, "\n".join(lines[1 : -1 if len(lines) > 1 and _is_fence(lines[-1]) else None])))
        elif kind == "heading":
            parts.append(Part(kind, cited(lines[0].lstrip("# "))))
        elif words := "\n".join(lines).strip():
            parts.append(Part(kind, cited(words)))
    return parts


def joined(parts: Sequence[Part]) -> str:
    """The parts as the text of a message, without the tables, which only cards draw."""
    marks = {"heading": "### {}", "code": "```\n{}\n```", "words": "{}"}
    return "\n\n".join(marks[one.kind].format(one.text) for one in parts if one.kind in marks)


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


def _parted(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Runs of lines of one kind. Within a code block everything is code, to its end."""
    kept: list[str] = []
    last = "words"
    coded = False
    for line in lines:
        fence = _is_fence(line)
        if coded or fence:
            kind = "code"
        else:
            kind = "table" if _ROW.match(line) else "heading" if _HEADING.match(line) else "words"
        starts = kind != last or kind == "heading" or (fence and not coded)
        if starts and kept:
            yield last, kept
            kept = []
        coded ^= fence
        last = kind
        kept.append(line)
    if kept:
        yield last, kept


def _is_fence(line: str) -> bool:
    return line.lstrip().startswith("```")


def _cells(lines: Sequence[str]) -> Table:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not _RULE.match(line)]
    return [[_MARKS.sub("", _LINK.sub(r"\1", cell)) for cell in row] for row in rows]
