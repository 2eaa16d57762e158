"""The mirrors of a workspace: the port that code tasks read and write by, and the one that connectors push by."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from agents.patch import check
from agents.repositories import Applied, Head, Past, PatchRefused, RepositoryUnavailable, Tried
from app.repositories.mirror import Mirror
from app.repositories.program import GitFailed, GitProgram, TooMuch
from app.repositories.tried import read_tried, said_of, written
from tools.kit.connector import Connector
from tools.kit.errors import BadArgument, DeusError, ModelMayRetry, NotFound, Refused, TimedOut, Unavailable
from tools.kit.git import CodeHost, Prepared, Remote, agent_branch, full_hash

LARGEST_PATCH = 2 * 1024 * 1024
LARGEST_TREE = 2 * 1024**3
MOST_HISTORY = 100
_REFUSED = re.compile(
    r"authentication failed|returned error: 40[13]|could not read (username|password)|permission to|access denied"
)
_MISSING = re.compile(r"not found|returned error: 404|does not appear to be a git repository")
_MOVED = re.compile(r"stale info|non-fast-forward|fetch first|already exists")


class Mirrors:
    """Bare mirrors below one folder: Repositories for code tasks, and Git for the connectors that propose.

    `hosts` are the connected code hosts; a repository that none of them serves is neither read nor written.
    """

    def __init__(self, folder: Path, hosts: Callable[[], Sequence[CodeHost]], git: GitProgram | None = None) -> None:
        # Git is run in folders of its own, from which a relative path would lead elsewhere.
        self._folder = folder.expanduser().absolute()
        self._hosts = hosts
        self._git = git or GitProgram()
        self._open: dict[str, Mirror] = {}

    async def fetch(self, repo: str) -> Head:
        """Brings the mirror up to date, or makes it; returns the default branch's head."""
        remote = await self._remote(repo)
        async with _in_words(remote):
            return await self._mirror(remote).fetch(remote)

    async def archive(self, repo: str, commit: str, target: Path) -> None:
        """Writes the tree of a commit as an uncompressed tar file; a damaged mirror is made again first."""
        remote = await self._remote(repo)
        mirror = self._mirror(remote)
        async with _in_words(remote):
            try:
                await mirror.archive(full_hash(commit), target, LARGEST_TREE)
            except (GitFailed, RepositoryUnavailable):
                await mirror.mend(remote)
                await mirror.archive(commit, target, LARGEST_TREE)

    async def history(self, repo: str, commit: str, path: str, limit: int = 5) -> Sequence[Past]:
        """The last commits that touched a file, newest first."""
        remote = await self._remote(repo)
        async with _in_words(remote):
            return await self._mirror(remote).history(full_hash(commit), path, min(max(limit, 1), MOST_HISTORY))

    async def apply(self, repo: str, base: str, patch: bytes) -> Applied:
        """The tree that a patch makes of a commit. Raises PatchRefused, also for one of more than 2 MB."""
        if len(patch) > LARGEST_PATCH:
            raise PatchRefused(f"The patch has {len(patch) / 1024**2:.1f} MB; 2 MB are the most.")
        remote = await self._remote(repo)
        async with _in_words(remote):
            return await self._mirror(remote).apply(full_hash(base), patch)

    async def commit(self, repo: str, base: str, tree: str, message: str, at: datetime) -> str:
        """A commit of that tree upon `base`, by Deus; the same arguments give the same hash."""
        remote = await self._remote(repo)
        async with _in_words(remote):
            return await self._mirror(remote).commit(full_hash(base), full_hash(tree), message, at)

    async def vouch(self, repo: str, commit: str, tried: Tried) -> None:
        """Keeps what was found about a commit beside it."""
        mirror = self._mirror(await self._remote(repo))
        if await mirror.made(full_hash(commit)) is None:
            raise RepositoryUnavailable(f"{commit[:10]} is no commit that Deus made.")
        await asyncio.to_thread(_keep, self._kept(mirror, commit), written(tried))

    async def prepared(self, remote: Remote, commit: str) -> Prepared:
        """The commit as it was made. Raises BadArgument for one that Deus did not make, or that must not leave."""
        mirror, commit = self._mirror(remote), full_hash(commit)
        async with _in_words(remote):
            made = await mirror.made(commit)
            if made is None:
                raise BadArgument(
                    f"{commit[:10]} is no change that Deus prepared for {remote.repo}, or its base is no longer part "
                    "of it.",
                    remedy="Have the change prepared again.",
                )
            base, title = made
            applied = await mirror.applied(base, commit)
        checked = check(applied)
        if checked.refused:
            raise BadArgument(f"{commit[:10]} must not be pushed: {' '.join(checked.refused)}")
        tried = await asyncio.to_thread(read_tried, self._kept(mirror, commit))
        return Prepared(
            repo=remote.repo, commit=commit, base=base, title=title, diff=applied.diff,
            files=tuple(one.path for one in applied.touched), tests=said_of(tried),
            attention=(*checked.attention, *(tried.attention if tried else ())),
        )  # fmt: skip

    async def standing(self, remote: Remote, branch: str) -> str | None:
        """The commit at which a branch of the host stands; None if there is none."""
        await self._mirror(remote).stand()
        async with _in_words(remote, asking=True):
            return await self._mirror(remote).standing(remote, agent_branch(branch))

    async def push(self, remote: Remote, commit: str, branch: str) -> None:
        """Makes a branch below agent/ at the host, at a commit that Deus prepared; see `Git`."""
        mirror, commit = self._mirror(remote), full_hash(commit)
        there = await self.standing(remote, branch)
        if there == commit:
            return
        if there is not None:
            raise _taken(remote, branch, there)
        if await mirror.made(commit) is None:
            raise BadArgument(f"{commit[:10]} is no change that Deus prepared for {remote.repo}.")
        async with _in_words(remote, asking=True):
            await mirror.push(remote, agent_branch(branch), commit, expected="")

    async def delete(self, remote: Remote, branch: str, commit: str) -> None:
        """Deletes a branch below agent/, if it stands at that commit; see `Git`."""
        there = await self.standing(remote, branch)
        if there is None:
            return
        if there != full_hash(commit):
            raise _taken(remote, branch, there)
        async with _in_words(remote, asking=True):
            await self._mirror(remote).push(remote, agent_branch(branch), "", expected=commit)

    async def _remote(self, repo: str) -> Remote:
        """Where a repository is; the first host that serves it says so."""
        hosts = self._hosts()
        for host in hosts:
            try:
                return await host.remote(repo)
            except NotFound:
                continue
            except ModelMayRetry as error:
                raise RepositoryUnavailable(error.message) from error
        if not hosts:
            raise RepositoryUnavailable(
                "No code host is connected, so there is no repository to work in.",
                remedy="Connect one with `deus connect github`.",
            )
        raise RepositoryUnavailable(f"{repo!r} is not a repository that is connected here.")

    def _mirror(self, remote: Remote) -> Mirror:
        parts = remote.repo.lower().split("/")
        if len(parts) != 2 or any(not part or part.startswith(".") or "\\" in part for part in parts):
            raise RepositoryUnavailable(f"{remote.repo!r} is no repository: write owner/name.")
        key = "/".join(parts)
        if key not in self._open:
            self._open[key] = Mirror(self._folder / parts[0] / f"{parts[1]}.git", self._git)
        return self._open[key]

    def _kept(self, mirror: Mirror, commit: str) -> Path:
        return mirror.folder / "deus" / f"{commit}.json"


