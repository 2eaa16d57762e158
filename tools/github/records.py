"""GitHub's records as the product's nouns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.kit.instants import EPOCH
from tools.kit.pulls import checks_of, review_of
from tools.nouns import Commit, FileChange, Person, PullRequest, Review

Record = dict[str, Any]


def full_name_of(record: Record) -> Any:
    """The repository of a pull request, or of an issue that search found."""
    return (
        record["base"]["repo"]["full_name"] if "base" in record else "/".join(record["repository_url"].split("/")[-2:])
    )


def login_of(record: Record) -> str:
    """Who did it; GitHub shows a deleted account as ghost."""
    return str((record.get("user") or {}).get("login", "ghost"))


def pull_of(
    record: Record, files: Sequence[Record] = (), reviews: Sequence[Record] = (), checks: Sequence[str | None] = ()
) -> PullRequest:
    """A pull request with what else was asked about it."""
    repo = full_name_of(record)
    waiting = [person["login"] for person in record.get("requested_reviewers") or ()]
    given: dict[str, str] = {}
    for review in reviews:
        who, verdict = login_of(review), review["state"].lower()
        if verdict in ("approved", "changes_requested", "dismissed") or who not in given:
            given[who] = verdict
    return PullRequest(
        service="github", ref=f"{repo}#{record['number']}", url=record["html_url"], at=record["created_at"],
        title=record["title"], number=record["number"], repo=repo, body=record.get("body") or "",
        author=login_of(record), reviewers=tuple(dict.fromkeys([*given, *waiting])),
        review=review_of(given, waiting), checks=checks_of(checks), draft=bool(record.get("draft")),
        state="merged" if record["merged_at"] else record["state"], merged_at=record["merged_at"],
        closed_at=record["closed_at"], updated_at=record["updated_at"],
        merge_sha=record.get("merge_commit_sha") if record["merged_at"] else None,
        labels=tuple(label["name"] for label in record.get("labels") or ()),
        files=tuple(file_of(file) for file in files),
    )  # fmt: skip


def file_of(record: Record) -> FileChange:
    """A changed file."""
    known = record["status"] if record["status"] in ("added", "removed", "renamed") else "modified"
    return FileChange(path=record["filename"], status=known, patch=record.get("patch"))


def verdict_of(record: Record, pull: Record) -> Review:
    """A review that was given or is awaited."""
    return Review(
        service="github", ref=f"{full_name_of(pull)}#{pull['number']}/review/{record['id']}",
        url=record.get("html_url") or pull["html_url"], at=record.get("submitted_at") or pull["updated_at"],
        title=pull["title"], author=login_of(record), state=record["state"].lower(),
    )  # fmt: skip


def commit_of(record: Record, repo: str) -> Commit:
    """A commit."""
    commit = record["commit"]
    return Commit(
        service="github", ref=record["sha"], url=record["html_url"], at=commit["committer"]["date"],
        title=commit["message"].partition("\n")[0], repo=repo, message=commit["message"],
        author=(record.get("author") or {}).get("login") or commit["author"]["name"],
    )  # fmt: skip


def person_of(record: Record) -> Person:
    """An account in full."""
    return Person(
        service="github", ref=record["login"], url=record["html_url"], at=record.get("created_at") or EPOCH,
        title=record.get("name") or record["login"], name=record.get("name") or record["login"],
        handle=record["login"], email=record.get("email"),
    )  # fmt: skip
