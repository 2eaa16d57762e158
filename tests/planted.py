"""Secrets that tests plant, and the search for them in everything that was written."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

# Every planted secret contains this, so that one search over what a whole session wrote finds any of them.
MARK = "Unmistakable"


def planted(name: str) -> str:
    """A secret for `name` that occurs nowhere else."""
    return f"{MARK}-{name}-Zx81/+qT0"


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it may be written: as it is, quoted for a URL, in base64, and in base64 as basic authentication."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for text in (secret, f":{secret}", f"{secret}:"):
        yield base64.b64encode(text.encode()).rstrip(b"=")


def leaks(written: bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets that stand in what was written."""
    return [secret for secret in secrets if any(form in written for form in forms(secret))]


def leaky_files(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """The files below a folder that hold a secret: path → which."""
    wanted = list(secrets)
    files = (path for path in sorted(folder.rglob("*")) if not path.is_symlink() and path.is_file())
    found = {str(path.relative_to(folder)): leaks(_read(path), wanted) for path in files}
    return {path: secrets for path, secrets in found.items() if secrets}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # Another process of the session is still at work, and its files come and go.
        return b""
