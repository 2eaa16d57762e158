"""What a test runner's output says: how many tests passed, how many failed. Pure; made for output of strangers."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.coder_text import plain_output

# The end of an output is where runners sum up; what a test prints before it is not looked at.
MOST = 200_000


@dataclass(frozen=True)
class Counted:
    """How many tests passed and failed; those that were left out count as neither."""

    passed: int
    failed: int


def counted(output: str) -> Counted | None:
    """The counts by the runner's last summary; None where it gave none that is known."""
    text = plain_output(output[-MOST:])
    found = [(at, counts) for reader in _READERS if (got := reader(text)) is not None for at, counts in [got]]
    return max(found, key=lambda one: one[0])[1] if found else None


_Read = tuple[int, Counted]
_PYTEST = re.compile(
    r"^=*\s?((?:\d{1,9} [a-z]+(?:, )?)+) in [\d.:]+ ?s?(?:econds)?(?: \([\d:]+\))?\s?=*$", re.MULTILINE
)
_PART = re.compile(r"(\d{1,9}) ([a-z]+)")
_RAN = re.compile(r"^Ran (\d{1,9}) tests? in [\d.]+s$", re.MULTILINE)
_OUTCOME = re.compile(r"^(OK|FAILED|NO TESTS RAN)(?: \(([^)\n]*)\))?$", re.MULTILINE)
_NAMED = re.compile(r"([a-z ]+)=(\d{1,9})")
_NODE = re.compile(r"^(?:#|ℹ) (pass|fail|cancelled) (\d{1,9})$", re.MULTILINE)
_JEST = re.compile(r"^\s*Tests:?\s+([^\n]*?\d[^\n]*)$", re.MULTILINE)
_MOCHA = re.compile(r"^\s*(\d{1,9}) passing(?: \([^)\n]*\))?$", re.MULTILINE)
_FAILING = re.compile(r"^\s*(\d{1,9}) failing$", re.MULTILINE)
_CARGO = re.compile(r"^test result: (?:ok|FAILED)\. (\d{1,9}) passed; (\d{1,9}) failed;", re.MULTILINE)
_GO = re.compile(r"^\s*--- (PASS|FAIL): \S", re.MULTILINE)
_GO_PACKAGE = re.compile(r"^(?:ok|FAIL)\s+\S+\s+(?:[\d.]+s|\(cached\)|\[build failed\])", re.MULTILINE)


def _pytest(text: str) -> _Read | None:
    match = _last(_PYTEST.finditer(text))
    if match is None:
        return None
    parts = {word: int(number) for number, word in _PART.findall(match[1])}
    known = {
        "passed",
        "failed",
        "error",
        "errors",
        "skipped",
        "deselected",
        "xfailed",
        "xpassed",
        "warning",
        "warnings",
    }
    if not parts or not set(parts) <= known | {"rerun", "subtests"}:
        return None
    return match.end(), Counted(parts.get("passed", 0), sum(parts.get(w, 0) for w in ("failed", "error", "errors")))


def _unittest(text: str) -> _Read | None:
    ran = _last(_RAN.finditer(text))
    ended = _last(_OUTCOME.finditer(text, ran.end())) if ran is not None else None
    if ran is None or ended is None:
        return None
    told = {name.strip(): int(number) for name, number in _NAMED.findall(ended[2] or "")}
    failed = told.get("failures", 0) + told.get("errors", 0) + told.get("unexpected successes", 0)
    return ended.end(), Counted(max(0, int(ran[1]) - failed - told.get("skipped", 0)), failed)


def _node(text: str) -> _Read | None:
    matches = list(_NODE.finditer(text))
    told = {match[1]: int(match[2]) for match in matches}
    if not {"pass", "fail"} <= set(told):
        return None
    return matches[-1].end(), Counted(told["pass"], told["fail"] + told.get("cancelled", 0))


def _jest(text: str) -> _Read | None:
    match = _last(_JEST.finditer(text))
    if match is None:
        return None
    parts = {word: int(number) for number, word in _PART.findall(match[1])}
    if not {"passed", "failed", "total"} & set(parts):
        return None
    return match.end(), Counted(parts.get("passed", 0), parts.get("failed", 0))


def _mocha(text: str) -> _Read | None:
    match = _last(_MOCHA.finditer(text))
    if match is None:
        return None
    failing = _last(_FAILING.finditer(text, match.end()))
    return (failing or match).end(), Counted(int(match[1]), int(failing[1]) if failing else 0)


def _cargo(text: str) -> _Read | None:
    matches = list(_CARGO.finditer(text))
    if not matches:
        return None
    return matches[-1].end(), Counted(sum(int(one[1]) for one in matches), sum(int(one[2]) for one in matches))


def _go(text: str) -> _Read | None:
    package = _last(_GO_PACKAGE.finditer(text))
    outcomes = [match[1] for match in _GO.finditer(text)]
    if package is None or not outcomes:
        return None
    return package.end(), Counted(outcomes.count("PASS"), outcomes.count("FAIL"))


_READERS: tuple[Callable[[str], _Read | None], ...] = (_pytest, _unittest, _node, _jest, _mocha, _cargo, _go)


def _last(matches: Iterable[re.Match[str]]) -> re.Match[str] | None:
    found = deque(matches, maxlen=1)
    return found[0] if found else None
