"""A git repository → documents: the text files of HEAD's tree, and the messages of the last commits."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.ingest.document import MOST_FILES, CannotRead, Document, Unread
from app.ingest.files import PASSED_OVER, document, kind_of
from app.ingest.plain import tidy
from tools.kit.errors import UserMustMend

MOST_FILE_BYTES = 500_000
COMMITS = 300
_GITHUB = re.compile(r"(?:https://|ssh://git@|git@)github\.com[:/](?P<name>[^/]+/[^/]+?)(?:\.git)?/?$")


def is_repository(path: Path) -> bool:
    """Whether a folder is a repository's own, with a working tree or bare."""
    return (path / ".git").exists() or ((path / "HEAD").is_file() and (path / "objects").is_dir())


def read_repository(path: Path) -> Iterator[Document | Unread]:
    """What is committed at HEAD, and the last 300 commit messages. Raises UserMustMend where nothing is committed."""
    from dulwich.errors import NotGitRepository
    from dulwich.repo import Repo

    try:
        with Repo(str(path)) as repository:
            try:
                head = repository.head()
            except KeyError as error:
                raise UserMustMend(f"The repository at {path} has no commit yet.") from error
            web = _web(repository)
            yield from _files(repository, head, web)
            yield from _commits(repository, head, web)
    except NotGitRepository as error:
        raise UserMustMend(f"{path} looks like a git repository, and cannot be read as one.") from error


def _files(repository: Any, head: bytes, web: str | None) -> Iterator[Document | Unread]:
    from dulwich.object_store import iter_tree_contents

    number = 0
    for entry in iter_tree_contents(repository.object_store, repository[head].tree):
        name = entry.path.decode("utf-8", "replace")
        kind = kind_of(name)
        # Links and submodules are entries too, of other modes.
        if kind is None or not stat.S_ISREG(entry.mode) or PASSED_OVER & set(name.split("/")[:-1]):
            continue
        if number >= MOST_FILES:
            yield Unread("the rest", f"there are more than {MOST_FILES:,} files")
            return
        number += 1
        try:
            content = repository[entry.sha].data
            if len(content) > MOST_FILE_BYTES and kind != "pdf":
                raise CannotRead(f"it has {len(content) / 1e6:,.1f} MB, more than the 0.5 MB that are read")
            found = document(name, content, kind, f"{web}/blob/{head.decode()}/{name}" if web else None)
        except CannotRead as error:
            yield Unread(name, str(error))
        except KeyError:
            yield Unread(name, "its content is not in this clone")
        else:
            if found is not None:
                yield found


def _commits(repository: Any, head: bytes, web: str | None) -> Iterator[Document]:
    for entry in repository.get_walker(include=[head], max_entries=COMMITS):
        commit = entry.commit
        sha = commit.id.decode()
        message = tidy(commit.message.decode(_encoding(commit), "replace")).strip()
        if message:
            who = commit.author.decode("utf-8", "replace").split("<")[0].strip()
            at = datetime.fromtimestamp(commit.author_time, UTC)
            title = f"Commit {sha[:7]}: {message.splitlines()[0][:100]}"
            text = f"{message}\n\n{who}, {at:%Y-%m-%d}"
            yield Document(f"commit/{sha}", title, text, f"{web}/commit/{sha}" if web else None)


def _encoding(commit: Any) -> str:
    import codecs

    given = (commit.encoding or b"utf-8").decode("ascii", "replace")
    try:
        return codecs.lookup(given).name
    except LookupError:
        return "utf-8"


def _web(repository: Any) -> str | None:
    """The repository's page on GitHub, if its origin is there."""
    try:
        url = repository.get_config().get((b"remote", b"origin"), b"url").decode("utf-8", "replace")
    except KeyError:
        return None
    found = _GITHUB.match(url)
    return f"https://github.com/{found['name']}" if found else None
