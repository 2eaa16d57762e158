"""What a run asks of people and what it has changed, folded from its events, and the card that shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.event import Event
from app.channels.approval_card import card, label, rows, safe, text
from app.channels.approval_form import fields


@dataclass(frozen=True)
class Writes:
    """The asks of a run by approval, and its receipts by effect, in the order in which they came.

    `rounds` counts how often all that was asked had been settled, so that the run went on.
    """

    asks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    receipts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rounds: int = 0

    @property
    def open(self) -> tuple[str, ...]:
        """The steps that wait for a decision."""
        return tuple(str(one["step"]) for one in self.asks.values() if one["state"] == "requested")


def fold_writes(writes: Writes, event: Event) -> Writes:
    """The writes after one more event; of other kinds they know nothing."""
    data = event.data
    if event.kind == "approval.requested":
        asked = {name: value for name, value in data.items() if name not in ("draft", "remaining")}
        return replace(writes, asks={**writes.asks, data["id"]: {**asked, "state": "requested"}})
    if event.kind in ("approval.resolved", "approval.expired") and data["id"] in writes.asks:
        said = {
            "state": data["decision"],
            "by": data.get("by") or "",
            "edited": bool(data.get("edited")),
            "more": data.get("more_needed") or 0,
            "resolved_at": event.at.isoformat(),
        }
        after = replace(writes, asks={**writes.asks, data["id"]: {**writes.asks[data["id"]], **said}})
        # What was edited is asked anew: nothing has gone on with it.
        return replace(after, rounds=writes.rounds + bool(writes.open and not after.open and not said["edited"]))
    if event.kind == "receipt.added":
        return replace(writes, receipts={**writes.receipts, data["id"]: {**data, "taken_back": None}})
    if event.kind == "undo.finished" and data["id"] in writes.receipts:
        before = writes.receipts[data["id"]]
        if before["taken_back"] is not None and before["taken_back"]["ok"]:
            return writes
        tried = {
            "ok": bool(data.get("ok")),
            "by": data.get("by") or "",
            "said": data.get("summary") or "",
            "at": event.at.isoformat(),
            "drift": [
                {"label": label(name), "before": text(left, {}) or "nothing", "after": text(now, {}) or "nothing"}
                for name, (left, now) in (data.get("drift") or {}).items()
            ],
        }
        return replace(writes, receipts={**writes.receipts, data["id"]: {**before, "taken_back": tried}})
    return writes


def writes_card(writes: Writes, titles: Mapping[str, str], failures: Mapping[str, str], over: bool) -> dict[str, Any]:
    """The card's properties: one item for each write, with its last ask and, once it is done, its receipt.

    `titles` are the steps', `failures` say of those that did not succeed why not. An ask of a run that is over is no
    longer asked.
    """
    receipts = {str(one["step"]): one for one in writes.receipts.values()}
    last = {str(one["step"]): one for one in writes.asks.values()}
    items = []
    for step in dict.fromkeys((*last, *receipts)):
        ask, receipt = last.get(step), receipts.get(step)
        drawn = None
        if ask is not None:
            drawn = {
                **_drawn_once(card(ask, titles)),
                **{name: ask.get(name) for name in ("state", "by", "edited", "resolved_at")},
            }
            drawn["more"] = ask.get("more", ask.get("needed", 1))
            if over and ask["state"] == "requested":
                drawn["state"] = "withdrawn"
            drawn["form"] = fields(str(ask["verb"]), ask["args"]) if drawn["state"] == "requested" else []
        shown = None if receipt is None else _receipt(receipt, titles)
        items.append({"step": step, "ask": drawn, "receipt": shown, "failure": failures.get(step, "")})
    return {"items": items}


def _drawn_once(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The card without the text of what it draws as a diff."""
    return {**drawn, "rows": [{**row, "after": ""} if "diff" in row else row for row in drawn["rows"]]}


def _receipt(receipt: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    same = ("id", "service", "title", "ref", "said", "at", "undo", "undo_until", "taken_back")
    return {
        **{name: receipt.get(name) for name in same},
        "url": safe(receipt.get("url")),
        "verified": receipt.get("verified", True),
        "approved_by": list(receipt.get("approved_by") or ()),
        "allowed_by": receipt.get("allowed_by") or "",
        "rows": _drawn_once({"rows": rows(receipt.get("before") or {}, receipt.get("after") or {}, titles)})["rows"],
    }