def open_mirrors(folder: Path, connected: Mapping[str, Connector]) -> Mirrors:
    """The mirrors of a workspace's code hosts, which push by them from now on."""
    hosts: list[CodeHost] = [one for one in connected.values() if isinstance(one, CodeHost)]
    mirrors = Mirrors(folder, lambda: hosts)
    for host in hosts:
        host.git = mirrors
    return mirrors


def _keep(path: Path, text: str) -> None:
    """Writes a file so that it is there in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)


@contextlib.asynccontextmanager
async def _in_words(remote: Remote, *, asking: bool = False) -> AsyncIterator[None]:
    """Turns what git says into one of the kit's errors. `asking` commands change something at the host: what fails
    between here and there leaves open whether it happened."""
    try:
        yield
    except GitFailed as failed:
        raise _why(failed, remote, asking=asking) from failed
    except TooMuch as much:
        raise RepositoryUnavailable(f"{remote.repo} is too large to be worked on here: {much}.") from much
    except TimedOut as late:
        late.service = remote.repo
        raise


def _why(failed: GitFailed, remote: Remote, *, asking: bool) -> DeusError:
    said = failed.said.lower()
    if failed.command not in ("fetch", "ls-remote", "push"):
        return RepositoryUnavailable(f"The mirror of {remote.repo} could not be read: {failed.line}")
    if _MOVED.search(said) and failed.command == "push":
        return BadArgument(f"{remote.repo} has moved meanwhile: {failed.line}")
    if _REFUSED.search(said):
        return Refused(
            f"The code host refused {'the push to' if failed.command == 'push' else 'to show'} {remote.repo}.",
            remedy="Give a token that may read and write its contents: `deus connect github`.",
        )
    if _MISSING.search(said):
        return RepositoryUnavailable(f"The code host has no repository {remote.repo}, or hides it from this token.")
    if failed.command == "push" and "remote rejected" in said:
        return BadArgument(f"The code host did not take the branch: {failed.line}")
    if asking:
        return Unavailable(f"The code host did not answer git as it should: {failed.line}", service=remote.repo)
    return RepositoryUnavailable(f"{remote.repo} could not be fetched: {failed.line}")


def _taken(remote: Remote, branch: str, there: str) -> BadArgument:
    return BadArgument(f"{remote.repo} has a branch {branch} already, and it stands at {there[:10]}.")
