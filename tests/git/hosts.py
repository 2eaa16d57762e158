"""A code host on loopback with one real repository, for tests of what speaks git."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.demo.git_host import GitHost
from tools.kit.errors import NotFound
from tools.kit.git import Git, NoGit, Remote

TOKEN = "t0ken-of-this-host"
CLEAN = {
    "PATH": os.defpath, "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
       for what, value in (("NAME", "Ann"), ("EMAIL", "ann@acme.test"), ("DATE", "@1763000000 +0000"))},
}  # fmt: skip


def git(folder: Path, *arguments: str, given: bytes | None = None, index: str | None = None) -> str:
    """What git says in a folder, with nothing of this machine's configuration; `index` is a file beside its own."""
    told = {**CLEAN, "GIT_INDEX_FILE": str(folder / index)} if index else CLEAN
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=told, input=given, capture_output=True, check=True, timeout=30
    )
    return done.stdout.decode("utf-8", "replace").strip()


def commit(bare: Path, files: Mapping[str, str | bytes], message: str = "Begin", branch: str = "main") -> str:
    """Commits files on a branch of a bare repository without a work tree; gives the hash."""
    index = "index-of-test"
    parent: list[str] = []
    with contextlib.suppress(subprocess.CalledProcessError):
        parent = ["-p", git(bare, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")]
        git(bare, "read-tree", parent[1], index=index)
    for path, text in files.items():
        blob = git(bare, "hash-object", "-w", "--stdin", given=text.encode() if isinstance(text, str) else text)
        git(bare, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", index=index)
    tree = git(bare, "write-tree", index=index)
    made = git(bare, "commit-tree", tree, *parent, "-m", message)
    git(bare, "update-ref", f"refs/heads/{branch}", made)
    return made


@dataclass
class Host:
    """A code host that is listened to by `GitHost`; `asked` are the paths, `faults` what is answered instead;
    while something is `held`, nothing is answered."""

    bare: Path
    base: str = ""
    repo: str = "acme/portal"
    token: str = TOKEN
    asked: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    held: asyncio.Event | None = None
    git: Git = field(default_factory=NoGit)

    async def remote(self, repo: str) -> Remote:
        if repo.lower() != self.repo:
            raise NotFound(f"{repo} is not served.", service="host")
        return Remote(self.repo, f"{self.base}/{self.repo}.git", SecretStr(self.token))

    async def answer(self, request: Request) -> Response:
        """Git's answer, or the fault; of what is `lost` the answer does not arrive though it was done."""
        rest = request.path_params["rest"]
        self.asked.append(f"{request.method} {request.url.path}?{request.url.query}")
        if self.held is not None:
            await self.held.wait()
        if rest in self.faults:
            return Response("no", self.faults[rest])
        done = await GitHost(self._folder, TOKEN, lambda: None).answer(request)
        return Response("lost", 502) if rest in self.lost else done

    async def _folder(self) -> Path:
        return self.bare


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An application on loopback, while the block runs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def code_host(folder: Path) -> AsyncIterator[Host]:
    """A code host with an empty repository."""
    bare = folder / "host" / "portal.git"
    bare.mkdir(parents=True)
    git(bare, "init", "-q", "--bare", "-b", "main", ".")
    host = Host(bare)
    app = Starlette(routes=[Route("/acme/portal.git/{rest:path}", host.answer, methods=["GET", "POST"])])
    async with served(app) as base:
        host.base = base
        yield host
