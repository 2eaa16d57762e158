"""Code work on the chat's page: calls as a terminal would list them, diffs, tests, code, files, pictures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from app.channels.code_view import SAYS, CallLine, word
from app.channels.diff_view import is_diff
from app.channels.terminal_text import one_line, revealed
from app.channels.web_view import RunView

# An element's name, its part of the run, and its properties.
Drawn = tuple[str, str, dict[str, Any]]

MOST_CODE = 400  # lines
SEEN_OUTPUT = 3  # of so many last calls the output is sent along; that of others is fetched when it is looked at
_OURS = re.compile(r"/(?!/)[\w\-./%?=&~]*")


def works(view: RunView) -> Iterator[Drawn]:
    """One element for each step that works in a sandbox, with its calls."""
    titles = {line.id: line for line in view.steps}
    steps = view.code.steps
    for step in steps:
        calls, line = view.code.of(step), titles.get(step)
        running = view.status == "running" and line is not None and line.state == "running"
        first = len(calls) - SEEN_OUTPUT
        yield (
            "Work",
            f"work/{step}",
            {
                "step": step,
                "title": one_line(line.title if line and line.title else step),
                "running": running,
                "state": line.state if line is not None else "running",
                "calls": [call_shown(one, whole=n >= first) for n, one in enumerate(calls)],
                "spent": spent(view.usage) if step == steps[-1] else "",
                "whole": whole(view.run, f"work-{step}"),
            },
        )


def call_shown(call: CallLine, *, whole: bool) -> dict[str, Any]:
    """A call as a line."""
    return {
        "id": call.id,
        "word": "" if call.verb == SAYS else word(call),
        "text": call.text,
        "state": call.state,
        "ms": call.ms,
        "summary": call.error or call.summary,
        "output": call.output if whole else "",
        "more": bool(call.output) and not whole,
    }


def spent(usage: Mapping[str, Any]) -> str:
    """What a run has cost so far: "$0.42 · 31,200 tokens · 18 model calls · 23 tool calls"."""
    tokens = (usage.get("tokens_in") or 0) + (usage.get("tokens_out") or 0)
    models, tools = (usage.get(name) or 0 for name in ("model_calls", "tool_calls"))
    parts = [f"${usage.get('usd') or 0:.2f}"] if models else []
    parts += [f"{tokens:,} tokens"] if tokens else []
    parts += [f"{n:,} {what} call{'s' * (n != 1)}" for n, what in ((models, "model"), (tools, "tool")) if n]
    return " · ".join(parts)


def whole(run: str, place: str) -> str:
    """Where all of a piece of work is seen."""
    return f"/runs/{quote(run, safe='')}/work#{quote(place, safe='')}"


def artifact(view: RunView, one: Mapping[str, Any]) -> Drawn | None:
    """The element of an artifact of code work; None for other kinds, and for what cannot be drawn."""
    ident, kind = str(one["id"]), one.get("kind")
    data = one.get("data") if isinstance(one.get("data"), Mapping) else {}
    props = {"title": one_line(one.get("title") or ""), "alt": one_line(one.get("alt") or "", 1000)}
    assert isinstance(data, Mapping)
    if kind == "diff" and "shown" in one:
        folded = is_diff(data.get("diff")) and any(
            data["diff"] in ask["change"]["after"].values() for ask in view.writes.asks.values()
        )
        shown = {**one["shown"], "artifact": ident, "folded": folded, "whole": whole(view.run, ident)}
        return "Diff", ident, {**props, **shown}
    if kind == "tests" and "shown" in one:
        return "Tests", ident, {**props, **one["shown"], "artifact": ident}
    if kind == "code":
        lines = revealed(str(data.get("code") or "")).rstrip("\n").split("\n")
        cut = {"code": "\n".join(lines[:MOST_CODE]), "hidden": max(len(lines) - MOST_CODE, 0)}
        language = one_line(data.get("language") or "", 20)
        return "Code", ident, {**props, **cut, "language": language, "artifact": ident, "whole": whole(view.run, ident)}
    if kind == "chart" and (png := ours(data.get("png"))):
        return "Picture", ident, {**props, "png": png}
    if kind == "file" and (url := ours(data.get("url"))):
        name, size = one_line(data.get("name") or props["title"] or "file"), data.get("size")
        return "Download", ident, {**props, "url": url, "name": name, "size": size if isinstance(size, int) else None}
    return None


def ours(url: object) -> str:
    """The address, if it is a path of our own; "" for anything else: no page asks another host."""
    return url if isinstance(url, str) and _OURS.fullmatch(url) else ""
