"""The files of the demo company's repository as GitHub's contents, tree, blob and search endpoints give them."""

from __future__ import annotations

import base64
import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from app.demo.git_objects import Entry
from app.demo.source import Source
from app.demo.vendors.github_records import Record, Repository


@dataclass(frozen=True)
class File:
    """One file of a commit."""

    path: str
    data: bytes
    sha: str
    mode: str

    @property
    def content(self) -> str:
        return self.data.decode("utf-8", "replace")


def files(repository: Repository, commit: str) -> dict[str, File]:
    """Every file of a commit by path."""
    source = repository.source
    return {
        path: File(path, source.objects.read(entry.sha)[1], entry.sha, entry.mode)
        for path, entry in source.files(commit).items()
    }


def changes(source: Source, base: str, head: str) -> list[dict[str, str]]:
    """What differs between two commits: path, status and patch of each file, as a code host shows it."""
    was, now = source.files(base), source.files(head)
    found: list[dict[str, str]] = []
    for path in sorted({*was, *now}):
        if was.get(path) == now.get(path):
            continue
        before, after = (_lines(source, side.get(path)) for side in (was, now))
        status = "added" if path not in was else "removed" if path not in now else "modified"
        lines = list(difflib.unified_diff(before, after, lineterm=""))[2:]
        found.append({"path": path, "status": status, "patch": "\n".join(lines)})
    return found


def _lines(source: Source, entry: Entry | None) -> list[str]:
    return source.objects.read(entry.sha)[1].decode("utf-8", "replace").splitlines() if entry else []


def tree(repository: Repository, found: dict[str, File], sha: str) -> Record:
    """The whole tree: folders and blobs."""
    folders = sorted({str(parent) for path in found for parent in PurePosixPath(path).parents if str(parent) != "."})
    entries: list[Record] = [
        {"path": folder, "mode": "040000", "type": "tree", "sha": _named(folder),
         "url": f"{repository.api}/git/trees/{_named(folder)}"}
        for folder in folders
    ]  # fmt: skip
    entries += [
        {"path": file.path, "mode": file.mode, "type": "blob", "sha": file.sha, "size": len(file.data),
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


def content(repository: Repository, file: File, ref: str = "main") -> Record:
    """A file as the contents endpoint gives it."""
    url = f"{repository.api}/contents/{quote(file.path)}?ref={quote(ref)}"
    html, git = f"{repository.html}/blob/{quote(ref)}/{quote(file.path)}", f"{repository.api}/git/blobs/{file.sha}"
    return {
        "type": "file", "encoding": "base64", "size": len(file.data), "name": PurePosixPath(file.path).name,
        "path": file.path, "content": base64.encodebytes(file.data).decode(), "sha": file.sha, "url": url,
        "git_url": git, "html_url": html, "download_url": f"{repository.html}/raw/{quote(ref)}/{quote(file.path)}",
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
