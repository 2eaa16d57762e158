"""How files, outputs and strangers' words are shown to the coder's model. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from agents.code_agent import Material

# What commands in a sandbox get: no colours, no pagers, nothing that waits for a person.
QUIET: Mapping[str, str] = MappingProxyType(
    {"CI": "1", "NO_COLOR": "1", "GIT_PAGER": "cat", "PAGER": "cat", "PYTHONDONTWRITEBYTECODE": "1"}
)
LEFT_OUT = "(left out to save room; ask again if you need it)"
_MARK = re.compile(r"<(?=\s*/?\s*untrusted)", re.IGNORECASE)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def untrusted(material: Iterable[Material], most: int = 6_000) -> str:
    """Pieces of what others wrote, each between marks that nothing in it can close."""
    return "\n".join(
        f"<untrusted title={json.dumps(_safe(one_line(one.title, 200)), ensure_ascii=False)}>\n"
        f"{_safe(tail(one.text, most) if len(one.text) > most else one.text)}\n</untrusted>"
        for one in material
    )


def _safe(text: str) -> str:
    return _MARK.sub("‹", text)


def numbered(lines: Sequence[str], first: int) -> str:
    """Lines with their numbers; long ones are cut."""
    return "\n".join(f"{number:>5}  {one_line(line, 400, strip=False)}" for number, line in enumerate(lines, first))


def one_line(text: str, most: int, *, strip: bool = True) -> str:
    """A text in one line, cut; indentation is kept where not told to `strip`."""
    flat = " ".join(text.split()) if strip else text.replace("\n", " ").replace("\r", "")
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def tail(text: str, most: int) -> str:
    """The end of what a program wrote, where the outcome stands, with a little of its start; control codes are gone."""
    text = plain_output(text)
    if len(text) <= most:
        return text
    head = text[: most // 4]
    end = text[-(most - len(head)) :]
    return f"{head}\n… {len(text) - len(head) - len(end):,} characters left out …\n{end}"


def plain_output(text: str) -> str:
    """What a program wrote without colours and control codes; a line that was written over is its last state."""
    lines = _ESCAPES.sub("", text.replace("\r\n", "\n")).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def found_at(text: str, piece: str) -> list[int]:
    """The lines, from 1 on, at which a piece begins in a text."""
    lines, start = [], text.find(piece)
    while start >= 0:
        lines.append(text.count("\n", 0, start) + 1)
        start = text.find(piece, start + len(piece))
    return lines


def trimmed(messages: Sequence[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
    """A conversation of at most so many characters, as far as leaving out old results makes it so."""
    kept = [dict(message) for message in messages]
    size = sum(len(json.dumps(message, ensure_ascii=False)) for message in kept)
    for message in kept[:-6]:
        if size <= most:
            break
        if message["role"] == "tool" and len(message["content"]) > len(LEFT_OUT):
            size -= len(message["content"]) - len(LEFT_OUT)
            message["content"] = LEFT_OUT
    return kept
