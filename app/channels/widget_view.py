"""What a visitor sees of a run: its words, how it stands, links to public documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.conversation import RunSummary
from agents.event import Event
from agents.visiting import CHANNEL, SERVICE
from app.channels.web_view import RunView
from app.channels.web_view import fold as fold_run

INBOX = "inbox"
STATES: Mapping[str, str] = {"answered": "done", "abstained": "nothing", "relayed": "relayed", "running": "working"}


@dataclass(frozen=True)
class Frame:
    """One thing to tell the page: `message` is all that is shown of a run, `delta` more of its text from a place on."""

    kind: str
    data: Mapping[str, Any]


class WidgetChannel:
    """The fold of a run for a visitor. Plans, steps, calls, arguments and private evidence never get this far."""

    def begin(self, run: str) -> RunView:
        return RunView(run)

    def fold(self, view: RunView, event: Event) -> RunView:
        return fold_run(view, event)

    def effects(self, before: RunView, after: RunView) -> Sequence[Frame]:
        """More text alone is a delta; whatever else changed is the whole message, which takes the place of the last."""
        was, now = shown(before), shown(after)
        if was == now:
            return ()
        grown = {**was, "text": now["text"]} == now and str(now["text"]).startswith(str(was["text"]))
        if grown and now["state"] == "working":
            start = len(was["text"])
            return (Frame("delta", {"run": after.run, "from": start, "text": now["text"][start:]}),)
        return (Frame("message", now),)


def shown(view: RunView) -> dict[str, Any]:
    """A run as the page gets it."""
    return {
        "run": view.run,
        "at": view.asked_at.isoformat() if view.asked_at else None,
        "question": view.question,
        "text": view.text,
        "by": view.by,
        "state": STATES.get(view.status, "failed"),
        "citations": citations(view),
    }


def citations(view: RunView) -> list[dict[str, Any]]:
    """The public documents that a text cites, by its numbers; anything else has no number here."""
    found = []
    for number, evidence_id in view.citations.items():
        item = view.evidence.get(evidence_id, {})
        url = str(item.get("url") or "")
        if item.get("service") == SERVICE and url.startswith(("https://", "http://")):
            # What was found is told by its own title; the evidence's may say what was asked.
            title = str(item.get("excerpt") or item.get("title") or url)
            found.append({"number": int(number), "title": title, "url": url})
    return found


def visible(run: RunSummary, actor: str) -> bool:
    """Whether a visitor is shown a run of their conversation: what they said themselves, and what a person wrote."""
    return run.channel == INBOX or (run.channel == CHANNEL and run.actor == actor)
