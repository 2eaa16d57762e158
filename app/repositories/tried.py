"""What fresh sandboxes found about a commit: kept as a file beside it, and told in lines."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agents.repositories import Tried
from tools.nouns import TestRun

_FORM = TypeAdapter(Tried)
VERDICTS = {
    "confirmed": "Confirmed in a fresh sandbox: the tests were red before, and are green with this change.",
    "refuted": "Refuted: a fresh sandbox did not find the tests green with this change.",
    "untested": "Untested: no tests could be run that show the bug and its end.",
}


def written(tried: Tried) -> str:
    """As it is kept."""
    return _FORM.dump_json(tried).decode()


def read_tried(path: Path) -> Tried | None:
    """What is kept; None if nothing is, or nothing that can be read."""
    try:
        return _FORM.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def said_of(tried: Tried | None) -> str:
    """The findings in lines of Markdown; "" where there are none."""
    if tried is None:
        return ""
    runs = (("Before", tried.before), ("With the change", tried.after), ("The base's own tests", tried.base_tests))
    told = [f"- {name}: {_counted(run)}, by `{_plain(run.command)}`" for name, run in runs if run is not None]
    return "\n".join([VERDICTS[tried.verdict], *([""] if told else []), *told])


def _counted(run: TestRun) -> str:
    state = "green" if run.green else "red"
    if run.passed is None and run.failed is None:
        return f"{state} (exit status {run.code})"
    return f"{state}, {run.passed or 0} passed and {run.failed or 0} failed"


def _plain(command: str) -> str:
    return command.replace("`", "'").replace("\n", " ")[:200]
