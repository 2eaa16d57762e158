"""A path → its documents: a file, a folder, or a git repository. Blocking; it runs in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.ingest.document import Document, Unread
from app.ingest.files import read_file, read_folder
from app.ingest.repository import is_repository, read_repository
from tools.kit.errors import UserMustMend

Found = Iterator[Document | Unread]


def read(path: Path) -> tuple[str, Found]:
    """What kind of source stands at a path, and its documents one after the other.

    Raises UserMustMend where a single file is of no kind that can be read.
    """
    if path.is_file():
        found = read_file(path, path.name)
        if found is None:
            raise UserMustMend(
                f"{path.name} is of no kind that Deus reads.",
                remedy="It takes Markdown, text, source code, HTML, PDF, folders and git repositories.",
            )
        return "file", iter([found])
    if is_repository(path):
        return "git", read_repository(path)
    return "folder", read_folder(path)
