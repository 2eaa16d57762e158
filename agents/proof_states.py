"""What a claim says has become of a record; only a record that is in that state bears it out, no text about it. Pure.

Whoever can write a text can write "#12 was merged" into it, and name #12 beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Record = Mapping[str, Any]
_QUOTED = re.compile(r"“[^”]*”|`[^`]*`")
_IS = r"\b(?:was|were|is|are|has been|have been|got)\s+(?:(?:now|just|already|also)\s+)?"
_WIRD = r"\b(?:wurden?|ist|sind)\s+(?:[^.!?\n]{0,60}\s)?"
_ES = r"\b(?:fue|fueron|ha sido|han sido|está|están)\s+"
_OVER = frozenset({"done", "cancelled", "closed", "merged", "resolved", "solved", "ignored"})


def _receipt(*verbs: str) -> Callable[[Record], bool]:
    return lambda record: record.get("kind") == "receipt" and record.get("verb") in verbs and not record.get("dry")


# What is said, and which record bears it out.
_STATES: tuple[tuple[re.Pattern[str], tuple[Callable[[Record], bool], ...]], ...] = (
    (
        re.compile(
            rf"{_IS}merged\b|{_WIRD}(?:gemergt|gemerged|zusammengeführt)\b|{_ES}fusionad[oa]s?\b", re.IGNORECASE
        ),
        (
            lambda record: bool(record.get("merged_at")) or record.get("state") == "merged",
            lambda record: record.get("kind") in ("commit", "deployment"),
            _receipt("pulls.merge"),
        ),
    ),
    (
        re.compile(rf"{_IS}rolled\s+back\b|{_WIRD}zurückgerollt\b|{_ES}revertid[oa]s?\b", re.IGNORECASE),
        (
            lambda record: record.get("kind") in ("deployment", "incident", "commit", "pull_request"),
            _receipt("deploys.rollback"),
        ),
    ),
    (
        re.compile(rf"{_IS}closed\b|{_WIRD}geschlossen\b|{_ES}cerrad[oa]s?\b", re.IGNORECASE),
        (
            lambda record: bool(record.get("closed_at") or record.get("resolved_at")) or record.get("state") in _OVER,
            lambda record: record.get("kind") in ("incident", "alert"),
            _receipt("issues.update", "errors.resolve", "pulls.merge"),
        ),
    ),
)


def unborne(text: str, content: Iterable[Record]) -> str | None:
    """What a text says has become of a record although none that it names is in that state; None if there is no such
    thing. What others say stands in quotation marks."""
    records = list(content)
    words = _QUOTED.sub("“…”", text)
    for pattern, bearing in _STATES:
        found = pattern.search(words)
        if found and not any(bears(record) for record in records for bears in bearing):
            return " ".join(found.group(0).split())
    return None
