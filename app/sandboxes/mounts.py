"""What of the host is in a local sandbox from its start: copies in read-only memory, or public folders themselves.

A mount is copied, so nothing of it leads back: no link, no entry in the kernel's table of mounts, no other name of the
same file. The copying is bwrap's, from descriptors that are opened here, so who owns the files does not matter.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agents.sandbox import HOME, MIB, FileRefused, Mount

MOST_FILES = 300
MOST_FOLDERS = 3_000
MOST_BYTES = 256 * MIB
PAGE = 4096
# Where the system's own files are inside, and where programs expect their own.
TAKEN = frozenset({"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "proc", "dev", "sys", "run", "tmp"})
TAKEN_BELOW = frozenset({"var", "home", "opt", "root", "boot"})


@dataclass(frozen=True)
class Bind:
    """A folder of the host that is itself inside, read-only. The sandbox's user must be able to read it, and what runs
    inside can learn its path; what is private has no place in it."""

    source: Path
    target: str


@dataclass(frozen=True)
class Shortcut:
    """A link inside, at `path`, that leads to another place inside."""

    leads_to: str
    path: str


@dataclass(frozen=True)
class _File:
    place: tuple[str, ...]
    fd: int
    size: int
    executable: bool


def check(mounts: Sequence[Mount]) -> None:
    """Raises FileRefused for a target that is no place for a mount, or that lies in another one's."""
    places = [_place(mount.target) for mount in mounts]
    for number, place in enumerate(places):
        for other in places[:number]:
            if place.is_relative_to(other) or other.is_relative_to(place):
                raise FileRefused(f"Two mounts cannot be at {other} and {place}: one lies in the other.")


def _place(target: str) -> PurePosixPath:
    path = PurePosixPath(target)
    parts = path.parts[1:]
    home = PurePosixPath(HOME)
    free = bool(parts) and parts[0] not in TAKEN | TAKEN_BELOW
    below_home = path.is_relative_to(home) and path != home
    if target != str(path) or ".." in parts or "\0" in target or not path.is_absolute() or not (free or below_home):
        raise FileRefused(
            f"Nothing can be mounted at {target[:200]!r}; it has to be below {HOME}, or such as /evidence."
        )
    return path


def arguments(
    mounts: Sequence[Mount], binds: Sequence[Bind], shortcuts: Sequence[Shortcut], stack: ExitStack
) -> tuple[list[str], list[int]]:
    """bwrap's arguments for them, and the descriptors that they name. FileRefused for what cannot be mounted."""
    args: list[str] = []
    fds: list[int] = []
    left = MOST_BYTES
    for mount in mounts:
        if not mount.copied:
            args += ["--ro-bind", os.path.realpath(mount.source), mount.target]
            continue
        made, opened, size = _copied(mount, MOST_FILES - len(fds), left, stack)
        args += made
        fds += opened
        left -= size
    for bind in binds:
        args += ["--ro-bind", str(bind.source), bind.target]
    for shortcut in shortcuts:
        args += ["--symlink", shortcut.leads_to, shortcut.path]
    return args, fds


def _copied(mount: Mount, most: int, room: int, stack: ExitStack) -> tuple[list[str], list[int], int]:
    """One mount: its arguments, its descriptors, its size in bytes."""
    folders: list[tuple[str, ...]] = []
    try:
        mode = mount.source.lstat().st_mode
        if stat.S_ISREG(mode):
            files = [_opened(mount.source.name, None, mount.source.parent, stack)]
        elif stat.S_ISDIR(mode):
            files, folders = _walked(mount.source, most, stack)
        else:
            raise FileRefused(f"{mount.source.name!r} cannot be mounted: it is no plain file or folder.")
    except OSError as error:
        raise FileRefused(f"{mount.source.name!r} cannot be mounted: {error.strerror or error}.") from error
    size = sum(file.size for file in files)
    if size > room or len(files) > most:
        raise _too_much()
    fds = [file.fd for file in files]
    if not stat.S_ISDIR(mode):
        return ["--perms", _mode(files[0]), "--ro-bind-data", str(fds[0]), mount.target], fds, size
    pages = sum(-(-file.size // PAGE) * PAGE for file in files) + (len(files) + len(folders) + 16) * PAGE
    args = ["--perms", "0755", "--size", str(pages), "--tmpfs", mount.target]
    for folder in folders:
        args += ["--perms", "0755", "--dir", "/".join((mount.target, *folder))]
    for file in files:
        args += ["--perms", _mode(file), "--file", str(file.fd), "/".join((mount.target, *file.place))]
    return [*args, "--remount-ro", mount.target], fds, size


def _mode(file: _File) -> str:
    return "0555" if file.executable else "0444"


def _walked(source: Path, most: int, stack: ExitStack) -> tuple[list[_File], list[tuple[str, ...]]]:
    """The plain files of a folder, open, and its folders. No name is followed that became a link in between."""
    files: list[_File] = []
    folders: list[tuple[str, ...]] = []
    for folder, below, names, fd in os.fwalk(source):
        place = Path(folder).relative_to(source).parts
        below[:] = sorted(name for name in below if stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode))
        folders += [(*place, name) for name in below]
        for name in _plain(sorted(names), fd):
            if len(files) >= most:
                raise _too_much()
            files.append(_opened(name, fd, source, stack, place))
        if len(folders) > MOST_FOLDERS:
            raise _too_much()
    return files, folders


def _plain(names: list[str], folder: int) -> Iterator[str]:
    for name in names:
        if stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
            yield name


def _opened(name: str, folder: int | None, parent: Path, stack: ExitStack, place: tuple[str, ...] = ()) -> _File:
    """A plain file, held by a descriptor that leads to no other file."""
    path = name if folder is not None else str(parent / name)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    stack.callback(os.close, fd)
    told = os.fstat(fd)
    if not stat.S_ISREG(told.st_mode):
        raise FileRefused(f"{name!r} cannot be mounted: it is no plain file.")
    return _File((*place, name), fd, told.st_size, bool(told.st_mode & 0o100))


def _too_much() -> FileRefused:
    return FileRefused(
        f"Mounts hold {MOST_FILES} files and {MOST_BYTES // MIB} MiB at most; bring more in as an archive or by upload."
    )
