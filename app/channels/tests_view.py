"""Test runs before and after a patch, and what a fresh sandbox says of the claim, as every channel words it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.channels.terminal_text import one_line, printed, tail

TAIL = 4_000
# Sign, word, and what it means.
VERDICTS: Mapping[str, tuple[str, str, str]] = {
    "confirmed": ("✓", "Confirmed", "A fresh sandbox ran the tests: red before, green with the patch."),
    "refuted": ("✗", "Refuted", "A fresh sandbox did not confirm it: do not trust the claim that the tests pass."),
    "untested": ("?", "Untested", "No test could tell, so nothing vouches for this patch."),
}
RUNS = (("before", "Before"), ("after", "With the patch"), ("base_tests", "The tests as they were, with the patch"))


def shown_tests(data: Mapping[str, Any]) -> dict[str, Any]:
    """{verdict, sign, word, meaning, runs}; each run is {name, label, green, said, command, seconds, tail}.

    A verdict that is not known counts as untested.
    """
    verdict = str(data.get("verdict") or "")
    verdict = verdict if verdict in VERDICTS else "untested"
    sign, word, meaning = VERDICTS[verdict]
    runs = [
        {"name": name, "label": label, **_run(data[name])}
        for name, label in RUNS
        if isinstance(data.get(name), Mapping)
    ]
    return {"verdict": verdict, "sign": sign, "word": word, "meaning": meaning, "runs": runs}


def told(shown: Mapping[str, Any]) -> str:
    """The runs in a line: "Before: 2 failed, 5 passed → With the patch: 7 passed"."""
    return " → ".join(f"{one['label']}: {one['said']}" for one in shown["runs"] if one["name"] != "base_tests")


def told_tests(data: Mapping[str, Any]) -> str:
    """Test runs with their verdict as a text: what it is, what it means, each run in a line."""
    shown = shown_tests(data)
    runs = [f"{one['label']}: {one['said']}" for one in shown["runs"]]
    return "\n".join([f"{shown['sign']} {shown['word'].upper()}. {shown['meaning']}", *runs])


def verdict_of(value: object) -> str:
    """The verdict that test runs carry, as data or in words; "" where they are neither."""
    if isinstance(value, Mapping):
        return str(value.get("verdict")) if value.get("verdict") in VERDICTS else ""
    if not isinstance(value, str) or not value:
        return ""
    word = "".join(value.split()[:1]).strip(":.,").casefold()
    return word if word in VERDICTS else "untested"


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    seconds = run.get("seconds")
    return {
        "green": bool(run.get("green")),
        "said": _said(run),
        "command": one_line(run.get("command") or ""),
        "seconds": round(float(seconds), 1) if isinstance(seconds, int | float) else 0.0,
        "tail": tail(printed(str(run.get("tail") or "")), TAIL),
    }


def _said(run: Mapping[str, Any]) -> str:
    """How it went: "2 failed, 5 passed", "7 passed"; where the counts do not say that it is red, how it ended."""
    counts = [f"{run[name]:,} {name}" for name in ("failed", "passed") if isinstance(run.get(name), int) and run[name]]
    if run.get("green"):
        return ", ".join(counts) or "green"
    return ", ".join(counts if run.get("failed") else [*counts, f"red, exit status {run.get('code')}"])
