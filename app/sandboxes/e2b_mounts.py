"""What of this machine is in a sandbox at E2B from its start: sent there, and put where nothing can change it."""

from __future__ import annotations

import asyncio
import io
import os
import shlex
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.sandbox import FileRefused, Mount, SandboxUnavailable
from app.sandboxes.e2b_errors import SERVICE, said
from app.sandboxes.mounts import MOST_BYTES, MOST_FILES
from app.sandboxes.transfer import content, plain_files

if TYPE_CHECKING:
    from e2b import AsyncSandbox

ARCHIVE = "/var/lib/deus-mounts.tar"
SECONDS = 120.0
MARK = "deus-mounts"
# Runs as root in the sandbox before anything else does. A name's first part is the number of its mount, whose target
# is an argument. The files lie in a folder of root's and are seen at the target alone, by a mount that is read-only.
PLACE = """
import os, subprocess, sys, tarfile
archive, *targets = sys.argv[1:]
def mount(*words):
    subprocess.run(["mount", *words], check=True)
with tarfile.open(archive) as opened:
    members = opened.getmembers()
    for number, target in enumerate(targets):
        top = "/var/lib/deus/%d" % number
        os.makedirs(os.path.dirname(top), mode=0o700, exist_ok=True)
        for each in members:
            first, _, rest = each.name.partition("/")
            if first != str(number):
                continue
            place = os.path.join(top, rest) if rest else top
            if each.isdir():
                os.makedirs(place, mode=0o755, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
            with opened.extractfile(each) as source, open(place, "xb") as written:
                while data := source.read(1 << 20):
                    written.write(data)
            os.chmod(place, 0o555 if each.mode & 0o100 else 0o444)
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        if os.path.isdir(top):
            os.makedirs(target, mode=0o755)
        else:
            open(target, "xb").close()
        mount("--bind", top, target)
        mount("-o", "remount,bind,ro,nosuid,nodev", target)
os.unlink(archive)
"""


@dataclass(frozen=True)
class Given:
    """An archive of files and where in a sandbox they belong: names in it begin with a target's number."""

    archive: bytes
    targets: tuple[str, ...]


def packed(mounts: Sequence[Mount]) -> Given:
    """The mounts' plain files. FileRefused for what cannot be mounted."""
    packing = io.BytesIO()
    files = room = 0
    with tarfile.open(fileobj=packing, mode="w") as archive:
        for number, mount in enumerate(mounts):
            for name, data, executable in _files(mount):
                files, room = files + 1, room + len(data)
                if files > MOST_FILES or room > MOST_BYTES:
                    raise FileRefused("The mounts hold more than a sandbox is given at its start; upload some of it.")
                member = tarfile.TarInfo("/".join((str(number), *name)))
                member.size, member.mode = len(data), 0o755 if executable else 0o644
                archive.addfile(member, io.BytesIO(data))
            if mount.source.is_dir():
                for name in _folders(mount.source):
                    member = tarfile.TarInfo("/".join((str(number), *name)))
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(member)
    return Given(packing.getvalue(), tuple(mount.target for mount in mounts))


def _files(mount: Mount) -> Iterator[tuple[tuple[str, ...], bytes, bool]]:
    """Each plain file with its place below the target; links and devices are left out."""
    try:
        mode = mount.source.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise FileRefused(f"{mount.source.name!r} cannot be mounted: it is no plain file or folder.")
        for file, name in plain_files(mount.source):
            yield name, *content(file)
    except OSError as error:
        raise FileRefused(f"{mount.source.name!r} cannot be mounted: {error.strerror or error}.") from error


def _folders(source: Path) -> Iterator[tuple[str, ...]]:
    for folder, _, _ in os.walk(source):
        yield Path(folder).relative_to(source).parts


async def place(sandbox: AsyncSandbox, given: Given) -> None:
    """Puts them where they belong, before anything of anybody's runs in the sandbox. FileRefused if that fails."""
    from e2b import CommandExitException

    await sandbox.files.write(ARCHIVE, given.archive, user="root", request_timeout=SECONDS, use_octet_stream=True)
    words = ["python3", "-I", "-c", PLACE, ARCHIVE, *given.targets]
    try:
        async with asyncio.timeout(SECONDS):
            await sandbox.commands.run(shlex.join(words) + f" # {MARK}", user="root", timeout=SECONDS)
    except CommandExitException as error:
        told = said(Exception(error.stderr or "it said nothing"))
        raise SandboxUnavailable(f"E2B's sandbox took no mounts ({told}).", service=SERVICE) from error
