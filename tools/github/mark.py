"""The mark by which Deus finds again at GitHub what it wrote: an HTML comment at the end, which readers do not see."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tools.kit.errors import StepFailed
from tools.kit.paging import by_link
from tools.kit.wire import Params

if TYPE_CHECKING:
    from tools.github import GitHub

Record = dict[str, Any]
MARK = re.compile(r"\s*<!-- deus:[0-9a-zA-Z]+ -->")
SEARCHED = 1000


def marked(text: str, key: str) -> str:
    """A text with the mark of a write at its end."""
    return f"{text.strip()}\n\n<!-- deus:{key} -->".lstrip()


def unmarked(text: str | None) -> str:
    """A text as people read it, without any mark. GitHub ends lines as the web does."""
    return MARK.sub("", (text or "").replace("\r\n", "\n")).strip()


def mark_of(text: str | None) -> str:
    """The marks that a text holds, to be kept when it is changed."""
    return "".join(MARK.findall(text or ""))


async def bearing(github: GitHub, path: str, key: str, params: Params | None = None) -> Record | None:
    """The record of a list, newest first or complete, whose body bears the mark.

    Raises StepFailed where the list is longer than what is searched, for then nobody knows.
    """
    seen = 0
    async for record in _records(github, path, params):
        if f"<!-- deus:{key} -->" in (record.get("body") or ""):
            return record
        seen += 1
        if seen >= SEARCHED:
            raise StepFailed(
                f"GitHub holds more than {SEARCHED} records there; whether it happened could not be found out.",
                service=github.name,
            )
    return None


async def _records(github: GitHub, path: str, params: Params | None) -> AsyncIterator[Record]:
    async for page in by_link(github.wire, path, {**(params or {}), "per_page": 100}):
        for record in page.data:
            yield record
