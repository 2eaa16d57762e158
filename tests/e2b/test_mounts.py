"""What root does in a machine of E2B before anything of anybody's runs there: mounts are put in, and closed.

On loopback nobody is root, so the very program runs here in namespaces of its own, where it may mount.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from agents.sandbox import HOME, FileRefused, Mount
from app.sandboxes.availability import found
from app.sandboxes.e2b_mounts import PLACE, packed
from tests.sandboxes import needs_bubblewrap

pytestmark = needs_bubblewrap

CHECKS = """
cat /evidence/rows.csv; /evidence/run.sh; cat {home}/in/rows.csv; ls -A /evidence; wc -c < /evidence/deep/er/blob
for attempt in 'echo x > /evidence/rows.csv' 'echo x > /evidence/new' 'rm /evidence/rows.csv' \
    'chmod 777 /evidence/rows.csv' 'chmod 777 /evidence' 'mkdir /evidence/folder' 'touch /evidence/rows.csv' \
    'echo x > {home}/in/rows.csv' 'rm {home}/in/rows.csv' 'mv /evidence /other'; do
    sh -c "$attempt" 2>/dev/null && echo "done: $attempt"
done
find /evidence -perm /7000
ls /tmp
"""


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    folder = tmp_path / "evidence"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "rows.csv").write_text("a,b\n1,2\n")
    (folder / "deep" / "er" / "blob").write_bytes(bytes(5000))
    (folder / "run.sh").write_text("#!/bin/sh\necho works\n")
    (folder / "run.sh").chmod(0o4755)
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    return folder


def in_namespaces(archive: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs our own script as root of a namespace, over the system's programs and nothing else of the host."""
    system: list[str] = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        path = Path("/") / name
        if path.is_symlink():
            system += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            system += ["--ro-bind", str(path), str(path)]
    with archive.open("rb") as opened:
        return subprocess.run(
            [
                str(found("bwrap")),
                *("--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL"),
                *(*system, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", HOME),
                *("--file", str(opened.fileno()), "/tmp/archive", "--die-with-parent", "--clearenv"),
                *("--setenv", "PATH", "/usr/bin:/bin:/usr/sbin:/sbin", "sh", "-c", script, "sh", *words),
            ],
            pass_fds=[opened.fileno()],
            capture_output=True,
            text=True,
            env={},
            timeout=60,
            check=False,
        )


def test_mounts_are_there_and_nothing_changes_them(evidence: Path, tmp_path: Path) -> None:
    targets = ["/evidence", f"{HOME}/in/rows.csv", "/more/deep"]
    given = packed([Mount(evidence, targets[0]), Mount(evidence / "rows.csv", targets[1]), Mount(evidence, targets[2])])
    (tmp_path / "archive").write_bytes(given.archive)
    script = 'set -e; python3 -I -c "$1" /tmp/archive "$2" "$3" "$4"; set +e' + CHECKS.format(home=HOME)
    done = in_namespaces(tmp_path / "archive", script, PLACE, *given.targets)
    assert (done.returncode, done.stderr) == (0, "")
    rows = ["a,b", "1,2"]
    assert done.stdout.split() == [*rows, "works", *rows, "deep", "empty", "rows.csv", "run.sh", "5000"]


def test_a_mount_that_fails_says_so(evidence: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(packed([Mount(evidence, "/usr/x")]).archive)
    done = in_namespaces(tmp_path / "archive", 'python3 -I -c "$1" /tmp/archive /usr/x', PLACE)
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


def test_an_archive_has_plain_files_and_folders_alone(evidence: Path) -> None:
    given = packed([Mount(evidence / "deep", "/a"), Mount(evidence, "/b")])
    with tarfile.open(fileobj=io.BytesIO(given.archive)) as opened:
        members = {member.name: member for member in opened.getmembers()}
    assert sorted(members) == sorted(
        ["0", "0/er", "0/er/blob", "1", "1/deep", "1/deep/er", "1/deep/er/blob", "1/empty", "1/rows.csv", "1/run.sh"]
    )
    assert all(member.isfile() or member.isdir() for member in members.values())
    assert (members["1/run.sh"].mode, members["1/rows.csv"].mode) == (0o755, 0o644)


@pytest.mark.parametrize("name", ["link", "pipe", "not there"])
def test_what_is_no_plain_file_or_folder_is_no_mount(evidence: Path, name: str) -> None:
    with pytest.raises(FileRefused):
        packed([Mount(evidence / name, "/evidence")])


def test_more_than_a_start_takes_is_refused(tmp_path: Path) -> None:
    for number in range(301):
        (tmp_path / str(number)).touch()
    with pytest.raises(FileRefused, match="more than a sandbox is given at its start"):
        packed([Mount(tmp_path, "/evidence")])
