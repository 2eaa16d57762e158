"""The search for planted secrets finds them in whatever form and file they were written."""

from __future__ import annotations

import base64
import gzip
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from tests.planted import Witness

# Not the mark that the session's own search looks for.
MARK = "Conspicuous"
SECRET = f"{MARK}-key-Zx81/+qT0"


def database(folder: Path) -> None:
    """A text that goes on over the pages of a database, the secret wherever a page may end."""
    with sqlite3.connect(folder / "x.db") as connection:
        connection.execute("create table t (a)")
        connection.execute("insert into t values (?)", [f"{'y' * 8144}{SECRET}{'y' * 4000}"])
    connection.close()


WAYS: dict[str, Callable[[Path], object]] = {
    "as it is": lambda folder: (folder / "a").write_bytes(b"\0x" + SECRET.encode()),
    "quoted": lambda folder: (folder / "a").write_text(quote(SECRET)),
    "basic authentication": lambda folder: (folder / "a").write_bytes(base64.b64encode(f"ann:{SECRET}".encode())),
    "base64 among others": lambda folder: (folder / "a").write_bytes(base64.b64encode(f"xx{SECRET}xx".encode())),
    "wide": lambda folder: (folder / "a").write_bytes(SECRET.encode("utf-16-le")),
    "npz": lambda folder: np.savez_compressed(folder / "a.npz", a=np.array([SECRET])),
    "gzip": lambda folder: (folder / "a.gz").write_bytes(gzip.compress(SECRET.encode())),
    "database": database,
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_found_with_its_kind(way: str, tmp_path: Path) -> None:
    witness = Witness({MARK: "a token"})
    WAYS[way](tmp_path)
    witness.search(tmp_path)
    assert len(witness.found) == 1, way
    assert "a token" in witness.told()


def test_an_innocent_file_is_none(tmp_path: Path) -> None:
    witness = Witness({MARK: "a token"})
    (tmp_path / "a").write_bytes(base64.b64encode(b"Conspicuos") + b"conspicuous PK\x03\x04")
    (tmp_path / "b").write_bytes(b"PK\x03\x04 and no archive")
    (tmp_path / "c").write_bytes(b"\x1f\x8b and no archive")
    witness.search(tmp_path)
    assert witness.told() == ""


def test_temporary_files_lie_where_the_search_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    assert base in Path(tempfile.mkdtemp()).parents
    said = "import tempfile; print(tempfile.gettempdir())"
    child = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True).stdout
    assert base in Path(child.strip()).parents
