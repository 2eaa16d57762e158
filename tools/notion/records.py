"""What Notion's records say: titles, rich text, cursors, ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]
IDENTIFIER = re.compile(r"([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=$|[?#])", re.IGNORECASE)


def following(answer: Record) -> str | None:
    """The cursor of the next page of a list."""
    return answer["next_cursor"] if answer.get("has_more") else None


def plain(rich: Sequence[Record]) -> str:
    """Rich text without its style."""
    return "".join(part.get("plain_text", "") for part in rich)


def title_of(page: Record) -> str:
    """The title of a page, whatever its property is called."""
    for value in page["properties"].values():
        if value.get("type") == "title":
            return plain(value["title"]) or "Untitled"
    return "Untitled"
