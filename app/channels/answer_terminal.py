"""An answer's Markdown as a terminal shows it: as it was written, without the signs that keep words from being markup.
Pure."""

from __future__ import annotations

import re

# A block between fences, a span between as many backticks, or a backslash before a sign (CommonMark 2.4, 4.5, 6.1).
_PART = re.compile(
    r"(?P<code>^(?P<fence>`{3,})[^`\n]*\n(?:.*\n)*?(?P=fence)`*[ \t]*$|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|\\(?P<sign>[!-/:-@\[-`{-~])",
    re.MULTILINE,
)


def readable(answer: str) -> str:
    """The text with what was escaped shown as itself; code stays as it is."""
    return _PART.sub(lambda found: found["code"] or found["sign"], answer)
