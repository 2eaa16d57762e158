"""Files, folders and repositories as they come: broken, huge, binary, linked, in old encodings."""

from __future__ import annotations

from pathlib import Path

import pytest
from dulwich.repo import Repo
from pypdf import PdfWriter

from app.ingest import files
from app.ingest.document import Document, Unread
from app.ingest.markup import html_text
from app.ingest.reading import read
from tools.kit.errors import UserMustMend


def found(path: Path) -> dict[str, Document | Unread]:
    return {one.path: one for one in read(path)[1]}


def test_bad_files_are_named_and_the_rest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    (tmp_path / "good.md").write_text("---\ntitle: The guide\n---\nwords")
    (tmp_path / "old.txt").write_bytes("Müller größer".encode("cp1252"))
    (tmp_path / "wide.txt").write_text("wörter", encoding="utf-16")
    (tmp_path / "huge.txt").write_text("x" * 1001)
    (tmp_path / "binary.txt").write_bytes(b"MZ\0\0\x01")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nonsense")
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "dependency.md").write_text("not ours")
    with PdfWriter() as pdf:
        pdf.add_blank_page(100, 100)
        pdf.write(tmp_path / "pictures.pdf")
    read_now = found(tmp_path)
    texts = {path: one.text for path, one in read_now.items() if isinstance(one, Document)}
    assert texts.keys() == {"good.md", "old.txt", "wide.txt"}
    assert (texts["old.txt"], texts["wide.txt"]) == ("Müller größer", "wörter")
    assert {path for path, one in read_now.items() if isinstance(one, Unread)} == {
        "huge.txt",
        "binary.txt",
        "broken.pdf",
        "pictures.pdf",
    }
    good = read_now["good.md"]
    assert isinstance(good, Document)
    assert good.title == "The guide (good.md)"


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.md").write_text("secret")
    (inside / "own.md").write_text("own")
    (inside / "file.md").symlink_to(outside / "secret.md")
    (inside / "folder").symlink_to(outside)
    (inside / "gone.md").symlink_to(outside / "nothing.md")
    assert found(inside).keys() == {"own.md"}


def test_a_file_of_a_kind_that_holds_no_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")
    with pytest.raises(UserMustMend, match=r"archive\.zip"):
        read(tmp_path / "archive.zip")


def test_a_page_without_its_scripts() -> None:
    title, text = html_text(
        "<html><head><title>Refunds</title><style>p{}</style></head><body><nav>Home</nav><h2>When</h2>"
        "<p>Within <b>30</b> days</p><script>steal()</script><p>Ask us"
    )
    assert title == "Refunds"
    assert text == "## When\n\nWithin 30 days\n\nAsk us"


def test_a_repository_is_what_is_committed(tmp_path: Path) -> None:
    with Repo.init(str(tmp_path)) as repository:
        (tmp_path / "README.md").write_text("# Ours\ncommitted")
        (tmp_path / "link.md").symlink_to("/etc/hostname")
        repository.get_worktree().stage([b"README.md", b"link.md"])
        who = b"Ann Lee <ann@example.com>"
        repository.get_worktree().commit(message=b"Add the guide\n\nAs agreed.", committer=who, author=who)
        config = repository.get_config()
        config.set((b"remote", b"origin"), b"url", b"git@github.com:acme/web.git")
        config.write_to_path()
        sha = repository.head().decode()
    (tmp_path / "README.md").write_text("not committed")
    kind, documents = read(tmp_path)
    readme, commit = documents
    assert kind == "git"
    assert isinstance(readme, Document)
    assert isinstance(commit, Document)
    assert (readme.text, readme.url) == ("# Ours\ncommitted", f"https://github.com/acme/web/blob/{sha}/README.md")
    assert commit.title == f"Commit {sha[:7]}: Add the guide"
    assert "As agreed." in commit.text
    assert "Ann Lee" in commit.text


def test_a_repository_without_a_commit_is_refused(tmp_path: Path) -> None:
    Repo.init(str(tmp_path)).close()
    with pytest.raises(UserMustMend, match="no commit"):
        list(read(tmp_path)[1])
