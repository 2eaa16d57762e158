"""The verbs of code tasks: what is known of a bug's place, and a fix for it that was tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import Field

from tools.kit.tool import Verb
from tools.nouns import Code, Commit, Noun, Patch, Pick, PullRequest, Workplace

N = TypeVar("N", bound=Noun)


class CodePrepare(Verb):
    """Prepare the fix of an error or issue: find its file, line and failing frame in the repository, the change that is
    suspected, and run the tests as they stand, in a sandbox. Give it in `records` the error or issue, its events, and
    code and commits that bear on it: [$found, $events, $file]."""

    name = "code.prepare"
    returns = Workplace
    records: list[Any] = Field(
        default_factory=list, max_length=20, exclude=True, description="steps with the error or issue, events, code"
    )
    repo: str | None = Field(default=None, description="the repository, as owner/name, where the records do not say it")
    within: list[Any] = Field(
        default_factory=list, max_length=5, exclude=True, description="steps that show which repository is worked in"
    )


class CodeFix(Verb):
    """Have the code agent write a fix in a sandbox and try it in fresh ones. Needs `code.prepare` first, whose step
    belongs into `records` with the steps that were given to it. Afterwards plan `pulls.propose` with "$fix[0].repo",
    "$fix[0].commit", "$fix[0].branch", "$fix[0].title" and "$fix[0].description" of its result."""

    name = "code.fix"
    returns = Patch
    records: list[Any] = Field(
        default_factory=list, max_length=20, exclude=True, description="the step of code.prepare, and what it was given"
    )


def given(records: Iterable[Any]) -> list[Noun]:
    """The records that steps were given, one after another; those that were picked are what they stand for."""
    found: list[Noun] = []
    for one in records:
        if isinstance(one, Pick):
            found.append(one.noun)
        elif isinstance(one, Noun):
            found.append(one)
        elif isinstance(one, list | tuple):
            found += given(one)
    return found


def first(records: Iterable[Noun], kind: type[N]) -> N | None:
    """The first record of a kind."""
    return next((one for one in records if isinstance(one, kind)), None)


def repository_of(records: Iterable[Noun]) -> str:
    """The repository that most of the records are of; "" if none says it."""
    named = [one.repo for one in records if isinstance(one, Code | Commit | PullRequest) and one.repo]
    return max(named, key=named.count, default="")
