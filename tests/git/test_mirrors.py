"""Mirrors against a real git server on loopback: what they fetch, make, push, and refuse."""

from __future__ import annotations

import asyncio
import contextlib
import random
import stat
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.repositories import PatchRefused, RepositoryUnavailable, Tried
from app.repositories.mirrors import Mirrors
from app.repositories.program import GitProgram, Limits
from tests.git.hosts import Host, code_host, commit, git
from tools.github import site_of
from tools.kit.errors import BadArgument, Refused, TimedOut, Unavailable, UserMustMend
from tools.nouns import TestRun as RunOfTests

AT = datetime(2026, 11, 18, 15, tzinfo=UTC)
FIX = b"""\
diff --git a/src/a.ts b/src/a.ts
--- a/src/a.ts
+++ b/src/a.ts
@@ -1,2 +1,2 @@
 first
-second
+2nd
"""


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with code_host(tmp_path) as host:
        commit(host.bare, {"src/a.ts": "first\nsecond\n", "README.md": "# Portal\n"})
        yield host


@pytest.fixture
def mirrors(host: Host, tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "data" / "repositories", lambda: [host])


async def made(mirrors: Mirrors, patch: bytes = FIX) -> tuple[str, str]:
    """The base and a commit of Deus's upon it."""
    head = await mirrors.fetch("acme/portal")
    applied = await mirrors.apply("acme/portal", head.commit, patch)
    return head.commit, await mirrors.commit("acme/portal", head.commit, applied.tree, "Write it shorter", AT)


async def test_a_mirror_is_made_and_brought_up_to_date(host: Host, mirrors: Mirrors, tmp_path: Path) -> None:
    first = await mirrors.fetch("Acme/Portal")
    second = commit(host.bare, {"src/b.ts": "b\n"}, "Add b")
    head = await mirrors.fetch("acme/portal")
    assert (head.repo, head.branch, head.commit) == ("acme/portal", "main", second)
    assert head.at == datetime.fromtimestamp(1763000000, UTC)
    past = await mirrors.history("acme/portal", second, "src/b.ts")
    assert [(one.commit, one.title, one.author) for one in past] == [(second, "Add b", "Ann")]
    assert [one.commit for one in await mirrors.history("acme/portal", second, "src/a.ts")] == [first.commit]
    target = tmp_path / "tree.tar"
    await mirrors.archive("acme/portal", second, target)
    with tarfile.open(target) as tar:
        files = {member.name for member in tar if member.isfile()}
        assert files == {"README.md", "src/a.ts", "src/b.ts"}
    folder = tmp_path / "data" / "repositories" / "acme" / "portal.git"
    assert git(folder, "rev-parse", "--is-bare-repository") == "true"
    assert not (folder / "index").exists()
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


async def test_a_patch_becomes_a_commit_that_is_the_same_each_time(host: Host, mirrors: Mirrors) -> None:
    base, first = await made(mirrors)
    assert (base, first) == await made(mirrors)
    applied = await mirrors.apply("acme/portal", base, FIX)
    (touched,) = applied.touched
    assert (touched.path, touched.status, touched.new_mode) == ("src/a.ts", "modified", "100644")
    assert touched.content == b"first\n2nd\n"
    assert "+2nd" in applied.diff


async def test_what_is_pushed_is_that_commit_on_a_branch_of_its_own(host: Host, mirrors: Mirrors) -> None:
    base, fix = await made(mirrors)
    remote = await host.remote("acme/portal")
    await mirrors.push(remote, fix, "agent/shorter")
    await mirrors.push(remote, fix, "agent/shorter")
    assert git(host.bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines() == [
        f"refs/heads/agent/shorter {fix}",
        f"refs/heads/main {base}",
    ]
    assert git(host.bare, "log", "-n1", "--format=%an %P", fix) == f"Deus {base}"
    assert await mirrors.standing(remote, "agent/shorter") == fix
    await mirrors.delete(remote, "agent/shorter", fix)
    await mirrors.delete(remote, "agent/shorter", fix)
    assert git(host.bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


OUTSIDE = (
    "main", "refs/heads/main", "agent/../main", "agent/", "agent", "agent//x", "agent/x.lock", "agent/.x", "-f",
    "agent/x:refs/heads/main", "+agent/x", "agent/x y", "agent/x\n", "agents/x", "AGENT/x", "agent/x@{1}", "",
    "agent/x/../../main", "agent/-x",
)  # fmt: skip


async def test_no_other_branch_is_ever_pushed_or_deleted(host: Host, mirrors: Mirrors) -> None:
    base, fix = await made(mirrors)
    remote, before = await host.remote("acme/portal"), git(host.bare, "for-each-ref")
    for branch in OUTSIDE:
        with pytest.raises(BadArgument):
            await mirrors.push(remote, fix, branch)
        with pytest.raises(BadArgument):
            await mirrors.delete(remote, branch, base)
    assert git(host.bare, "for-each-ref") == before


async def test_a_branch_of_somebody_else_is_neither_moved_nor_deleted(host: Host, mirrors: Mirrors) -> None:
    base, fix = await made(mirrors)
    theirs = commit(host.bare, {"src/c.ts": "c\n"}, branch="agent/theirs")
    git(host.bare, "update-ref", "refs/heads/agent/old", base)
    remote = await host.remote("acme/portal")
    for branch in ("agent/theirs", "agent/old"):
        with pytest.raises(BadArgument, match="already"):
            await mirrors.push(remote, fix, branch)
        with pytest.raises(BadArgument, match="stands at"):
            await mirrors.delete(remote, branch, fix)
    assert git(host.bare, "rev-parse", "agent/theirs", "agent/old").split() == [theirs, base]


async def test_only_what_deus_made_is_pushed(host: Host, mirrors: Mirrors) -> None:
    base, _ = await made(mirrors)
    remote = await host.remote("acme/portal")
    for other in (base, "0" * 40, "HEAD", "main", "--all"):
        with pytest.raises(BadArgument):
            await mirrors.push(remote, other, "agent/x")
        with pytest.raises(BadArgument):
            await mirrors.prepared(remote, other)


async def test_two_at_once_make_one_mirror(host: Host, mirrors: Mirrors, tmp_path: Path) -> None:
    other = Mirrors(tmp_path / "data" / "repositories", lambda: [host])
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.fetch("acme/portal")) for one in (mirrors, mirrors, other, other)]
    assert len({task.result().commit for task in tasks}) == 1
    left = sorted(path.name for path in (tmp_path / "data" / "repositories" / "acme").iterdir())
    assert left == ["portal.git", "portal.lock"]


