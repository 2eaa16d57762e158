"""What readers yield: a document, or the name of what could not be read and why."""

from __future__ import annotations

from dataclasses import dataclass

# Bounds on what is read. A file that passes them is refused by name; none of them is met by what people write.
MOST_BYTES = 5_000_000
MOST_PDF_BYTES = 50_000_000
MOST_CHARACTERS = 2_000_000
MOST_FILES = 50_000


@dataclass(frozen=True)
class Document:
    """A text with its place within its source. `run` is the past run that it tells of."""

    path: str
    title: str
    text: str
    url: str | None = None
    run: str | None = None


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, with the reason as the end of a sentence."""

    path: str
    reason: str


class CannotRead(Exception):
    """A file cannot be made into text; the message is the reason."""
