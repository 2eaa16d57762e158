"""An approval in words, ready to be drawn by any channel: rows of a change, who reads it, who may decide. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from agents.approval import ANYONE, Approval
from app.channels.diff_view import diff_shown, is_diff
from app.channels.terminal_text import revealed
from app.channels.tests_view import told_tests, verdict_of

LONG = 72
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d")
_LATER = re.compile(r"\$([A-Za-z]\w*)(\[\d+\])?((?:\.\w+)*)")


def card_of(approval: Approval, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A stored approval as a card, with how it was settled."""
    proposal = approval.proposal
    drawn = card({**proposal.model_dump(mode="json"), "digest": proposal.digest}, titles or {})
    last = approval.decisions[-1] if approval.decisions else None
    return {
        **drawn,
        "run": proposal.run,
        "state": approval.state,
        "by": last.by if last else "",
        "note": last.note if last else "",
        "edited": approval.edited is not None,
        "resolved_at": approval.resolved_at.isoformat() if approval.resolved_at else None,
        "more": proposal.needed - sum(one.choice == "approve" for one in approval.decisions),
    }


def card(asked: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """What approval.requested carries, in words. `titles` are the run's steps': a write may wait for what they bring.

    All texts are plain: none may be read as Markdown or HTML, for anybody may have written them.
    """
    change, target = asked["change"], asked["change"]["target"]
    where = " · ".join(filter(None, (target.get("title") or target.get("ref"), target.get("environment"))))
    return {
        **{name: asked[name] for name in ("id", "digest", "step", "title", "service", "verb", "needed")},
        "requester": asked.get("asker") or asked["requester"],
        "revision": asked.get("revision", 1),
        "target": {"kind": label(target["kind"]), "title": where, "url": safe(target.get("url"))},
        "new": not target.get("ref"),
        "rows": rows(change.get("before") or {}, change.get("after") or {}, titles),
        "people": list(change.get("people") or ()),
        "affects": change.get("affects", 1),
        "warnings": list(change.get("warnings") or ()),
        "undo": change.get("undo") or "",
        "risk": {"level": asked["risk"]["level"], "reasons": _reasons(asked["risk"], change.get("warnings") or ())},
        "why": list(asked.get("why") or ()),
        "sources": sources(asked.get("sources") or ()),
        "who": who(asked.get("deciders") or (), asked.get("barred") or ()),
        "at": asked["at"],
        "expires_at": asked["expires_at"],
        "lasts": lasting(datetime.fromisoformat(asked["expires_at"]) - datetime.fromisoformat(asked["at"])),
    }


def _reasons(risk: Mapping[str, Any], warnings: Sequence[str]) -> list[str]:
    """Why it is risky, without what the warnings say already."""
    return [said for said in risk.get("reasons") or () if not any(warning in said for warning in warnings)]


def rows(before: Mapping[str, Any], after: Mapping[str, Any], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields that a change touches: {label, before, after, block}; None stands for nothing there.

    `block` says that it is a text to be read as one. What stays the same is left out, but for a change of nothing.
    A diff's row has what a page draws of it as `diff`, and its text with nothing unseen in it; that of test runs has
    their `verdict`.
    """
    names = [*after, *(name for name in before if name not in after)]
    changed = [name for name in names if before.get(name) != after.get(name)] or names
    found = []
    for name in changed:
        patch = after.get(name)
        if isinstance(patch, str) and is_diff(patch):
            told = {"label": label(name), "before": None, "after": revealed(patch), "block": True}
            found.append({**told, "diff": diff_shown({"diff": patch})})
            continue
        was, will = text(before.get(name), titles), text(after.get(name), titles)
        if was is None and will is None:
            continue
        block = any(one is not None and ("\n" in one or len(one) > LONG) for one in (was, will))
        tried = verdict_of(patch) if name == "tests" else ""
        if tried == "refuted" and will:
            will = will.replace("Refuted", "✗ REFUTED", 1)
        row: dict[str, Any] = {"label": label(name), "before": was, "after": will, "block": block}
        found.append({**row, "verdict": tried} if tried else row)
    return found


def sources(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The texts that a write depends on, each once; `quoted` are those that say more than a name."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for one in found:
        title, excerpt = str(one.get("title") or ""), str(one.get("excerpt") or "")
        quoted = excerpt.strip() not in ("", title.strip())
        drawn = {
            "service": one.get("service") or "",
            "title": title or excerpt or str(one.get("evidence") or ""),
            "excerpt": excerpt,
            "url": safe(one.get("url")),
            "quoted": quoted,
        }
        kept.setdefault((title, excerpt), drawn)
    return list(kept.values())


def text(value: Any, titles: Mapping[str, str]) -> str | None:
    """A value as a person reads it; None for an empty one. "$create[0].url" is the url that “create” will bring."""
    if value is None or value == "" or value == [] or value == {} or value == ():
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return moment(value) if _TIME.match(value) else _LATER.sub(lambda found: _later(found, titles), value)
    if isinstance(value, list | tuple):
        parts = [text(one, titles) or "" for one in value]
        return ("\n" if any("://" in part or len(part) > LONG for part in parts) else ", ").join(parts)
    if isinstance(value, Mapping) and verdict_of(value):
        return told_tests(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{label(str(name))}: {text(inner, titles) or '–'}" for name, inner in value.items())
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)


def _later(found: re.Match[str], titles: Mapping[str, str]) -> str:
    """A reference to what another step brings; anything else that begins with a dollar stays as it is."""
    step, place, rest = found[1], found[2], found[3]
    if step not in titles and not (place and rest):
        return found[0]
    return f"‹{label(rest.strip('.').replace('.', ' ')) or 'result'} of “{titles.get(step, label(step))}”›"


def moment(raw: str) -> str:
    """A time as a person writes it: Tue 17 Nov 2026, 19:00 UTC."""
    try:
        at = datetime.fromisoformat(raw)
    except ValueError:
        return raw
    zone = "UTC" if at.utcoffset() == timedelta() else f"{at:%z}"
    return f"{at:%a} {at.day} {at:%b %Y, %H:%M} {zone}".rstrip()


def lasting(span: timedelta) -> str:
    """How long something stays open: "3 days", "45 minutes"."""
    seconds = max(int(span.total_seconds()), 0)
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            n = round(seconds / size)
            return f"{n} {name}" + "s" * (n != 1)
    return "less than a minute"


def who(deciders: Sequence[str], barred: Sequence[str]) -> str:
    """Who may decide, in words."""
    if ANYONE in deciders:
        return f"anyone but {', '.join(barred)}" if barred else "anyone who may sign in"
    return ", ".join(one for one in deciders if one not in barred) or "nobody"


def label(name: str) -> str:
    """A field's name in words."""
    return name.replace("_", " ")


def safe(url: Any) -> str | None:
    """The URL, if it is one that a browser may open: text from a vendor must not become a script."""
    return str(url) if str(url or "").startswith(("https://", "http://")) else None
