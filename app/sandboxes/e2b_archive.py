"""Folders in and out of a sandbox at E2B in one piece each: a request for every file would take a round trip each.

An archive is fields one after the other, each with its length in four bytes; four of them are an entry: its name below
the folder, its kind, 1 for a program, its content. What comes out is read as from a stranger.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from agents.sandbox import HOME, MIB, Download, EntryKind, FileRefused
from app.sandboxes.e2b_errors import in_words
from app.sandboxes.link import Broken, packed, unpacked
from app.sandboxes.transfer import DEEPEST, MOST_FILES, content, plain, plain_files, put, speakable

if TYPE_CHECKING:
    from app.sandboxes.e2b_sandbox import E2BSandbox

PYTHON = ("python3", "-I", "-S", "-c")
SECONDS_TO_SEND = 600.0
# What an archive has beside the files' content.
NAMES = 16 * MIB
TOO_LARGE, NO_FOLDER, TOO_MANY = 3, 4, 5
PACK = """
import os, stat, struct, sys
top, out, most, files, deepest = os.fsencode(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
if not stat.S_ISDIR(os.stat(top).st_mode):
    sys.exit(4)
with open(out, "xb") as archive:
    def tell(*fields):
        for field in fields:
            archive.write(struct.pack(">I", len(field)) + field)
    folders, told = [b""], 0
    while folders:
        folder = folders.pop()
        for entry in sorted(os.scandir(os.path.join(top, folder)), key=lambda one: one.name):
            name = os.path.join(folder, entry.name)
            info = entry.stat(follow_symlinks=False)
            told += 1
            if told > files:
                sys.exit(5)
            if stat.S_ISDIR(info.st_mode):
                tell(name, b"folder", b"0", b"")
                if name.count(b"/") < deepest:
                    folders.append(name)
            elif stat.S_ISREG(info.st_mode):
                with open(os.open(os.path.join(top, name), os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                    data = file.read(most + 1)
                most -= len(data)
                if most < 0:
                    sys.exit(3)
                tell(name, b"file", b"1" if info.st_mode & 0o100 else b"0", data)
            else:
                tell(name, b"other", b"0", b"")
"""
UNPACK = """
import os, struct, sys
archive, top = sys.argv[1], os.fsencode(sys.argv[2])
with open(archive, "rb") as fields:
    def take():
        size = fields.read(4)
        return fields.read(struct.unpack(">I", size)[0]) if size else None
    os.makedirs(top, exist_ok=True)
    while (name := take()) is not None:
        kind, executable, data = take(), take(), take()
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o755 if executable == b"1" else 0o644)
os.unlink(archive)
"""


async def upload(sandbox: E2BSandbox, source: Path, path: str) -> None:
    """Brings a folder of this machine in; its links are left out."""
    plain(path)
    archive = f"{HOME}/.deus-{secrets.token_hex(8)}"
    data = await asyncio.to_thread(_packed, source)
    with in_words("bringing a folder into a sandbox"):
        await sandbox.sdk.files.write(archive, data, use_octet_stream=True, request_timeout=SECONDS_TO_SEND)
    done = await sandbox.run([*PYTHON, UNPACK, archive, path])
    if not done.succeeded:
        raise FileRefused(f"{path[:200]} in the sandbox could not be written: {_last(done.err)}.")


def _packed(source: Path) -> bytes:
    fields: list[bytes] = []
    for file, parts in plain_files(source):
        data, executable = content(file)
        fields += [os.fsencode("/".join(parts)), b"file", b"1" if executable else b"0", data]
    return packed(fields)[4:]


async def download(sandbox: E2BSandbox, path: str, target: Path, most: int) -> Download:
    """Brings a folder out into a new one. What has no place on this machine stays inside and is named."""
    plain(path)
    await asyncio.to_thread(target.mkdir, mode=0o700)
    archive = f"{HOME}/.deus-{secrets.token_hex(8)}"
    try:
        limits = (str(most), str(MOST_FILES), str(DEEPEST - 1))
        done = await sandbox.run([*PYTHON, PACK, path, archive, *limits])
        if done.code == TOO_LARGE:
            raise FileRefused(f"{path[:200]} in the sandbox is larger than what may be read.")
        if done.code == TOO_MANY:
            raise FileRefused(f"{path[:200]} in the sandbox has more than {MOST_FILES} files and folders in it.")
        if not done.succeeded:
            raise FileRefused(f"{path[:200]} in the sandbox could not be read: {_last(done.err) or 'it is no folder'}.")
        data = await sandbox.read(archive, most=most + NAMES)
    finally:
        if sandbox.state.value == "running":
            await sandbox.run(["rm", "-f", archive])
    try:
        return await asyncio.to_thread(unpack, data, target, most)
    except (Broken, struct.error):
        raise FileRefused(f"{path[:200]} in the sandbox was not told in the form.") from None


def unpack(data: bytes, target: Path, most: int) -> Download:
    """Puts an archive's plain files and folders into `target`, an empty folder. Broken if it is not in the form."""
    fields = unpacked(data)
    if len(fields) % 4:
        raise Broken
    files: list[str] = []
    left: list[str] = []
    folders = {""}
    for number in range(0, len(fields), 4):
        name, kind, executable, held = fields[number : number + 4]
        parts = name.split(b"/")
        if any(part in (b"", b".", b"..") or b"\0" in part for part in parts):
            raise Broken
        place = os.fsdecode(name)
        most -= len(held)
        if most < 0 or number // 4 >= MOST_FILES:
            raise Broken
        if place.rpartition("/")[0] not in folders:
            # Its folder has a name that has no place here; the folder itself is named.
            continue
        if len(parts) > DEEPEST or not speakable(place) or kind not in (b"file", b"folder"):
            left.append(place)
        elif kind == b"folder" and len(parts) < DEEPEST:
            (target / place).mkdir(mode=0o700)
            folders.add(place)
        elif kind == EntryKind.FILE.value.encode():
            put(target / place, held, executable == b"1")
            files.append(place)
        else:
            left.append(place)
    return Download(tuple(sorted(files)), tuple(sorted(left)))


def _last(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").strip().splitlines()
    return "".join(letter for letter in lines[-1] if letter.isprintable())[:200] if lines else ""
