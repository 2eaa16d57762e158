"""What is true of a pull request at the world's now: its state, who has reviewed it, what it changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from app.demo.company import Company
from app.demo.world import Artefact

Verdict = tuple[str, str, datetime]


@dataclass(frozen=True)
class State:
    """A pull request by now. What the world file dates later than now has not happened."""

    artefact: Artefact
    number: int
    state: Literal["open", "merged", "closed"]
    merged: datetime | None
    closed: datetime | None
    updated: datetime
    awaited: tuple[str, ...]
    reviewed_at: datetime
    merge_sha: str
    head_sha: str


def state_of(company: Company, artefact: Artefact) -> State:
    """The state of a pull request of the company."""
    assert artefact.at is not None
    merged = _by(artefact.time("merged"), company.now)
    closed = merged or _by(artefact.time("closed"), company.now)
    state: Literal["open", "merged", "closed"] = "merged" if merged else "closed" if closed else "open"
    end = closed or company.now
    reviewed_at = artefact.at + min(timedelta(days=1), (end - artefact.at) / 2)
    people = tuple(str(person) for person in artefact["reviewers"] or ())
    awaited: tuple[str, ...] = ()
    if state == "open" and artefact["review"] != "approved":
        awaited = people[1:] if artefact["review"] == "changes_requested" else people
    given = artefact["review"] in ("approved", "changes_requested")
    return State(
        artefact=artefact,
        number=int(company.ref(artefact.id).number),
        state=state,
        merged=merged,
        closed=closed,
        updated=closed or (reviewed_at if given else artefact.at),
        awaited=awaited,
        reviewed_at=reviewed_at,
        # A preview is deployed from the head of what is not merged yet.
        merge_sha=company.sha(artefact.id),
        head_sha=company.story.tips[artefact.id],
    )


def reviews(state: State) -> list[Verdict]:
    """Who gave which verdict when, in GitHub's words."""
    people = [str(person) for person in state.artefact["reviewers"] or ()]
    match state.artefact["review"]:
        case "approved":
            return [(person, "APPROVED", state.reviewed_at) for person in people]
        case "changes_requested":
            return [(person, "CHANGES_REQUESTED", state.reviewed_at) for person in people[:1]]
        case _:
            return []


def file_changes(artefact: Artefact) -> list[dict[str, Any]]:
    """The files of a pull request with GitHub's counts, status and patch."""
    changes: list[dict[str, Any]] = []
    for file in artefact["files"] or ():
        patch = file.get("patch")
        lines = str(patch or "").splitlines()
        added = sum(line.startswith("+") for line in lines)
        removed = sum(line.startswith("-") for line in lines)
        changes.append(
            {
                "filename": str(file["path"]),
                "status": file.get("status") or ("added" if lines and lines[0].startswith("@@ -0,0 ") else "modified"),
                "additions": added,
                "deletions": removed,
                "changes": added + removed,
                **({"patch": str(patch)} if patch else {}),
            }
        )
    return changes


def _by(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment <= now else None
