"""The words of a question, for services whose own search is too narrow."""

from __future__ import annotations

import re

from tools.kit.connector import matches

_OPERATORS = frozenset({"OR", "AND", "NOT"})


def query_words(text: str, most: int) -> list[str]:
    """At most `most` words that a search can be asked for, without operators; short ones only where all are short."""
    found = [word for word in dict.fromkeys(re.findall(r"\w[\w-]*", text)) if word not in _OPERATORS]
    return ([word for word in found if len(word) > 2] or found)[:most]


def hits(text: str, *parts: str | None) -> int:
    """How many different words of `text` begin a word of `parts`."""
    return sum(matches(word, *parts) for word in set(re.findall(r"\w+", text.casefold())))
