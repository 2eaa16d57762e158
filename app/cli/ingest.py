"""`deus ingest`: puts documents and code into the context store."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.ingest.report import Progress


def ingest(
    path: Annotated[Path, typer.Argument(help="A file, a folder, or a git repository.")],
    name: Annotated[str, typer.Option(help="What to call this source; its path if left out.")] = "",
    public: Annotated[
        bool, typer.Option("--public", help="Visitors of the web widget may read it; without, they may not any more.")
    ] = False,
    url: Annotated[
        str, typer.Option("--url", help="Where it is published; each file's address is its path below.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Read Markdown, text, PDF, HTML or a git repository into the context store; only what changed is read again.

    What has been deleted since the last time is removed; a PATH that is gone takes all that was read of it along.
    """
    report = asyncio.run(_ingest(path, name or None, public, url or None, show=not quiet and sys.stderr.isatty()))
    print(report)


async def _ingest(path: Path, name: str | None, public: bool, url: str | None, *, show: bool) -> str:
    from app.bootstrap import open_context
    from app.settings import load_settings

    async with open_context(load_settings(os.environ)) as context:
        report = await context.ingest(path, source=name, progress=_show if show else None, public=public, below=url)
    if show:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return str(report)


def _show(progress: Progress) -> None:
    """One line that is written over, on the error stream."""
    noun = "documents read" if progress.stage == "read" else "pieces embedded"
    of = f" of {progress.of:,}" if progress.of is not None else ""
    print(f"\r\033[K  {progress.done:,}{of} {noun} …", end="", file=sys.stderr, flush=True)
