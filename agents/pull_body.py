"""The words of a fix: its commit, its branch, and the body of its pull request, made of the evidence. Pure.

What strangers and the agent wrote is quoted so that it names nobody, closes no issue and loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.answer_format import code, fenced, link, plain
from agents.code_verdict import Runs
from agents.coder_text import one_line, tail
from agents.verification import told
from tools.nouns import ErrorGroup, FileChange, Issue, Noun, TestRun, Verdict, Workplace

MOST_TITLE = 72
MOST_CLAIM = 1_500
MOST_FILES = 40
# Hosts make mentions, issues and commands of these; a word joiner, which is not seen, keeps them words.
_LIVE = re.compile(r"(?<=[@#!])(?=\w)|(?<=^/)(?=\w)|(?<=\bGH-)(?=\d)", re.IGNORECASE)
_SIGN = re.compile(r"[@#!]+(?=\w)|(?<=\bGH)-(?=\d)", re.IGNORECASE)
_JOINER = "\u2060"
_SAID = {
    "confirmed": "The tests fail without this change and pass with it; each run had a fresh sandbox of its own.",
    "untested": "**Tests do not show that this works**: look at what was not proven, below.",
    "refuted": "**The tests do not bear this out.**",
}


@dataclass(frozen=True)
class Subject:
    """What a fix is about: the error, the issue, and where in the code."""

    place: Workplace
    error: ErrorGroup | None = None
    issue: Issue | None = None

    @property
    def named(self) -> Noun:
        """The record after which the fix is called."""
        return self.error or self.issue or self.place


def title(subject: Subject) -> str:
    """The pull request's title, which is the commit's first line as well."""
    return one_line(f"Fix {bare(subject.named.title or subject.named.ref)}", MOST_TITLE)


def branch(subject: Subject, tree: str) -> str:
    """A branch that is the same for the same change, and another for another."""
    slug = re.sub(r"[^a-z0-9]+", "-", (subject.error or subject.issue or subject.place).ref.lower()).strip("-")[:40]
    return f"agent/fix-{slug or 'bug'}-{tree[:8]}"


def message(subject: Subject, said: str) -> str:
    """The commit's message."""
    links = [f"{noun.service.capitalize()}: {noun.url}" for noun in (subject.error, subject.issue) if noun and noun.url]
    return "\n\n".join(filter(None, [title(subject), tail(bare(said), 600), "\n".join(links)])) + "\n"


def body(
    subject: Subject,
    *,
    said: str,
    verdict: Verdict,
    runs: Runs,
    files: Sequence[FileChange],
    attention: Sequence[str],
    why: Sequence[str],
    agent: str,
    url: str = "",
) -> str:
    """The pull request's description: what it mends, what was tried, what changed, what to look at."""
    parts = [_about(subject), f"### What was tried\n\n{_SAID[verdict]}\n\n{_table(runs)}"]
    more = [f"and {len(files) - MOST_FILES} more files"] if len(files) > MOST_FILES else []
    parts.append(f"### What changed\n\n{_listed([*map(_file, files[:MOST_FILES]), *more])}")
    parts.append(f"What the agent ({inert(agent)}) says of it, unchecked:\n\n{_quoted(said)}" if said else "")
    looks = [inert(one_line(one, 600)) for one in (*why, *attention)][:MOST_FILES]
    parts.append(f"### Please look at\n\n{_listed(looks)}" if looks else "")
    last = runs.after or runs.as_is
    if last is not None and not last.green:
        parts.append(f"<details><summary>The end of the tests' output</summary>\n\n{fenced(last.tail)}\n\n</details>")
    where = f" in [this run]({link(url)})" if link(url) else ""
    parts.append(f"Prepared by Deus{where}; a person approved opening it.")
    return "\n\n".join(filter(None, parts))


def bare(text: str) -> str:
    """Words in one line without the signs of which a code host makes mentions and issues, where no markup is read."""
    return _SIGN.sub("", "".join(c for c in " ".join(text.split()) if c.isprintable()))


def inert(text: str) -> str:
    """Words in one line that a code host makes nothing of."""
    return _LIVE.sub(_JOINER, plain(text))


def _about(subject: Subject) -> str:
    lines = []
    if (error := subject.error) is not None:
        seen = f", first seen {error.at:%Y-%m-%d %H:%M} UTC, {error.users:,} people"
        lines.append(f"- Error: {_linked(error)}{seen}")
    if subject.issue is not None:
        lines.append(f"- Issue: {_linked(subject.issue)}")
    place = subject.place
    if place.path:
        where = f"{place.path}:{place.line}" if place.line else place.path
        lines.append(f"- Where: {code(where)}" + (f", failing in {code(place.frame)}" if place.frame else ""))
    if place.suspect:
        lines.append(f"- Last change of that file before the error: {code(place.suspect)}")
    return "### What it mends\n\n" + "\n".join(lines)


def _linked(noun: Noun) -> str:
    words = inert(one_line(f"{noun.ref}: {noun.title}", 160))
    return f"[{words}]({link(noun.url)})" if link(noun.url) else words


def _table(runs: Runs) -> str:
    rows: list[tuple[str, TestRun | None]] = [
        ("the base as it is", runs.as_is),
        ("the new tests on the old source", runs.before if runs.before is not runs.as_is else None),
        ("everything, with this change", runs.after),
        ("the old tests on the new source", runs.base_tests if runs.base_tests is not runs.after else None),
    ]
    known = [(name, run) for name, run in rows if run is not None]
    if not known:
        return "No tests were run."
    lines = "\n".join(f"| {name} | {'green' if run.green else 'not green'} | {told(run)} |" for name, run in known)
    return f"Command: {code(known[0][1].command)}\n\n| what | outcome | tests |\n|---|---|---|\n{lines}"


def _file(file: FileChange) -> str:
    return f"{code(one_line(file.path, 200))} ({file.status})"


def _quoted(text: str) -> str:
    lines = tail(text, MOST_CLAIM).splitlines()
    return "\n".join(f"> {inert(line)}" for line in lines)


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
