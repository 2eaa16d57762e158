"""What a connector of a code host needs of git: the commits that Deus prepared, and pushing one where people see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from tools.kit.errors import BadArgument, UserMustMend

# The only branches that Deus makes, moves or deletes.
PREFIX = "agent/"
_BRANCH = re.compile(r"agent/[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LONGEST = 120


@dataclass(frozen=True)
class Remote:
    """Where a repository is fetched from and pushed to. `repo` is owner/name as the host spells it; the URL bears no
    credentials: git is given the token by its environment alone."""

    repo: str
    url: str
    token: SecretStr


@dataclass(frozen=True)
class Prepared:
    """A commit that Deus made in its mirror: one step from `base`, which is on the default branch.

    `diff` is all of it, as it would be pushed; `tests` says in lines what a fresh sandbox found ("" where none ran);
    `attention` are the reasons why a person has to look closely.
    """

    repo: str
    commit: str
    base: str
    title: str
    diff: str
    files: tuple[str, ...]
    tests: str = ""
    attention: tuple[str, ...] = ()


class Git(Protocol):
    """Pushes what was prepared. Network failures are Unavailable or TimedOut: nobody then knows what happened."""

    async def prepared(self, remote: Remote, commit: str) -> Prepared:
        """The commit as it was made. Raises BadArgument for one that Deus did not prepare, or that must not leave."""
        ...

    async def standing(self, remote: Remote, branch: str) -> str | None:
        """The commit at which a branch of the host stands; None if there is none."""
        ...

    async def push(self, remote: Remote, commit: str, branch: str) -> None:
        """Makes the branch at the host, at that commit; nothing happens if it stands there already.

        Raises BadArgument for a branch outside agent/, or one that is there and stands elsewhere: none is ever moved.
        """
        ...

    async def delete(self, remote: Remote, branch: str, commit: str) -> None:
        """Deletes a branch below agent/, if it stands at that commit; nothing happens if it is gone.

        Raises BadArgument where it stands elsewhere.
        """
        ...


@runtime_checkable
class CodeHost(Protocol):
    """A connector whose repository can be mirrored. It pushes by `git`, which whoever opens the product puts there."""

    git: Git

    async def remote(self, repo: str) -> Remote:
        """Where a repository is fetched from. Raises NotFound for one that it does not serve."""
        ...


class NoGit:
    """Stands in where no mirrors were opened; says so instead of doing anything."""

    async def prepared(self, remote: Remote, commit: str) -> Prepared:
        raise _closed()

    async def standing(self, remote: Remote, branch: str) -> str | None:
        raise _closed()

    async def push(self, remote: Remote, commit: str, branch: str) -> None:
        raise _closed()

    async def delete(self, remote: Remote, branch: str, commit: str) -> None:
        raise _closed()


def agent_branch(name: str) -> str:
    """The name of a branch that Deus may make. Raises BadArgument for any other, whatever it resolves to."""
    inner = name.split("/")
    if len(name) > _LONGEST or not _BRANCH.fullmatch(name) or any(part.endswith(".lock") for part in inner):
        raise BadArgument(
            f"Deus pushes to branches below {PREFIX} alone, and {name[:_LONGEST]!r} is none: "
            f"write {PREFIX} and letters, digits or hyphens."
        )
    return name


def full_hash(commit: str) -> str:
    """A commit's full hash. Raises BadArgument for anything else, such as a branch or an option."""
    if not _COMMIT.fullmatch(commit):
        raise BadArgument(f"{commit[:_LONGEST]!r} is no commit: its full hash is needed.")
    return commit


def _closed() -> UserMustMend:
    return UserMustMend("Deus has no mirrors of repositories here.", remedy="Start it with `deus up`.")
