"""A connector of the demo's GitHub with a fix prepared in a mirror of its own, reached by real git over loopback."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import difflib
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from agents.repositories import Tried
from app.demo.company import open_company
from app.demo.git_objects import Entry
from app.demo.place import built_in
from app.demo.source import Source
from app.demo.world import read_world
from app.repositories.mirror import AUTHOR
from app.repositories.mirrors import Mirrors
from tests.companies import BASE
from tests.git.hosts import served
from tools.github import GitHub
from tools.kit.git import Git, NoGit, Prepared, Remote
from tools.nouns import TestRun

REPO, SESSION, BRANCH = "acme/portal", "api/src/auth/session.ts", "agent/portal-2032"
MESSAGE = "Answer 401 for a session that is gone\n"
AT = datetime(2026, 11, 18, 15, tzinfo=UTC)
RED = TestRun(command="npm test", code=1, green=False, passed=2, failed=1)
GREEN = TestRun(command="npm test", code=0, green=True, passed=3, failed=0)
TRIED = Tried("confirmed", before=RED, after=GREEN, base_tests=GREEN)


@cache
def source() -> Source:
    """The demo's repository as it is before anything is pushed."""
    return Source(open_company(read_world(built_in()), BASE).story)


def session(mended: bool) -> str:
    """session.ts as it is, or with the missing row answered."""
    entry = source().files(source().main)[SESSION]
    text = source().objects.read(entry.sha)[1].decode()
    new = text.replace("if (session.expiresAt", "if (session === null || session.expiresAt")
    assert new != text
    return new if mended else text


def patch() -> bytes:
    """The fix as a patch."""
    before, after = (session(mended).splitlines(keepends=True) for mended in (False, True))
    return "".join(difflib.unified_diff(before, after, f"a/{SESSION}", f"b/{SESSION}")).encode()


@cache
def commit() -> str:
    """The hash that the fix has as a commit of Deus."""
    own = source()
    files = own.files(own.main) | {SESSION: Entry("100644", own.objects.put("blob", session(True).encode()))}
    tree = own.objects.tree(files)
    return own.objects.commit(tree, (own.main,), AUTHOR["NAME"], AUTHOR["EMAIL"], AT, MESSAGE)


@dataclass
class Elsewhere:
    """Git at the address where the demo is served in a test, in place of the one that its records name."""

    git: Git
    base: str

    def _there(self, remote: Remote) -> Remote:
        return replace(remote, url=remote.url.replace(BASE, self.base))

    async def prepared(self, remote: Remote, commit: str) -> Prepared:
        return await self.git.prepared(self._there(remote), commit)

    async def standing(self, remote: Remote, branch: str) -> str | None:
        return await self.git.standing(self._there(remote), branch)

    async def push(self, remote: Remote, commit: str, branch: str) -> None:
        await self.git.push(self._there(remote), commit, branch)

    async def delete(self, remote: Remote, branch: str, commit: str) -> None:
        await self.git.delete(self._there(remote), branch, commit)


@dataclass
class Host:
    """The connector as the mirrors see it."""

    github: GitHub
    base: str
    git: Git

    async def remote(self, repo: str) -> Remote:
        remote = await self.github.remote(repo)
        return replace(remote, url=remote.url.replace(BASE, self.base))


@contextlib.asynccontextmanager
async def fix_prepared(github: GitHub, app: Any, tried: Tried | None = TRIED) -> AsyncIterator[Mirrors]:
    """Prepares the fix in a mirror, by which the connector then pushes. It is made once, and copied after that."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "mirrors"
        async with served(app) as base:
            host = Host(github, base, NoGit())
            mirrors = Mirrors(folder, lambda: [host])
            github.git = Elsewhere(mirrors, base)
            if tried in _MADE:
                await asyncio.to_thread(shutil.copytree, _MADE[tried], folder)
            else:
                await _prepare(mirrors, tried)
                _MADE[tried] = _ROOM / f"mirrors-{len(_MADE)}"
                await asyncio.to_thread(shutil.copytree, folder, _MADE[tried])
            yield mirrors


_MADE: dict[Tried | None, Path] = {}
_ROOM = Path(tempfile.mkdtemp(prefix="deus-test-mirrors-"))
atexit.register(shutil.rmtree, _ROOM, ignore_errors=True)


async def _prepare(mirrors: Mirrors, tried: Tried | None) -> None:
    head = await mirrors.fetch(REPO)
    applied = await mirrors.apply(REPO, head.commit, patch())
    made = await mirrors.commit(REPO, head.commit, applied.tree, MESSAGE, AT)
    assert made == commit()
    if tried is not None:
        await mirrors.vouch(REPO, made, tried)
