"""What Linear's values are in the product's words: states, priorities, identifiers, pull requests."""

from __future__ import annotations

import re
from typing import Any, Literal

Record = dict[str, Any]
State = Literal["backlog", "open", "in_progress", "in_review", "done", "cancelled"]
OPEN = ("triage", "backlog", "unstarted", "started")
PRIORITIES: tuple[Literal["none", "urgent", "high", "medium", "low"], ...] = ("none", "urgent", "high", "medium", "low")
IDENTIFIER = re.compile(r"(?:^|/issue/)([A-Za-z][A-Za-z0-9]*-\d+)(?=$|[/#?])")
PULL_URL = re.compile(r"/([\w.-]+/[\w.-]+)/pull/(\d+)")


def state_of(state: Record) -> State:
    """A workflow state in the product's words."""
    match state["type"]:
        case "started":
            return "in_review" if "review" in state["name"].casefold() else "in_progress"
        case "completed":
            return "done"
        case "canceled" | "duplicate":
            return "cancelled"
        case "unstarted":
            return "open"
        case _:
            return "backlog"


def pull_of(url: str) -> str | None:
    """The ref of the pull request that a URL leads to."""
    parts = PULL_URL.search(url)
    return f"{parts.group(1)}#{parts.group(2)}" if parts else None
