"""Approvals and receipts in a terminal: a diff with signs and, where it is wanted, colours. Pure.

Control characters are taken out of every text: anybody may have written it, and a terminal obeys them.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from agents.approval import Approval
from agents.effect import Effect
from app.channels.approval_card import card_of, moment, rows
from app.channels.diff_view import counted

WIDTH = 96
COLOURS = {"-": "31", "+": "32", "!": "33", "b": "1", "s": "2"}


def drawn(approval: Approval, titles: Mapping[str, str] | None = None, *, colour: bool = False) -> str:
    """One approval: what would change, who reads it, why somebody is asked, until when. `titles` are the steps'."""
    shown = card_of(approval, titles)
    target = shown["target"]
    place = " ".join(filter(None, (shown["service"], target["kind"], target["title"])))
    lines = [
        _ink("b", f"{shown['title']}  ({place})", colour),
        *([plain(f"  {target['url']}")] if target["url"] else []),
        *diff(shown["rows"], colour=colour),
        *(_ink("!", f"  ! {text}", colour) for text in shown["warnings"]),
    ]
    facts = {
        "read by": ", ".join(shown["people"]),
        "touches": str(shown["affects"]) if shown["affects"] > 1 else "",
        "asked because": " ".join(shown["why"]),
        "risk": ". ".join((shown["risk"]["level"], *shown["risk"]["reasons"])),
        "undo": shown["undo"] or "This cannot be taken back.",
        "who decides": shown["who"] + (f"; {shown['needed']} have to say yes" if shown["needed"] > 1 else ""),
        "open": f"for {shown['lasts']}, until {moment(shown['expires_at'])}" if approval.state == "requested" else "",
        "settled": _settled(shown) if approval.state != "requested" else "",
    }
    lines += [_wrapped(f"{name}: {text}") for name, text in facts.items() if text]
    if shown["sources"]:
        lines.append(_ink("!", "  It builds on text from outside, which nobody here vouches for:", colour))
        for one in shown["sources"]:
            if one["quoted"]:
                lines.append(_wrapped(f"“{one['excerpt']}”", "    "))
                lines.append(_wrapped(f"{one['title']} ({one['service']}) {one['url'] or ''}".rstrip(), "      "))
        named = [one["title"] for one in shown["sources"] if not one["quoted"]]
        lines += [_wrapped(f"named there: {', '.join(named)}", "    ")] if named else []
    return "\n".join(lines)


def diff(shown: Sequence[Mapping[str, Any]], *, colour: bool = False) -> list[str]:
    """The fields of a change: "- " what is there, "+ " what will be."""
    lines = []
    for row in shown:
        if "diff" in row:
            lines.append(_ink("b", f"  {row['label']}: {counted(row['diff'])}", colour))
            lines += [_ink(_sign(line), f"    {line.expandtabs(4)}", colour) for line in row["after"].splitlines()]
            continue
        for sign, value in (("-", row["before"]), ("+", row["after"])):
            if value is None:
                continue
            first, *rest = value.splitlines() or [""]
            lines.append(_ink(sign, f"  {sign} {row['label']}: {first}", colour))
            lines += [_ink(sign, f"  {sign}   {line}", colour) for line in rest]
    return lines


def _sign(line: str) -> str:
    """How a diff's line is inked: by what it adds or takes away."""
    return line[0] if line[:1] in ("+", "-") and line[:3] not in ("+++", "---") else "s"


def receipt(effect: Effect, *, colour: bool = False) -> str:
    """What came of a write, with its link and how it is taken back."""
    landed, marks = effect.landed, {"done": "✓", "undone": "↶", "failed": "✗", "unknown": "?"}
    said = (landed.said or landed.title or landed.ref) if landed is not None else effect.error
    lines = [_ink("b", f"{marks.get(effect.state, '…')} {effect.title}: {said}", colour)]
    if landed is not None and landed.url:
        lines.append(plain(f"  {landed.url}"))
    by = plain(f", approved by {', '.join(effect.by)}" if effect.by else "")
    lines.append(f"  {effect.state}, {moment(effect.at.isoformat())}{by}")
    if landed is not None:
        lines += diff(rows(effect.change.before, landed.state or effect.change.after, {}), colour=colour)
    if effect.state == "done":
        until = f" Until {moment((effect.at + effect.change.undo_for).isoformat())}." if effect.change.undo_for else ""
        undo = f"deus approvals undo {effect.key}   ({effect.change.undo}{until})"
        lines.append(plain(f"  {undo}") if effect.change.undo else "  This cannot be taken back.")
    return "\n".join(lines)


def plain(text: str) -> str:
    """The text without the characters that steer a terminal or turn the direction of writing."""
    return "".join(one for one in text if one == "\n" or unicodedata.category(one) not in ("Cc", "Cf"))


def _settled(shown: Mapping[str, Any]) -> str:
    by = f" by {shown['by']}" if shown["by"] else ""
    note = f" “{shown['note']}”" if shown["note"] else ""
    return "other arguments were given, and asked about anew" if shown["edited"] else f"{shown['state']}{by}{note}"


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(plain(text), WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))


def _ink(kind: str, text: str, colour: bool) -> str:
    clean = plain(text)
    return f"\x1b[{COLOURS[kind]}m{clean}\x1b[0m" if colour else clean
