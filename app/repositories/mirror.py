"""One repository as a bare mirror: fetched, read, and written to by git's plumbing; nothing is ever checked out."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from agents.repositories import Applied, Head, Past, PatchRefused, RepositoryUnavailable, Touched
from app.repositories.program import GitFailed, GitProgram, TooMuch, Watched
from tools.kit.git import Remote

Status = Literal["added", "modified", "deleted"]
STATUSES: dict[str, Status] = {"A": "added", "D": "deleted"}
MADE = "refs/deus/"
# Git would tidy up by itself, in a process that outlives the command.
MANY_PACKS = 40
READ_OF_A_FILE = 1024 * 1024
READ_IN_ALL = 32 * 1024 * 1024
# What a repository says of its own files must not change what is handed to a sandbox, nor hide what is shown.
ATTRIBUTES = "* -text -ident -filter -working-tree-encoding -export-ignore -export-subst !diff !eol\n"
DIFF = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")
# An address that no code host takes for somebody's account.
AUTHOR = {"NAME": "Deus", "EMAIL": "deus@agent.invalid"}


class Mirror:
    """A bare repository in `folder`, which is there in full or not at all.

    Its methods raise GitFailed, TooMuch or TimedOut besides what they say; `Mirrors` turns those into words.
    """

    def __init__(self, folder: Path, git: GitProgram) -> None:
        self.folder = folder
        self._git = git
        self._turn = asyncio.Lock()

    async def stand(self) -> None:
        """Makes the folder beside which mirrors stand; a company's code is nobody else's on this machine."""
        await asyncio.to_thread(self.folder.parent.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def fetch(self, remote: Remote) -> Head:
        """Brings the default branch up to date; makes the mirror first where there is none, or a damaged one."""
        async with self._alone():
            if not await self._opens():
                return await self._make(remote)
            try:
                # Nobody else fetches now: these were left by a process that was ended.
                await asyncio.to_thread(_unlock, self.folder)
                return await self._update(remote, self.folder)
            except GitFailed:
                if await self._whole():
                    raise
                return await self._make(remote)

    async def mend(self, remote: Remote) -> None:
        """Makes the mirror again if something is missing in it. What was prepared there is then gone."""
        async with self._alone():
            if not (await self._opens() and await self._whole()):
                await self._make(remote)

    async def archive(self, commit: str, target: Path, most: int) -> None:
        """Writes a commit's tree as tar, byte for byte as it was committed."""
        await self._has(commit)
        watched = Watched(target, most)
        await self._git.run(
            "archive", "--format=tar", f"--output={target}", f"{commit}^{{commit}}", folder=self.folder, watched=watched
        )

    async def history(self, commit: str, path: str, limit: int) -> Sequence[Past]:
        """The last commits that touched a path, newest first."""
        await self._has(commit)
        form = "--format=%H%x00%s%x00%an%x00%cI%x00"
        out = await self._git.run("log", f"-n{limit}", form, commit, "--", path, folder=self.folder)
        fields = out.decode("utf-8", "replace").replace("\0\n", "\0").split("\0")
        rows = [fields[n : n + 4] for n in range(0, len(fields) - 3, 4)]
        return [Past(row[0], row[1], row[2], datetime.fromisoformat(row[3])) for row in rows]

    async def apply(self, base: str, patch: bytes) -> Applied:
        """The tree that a patch makes of a commit, in an index of its own. Raises PatchRefused."""
        await self._has(base)
        with tempfile.TemporaryDirectory(prefix="deus-index-") as room:
            index = {"GIT_INDEX_FILE": os.path.join(room, "index")}
            await self._git.run("read-tree", base, folder=self.folder, environment=index)
            try:
                await self._git.run(
                    "apply", "--cached", "--whitespace=nowarn", "-", given=patch, folder=self.folder, environment=index
                )
                tree = await self._git.run("write-tree", folder=self.folder, environment=index)
            except GitFailed as failed:
                raise PatchRefused(f"The patch does not apply to {base[:10]}: {failed.line}") from failed
        return await self.applied(base, tree.decode().strip())

    async def applied(self, base: str, tree: str) -> Applied:
        """What lies between a commit and a tree or commit. Raises PatchRefused where nothing does."""
        touched = await self._touched(base, tree)
        if not touched:
            raise PatchRefused("The patch changes nothing.")
        shown = await self._git.run("diff-tree", "-r", "-p", "--full-index", *DIFF, base, tree, folder=self.folder)
        return Applied(base, tree, touched, shown.decode("utf-8", "replace"))

    async def commit(self, base: str, tree: str, message: str, at: datetime) -> str:
        """A commit of that tree upon `base`, kept by a ref of its own; the same arguments give the same hash."""
        await self._has(base)
        moment = f"@{int(at.timestamp())} +0000"
        signed = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in AUTHOR.items()}
        dates = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
        text = message.replace("\0", "").encode("utf-8", "replace")
        made = await self._git.run(
            "commit-tree", tree, "-p", base, "-F", "-", given=text, folder=self.folder, environment={**signed, **dates}
        )
        commit = made.decode().strip()
        await self._git.run("update-ref", f"{MADE}{commit}", commit, folder=self.folder)
        return commit

    async def made(self, commit: str) -> tuple[str, str] | None:
        """The parent and the title of a commit that `commit` made; None for any other, or one left behind.

        It has to stand one step from what is on the default branch, so that nothing else can be pushed along with it.
        """
        if not await self._opens():
            return None
        try:
            await self._git.run("rev-parse", "--verify", "--quiet", f"{MADE}{commit}", folder=self.folder)
            out = await self._git.run("log", "-n1", "--format=%P%x00%s", commit, folder=self.folder)
            parents, _, title = out.decode("utf-8", "replace").strip().partition("\0")
            await self._git.run("merge-base", "--is-ancestor", parents, "HEAD", folder=self.folder)
        except GitFailed:
            return None
        return parents, title

    async def standing(self, remote: Remote, branch: str) -> str | None:
        """Where a branch stands at the host."""
        ref = f"refs/heads/{branch}"
        out = await self._git.run("ls-remote", "--quiet", remote.url, ref, folder=self.folder.parent, remote=remote)
        rows = (line.partition("\t") for line in out.decode("utf-8", "replace").splitlines())
        return next((commit for commit, _, name in rows if name == ref), None)

    async def push(self, remote: Remote, branch: str, commit: str, expected: str) -> None:
        """Puts a branch of the host at `commit` ("" deletes it) if it stands at `expected` ("" if it is not there).

        The host compares and sets at once: nobody's push is overwritten, whoever was faster.
        """
        ref = f"refs/heads/{branch}"
        await self._git.run(
            "push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed",
            f"--force-with-lease={ref}:{expected}", remote.url, f"{commit}:{ref}",
            folder=self.folder, remote=remote,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One at a time, in this process and beside others that share the folder."""
        async with self._turn:
            await self.stand()
            lock = os.open(self.folder.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                # The lock is another process's; nothing here is told when it lets go.
                while not _locked(lock):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                yield
            finally:
                os.close(lock)

    async def _make(self, remote: Remote) -> Head:
        """Makes the mirror beside its place and moves it there when it is whole."""
        making = self.folder.with_suffix(".making")
        await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
        await asyncio.to_thread(making.mkdir, parents=True)
        try:
            await self._git.run("init", "--quiet", "--bare", "--template=", folder=making)
            await asyncio.to_thread(_describe, making)
            head = await self._update(remote, making)
            await asyncio.to_thread(_put, making, self.folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
        return head

    async def _update(self, remote: Remote, folder: Path) -> Head:
        out = await self._git.run("ls-remote", "--symref", remote.url, "HEAD", folder=folder, remote=remote)
        told = re.search(rb"^ref: refs/heads/(\S+)\tHEAD$", out, re.MULTILINE)
        if told is None:
            raise RepositoryUnavailable(f"{remote.repo} has no default branch; nothing has been pushed to it yet.")
        branch = told[1].decode("utf-8", "replace")
        ref = f"refs/heads/{branch}"
        await self._git.run(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", remote.url, f"+{ref}:{ref}",
            folder=folder, remote=remote, watched=Watched(folder, self._git.limits.mirror_bytes),
        )  # fmt: skip
        await self._git.run("symbolic-ref", "HEAD", ref, folder=folder)
        seen = await self._git.run("log", "-n1", "--format=%H %cI", f"{ref}^{{commit}}", folder=folder)
        commit, _, at = seen.decode().strip().partition(" ")
        await self._git.run("ls-tree", "-r", "--name-only", commit, folder=folder)
        if await asyncio.to_thread(_packs, folder) > MANY_PACKS:
            await self._git.run("repack", "-a", "-d", "-q", folder=folder)
        return Head(remote.repo, branch, commit, datetime.fromisoformat(at))

    async def _opens(self) -> bool:
        """Whether a mirror stands there that git takes for one."""
        if not await asyncio.to_thread(self.folder.is_dir):
            return False
        try:
            return await self._git.run("rev-parse", "--is-bare-repository", folder=self.folder) == b"true\n"
        except GitFailed:
            return False

    async def _whole(self) -> bool:
        try:
            await self._git.run("fsck", "--full", "--no-dangling", "--no-progress", folder=self.folder)
        except (GitFailed, TooMuch):
            return False
        return True

    async def _has(self, commit: str) -> None:
        try:
            await self._git.run("cat-file", "-e", f"{commit}^{{commit}}", folder=self.folder)
        except (GitFailed, FileNotFoundError, NotADirectoryError):
            raise RepositoryUnavailable(
                f"The mirror has no commit {commit[:10]}; it has to be fetched first."
            ) from None

    async def _touched(self, base: str, tree: str) -> tuple[Touched, ...]:
        raw = await self._git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", base, tree, folder=self.folder)
        rows = [_row(*pair) for pair in _pairs(raw)]
        sizes = await self._sizes([row.blob for row in rows if row.has_blob])
        contents = await self._contents([row.blob for row in rows if row.has_blob], sizes)
        return tuple(
            Touched(
                row.path, row.status, row.old_mode, row.new_mode,
                sizes.get(row.blob, 0) if row.has_blob else 0, contents.get(row.blob, b"") if row.has_blob else b"",
            )
            for row in rows
        )  # fmt: skip

    async def _sizes(self, blobs: Sequence[str]) -> dict[str, int]:
        given = "".join(f"{blob}\n" for blob in blobs).encode()
        form = "--batch-check=%(objectname) %(objectsize)"
        out = await self._git.run("cat-file", form, given=given, folder=self.folder)
        rows = (line.split() for line in out.decode().splitlines())
        return {row[0]: int(row[1]) for row in rows if row[1].isdigit()}

    async def _contents(self, blobs: Sequence[str], sizes: dict[str, int]) -> dict[str, bytes]:
        """What small files hold, as long as they are not too much together."""
        wanted: list[str] = []
        for blob in dict.fromkeys(blobs):
            size = sizes.get(blob, 0)
            if size <= READ_OF_A_FILE and sum(sizes[one] for one in wanted) + size <= READ_IN_ALL:
                wanted.append(blob)
        given = "".join(f"{blob}\n" for blob in wanted).encode()
        out = await self._git.run("cat-file", "--batch=", given=given, folder=self.folder)
        found, at = {}, 0
        for blob in wanted:
            # Each one is an empty header, its bytes, and a newline.
            at += 1
            found[blob] = out[at : at + sizes[blob]]
            at += sizes[blob] + 1
        return found


@dataclass(frozen=True)
class _Row:
    path: str
    status: Status
    old_mode: str
    new_mode: str
    blob: str

    @property
    def has_blob(self) -> bool:
        return self.new_mode not in ("000000", "160000")


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    parts = raw.decode("utf-8", "replace").split("\0")
    return list(zip(parts[0::2], parts[1::2], strict=False))


def _row(told: str, path: str) -> _Row:
    old_mode, new_mode, _, blob, status = told.lstrip(":").split(" ")
    return _Row(path, STATUSES.get(status, "modified"), old_mode, new_mode, blob)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _packs(folder: Path) -> int:
    return sum(1 for _ in folder.glob("objects/pack/*.pack"))


def _unlock(folder: Path) -> None:
    for left in (*folder.glob("*.lock"), *folder.joinpath("refs", "heads").rglob("*.lock")):
        left.unlink(missing_ok=True)


def _describe(folder: Path) -> None:
    (folder / "info").mkdir(exist_ok=True)
    (folder / "info" / "attributes").write_text(ATTRIBUTES, encoding="utf-8")


def _put(made: Path, place: Path) -> None:
    old = place.with_suffix(".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    made.rename(place)
    shutil.rmtree(old, ignore_errors=True)
