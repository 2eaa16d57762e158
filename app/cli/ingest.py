"""`deus ingest`: puts documents and code into the context store."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer


def ingest(
    path: Annotated[Path, typer.Argument(help="A file, a folder, or a git repository.", exists=True)],
    name: Annotated[str, typer.Option(help="What to call this source; its path if left out.")] = "",
) -> None:
    """Read Markdown, text, PDF, HTML or a git repository into the context store; only what changed is read again."""
    report = asyncio.run(_ingest(path, name or str(path.resolve())))
    print(report)


async def _ingest(path: Path, name: str) -> str:
    from app.bootstrap import open_product
    from app.settings import load_settings

    async with open_product(load_settings(os.environ)) as product:
        return str(await product.context.ingest(path, source=name))
