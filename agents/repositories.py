"""The port to the company's repositories: bare mirrors on the host, in which nothing is ever checked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from agents.errors import ModelMayRetry, StepFailed
from tools.nouns import TestRun, Verdict


class RepositoryUnavailable(StepFailed):
    """A repository cannot be fetched, or is not one that Deus may read."""


class PatchRefused(ModelMayRetry):
    """A patch does not apply to its base, or git itself refuses it; nothing was written."""


@dataclass(frozen=True)
class Head:
    """Where a branch of a mirror stands. `commit` is the full hash."""

    repo: str
    branch: str
    commit: str
    at: datetime


@dataclass(frozen=True)
class Touched:
    """One file between two trees, as `git diff-tree` tells it. Modes are git's ("100644", "120000" for a link,
    "160000" for a submodule, "000000" for none); `size` is the new content's in bytes; `content` its start (at most
    1 MB)."""

    path: str
    status: Literal["added", "modified", "deleted"]
    old_mode: str
    new_mode: str
    size: int = 0
    content: bytes = b""


@dataclass(frozen=True)
class Applied:
    """A patch on its base: the tree that came of it, and what it touches."""

    base: str
    tree: str
    touched: tuple[Touched, ...]
    diff: str


@dataclass(frozen=True)
class Past:
    """An earlier commit that touched a file."""

    commit: str
    title: str
    author: str
    at: datetime


@dataclass(frozen=True)
class Tried:
    """What fresh sandboxes found about a commit: the tests before, after, and the base's own against the new source.

    `attention` are reasons for a person to look closely, beyond those that the patch itself gives.
    """

    verdict: Verdict
    before: TestRun | None = None
    after: TestRun | None = None
    base_tests: TestRun | None = None
    attention: tuple[str, ...] = ()


class Repositories(Protocol):
    """Mirrors of the repositories that this workspace may read.

    All methods raise RepositoryUnavailable, and UserMustMend where git is missing or the code host refuses the token.
    """

    async def fetch(self, repo: str) -> Head:
        """Brings the mirror up to date, or makes it; returns the default branch's head. `repo` is owner/name."""
        ...

    async def archive(self, repo: str, commit: str, target: Path) -> None:
        """Writes the tree of a commit as an uncompressed tar file, to be unpacked in a sandbox."""
        ...

    async def history(self, repo: str, commit: str, path: str, limit: int = 5) -> Sequence[Past]:
        """The last commits that touched a file, newest first."""
        ...

    async def apply(self, repo: str, base: str, patch: bytes) -> Applied:
        """The tree that a patch makes of a commit, by way of an index of its own. Raises PatchRefused."""
        ...

    async def commit(self, repo: str, base: str, tree: str, message: str, at: datetime) -> str:
        """A commit of that tree upon `base`, by Deus; the same arguments give the same hash."""
        ...

    async def vouch(self, repo: str, commit: str, tried: Tried) -> None:
        """Keeps what was found about a commit: whoever is asked to propose it is shown this, and not what anybody
        says. A commit of which nothing is kept is shown as untested."""
        ...
