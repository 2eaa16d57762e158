"""What a model provider's answer says that it cost: Anthropic's messages, OpenAI's responses, completions. Pure.

It is read from the answer as it passes, whether it comes as one JSON or as a stream of events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LONGEST = 8 * 1024 * 1024


@dataclass(frozen=True)
class Tokens:
    """Tokens of one call; those read from the provider's cache, and written to it, are not among `read`."""

    read: int = 0
    written: int = 0
    cached: int = 0
    caching: int = 0


class UsageReader:
    """Takes an answer's bytes and keeps the largest numbers that it states: streams state them several times."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self.bytes = 0
        self._line = b""

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes."""
        self.bytes += len(piece)
        *lines, rest = (self._line + piece).split(b"\n")
        # A line that is longer than any answer is let go, and the call is reckoned by its length.
        self._line = rest if len(rest) <= LONGEST else b""
        for line in lines:
            self._read(line)

    def end(self) -> Tokens | None:
        """What was stated in all, or None."""
        self._read(self._line)
        self._line = b""
        return self.tokens

    def _read(self, line: bytes) -> None:
        text = line.strip().removeprefix(b"data:").strip()
        if not text.startswith(b"{") or b"usage" not in text:
            return
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return
        for place in (data, data.get("message"), data.get("response")):
            if isinstance(place, Mapping) and isinstance(place.get("usage"), Mapping):
                self.tokens = _larger(self.tokens or Tokens(), _stated(place["usage"]))


def _stated(usage: Mapping[str, Any]) -> Tokens:
    def number(place: Any, *names: str) -> int:
        found = (place.get(name) for name in names) if isinstance(place, Mapping) else ()
        return next((each for each in found if isinstance(each, int) and each >= 0), 0)

    # OpenAI counts what it read from its cache among the input; Anthropic does not.
    details = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    within = number(details, "cached_tokens")
    return Tokens(
        read=max(0, number(usage, "input_tokens", "prompt_tokens") - within),
        written=number(usage, "output_tokens", "completion_tokens"),
        cached=within or number(usage, "cache_read_input_tokens"),
        caching=number(usage, "cache_creation_input_tokens"),
    )


def _larger(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(
        max(one.read, other.read),
        max(one.written, other.written),
        max(one.cached, other.cached),
        max(one.caching, other.caching),
    )