async def test_what_a_killed_process_left_is_no_mirror(host: Host, mirrors: Mirrors, tmp_path: Path) -> None:
    place = tmp_path / "data" / "repositories" / "acme"
    (place / "portal.making" / "objects").mkdir(parents=True)
    (place / "portal.git").mkdir()
    head = await mirrors.fetch("acme/portal")
    (place / "portal.git" / "refs" / "heads" / "main.lock").touch()
    commit(host.bare, {"d.ts": "d\n"})
    assert (await mirrors.fetch("acme/portal")).commit != head.commit
    assert not (place / "portal.making").exists()


@pytest.mark.parametrize("wound", ["objects", "pack", "head"])
async def test_a_damaged_mirror_is_made_again(host: Host, mirrors: Mirrors, tmp_path: Path, wound: str) -> None:
    head = await mirrors.fetch("acme/portal")
    folder = tmp_path / "data" / "repositories" / "acme" / "portal.git"
    if wound == "head":
        (folder / "HEAD").write_text("nonsense")
    for file in [path for path in (folder / "objects").rglob("*") if path.is_file()]:
        file.chmod(0o644)
        if wound == "objects":
            file.unlink()
        elif wound == "pack":
            file.write_bytes(file.read_bytes()[:-12] + b"\0" * 12)
    if wound == "head":
        await mirrors.fetch("acme/portal")
    await mirrors.archive("acme/portal", head.commit, tmp_path / "tree.tar")
    assert (await mirrors.fetch("acme/portal")).commit == head.commit
    assert git(folder, "fsck", "--full") == ""


