"""Text that a program wrote, or a stranger's code, as it may be shown: nothing in it steers, hides or turns. Pure."""

from __future__ import annotations

import re
import unicodedata

# ECMA-48: strings (titles, links, images) with their end or up to the line's, then CSI, then all shorter escapes.
_STRING = re.compile(r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?")
_CONTROL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?")
_ESCAPE = re.compile(r"\x1b[ -/]*[0-~]?")
_ENDS = re.compile(r"\r+\n")
_UNUSUAL = re.compile(r"[^\n\t\x20-\x7e]")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# What turns the direction of writing: https://trojansource.codes
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printed(raw: str) -> str:
    """What a terminal shows in the end of what a program wrote: no colours, links or moves; a line that was written
    over shows what stands there last. Characters that turn the direction are shown by their number."""
    text = _ESCAPE.sub("", _CONTROL.sub("", _STRING.sub("", raw)))
    lines = (_last_written(line) for line in _ENDS.sub("\n", text).split("\n"))
    return _UNUSUAL.sub(lambda found: _shown(found[0], keeps=False), "\n".join(lines))


def revealed(source: str) -> str:
    """Source text whole, for somebody who has to judge it: what is unseen or turns the direction is shown as a sign."""
    return _UNUSUAL.sub(lambda found: _shown(found[0], keeps=True), _ENDS.sub("\n", source))


def one_line(raw: object, most: int = 200) -> str:
    """The words of a text on one line, cut."""
    words = " ".join(printed(str(raw)[: most * 20]).split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def tail(text: str, most: int) -> str:
    """The end of a text, from the beginning of a line where one is near."""
    if len(text) <= most:
        return text
    kept = text[-most:]
    _, newline, rest = kept.partition("\n")
    return rest if newline and len(rest) > most // 2 else kept


def _last_written(line: str) -> str:
    if "\r" not in line:
        return line
    return next((part for part in reversed(line.split("\r")) if part.strip()), "")


def _shown(one: str, *, keeps: bool) -> str:
    if unicodedata.category(one) not in _UNSEEN:
        return one
    if one in _TURNS:
        return f"⟨U+{ord(one):04X}⟩"
    if unicodedata.category(one) == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    if not keeps:
        return "\n" if one in "\u2028\u2029\x85" else ""
    return f"⟨U+{ord(one):04X}⟩"
