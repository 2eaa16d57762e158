"""A conversation and its runs as the inbox shows them: JSON, and words as HTML in which no script can hide. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from agents.conversation import RunSummary
from agents.handover import Handover
from agents.inbox import Talk
from agents.visiting import INVESTIGATION
from app.channels.code_brief import in_short, whole
from app.channels.web import CITATION
from app.channels.web_view import RunView

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

ENDINGS = {"failed": "This could not be answered.", "stopped": "Stopped before the answer was ready."}


def talk_shown(talk: Talk) -> dict[str, Any]:
    """A conversation as the list shows it."""
    times = {"since": talk.since.isoformat() if talk.since else None, "updated_at": talk.updated_at.isoformat()}
    return {**vars(talk), **times, "last": plain(talk.last)}


def standing_shown(there: Handover) -> dict[str, Any]:
    """How a conversation stands."""
    return {**vars(there), "since": there.since.isoformat() if there.since else None}


def run_shown(view: RunView, run: RunSummary) -> dict[str, Any]:
    """A run: who asked what, how far it has come, what was answered by whom, and what that rests on."""
    over = view.status != "running"
    return {
        "run": run.run,
        "seq": view.seq,
        "at": run.at.isoformat(),
        "channel": run.channel,
        "who": run.name or run.actor,
        "question": view.question or run.question,
        "quoted": {"text": str(view.quoted.get("text") or ""), "url": _url(view.quoted.get("url"))},
        "beside": run.channel == INVESTIGATION,
        "next": list(view.suggestions) if run.channel == INVESTIGATION else [],
        "status": view.standing,
        "by": view.by,
        "html": html(_cited(view)),
        "said": view.text if over else "",
        "trouble": "" if view.status not in ENDINGS else view.error or ENDINGS[view.status],
        "notices": list(view.notices),
        "steps": [
            {
                "title": line.title or line.id,
                "state": "awaiting" if line.id in view.writes.open else line.state,
                "services": list(line.services),
                "summary": line.summary,
            }
            for line in view.steps
        ],
        "evidence": [_evidence(view, number, item) for number, item in view.citations.items()],
        "drawn": [
            {"title": str(one.get("title") or ""), "alt": str(one.get("alt") or "")} for one in view.artifacts.values()
        ],
        "work": {"title": in_short(view), "url": whole(view, "")} if view.code.calls else None,
        "asks": [str(one.get("title") or "") for one in view.writes.asks.values() if one["state"] == "requested"],
        "receipts": [
            {"title": str(one.get("title") or one.get("ref") or ""), "url": _url(one.get("url"))}
            for one in view.writes.receipts.values()
        ],
    }


def plain(markdown: str) -> str:
    """The beginning of a text without its marks, for a line in a list."""
    return re.sub(r"\*\*|__|`+|^#+ ", "", re.sub(r"\[([^\]]*)\]\([^)]*\)?", r"\1", markdown))


def html(markdown: str) -> str:
    """Markdown as HTML: tags in it are shown as text, pictures are left out, links open elsewhere."""
    made = str(_markdown().render(markdown))
    return made.replace("<a href=", '<a target="_blank" rel="noopener noreferrer" href=')


def _cited(view: RunView) -> str:
    def link(found: re.Match[str]) -> str:
        evidence = view.citations.get(found[1])
        return f"[\\[{found[1]}\\]](<{_place(view, evidence)}>)" if evidence else found[0]

    return CITATION.sub(link, view.text)


def _evidence(view: RunView, number: str, evidence: str) -> dict[str, Any]:
    item: Mapping[str, Any] = view.evidence.get(evidence, {})
    shown = {"number": int(number), "title": str(item.get("title") or evidence), "service": item.get("service") or ""}
    return {**shown, "url": _place(view, evidence)}


def _place(view: RunView, evidence: str) -> str:
    """Where the evidence can be read: at its service, or as it is kept here."""
    kept = f"/api/runs/{quote(view.run, safe='')}/evidence/{quote(evidence, safe='')}"
    return _url(view.evidence.get(evidence, {}).get("url")) or kept


def _url(given: object) -> str:
    url = str(given or "")
    return url if re.fullmatch(r"https?://[^\s<>]+", url) else ""


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
