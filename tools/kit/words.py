"""The words of a question, for services whose own search is too narrow."""

from __future__ import annotations

import re

from tools.kit.connector import matches

_OPERATORS = frozenset({"OR", "AND", "NOT"})
# Words that say nothing of what is looked for.
_SAYING_NOTHING = """
a about all an and any are as at be been by can did do does for from had has have how i in into is it me my not of on or
our that the their there they this to up us was we were what when where which who why will with you your
"""
_EMPTY = frozenset(_SAYING_NOTHING.split())


def query_words(text: str, most: int = 12) -> list[str]:
    """At most `most` words that a search can be asked for, without operators; empty words only where all are empty."""
    found = [word for word in dict.fromkeys(re.findall(r"\w[\w-]*", text)) if word not in _OPERATORS]
    return ([word for word in found if word.casefold() not in _EMPTY] or found)[:most]


def says(text: str, *parts: str | None) -> bool:
    """Whether any meaningful word of `text` begins a word of `parts`; every record says nothing at all."""
    return matches(" ".join(query_words(text)), *parts)


def hits(text: str, *parts: str | None) -> int:
    """How many different meaningful words of `text` begin a word of `parts`."""
    return sum(matches(word, *parts) for word in {word.casefold() for word in query_words(text)})


def means(asked: str, name: str, *handles: str | None) -> bool:
    """Whether somebody who writes `asked` may mean the person of this name: a handle, the whole or the first name."""
    wanted = asked.strip().lstrip("@").casefold()
    known = {name.casefold(), *name.casefold().split()[:1], *(handle.casefold() for handle in handles if handle)}
    return wanted in known
