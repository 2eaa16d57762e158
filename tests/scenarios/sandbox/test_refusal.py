"""Where isolation cannot be had, nothing runs, and what is said helps on this very system."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.sandbox import SandboxUnavailable
from app.sandboxes import availability
from app.sandboxes.local import LocalSandboxes
from app.sandboxes.seccomp import ARCHITECTURES, filter_for
from tests.sandboxes import needs_bubblewrap

ROOT = Path(__file__).parents[3]
TRIES = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from agents.sandbox import SandboxUnavailable
from app.sandboxes.local import LocalSandboxes

async def main():
    provider = LocalSandboxes()
    try:
        await provider.create()
        print("MADE")
    except SandboxUnavailable as refused:
        print(refused)
    await provider.aclose()

asyncio.run(main())
"""


async def test_without_bubblewrap_it_is_refused_with_the_command_that_installs_it(tmp_path: Path) -> None:
    provider = LocalSandboxes(bwrap=tmp_path / "bwrap")
    with pytest.raises(SandboxUnavailable, match="bubblewrap is not installed") as refused:
        await provider.create()
    assert refused.value.remedy == availability.how_to_install(availability.system())
    await provider.aclose()


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that the sandbox's own user can read as well."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_a_bubblewrap_that_fails_is_quoted(open_place: Path) -> None:
    broken = open_place / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    provider = LocalSandboxes(bwrap=broken)
    with pytest.raises(SandboxUnavailable, match="setting up uid map: Permission denied") as refused:
        await provider.create()
    assert refused.value.remedy
    assert await provider.list() == ()
    await provider.aclose()


@needs_bubblewrap
def test_where_user_namespaces_are_blocked_it_is_refused_with_bubblewraps_own_words() -> None:
    bwrap = availability.found("bwrap")
    assert bwrap is not None
    blocked = [str(bwrap), "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--"]
    run = subprocess.run(
        [*blocked, sys.executable, "-c", TRIES, str(ROOT)], capture_output=True, text=True, check=False
    )
    assert "MADE" not in run.stdout
    assert "Code cannot run here" in run.stdout, run.stderr


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "apt-get install bubblewrap"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-get install bubblewrap"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install bubblewrap"),
        ({"ID": "alpine"}, "apk add bubblewrap"),
        ({}, "package manager"),
    ],
)
def test_the_remedy_is_the_systems_own(release: dict[str, str], command: str) -> None:
    assert command in availability.how_to_install(release)


@pytest.mark.parametrize("name", ["Darwin", "Windows"])
def test_other_systems_are_told_where_it_would_run(name: str) -> None:
    assert "Linux" in str(availability.not_linux(name))


def test_an_architecture_without_a_table_has_no_filter() -> None:
    assert filter_for("riscv64") is None
    assert {len(filter_for(name) or b"") % 8 for name in ARCHITECTURES} == {0}


def test_there_is_no_way_without_a_sandbox() -> None:
    sources = "".join(path.read_text() for path in sorted((ROOT / "app" / "sandboxes").rglob("*.py")))
    assert not re.search(r"unsafe|unsandboxed|no_sandbox|fallback", sources, re.IGNORECASE)
