"""What came of a code task, as the record that everybody gets to see. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from agents.code_verdict import Runs
from agents.pull_body import Subject, body, branch, title
from agents.repositories import Applied
from tools.nouns import FileChange, Patch, Verdict

MOST_DIFF = 400_000
_STATUS: dict[str, Literal["added", "modified", "removed"]] = {
    "added": "added", "modified": "modified", "deleted": "removed"
}  # fmt: skip


@dataclass(frozen=True)
class Proven:
    """A patch with what was found out about it. Without a `commit` it cannot be proposed."""

    patch: bytes
    agent: str
    said: str
    at: datetime
    applied: Applied | None = None
    runs: Runs = field(default_factory=Runs)
    verdict: Verdict = "untested"
    attention: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    commit: str | None = None

    def with_(self, **changes: Any) -> Proven:
        """The same with some fields changed."""
        return replace(self, **changes)


def patch_record(proven: Proven, subject: Subject, page: str = "") -> Patch:
    """The patch as a record, with the words of its pull request."""
    applied, place, runs = proven.applied, subject.place, proven.runs
    diff = applied.diff if applied is not None else proven.patch.decode("utf-8", "replace")
    files = tuple(
        FileChange(path=one.path, status=_STATUS[one.status])
        for one in (applied.touched if applied is not None else ())
    )
    described = body(
        subject,
        said=proven.said,
        verdict=proven.verdict,
        runs=runs,
        files=files,
        attention=proven.attention,
        why=proven.why,
        agent=proven.agent,
        url=page,
    )
    tree = applied.tree if applied is not None else ""
    return Patch(
        service=place.service,
        ref=f"{place.repo}@{(proven.commit or tree or 'refused')[:12]}",
        url="",
        at=proven.at,
        title=title(subject),
        repo=place.repo,
        base=place.base,
        commit=proven.commit,
        tree=tree,
        branch=branch(subject, tree) if tree else "",
        diff=diff[:MOST_DIFF],
        files=files,
        agent=proven.agent,
        claimed=proven.said,
        verdict=proven.verdict,
        before=runs.before,
        after=runs.after,
        base_tests=runs.base_tests,
        attention=(*proven.why, *proven.attention),
        refused=proven.refused,
        error=subject.named.ref,
        description=described if proven.commit else "",
    )