async def test_the_token_is_nowhere_but_in_the_environment(
    host: Host, mirrors: Mirrors, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await made(mirrors)
    host.token = "another-token-5eed"
    with pytest.raises(Refused) as caught:
        await mirrors.fetch("acme/portal")
    assert "deus connect" in str(caught.value)
    told = [str(caught.value), repr(caught.value.__cause__), caplog.text, *host.asked]
    kept = [path.read_bytes().decode("latin-1") for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [text for text in (*told, *kept) if host.token in text or "t0ken" in text]


async def test_a_repository_that_is_not_connected_is_not_read(host: Host, mirrors: Mirrors, tmp_path: Path) -> None:
    for name in ("acme/other", "../portal", "acme/portal/x", "", "https://elsewhere.test/a/b"):
        with pytest.raises(RepositoryUnavailable):
            await mirrors.fetch(name)
    nowhere = Mirrors(tmp_path / "data", list)
    with pytest.raises(RepositoryUnavailable, match="deus connect github"):
        await nowhere.fetch("acme/portal")
    assert host.asked == []


async def test_an_empty_repository_says_so(tmp_path: Path) -> None:
    async with code_host(tmp_path) as host:
        with pytest.raises(RepositoryUnavailable, match="nothing has been pushed"):
            await Mirrors(tmp_path / "data", lambda: [host]).fetch("acme/portal")


async def test_a_host_that_fails_is_told_apart(host: Host, mirrors: Mirrors) -> None:
    _, fix = await made(mirrors)
    remote = await host.remote("acme/portal")
    host.faults["info/refs"] = 500
    with pytest.raises(RepositoryUnavailable):
        await mirrors.fetch("acme/portal")
    with pytest.raises(Unavailable):
        await mirrors.push(remote, fix, "agent/x")
    host.faults["info/refs"] = 404
    with pytest.raises(RepositoryUnavailable, match="no repository"):
        await mirrors.fetch("acme/portal")
    host.faults = {"git-receive-pack": 502}
    with pytest.raises(Unavailable):
        await mirrors.push(remote, fix, "agent/x")
    host.faults, host.lost = {}, {"git-receive-pack"}
    with pytest.raises(Unavailable):
        await mirrors.push(remote, fix, "agent/x")
    host.lost = set()
    await mirrors.push(remote, fix, "agent/x")
    assert git(host.bare, "rev-parse", "agent/x") == fix


async def test_a_patch_that_does_not_apply_is_refused_in_gits_words(host: Host, mirrors: Mirrors) -> None:
    head = await mirrors.fetch("acme/portal")
    for patch in (FIX.replace(b"second", b"third"), b"garbage", b"", FIX.replace(b"+2nd", b"+second")):
        with pytest.raises(PatchRefused):
            await mirrors.apply("acme/portal", head.commit, patch)
    with pytest.raises(PatchRefused, match="2 MB"):
        await mirrors.apply("acme/portal", head.commit, b"x" * (2 * 1024 * 1024 + 1))
    with pytest.raises(RepositoryUnavailable, match="has to be fetched"):
        await mirrors.apply("acme/portal", "1" * 40, FIX)


async def test_without_git_the_remedy_is_named(
    host: Host, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserMustMend, match="apt-get install git"):
        await mirrors.fetch("acme/portal")


def asking(host: Host) -> list[int]:
    """The processes that ask this host."""
    found = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if place.name.isdigit() and host.base.encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


async def test_what_is_given_up_or_takes_too_long_leaves_no_process(host: Host, tmp_path: Path) -> None:
    host.held = asyncio.Event()
    mirrors = Mirrors(tmp_path / "data", lambda: [host])
    fetching = asyncio.create_task(mirrors.fetch("acme/portal"))
    while not host.asked:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert await asyncio.to_thread(asking, host)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert not await asyncio.to_thread(asking, host)
    hasty = GitProgram(Limits(remote_seconds=0.2))
    with pytest.raises(TimedOut):
        await Mirrors(tmp_path / "hasty", lambda: [host], hasty).fetch("acme/portal")
    assert not await asyncio.to_thread(asking, host)
    host.held.set()
    assert (await mirrors.fetch("acme/portal")).branch == "main"


async def test_a_repository_that_is_too_large_is_not_kept(host: Host, tmp_path: Path) -> None:
    commit(host.bare, {"large.bin": random.Random(1).randbytes(400_000)})
    small = GitProgram(Limits(mirror_bytes=200_000))
    with pytest.raises(RepositoryUnavailable, match="too large"):
        await Mirrors(tmp_path / "data", lambda: [host], small).fetch("acme/portal")
    assert [path.name for path in (tmp_path / "data" / "acme").iterdir()] == ["portal.lock"]


async def test_many_fetches_are_put_together(
    host: Host, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.repositories.mirror.MANY_PACKS", 0)
    base, fix = await made(mirrors)
    commit(host.bare, {"e.ts": "e\n"})
    await mirrors.fetch("acme/portal")
    prepared = await mirrors.prepared(await host.remote("acme/portal"), fix)
    assert (prepared.base, prepared.files, prepared.tests) == (base, ("src/a.ts",), "")
    folder = tmp_path / "data" / "repositories" / "acme" / "portal.git"
    assert len(list((folder / "objects" / "pack").glob("*.pack"))) == 1


async def test_a_base_that_was_rewritten_is_not_pushed_upon(host: Host, mirrors: Mirrors) -> None:
    _, fix = await made(mirrors)
    git(host.bare, "update-ref", "-d", "refs/heads/main")
    commit(host.bare, {"src/a.ts": "another history\n"})
    await mirrors.fetch("acme/portal")
    remote = await host.remote("acme/portal")
    with pytest.raises(BadArgument, match="no longer part"):
        await mirrors.prepared(remote, fix)
    with pytest.raises(BadArgument):
        await mirrors.push(remote, fix, "agent/x")


async def test_what_was_found_is_kept_by_the_host_alone(host: Host, mirrors: Mirrors) -> None:
    base, fix = await made(mirrors)
    red = RunOfTests(command="npm test", code=1, green=False, passed=1, failed=2)
    await mirrors.vouch("acme/portal", fix, Tried("refuted", after=red, attention=("The tests took long.",)))
    prepared = await mirrors.prepared(await host.remote("acme/portal"), fix)
    assert prepared.tests.splitlines()[0].startswith("Refuted")
    assert "red, 1 passed and 2 failed" in prepared.tests
    assert prepared.attention == ("The tests took long.",)
    with pytest.raises(RepositoryUnavailable):
        await mirrors.vouch("acme/portal", base, Tried("confirmed"))


@pytest.mark.parametrize(
    ("api", "site"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.acme.ghe.com/", "https://acme.ghe.com"),
        ("https://git.acme.test/api/v3", "https://git.acme.test"),
        ("http://127.0.0.1:8001/github", "http://127.0.0.1:8001/github"),
        ("https://api.github.com.evil.test", "https://api.github.com.evil.test"),
    ],
)
def test_git_is_asked_where_the_api_is(api: str, site: str) -> None:
    assert site_of(api) == site
