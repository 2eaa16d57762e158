"""What a sandbox asks of a model: whether it may, and the most that it can take. Pure.

A provider can be asked to search the web, to fetch an address or to call other servers. That would be a way out around
the broker, for whatever speaks from inside; so only tools that are run inside may be offered, and nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# An answer that says no usage is reckoned at so many bytes a token, and a request that sets no limit at so many tokens.
BYTES_A_TOKEN, TOKENS_UNSAID = 3, 8_000
_LIMITS = ("max_tokens", "max_output_tokens", "max_completion_tokens")
# Tools that whoever asks runs by itself.
_OWN_TOOLS = frozenset({None, "function", "custom", "local_shell", "shell", "apply_patch", "namespace"})
_OWN_FAMILIES = ("bash_", "text_editor_")
_ELSEWHERE = ("mcp_servers", "server_url", "connector_id", "web_search_options", "container", "plugins")
_ADDRESSES = ("image_url", "file_url")
# What is within a tool's form or a call's arguments means nothing to a provider.
_WORDS = frozenset({"input_schema", "parameters", "arguments", "schema", "metadata", "properties"})


@dataclass(frozen=True)
class Question:
    """What a request says of itself: its model, and the most tokens that it can take."""

    model: str
    read: int
    written: int


class NotAsked(Exception):
    """A request that is none of a model, or that wants more than an answer; says what, in few words."""


def question(body: bytes) -> Question:
    """What a request asks of a model. Raises NotAsked."""
    try:
        data = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise NotAsked("no question to a model") from None
    if not isinstance(data, dict) or not isinstance(data.get("model"), str):
        raise NotAsked("no question to a model")
    for tool in _tools(data):
        kind = tool.get("type") if isinstance(tool, dict) else ""
        if kind not in _OWN_TOOLS and not str(kind).startswith(_OWN_FAMILIES):
            raise NotAsked("a tool that the provider runs")
    _check(data, 0)
    stated = [data[name] for name in _LIMITS if isinstance(data.get(name), int) and data[name] > 0]
    times = data.get("n") if isinstance(data.get("n"), int) else 1
    most = max(stated, default=TOKENS_UNSAID) * max(1, times or 1)
    return Question(data["model"][:200], len(body) // BYTES_A_TOKEN, most)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that names something twice is read in two ways by two readers."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)


def _tools(data: dict[str, Any]) -> Iterator[Any]:
    left = data.get("tools") or []
    if not isinstance(left, list):
        raise NotAsked("tools in no known form")
    for tool in left:
        yield tool
        if isinstance(tool, dict) and isinstance(tool.get("tools"), list):
            yield from tool["tools"]


def _check(value: Any, depth: int) -> None:
    """Raises NotAsked where anything would be fetched, or asked of others."""
    if depth > 60:
        raise NotAsked("too deep")
    if isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
    if not isinstance(value, dict):
        return
    if any(value.get(name) for name in _ELSEWHERE):
        raise NotAsked("a server that the provider calls")
    for name in _ADDRESSES:
        given = value.get(name)
        address = given.get("url") if isinstance(given, dict) else given
        if address and not str(address).startswith("data:"):
            raise NotAsked("an address that the provider fetches")
    if value.get("type") == "url":
        raise NotAsked("an address that the provider fetches")
    for name, item in value.items():
        # The arguments of a call that the model made; the words of a conversation are a list.
        if name in _WORDS or (name == "input" and isinstance(item, dict)):
            continue
        _check(item, depth + 1)
