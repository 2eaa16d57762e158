"""A text → pieces of about 200 tokens along its headings and paragraphs, overlapping where a section is cut. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# A token is about four characters of prose; the embedder reads 256 of them, title included.
TARGET = 800
LONGEST = 900
OVERLAP = 120
_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class Section:
    """What stands under one heading; `headings` leads from the outermost to it."""

    headings: tuple[str, ...]
    text: str


def cut(text: str) -> list[Section]:
    """The pieces of a text, none of them blank or longer than 900 characters. Every word is in at least one."""
    return [
        Section(section.headings, piece)
        for section in sections(text)
        for piece in _pieces(_blocks(section.text))
        if piece.strip()
    ]


def sections(text: str) -> Iterator[Section]:
    """The text along its Markdown headings; a `#` within a code block is none."""
    headings: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        found = None if fenced else _HEADING.match(line)
        if found is None:
            lines.append(line)
            continue
        yield from _section(headings, lines)
        depth = len(found[1])
        headings = [one for one in headings if one[0] < depth] + [(depth, found[2].strip())]
        lines = []
    yield from _section(headings, lines)


def _section(headings: Sequence[tuple[int, str]], lines: Sequence[str]) -> Iterator[Section]:
    text = "\n".join(lines).strip("\n")
    titles = tuple(title for _, title in headings)
    if text.strip():
        yield Section(titles, text)
    elif titles:
        # A heading with nothing under it still says something.
        yield Section(titles[:-1], titles[-1])


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs; of a long one its lines, its sentences, at last its characters."""
    for paragraph in re.split(r"\n\s*\n", text):
        block = paragraph.strip("\n")
        if len(block) <= LONGEST - OVERLAP:
            if block.strip():
                yield block
        else:
            for line in block.split("\n"):
                yield from _short(line)


def _short(line: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(line) if len(line) > LONGEST - OVERLAP else (line,):
        rest = sentence
        while len(rest) > LONGEST - OVERLAP:
            at = rest.rfind(" ", 1, LONGEST - OVERLAP)
            at = at if at > 0 else LONGEST - OVERLAP
            yield rest[:at]
            rest = rest[at:].lstrip(" ")
        if rest.strip():
            yield rest


def _pieces(blocks: Iterator[str]) -> Iterator[str]:
    gathered: list[str] = []
    size = 0
    for block in blocks:
        if gathered and size + len(block) > TARGET:
            yield "\n".join(gathered)
            tail = _tail(gathered[-1])
            gathered, size = ([tail], len(tail)) if tail and len(tail) + len(block) < LONGEST else ([], 0)
        gathered.append(block)
        size += len(block) + 1
    if gathered:
        yield "\n".join(gathered)


def _tail(block: str) -> str:
    """The last words of a block, up to 120 characters, from the start of a word."""
    if len(block) <= OVERLAP:
        return block
    end = block[-OVERLAP:]
    cut_at = end.find(" ")
    return end[cut_at + 1 :] if cut_at >= 0 else ""
