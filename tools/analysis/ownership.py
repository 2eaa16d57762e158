"""Who owns a part of the product: by who last changed its code, by whose issues it is about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from tools.analysis.words import words
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Commit, ErrorGroup, Issue, Noun, Person, PullRequest


class Owner(Noun):
    """Somebody who owns a part of the product: `title` is the name, `reason` why it is thought so."""

    kind: ClassVar[str] = "owner"
    part: str = ""
    reason: str = ""
    because: str = Field(default="", description="the ref of the record that tells it")


class AnalyzeOwner(Analysis):
    """Find who owns a part of the product: who last changed its code, else who has most of its issues."""

    name = "analyze.owner"
    returns = Owner
    part: str = Field(default="", description="what it is about, in words or as a path: form, web/src/signup")
    about: tuple[Noun, ...] = Field(default=(), description="the errors or pull requests at hand")
    pulls: tuple[PullRequest, ...] = ()
    commits: tuple[Commit, ...] = ()
    issues: tuple[Issue, ...] = ()
    people: tuple[Person, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        paths = [error.culprit for error in self.about if isinstance(error, ErrorGroup) and error.culprit]
        paths += [file.path for pull in self.about if isinstance(pull, PullRequest) for file in pull.files]
        found = by_code(paths, self.pulls, self.commits) or by_words(self.part, self.pulls, self.commits)
        if found is not None:
            record, path = found
            return [_owner(record.author, path, f"last changed {path}", record, self.people)]
        same = [issue for issue in self.issues if issue.assignee and set(words(self.part)) & set(words(issue.title))]
        if self.part and same:
            last = max(same, key=lambda issue: issue.updated_at or issue.at)
            return [
                _owner(last.assignee or "", self.part, f"has the last issue about it, {last.ref}", last, self.people)
            ]
        return []


def by_code(
    paths: Sequence[str], pulls: Sequence[PullRequest], commits: Sequence[Commit]
) -> tuple[PullRequest | Commit, str] | None:
    """The last merged change of one of the files, and the file."""
    every: list[PullRequest | Commit] = [*(pull for pull in pulls if pull.state == "merged"), *commits]
    changes = [
        (record.merged_at if isinstance(record, PullRequest) and record.merged_at else record.at, record, file.path)
        for record in every
        if record.author
        for file in record.files
        if file.path in paths
    ]
    if not changes:
        return None
    _, record, path = max(changes, key=lambda change: change[0])
    return record, path


def by_words(
    part: str, pulls: Sequence[PullRequest], commits: Sequence[Commit]
) -> tuple[PullRequest | Commit, str] | None:
    """The last merged change of a file whose path bears the words of a part: "the form" of signup/SignupForm.tsx."""
    wanted = set(words(part))
    if not wanted:
        return None
    every: list[PullRequest | Commit] = [*pulls, *commits]
    named = [file.path for record in every for file in record.files if wanted <= set(words(file.path))]
    return by_code(named, pulls, commits)


def name_of(login: str, people: Sequence[Person]) -> str:
    """The full name behind a login, or the login."""
    wanted = login.casefold()
    own = [p for p in people if wanted in (p.handle.casefold(), p.ref.casefold(), p.name.casefold())]
    mails = {p.email.casefold() for p in own if p.email}
    own += [p for p in people if p.email and p.email.casefold() in mails]
    full = [p.name for p in own if " " in p.name]
    return full[0] if full else own[0].name if own else login


def _owner(login: str, part: str, reason: str, record: Noun, people: Sequence[Person]) -> Owner:
    name = name_of(login, people)
    return Owner(
        service="deus",
        ref=login,
        url=record.url,
        at=record.at,
        title=name,
        part=part,
        reason=reason,
        because=record.ref,
    )
