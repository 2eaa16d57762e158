"""What reading a source came to, as a plain sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.ingest.document import Unread

MOST_NAMED = 20


@dataclass(frozen=True)
class Progress:
    """How far a long reading is; `of` is None while nobody knows."""

    stage: Literal["read", "embedded"]
    done: int
    of: int | None


@dataclass
class Report:
    """Counts of documents, and of pieces that were embedded or wait to be."""

    source: str
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    embedded: int = 0
    waiting: int = 0
    waits_for: str | None = None
    unread: list[Unread] = field(default_factory=list)

    def count(self, outcomes: Sequence[Literal["new", "changed", "unchanged"]]) -> None:
        """Adds how documents were found."""
        self.read += len(outcomes)
        self.new += outcomes.count("new")
        self.changed += outcomes.count("changed")
        self.unchanged += outcomes.count("unchanged")

    def __str__(self) -> str:
        counts = f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged, {self.gone} gone"
        lines = [
            f"Read {_many(self.read, 'document')} of {self.source}: {counts}; {_many(self.embedded, 'piece')} embedded."
        ]
        if self.waiting:
            lines.append(f"{_many(self.waiting, 'piece')} can be found by words already and wait for {self.waits_for}.")
        if self.unread:
            named = "; ".join(f"{one.path} ({one.reason})" for one in self.unread[:MOST_NAMED])
            more = len(self.unread) - MOST_NAMED
            lines.append(f"Not read: {named}{f'; and {more} more' if more > 0 else ''}.")
        return "\n".join(lines)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
