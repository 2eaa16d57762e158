"""Secrets that tests plant, and the search for them in everything that was written."""

from __future__ import annotations

import base64
import gzip
import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Every planted secret contains this, so that one search over what a whole session wrote finds any of them.
MARK = "Unmistakable"
# Where temporary files went before the session took them in: for what another user must be able to reach.
OUTSIDE = tempfile.gettempdir()
SQLITE = b"SQLite format 3\0"


def planted(name: str) -> str:
    """A secret for `name` that occurs nowhere else."""
    return f"{MARK}-{name}-Zx81/+qT0"


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it may be written: as it is, in wide characters, quoted for a URL, in base64 at any offset."""
    yield secret.encode()
    yield secret.encode("utf-16-le")
    yield secret.encode("utf-32-le")
    yield quote(secret, safe="").encode()
    for before in range(3):
        given = b"\0" * before + secret.encode()
        # A letter at either end that also holds bits of what stands beside the secret is left out.
        yield base64.b64encode(given)[(0, 2, 3)[before] : len(given) * 8 // 6]


def leaks(written: bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets that stand in what was written."""
    return [secret for secret in secrets if any(form in written for form in forms(secret))]


def leaky_files(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """The files below a folder that hold a secret: path → which."""
    wanted = list(secrets)
    files = (path for path in sorted(folder.rglob("*")) if not path.is_symlink() and path.is_file())
    found = {str(path.relative_to(folder)): _in_file(path, wanted) for path in files}
    return {path: secrets for path, secrets in found.items() if secrets}


class Witness:
    """Sees what a session writes, and what goes out of it, and keeps where a secret stood and of which kind it is.

    `secrets` maps a text to the kind of secret that it is.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.found: dict[str, set[str]] = {}
        self._forms = {form: kind for secret, kind in secrets.items() for form in forms(secret)}
        self._any = re.compile(b"|".join(re.escape(form) for form in self._forms))

    def look(self, where: str, written: bytes) -> None:
        """Looks at what was written somewhere."""
        for content in contents(written):
            # Most of what is written holds none, and whole databases are looked at: a plain search comes first.
            if not any(form in content for form in self._forms):
                continue
            for match in self._any.finditer(content):
                named = re.match(rb"[a-z_-]{0,40}", content[match.end() :])
                kind = f"{self._forms[match[0]]}{named[0].decode() if named else ''}"
                self.found.setdefault(where, set()).add(kind)

    def search(self, folder: Path) -> None:
        """Looks at every file below a folder."""
        for path in sorted(folder.rglob("*")):
            if not path.is_symlink() and path.is_file():
                self.look(str(path), _read(path))

    def told(self) -> str:
        """What was found, a line for each place; empty where there is nothing."""
        return "\n".join(f"{where}: {', '.join(sorted(kinds))}" for where, kinds in sorted(self.found.items()))


def contents(written: bytes) -> Iterator[bytes]:
    """What was written, and what it holds packed: a database's texts over several pages, the members of an archive."""
    yield written
    if written.startswith(SQLITE):
        size = int.from_bytes(written[16:18], "big")
        size = 65536 if size == 1 else size
        # A long text goes on behind the first four bytes of the next page.
        yield b"".join(written[start + 4 : start + size] for start in range(0, len(written), size))
    elif written.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(io.BytesIO(written)) as archive:
                for name in archive.namelist():
                    yield from contents(archive.read(name))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
            return
    elif written.startswith(b"\x1f\x8b"):
        try:
            yield from contents(gzip.decompress(written))
        except (OSError, EOFError, zlib.error):
            return


WITNESS = Witness({MARK: "a planted secret"})


class Overheard:
    """Stands before an application and looks at what it is sent to keep: bodies and addresses, not credentials."""

    def __init__(self, name: str, app: ASGIApp) -> None:
        self._name = name
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        where = f"what {self._name} was sent at {scope['path']}"
        WITNESS.look(where, scope["path"].encode() + b"?" + scope.get("query_string", b""))
        body = bytearray()

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    WITNESS.look(where, bytes(body))
            return message

        await self._app(scope, heard, send)


def _in_file(path: Path, secrets: Iterable[str]) -> list[str]:
    found = [secret for content in contents(_read(path)) for secret in leaks(content, secrets)]
    return list(dict.fromkeys(found))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # Another process of the session is still at work: its files come and go.
        return b""
