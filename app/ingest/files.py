"""Files of a folder → documents. Links that lead out of the folder are not followed, big and binary files refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from app.ingest.document import MOST_BYTES, MOST_FILES, MOST_PDF_BYTES, CannotRead, Document, Unread
from app.ingest.markup import html_text, markdown_title
from app.ingest.plain import plain_text

KINDS = {
    "pdf": ".pdf",
    "html": ".html .htm .xhtml",
    "prose": ".md .markdown .mdx .txt .text .rst .adoc .org",
    "code": """
        .py .js .mjs .cjs .jsx .ts .tsx .vue .svelte .go .rs .rb .java .kt .kts .scala .swift .c .h .cc .cpp .hpp .cs
        .php .ex .exs .erl .clj .hs .lua .r .jl .dart .sql .sh .bash .zsh .ps1 .tf .hcl .proto .graphql .gql .css .scss
        .less .yaml .yml .toml .ini .cfg .conf .prisma .gradle .cmake .mk
    """,
}
BY_SUFFIX = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes.split()}
NAMED = {
    "readme",
    "license",
    "changelog",
    "contributing",
    "codeowners",
    "makefile",
    "dockerfile",
    "procfile",
    "gemfile",
}
PASSED_OVER = {"node_modules", "__pycache__", "venv", "dist", "build", "target", "vendor", "site-packages"}


def read_folder(root: Path) -> Iterator[Document | Unread]:
    """The documents below a folder in order of their names; hidden folders and those of dependencies are left out."""
    number = 0
    top = root.resolve()
    for folder, below, files in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in PASSED_OVER)
        for name in sorted(files):
            path = Path(folder) / name
            if name.startswith(".") or not path.resolve().is_relative_to(top):
                continue
            if number >= MOST_FILES:
                yield Unread(str(root), f"it has more than {MOST_FILES:,} files; name a smaller folder")
                return
            found = read_file(path, path.relative_to(top).as_posix())
            if found is not None:
                number += 1
                yield found


def read_file(path: Path, name: str) -> Document | Unread | None:
    """One file, called `name` within its source; None for a kind that is passed over, as images are."""
    kind = kind_of(name)
    if kind is None:
        return None
    try:
        if not path.is_file():
            return None
        size, most = path.stat().st_size, MOST_PDF_BYTES if kind == "pdf" else MOST_BYTES
        if size > most:
            raise CannotRead(f"it has {size / 1e6:,.0f} MB, more than the {most / 1e6:,.0f} MB that are read")
        return document(name, path.read_bytes(), kind)
    except OSError as error:
        return Unread(name, (error.strerror or "it cannot be opened").lower())
    except CannotRead as error:
        return Unread(name, str(error))


def document(name: str, content: bytes, kind: str, url: str | None = None) -> Document | None:
    """A file's content as a document; None where there are no words in it. Raises CannotRead."""
    if kind == "pdf":
        from app.ingest.pdf import pdf_text

        title, text = pdf_text(content)
    elif kind == "html":
        title, text = html_text(plain_text(content))
    else:
        text = plain_text(content)
        title = markdown_title(text) if kind == "prose" else ""
    place = PurePosixPath(name)
    called = f"{title} ({name})" if title and title != name else str(place)
    return Document(name, called, text, url) if text.strip() else None


def kind_of(name: str) -> str | None:
    """pdf, html, prose, code; None for what holds no words to read."""
    place = PurePosixPath(name.casefold())
    if place.suffix == "" and place.stem in NAMED:
        return "prose"
    return BY_SUFFIX.get(place.suffix)
