"""Bytes → text. What cannot be decoded is replaced; what is no text is refused."""

from __future__ import annotations

import codecs

from app.ingest.document import MOST_CHARACTERS, CannotRead

_SAMPLE = 8192
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def plain_text(content: bytes) -> str:
    """The text of a file: by its mark, as UTF-8, else as Windows-1252. Raises CannotRead for binary content."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None:
        if b"\0" in content[:_SAMPLE]:
            raise CannotRead("it is a binary file")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
    else:
        text = content.decode(encoding, "replace")
    return tidy(text)


def tidy(text: str) -> str:
    """A text without what databases refuse, its lines ended alike, cut at the most that is read."""
    return (
        text[:MOST_CHARACTERS]
        .replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\0", "")
        .replace("\x02", "")
        .replace("\x03", "")
    )
