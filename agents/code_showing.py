"""What people are shown of a code task: the diff and the tests as artifacts, and where its code is from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.errand import Errand
from agents.verification import told
from tools.nouns import Patch, TestRun

_SAID = {
    "confirmed": "A fresh sandbox confirms it: red without the change, green with it.",
    "refuted": "Refuted: a fresh sandbox does not bear it out.",
    "untested": "Not proven: no test could tell.",
}


def shown(step: str, patch: Patch) -> list[dict[str, Any]]:
    """The artifacts of a fix; their ids are the same when the step is done again."""
    lines = changed_lines(patch.diff)
    files = [_counted(one.path, lines) for one in patch.files]
    count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    added, removed = sum(one["added"] for one in files), sum(one["removed"] for one in files)
    diff = {
        "id": f"{step}:diff",
        "kind": "diff",
        "title": patch.title,
        "data": {"diff": patch.diff, "files": files},
        "alt": f"A change of {count}: {added} lines added, {removed} removed.",
    }
    if patch.after is None:
        return [diff]
    runs = {"before": patch.before, "after": patch.after, "base_tests": patch.base_tests}
    return [
        diff,
        {
            "id": f"{step}:tests",
            "kind": "tests",
            "title": "The tests before and after",
            "data": {name: _dumped(run) for name, run in runs.items()} | {"verdict": patch.verdict},
            "alt": f"{_SAID[patch.verdict]} After the change: {told(patch.after)}.",
        },
    ]


def _counted(path: str, lines: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    added, removed = lines.get(path, (0, 0))
    return {"path": path, "added": added, "removed": removed}


def changed_lines(diff: str) -> dict[str, tuple[int, int]]:
    """How many lines a unified diff adds and removes, by the path of each file's new, or else old, side."""
    found: dict[str, tuple[int, int]] = {}
    path, old, inside = "", "", False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            path, inside = "", False
        elif not inside and line.startswith("--- "):
            old = _path(line[4:])
        elif not inside and line.startswith("+++ "):
            path = _path(line[4:]) or old
            found.setdefault(path, (0, 0))
        elif line.startswith("@@"):
            inside = True
        elif inside and path and line[:1] in ("+", "-"):
            added, removed = found[path]
            found[path] = (added + 1, removed) if line[0] == "+" else (added, removed + 1)
    return found


def was_stopped(reason: str) -> str:
    """Why an agent did not come to its own end."""
    return f"The agent was stopped before it was done: {reason}"


def evidence_early(errand: Errand, service: str, at: datetime) -> None:
    """Names the source of the code in the run before a line of it is shown, so that those to whom it is closed see
    nothing of what follows; once for a step."""
    if any(item.step == errand.step and item.service == service for item in errand.citations):
        return
    title = f"{errand.title}: the repository"
    errand.log.add_evidence(
        errand.citations.record(
            step=errand.step, service=service, verb=errand.request.name, title=title, at=at, nouns=[], asked={}
        )
    )


def _dumped(run: TestRun | None) -> dict[str, Any] | None:
    return run.model_dump(mode="json") if run is not None else None


def _path(text: str) -> str:
    """A path as a diff's header writes it, without git's prefix; "" for the file that is not there."""
    text = text.rstrip("\r").split("\t")[0].strip('"')
    return "" if text == "/dev/null" else text.split("/", 1)[1] if text[:2] in ("a/", "b/") else text
