"""A unified diff as files and lines that a page can draw, nothing in them unseen. Pure; takes any text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from app.channels.terminal_text import revealed

BEGINS = "diff --git "
MOST_LINES, MOST_IN_A_FILE, LONGEST_LINE = 600, 160, 400

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$")
_NAMES = re.compile(r'^diff --git (?:"?a/(.+?)"?) (?:"?b/(.+?)"?)$')

Kind = Literal["same", "added", "removed", "hunk", "note"]


@dataclass(frozen=True)
class DiffLine:
    """One line: its kind, its number before and after where it has one, its text without the sign."""

    kind: Kind
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True)
class DiffFile:
    """What happens to one file: state is modified, added, removed or renamed (`was` is its former path)."""

    path: str
    was: str = ""
    state: str = "modified"
    added: int = 0
    removed: int = 0
    lines: tuple[DiffLine, ...] = field(default=())


def is_diff(value: object) -> bool:
    """Whether a text is a diff as git writes it."""
    return isinstance(value, str) and value.startswith(BEGINS)


@lru_cache(maxsize=16)  # a card is drawn at each event
def parsed(diff: str) -> tuple[DiffFile, ...]:
    """The files of a diff. What stands before the first of them is no diff, and left out."""
    reading = _Reading()
    for line in diff.split("\n"):
        reading.take(line)
    return tuple(reading.files())


class _Reading:
    """Reads a diff line by line. Within a hunk, whose header counts its lines, anything may look like a header."""

    def __init__(self) -> None:
        self._files: list[DiffFile] = []
        self._lines: list[list[DiffLine]] = []
        self._at = [0, 0]
        self._left = [0, 0]

    def files(self) -> list[DiffFile]:
        return [
            replace(
                file,
                lines=tuple(lines),
                added=sum(one.kind == "added" for one in lines),
                removed=sum(one.kind == "removed" for one in lines),
            )
            for file, lines in zip(self._files, self._lines, strict=True)
        ]

    def take(self, line: str) -> None:
        if (self._left[0] > 0 or self._left[1] > 0) and line[:1] in ("", " ", "+", "-", "\\"):
            self._lines[-1].append(self._inside(line))
            return
        self._left = [0, 0]
        if line.startswith(BEGINS):
            names = _NAMES.match(line.rstrip("\r"))
            was, path = (names[1], names[2]) if names else ("", line.removeprefix(BEGINS))
            self._files.append(DiffFile(revealed(path), revealed(was) if was != path else ""))
            self._lines.append([])
        elif self._files and (head := _HUNK.match(line.rstrip("\r"))):
            self._at, self._left = [int(head[1]), int(head[3])], [int(head[n] or 1) for n in (2, 4)]
            told = f"@@ -{head[1]} +{head[3]} @@ {head[5]}".rstrip()
            self._lines[-1].append(DiffLine("hunk", revealed(told)))
        elif self._files:
            self._files[-1], said = _header(self._files[-1], line)
            self._lines[-1] += [DiffLine("note", said)] if said else []

    def _inside(self, line: str) -> DiffLine:
        sign, text = line[:1], revealed(line[1:])
        old, new = self._at
        if sign == "\\":
            return DiffLine("note", text.strip())
        is_old, is_new = sign != "+", sign != "-"
        self._at = [old + is_old, new + is_new]
        self._left = [self._left[0] - is_old, self._left[1] - is_new]
        kind: Kind = "added" if not is_old else "removed" if not is_new else "same"
        return DiffLine(kind, text, old if is_old else None, new if is_new else None)


def _header(file: DiffFile, line: str) -> tuple[DiffFile, str]:
    """The file with what a line between its name and its hunks says, and what a reader has to be told of it."""
    if line.startswith("new file"):
        return replace(file, state="added"), "" if line.endswith("100644") else revealed(line)
    if line.startswith("deleted file"):
        return replace(file, state="removed"), ""
    if line.startswith("rename to "):
        return replace(file, state="renamed"), ""
    told = ("old mode", "new mode", "Binary files", "GIT binary patch", "\\ No newline", "copy ")
    return file, revealed(line) if line.startswith(told) else ""


def diff_shown(data: Mapping[str, Any], most: int = MOST_LINES, in_a_file: int = MOST_IN_A_FILE) -> dict[str, Any]:
    """A diff's data as a page draws it: {files, added, removed, hidden}. `hidden` counts lines left out in all.

    Each file is {path, was, state, added, removed, lines [[kind, old, new, text]], hidden}; the files that the data
    names and the diff lacks have no lines. Longer lines are cut.
    """
    text = data.get("diff")
    files = parsed(text) if isinstance(text, str) else ()
    left, drawn = most, list[dict[str, Any]]()
    for one in files:
        kept = one.lines[: min(in_a_file, left)]
        left -= len(kept)
        drawn.append({**_named(one), "lines": [_line(line) for line in kept], "hidden": len(one.lines) - len(kept)})
    known = {one.path for one in files}
    for said in data.get("files") or ():
        path = revealed(str(said.get("path") or ""))
        if path and path not in known:
            counts = {name: _count(said.get(name)) for name in ("added", "removed")}
            drawn.append({"path": path, "was": "", "state": "modified", **counts, "lines": [], "hidden": 1})
    return {
        "files": drawn,
        "added": sum(one["added"] for one in drawn),
        "removed": sum(one["removed"] for one in drawn),
        "hidden": sum(one["hidden"] for one in drawn),
    }


def counted(shown: Mapping[str, Any]) -> str:
    """A diff in a few words: "2 files, +14 −3"."""
    n = len(shown["files"])
    return f"{n} file{'s' * (n != 1)}, +{shown['added']} −{shown['removed']}"


def _named(one: DiffFile) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("path", "was", "state", "added", "removed")}


def _line(line: DiffLine) -> list[Any]:
    text = line.text if len(line.text) <= LONGEST_LINE else line.text[:LONGEST_LINE] + " …"
    return [line.kind, line.old, line.new, text]


def _count(raw: object) -> int:
    return raw if isinstance(raw, int) and raw > 0 else 0
