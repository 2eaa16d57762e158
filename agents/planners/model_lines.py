"""What a model streams, taken apart: JSON objects, one a line, out of whatever else it says. Pure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from agents.errors import ModelUnusable

LONGEST_LINE = 20_000
MOST_LINES = 400
MOST_REPEATS = 3
MOST_BAD = 8


@dataclass
class Lines:
    """Collects a stream's objects. Raises ModelUnusable when it repeats itself, never ends a line, or is no JSON."""

    rest: str = ""
    seen: dict[str, int] = field(default_factory=dict)
    bad: int = 0
    read: int = 0

    def feed(self, text: str) -> list[dict[str, Any]]:
        """The objects that this piece of the stream completes."""
        self.rest += text
        *complete, self.rest = self.rest.split("\n")
        if len(self.rest) > LONGEST_LINE:
            raise ModelUnusable("The model wrote a line without end.")
        return [found for line in complete if (found := self._object(line)) is not None]

    def end(self) -> list[dict[str, Any]]:
        """The object of the last line, if it lacks a line break."""
        line, self.rest = self.rest, ""
        found = self._object(line)
        return [found] if found is not None else []

    def _object(self, line: str) -> dict[str, Any] | None:
        text = line.strip().strip("`").strip().rstrip(",")
        if not text or text in ("json", "[", "]"):
            return None
        self.read += 1
        self.seen[text] = self.seen.get(text, 0) + 1
        if self.seen[text] > MOST_REPEATS or self.read > MOST_LINES:
            raise ModelUnusable("The model repeats itself.")
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self.bad += 1
            if self.bad > MOST_BAD:
                raise ModelUnusable("The model does not write JSON.")
            return None
        return None if self.seen[text] > 1 else found


async def objects(stream: AsyncIterator[str]) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a model's stream, each as soon as its line is there."""
    lines = Lines()
    async for text in stream:
        for found in lines.feed(text):
            yield found
    for found in lines.end():
        yield found
