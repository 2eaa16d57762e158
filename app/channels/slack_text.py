"""Answers in Markdown → texts that Slack takes: nothing in them calls, pings or loads anything. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

# https://docs.slack.dev/reference/block-kit/blocks: what a text of each block may hold, in characters.
SECTION = 3000
MARKDOWN = 12_000
HEADER = 150
FALLBACK = 3500

_CITATION = re.compile(r"\[(\d{1,3})\](?!\()")
_ROW = re.compile(r"^\s*\|.*\|\s*$")
_MARKS = re.compile(r"\*\*|__|^#{1,6} |`", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")


def escape(text: str) -> str:
    """The text with nothing in it that Slack reads as a mention, a channel or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """The text, or as much of it as fits with an ellipsis, broken between paragraphs or words where that is near."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    for mark in ("\n\n", "\n", " "):
        at = kept.rfind(mark)
        if at > most * 0.7:
            kept = kept[:at]
            break
    return kept.rstrip() + "…"


def address(url: str) -> str:
    """A URL as it may stand within a link of either markup."""
    return quote(url, safe=":/?#@!$&'*+,;=%~-._[]").replace("&", "&amp;")


def link(url: str, words: str) -> str:
    """A link in mrkdwn, the markup of sections and contexts."""
    return f"<{address(url)}|{escape(words).replace('|', '¦') or 'link'}>"


def streamed(text: str) -> str:
    """Markdown that is still growing: what begins another text begins the other's form as well."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("![", "!\u200b[")


def cited(text: str, place: Callable[[str], str | None]) -> str:
    """Markdown for a markdown block. `place` gives the URL of a citation's number, which becomes a link there."""
    return _CITATION.sub(lambda found: _linked_to(found, place), streamed(text))


def plain(text: str) -> str:
    """What notifications and screen readers get: the words without marks."""
    return cut(escape(_MARKS.sub("", _LINK.sub(r"\1", text))).strip(), FALLBACK)


def heard(text: str, bot: str) -> str:
    """What somebody wrote, as they saw it: without the mention of the bot, links as their words and addresses."""
    text = text.replace(f"<@{bot}>", " ") if bot else text
    text = re.sub(r"<([@#!][^|>]*)\|([^>]*)>", lambda found: f"{found[1][0].replace('!', '@')}{found[2]}", text)
    text = re.sub(r"<[@#!]([^>]*)>", r"@\1", text)
    text = re.sub(r"<([^|>\s]+)\|([^>]*)>", lambda found: _linked(found[1], found[2]), text)
    text = re.sub(r"<([^<>\s]+)>", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _linked(url: str, words: str) -> str:
    return words if words in url else f"{words} ({url})"


def _linked_to(found: re.Match[str], place: Callable[[str], str | None]) -> str:
    url = place(found[1])
    # Parentheses would end the link.
    return f"[[{found[1]}]]({address(url).replace('(', '%28').replace(')', '%29')})" if url else found[0]


def parted(lines: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
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
