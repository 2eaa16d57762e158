"""The files of the demo company's repository as GitHub's contents, tree, blob and search endpoints give them."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from app.demo.vendors.github_records import Record, Repository

PROSE = frozenset({".md", ".txt", ".rst"})


@dataclass(frozen=True)
class File:
    """One file of the default branch."""

    path: str
    content: str

    @property
    def data(self) -> bytes:
        return self.content.encode()

    @property
    def sha(self) -> str:
        """The Git hash of the blob."""
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data, usedforsecurity=False).hexdigest()


def files(repository: Repository) -> dict[str, File]:
    """Every file by path. Prose begins with its title as a heading; source is as it was written."""
    found: dict[str, File] = {}
    for document in repository.documents:
        path, text = str(document["path"]), str(document["text"] or "")
        if PurePosixPath(path).suffix in PROSE:
            text = f"# {document['title']}\n\n{repository.company.words(text)}\n"
        found[path] = File(path, text)
    return found


def tree(repository: Repository, found: dict[str, File], sha: str) -> Record:
    """The whole tree: folders and blobs."""
    folders = sorted({str(parent) for path in found for parent in PurePosixPath(path).parents if str(parent) != "."})
    entries: list[Record] = [
        {"path": folder, "mode": "040000", "type": "tree", "sha": _named(folder),
         "url": f"{repository.api}/git/trees/{_named(folder)}"}
        for folder in folders
    ]  # fmt: skip
    entries += [
        {"path": file.path, "mode": "100644", "type": "blob", "sha": file.sha, "size": len(file.data),
         "url": f"{repository.api}/git/blobs/{file.sha}"}
        for file in found.values()
    ]  # fmt: skip
    return {"sha": sha, "url": f"{repository.api}/git/trees/{sha}", "tree": entries, "truncated": False}


def blob(repository: Repository, file: File) -> Record:
    """A blob with its content in base64."""
    return {
        "sha": file.sha, "node_id": f"B_{file.sha[:12]}", "size": len(file.data), "encoding": "base64",
        "url": f"{repository.api}/git/blobs/{file.sha}", "content": base64.encodebytes(file.data).decode(),
    }  # fmt: skip


def content(repository: Repository, file: File) -> Record:
    """A file as the contents endpoint gives it."""
    url = f"{repository.api}/contents/{quote(file.path)}?ref=main"
    html, git = f"{repository.html}/blob/main/{quote(file.path)}", f"{repository.api}/git/blobs/{file.sha}"
    return {
        "type": "file", "encoding": "base64", "size": len(file.data), "name": PurePosixPath(file.path).name,
        "path": file.path, "content": base64.encodebytes(file.data).decode(), "sha": file.sha, "url": url,
        "git_url": git, "html_url": html, "download_url": f"{repository.html}/raw/main/{quote(file.path)}",
        "_links": {"self": url, "git": git, "html": html},
    }  # fmt: skip


def folder(repository: Repository, found: dict[str, File], path: str) -> list[Record]:
    """What lies directly in a folder; empty where there is none."""
    prefix = f"{path.strip('/')}/" if path.strip("/") else ""
    entries: dict[str, Record] = {}
    for file in found.values():
        if not file.path.startswith(prefix):
            continue
        name, _, rest = file.path[len(prefix) :].partition("/")
        entry = content(repository, file)
        del entry["content"], entry["encoding"]
        if rest:
            below = f"{prefix}{name}"
            url, html = f"{repository.api}/contents/{below}?ref=main", f"{repository.html}/tree/main/{below}"
            git = f"{repository.api}/git/trees/{_named(below)}"
            entry = {
                "type": "dir", "size": 0, "name": name, "path": below, "sha": _named(below), "url": url,
                "git_url": git, "html_url": html, "download_url": None,
                "_links": {"self": url, "git": git, "html": html},
            }  # fmt: skip
        entries[name] = entry
    return list(entries.values())


def search(repository: Repository, found: dict[str, File], words: list[str]) -> list[Record]:
    """The files that hold every word in path or content, as code search gives them."""
    hits: list[Record] = []
    for file in found.values():
        there = set(re.findall(r"\w+", f"{file.path} {file.content}".lower()))
        if all(set(re.findall(r"\w+", word.lower())) <= there for word in words):
            entry = content(repository, file)
            kept: dict[str, Any] = {name: entry[name] for name in ("name", "path", "sha", "url", "git_url", "html_url")}
            hits.append({**kept, "repository": repository.repository, "score": 1.0})
    return hits


def _named(text: str) -> str:
    return hashlib.sha1(f"tree {text}".encode(), usedforsecurity=False).hexdigest()
