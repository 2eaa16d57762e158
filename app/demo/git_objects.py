"""Git's objects in plain Python: blobs, trees and commits by hash, and the folder in which git itself finds them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

FILE, EXECUTABLE, FOLDER = "100644", "100755", "40000"


@dataclass(frozen=True)
class Entry:
    """A file of a tree: git's mode, and the blob's hash."""

    mode: str
    sha: str


@dataclass(frozen=True)
class CommitObject:
    """A commit as it is stored."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    name: str
    email: str
    at: int
    message: str


@dataclass
class Objects:
    """Objects by hash. What is not among `kept` is looked for in the `folder` of a bare repository, if there is one."""

    kept: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    folder: Path | None = None

    def put(self, kind: str, data: bytes) -> str:
        """Stores an object and gives its hash."""
        sha = hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()
        if sha not in self.kept:
            self.kept[sha] = (kind, data)
            if self.folder is not None:
                self._write(self.folder, sha)
        return sha

    def read(self, sha: str) -> tuple[str, bytes]:
        """An object's kind and content. Raises KeyError if there is none."""
        if sha not in self.kept:
            if self.folder is None or len(sha) != 40 or not _place(self.folder, sha).is_file():
                raise KeyError(sha)
            head, _, data = zlib.decompress(_place(self.folder, sha).read_bytes()).partition(b"\0")
            self.kept[sha] = (head.split()[0].decode(), data)
        return self.kept[sha]

    def tree(self, files: Mapping[str, Entry]) -> str:
        """The tree of files by path."""
        folders: dict[str, dict[str, Entry]] = {}
        entries: list[tuple[bytes, str, str, str]] = []
        for path, entry in files.items():
            name, _, rest = path.partition("/")
            if rest:
                folders.setdefault(name, {})[rest] = entry
            else:
                entries.append((name.encode(), entry.mode, name, entry.sha))
        # Git sorts a folder as if its name ended in a slash.
        entries += [(f"{name}/".encode(), FOLDER, name, self.tree(below)) for name, below in folders.items()]
        data = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha) for _, mode, name, sha in sorted(entries)
        )
        return self.put("tree", data)

    def files(self, tree: str) -> dict[str, Entry]:
        """Every file below a tree, by path."""
        found: dict[str, Entry] = {}
        data = self.read(tree)[1]
        while data:
            head, _, rest = data.partition(b"\0")
            mode, _, name = head.decode("utf-8", "replace").partition(" ")
            sha, data = rest[:20].hex(), rest[20:]
            if mode == FOLDER:
                found |= {f"{name}/{path}": entry for path, entry in self.files(sha).items()}
            else:
                found[name] = Entry(mode, sha)
        return found

    def commit(self, tree: str, parents: tuple[str, ...], name: str, email: str, at: datetime, message: str) -> str:
        """A commit, written and committed by the same person at the same time."""
        signed = f"{name} <{email}> {int(at.timestamp())} +0000"
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {signed}", f"committer {signed}", "", message.rstrip("\n"), ""]
        return self.put("commit", "\n".join(lines).encode())

    def read_commit(self, sha: str) -> CommitObject:
        """A commit. Raises KeyError for what is none."""
        kind, data = self.read(sha)
        if kind != "commit":
            raise KeyError(sha)
        head, _, message = data.decode("utf-8", "replace").partition("\n\n")
        pairs = [line.partition(" ")[::2] for line in head.split("\n")]
        told = dict(pairs)
        name, _, rest = told["committer"].partition(" <")
        email, _, when = rest.partition("> ")
        parents = tuple(value for key, value in pairs if key == "parent")
        return CommitObject(sha, told["tree"], parents, name, email, int(when.split()[0]), message.rstrip("\n"))

    def write(self, folder: Path, heads: Mapping[str, str]) -> None:
        """Makes a bare repository of everything that is kept, with these branches, the first of which is its HEAD."""
        for name in ("objects", "refs/heads", "refs/tags", "info"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n", encoding="utf-8")
        (folder / "HEAD").write_text(f"ref: refs/heads/{next(iter(heads))}\n", encoding="utf-8")
        for sha in self.kept:
            self._write(folder, sha)
        for branch, sha in heads.items():
            set_head(folder, branch, sha)
        self.folder = folder

    def _write(self, folder: Path, sha: str) -> None:
        kind, data = self.kept[sha]
        place = _place(folder, sha)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data, 1))


def set_head(folder: Path, branch: str, sha: str) -> None:
    """Puts a branch of a bare repository at a commit."""
    ref = folder / "refs" / "heads" / branch
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(f"{sha}\n", encoding="ascii")


def heads_of(folder: Path) -> dict[str, str]:
    """The branches of a bare repository whose refs lie loose."""
    base = folder / "refs" / "heads"
    return {
        str(ref.relative_to(base)): ref.read_text(encoding="ascii").strip()
        for ref in sorted(base.rglob("*"))
        if ref.is_file() and ref.suffix != ".lock"
    }


def _place(folder: Path, sha: str) -> Path:
    return folder / "objects" / sha[:2] / sha[2:]
