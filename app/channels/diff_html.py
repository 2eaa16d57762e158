"""A diff as HTML that needs no script: every text is escaped, nothing in it is unseen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

ALL = 200_000  # lines of a diff that a page of its own shows
_SIGNS = {"added": "+", "removed": "-"}


def diff_html(shown: Mapping[str, Any], *, opened: bool = True) -> str:
    """A diff's files, each of which opens and closes."""
    return "".join(_file(one, opened=opened) for one in shown["files"])


def _file(one: Mapping[str, Any], *, opened: bool) -> str:
    path = f"{one['was']} → {one['path']}" if one["was"] and one["was"] != one["path"] else one["path"]
    state = "" if one["state"] == "modified" else f' <span class="chip">{escape(one["state"])}</span>'
    counts = f"<ins>+{one['added']}</ins> <del>−{one['removed']}</del>"
    head = f'<summary><b dir="ltr">{escape(path)}</b>{state} {counts}</summary>'
    lines = "".join(_line(*line) for line in one["lines"])
    table = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Changes"><table>{lines}</table></div>'
        if lines
        else ""
    )
    more = f'<p class="soft">{one["hidden"]:,} more lines</p>' if one["hidden"] and lines else ""
    return f'<details class="file"{" open" if opened else ""}>{head}{table}{more}</details>'


def _line(kind: str, old: int | None, new: int | None, text: str) -> str:
    places = "<td colspan=2>" if kind in ("hunk", "note") else f"<td class=n>{_number(old)}<td class=n>{_number(new)}"
    return (
        f'<tr class="{kind}">{places}<td class=sign>{_SIGNS.get(kind, " ")}<td><code>{escape(text) or " "}</code></tr>'
    )


def _number(at: int | None) -> str:
    return "" if at is None else str(at)
