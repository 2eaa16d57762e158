"""Code work in a few words, for channels that show no terminal: what is done now, what changed, what tests say. Pure.

All of it is plain text on one line, which a channel still has to escape for its own markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.channels.code_view import SAYS, word
from app.channels.diff_view import counted
from app.channels.terminal_text import one_line
from app.channels.tests_view import told
from app.channels.web_code import spent
from app.channels.web_view import RunView

LONGEST = 140  # characters of what is done now
MOST_FILES = 6


@dataclass(frozen=True)
class Brief:
    """A line about code work: `kind` is diff or tests; `verdict` is that of tests, with its sign and word."""

    kind: str
    title: str
    said: str
    verdict: str = ""
    sign: str = ""
    word: str = ""
    meaning: str = ""


def doing(view: RunView, step: str) -> str:
    """What a step does in its sandbox now, or did last: "test python -m pytest -q"; "" where nothing ran."""
    calls = [one for one in view.code.of(step) if one.verb != SAYS]
    if not calls:
        return ""
    last = calls[-1]
    told_of = f": {last.error or last.summary}" if last.error or last.summary else ""
    return one_line(f"{word(last)} {last.text}".strip() + told_of, LONGEST)


def briefs(view: RunView) -> list[Brief]:
    """The diffs and test runs of a run, each in a line."""
    found = (brief(one) for one in view.artifacts.values())
    return [one for one in found if one is not None]


def brief(artifact: Mapping[str, Any]) -> Brief | None:
    """An artifact of a view in a line; None for one that is neither a diff nor tests."""
    shown = artifact.get("shown") or {}
    title = one_line(artifact.get("title") or "", 80)
    if artifact.get("kind") == "diff":
        names = [f"{one['path']} +{one['added']} −{one['removed']}" for one in shown["files"][:MOST_FILES]]
        more = len(shown["files"]) - MOST_FILES
        names += [f"and {more} more"] if more > 0 else []
        return Brief("diff", title or "Changes", one_line(f"{counted(shown)} ({', '.join(names) or 'none'})", 600))
    if artifact.get("kind") == "tests":
        ends = {name: str(shown[name]) for name in ("verdict", "sign", "word", "meaning")}
        return Brief("tests", title or "Tests", one_line(told(shown), 300), **ends)
    return None


def in_short(view: RunView) -> str:
    """A run's code work in one line: what changed, what the tests say, what it cost."""
    said = [f"{one.word.upper()}: {one.said}" if one.word else one.said for one in briefs(view)]
    return one_line(" · ".join([*said, *filter(None, [cost(view)])]) or "Work in a sandbox", 600)


def cost(view: RunView) -> str:
    """What a run with code work has cost so far; "" for other runs."""
    return spent(view.usage) if view.code.calls else ""


def whole(view: RunView, home: str) -> str:
    """Where all of a run's code work is seen."""
    return f"{home}/runs/{view.run}/work"
