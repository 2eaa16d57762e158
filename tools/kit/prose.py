"""Text files as services hand them over: decoding, the part that matters, the title."""

from __future__ import annotations

import base64
import re

from tools.kit.words import hits

_AROUND = 15


def decoded(content: str | None) -> str:
    """Text that a service sent as base64; what is not UTF-8 is replaced."""
    return base64.b64decode(content or "").decode("utf-8", errors="replace")


def excerpt(content: str, text: str) -> tuple[int, str]:
    """The first line's number and the lines around the first one that has a word of `text`; all for no words."""
    lines = content.splitlines()
    if not text:
        return 1, content
    found = next((number for number, line in enumerate(lines, 1) if hits(text, line)), 1)
    first = max(1, found - _AROUND)
    return first, "\n".join(lines[first - 1 : found + _AROUND])


def heading(content: str, otherwise: str) -> str:
    """The first heading of a Markdown text."""
    found = re.search(r"^#\s+(.+)$", content, re.MULTILINE)
    return found.group(1).strip() if found else otherwise
