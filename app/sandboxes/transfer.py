"""Files in and out of the local sandbox, through its supervisor: the host itself never follows its paths."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from agents.sandbox import Download, Ending, Entry, EntryKind, FileRefused, SandboxGone
from app.sandboxes.link import Fields, Link, file_refused

PIECE = 1 << 20
DEEPEST = 64
# A supervisor that says nothing for so long was stopped by what runs beside it; the sandbox goes.
SECONDS_TO_ANSWER = 30.0
MOST_FILES = 20_000


def plain(path: str) -> bytes:
    """A path as the supervisor takes it."""
    if not path.startswith("/") or "\0" in path:
        raise FileRefused(f"{path[:200]!r} is no path in the sandbox: it starts with / and has no NUL in it.")
    return os.fsencode(path)


async def ask(link: Link, path: str, operation: str, *fields: bytes, most: int = 0) -> tuple[bytes, Fields]:
    """One request about a path: the data that came, `most` bytes at most, and the fields of the last word."""
    data = bytearray()
    talk = await link.open(operation, plain(path), *fields)
    try:
        async for answer in talk.answers(SECONDS_TO_ANSWER):
            if answer[0] == b"refused":
                raise file_refused(path, answer)
            if answer[0] == b"done":
                return bytes(data), answer[1:]
            data += b"".join(answer[1:])
            if len(data) > most:
                raise FileRefused(f"{path[:200]} in the sandbox is larger than what may be read.")
    except TimeoutError:
        raise SandboxGone(Ending.LOST) from None
    raise FileRefused(f"{path[:200]} in the sandbox was not told to its end.")


async def read(link: Link, path: str, most: int) -> bytes:
    """A plain file's content."""
    data, _ = await ask(link, path, "read", str(most).encode(), most=most)
    return data


async def write(link: Link, path: str, data: bytes, executable: bool) -> None:
    """A file, in pieces."""
    for at in range(0, max(1, len(data)), PIECE):
        piece = data[at : at + PIECE]
        await ask(link, path, "write", b"1" if executable else b"0", b"1" if at else b"0", piece)


async def entries(link: Link, path: str) -> tuple[Entry, ...]:
    """The names in a folder. FileRefused where one could not be a name."""
    _, fields = await ask(link, path, "list")
    if len(fields) % 4:
        raise FileRefused(f"{path[:200]} in the sandbox was not told in the form.")
    found = []
    for name, kind, size, executable in zip(*(fields[place::4] for place in range(4)), strict=True):
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name or not size.isdigit():
            raise FileRefused(f"{path[:200]} in the sandbox holds something that is no name.")
        found.append(Entry(os.fsdecode(name), EntryKind(kind.decode("ascii")), int(size), executable == b"1"))
    return tuple(sorted(found, key=lambda entry: entry.name))


async def upload(link: Link, source: Path, path: str) -> None:
    """A file or folder of this machine; links and devices in it are left out."""
    files = await asyncio.to_thread(lambda: list(plain_files(source)))
    for file, parts in files:
        data, executable = await asyncio.to_thread(content, file)
        await write(link, "/".join((path.rstrip("/"), *parts)), data, executable)


def plain_files(source: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files to bring in, each with its place below the target."""
    if stat.S_ISREG(source.lstat().st_mode):
        yield source, ()
        return
    for folder, _, names in os.walk(source):
        for name in sorted(names):
            file = Path(folder) / name
            if stat.S_ISREG(file.lstat().st_mode):
                yield file, file.relative_to(source).parts


def content(file: Path) -> tuple[bytes, bool]:
    """A file's bytes and whether it is a program, read from one descriptor that leads to no other file."""
    with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as opened:
        return opened.read(), bool(os.fstat(opened.fileno()).st_mode & 0o100)


async def download(link: Link, path: str, target: Path, most: int) -> Download:
    """Brings a folder out into a new one. What has no place on this machine stays inside and is named."""
    await asyncio.to_thread(target.mkdir, mode=0o700)
    files: list[str] = []
    left: list[str] = []
    folders: list[tuple[str, ...]] = [()]
    made = 0
    while folders:
        parts = folders.pop()
        for entry in await entries(link, "/".join((path.rstrip("/") or "/", *parts))):
            place = (*parts, entry.name)
            name = "/".join(place)
            if len(files) + made >= MOST_FILES:
                raise FileRefused(f"{path[:200]} in the sandbox has more than {MOST_FILES} files and folders in it.")
            if entry.kind is EntryKind.FOLDER and len(place) < DEEPEST and speakable(name):
                made += 1
                await asyncio.to_thread((target / name).mkdir, mode=0o700)
                folders.append(place)
            elif entry.kind is EntryKind.FILE and speakable(name):
                data = await read(link, "/".join((path.rstrip("/"), name)), most)
                most -= len(data)
                await asyncio.to_thread(put, target / name, data, entry.executable)
                files.append(name)
            else:
                left.append(name)
    return Download(tuple(sorted(files)), tuple(sorted(left)))


def speakable(name: str) -> bool:
    """The name is UTF-8, and nothing in it is a control character."""
    return all(letter.isprintable() for letter in name)


def put(path: Path, data: bytes, executable: bool) -> None:
    """Writes a file where there was none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o700 if executable else 0o600), "wb") as opened:
        opened.write(data)
