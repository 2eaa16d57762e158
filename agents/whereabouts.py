"""Where in a repository an error comes from: file, line, failing frame, and the change that is suspected. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.repositories import Past
from tools.nouns import ErrorEvent, ErrorGroup

AROUND = 8
_FRAME = re.compile(r"^(?P<path>.+?):(?P<line>\d+)(?::\d+)?(?: in (?P<function>.*))?$")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://+[^/]*/|^webpack-internal:///|^file:///|^app:///")
_OUTSIDE = re.compile(r"(^|/)(node_modules|site-packages|dist-packages|vendor|\.venv)/|^node:|^internal/|^<")


@dataclass(frozen=True)
class Frame:
    """One line of a stack, innermost last: where, in which function."""

    path: str
    line: int | None
    function: str = ""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where} in {self.function}" if self.function else where


def frames(event: ErrorEvent | None) -> list[Frame]:
    """The frames of an occurrence, innermost last; lines that are no frames are left out."""
    found = [_FRAME.match(line) for line in (event.frames if event is not None else ())]
    return [
        Frame(match["path"], int(match["line"]), "" if match["function"] in (None, "None", "?") else match["function"])
        for match in found
        if match is not None
    ]


def failing(error: ErrorGroup | None, event: ErrorEvent | None, files: Collection[str]) -> Frame | None:
    """The innermost frame that lies in the repository, with its path there; else what the error itself names."""
    for frame in reversed(frames(event)):
        if not _OUTSIDE.search(frame.path) and (path := located(frame.path, files)):
            return Frame(path, frame.line, frame.function)
    if error is not None and (path := located(error.culprit, files)):
        return Frame(path, error.line, error.function or "")
    return None


def located(path: str, files: Collection[str]) -> str:
    """The file of the repository that a stack's path means: the one with the most folders in common from its end.

    "" if there is none, or if two are as likely.
    """
    parts = [
        part for part in _SCHEME.sub("", path.split("?")[0]).replace("\\", "/").split("/") if part not in ("", ".")
    ]
    if not parts:
        return ""
    best, most, tied = "", 0, False
    for candidate in files:
        common = _common_end(parts, candidate.split("/"))
        if common > most:
            best, most, tied = candidate, common, False
        elif common == most and common:
            tied = True
    # A bare name is enough only where the stack gives no more and there is one such file.
    enough = most == len(parts) or most == best.count("/") + 1 or most >= 2
    return best if best and enough and not tied else ""


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def snippet(text: str, line: int | None, around: int = AROUND) -> str:
    """The lines around one, each with its number; the file's first where no line is known."""
    lines = text.splitlines()
    first = max(1, (line or 1) - around)
    shown = enumerate(lines[first - 1 : (line or 1) + around], first)
    return "\n".join(f"{number:>5}{'>' if number == line else ' '} {content[:240]}" for number, content in shown)


def suspected(history: Iterable[Past], first_seen: datetime | None) -> Past | None:
    """The last change of the file before the error was first seen; None if all are younger or there are none."""
    earlier = [past for past in history if first_seen is None or past.at <= first_seen]
    return max(earlier, key=lambda past: past.at, default=None)
