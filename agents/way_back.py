"""The way back from a write: as a change that people are shown, as a receipt, and a drift in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents.effect import Effect, receipt_of
from tools.kit.action import Change
from tools.nouns import Receipt


def back_to(effect: Effect) -> Change:
    """Taking a write back as a change of its own: from what it left to what was before."""
    change, landed = effect.change, effect.landed
    target = change.target
    if landed is not None:
        target = target.model_copy(update={"ref": landed.ref, "url": landed.url, "title": landed.title or target.title})
    before = dict(landed.state) if landed is not None else dict(change.after)
    after = {name: change.before.get(name) for name in before}
    if not change.before:
        before, after = {"record": "as it was made"}, {"record": change.undo}
    return change.model_copy(
        update={
            "target": target,
            "before": before,
            "after": after,
            "bound": {"effect": effect.key},
            "undo": "the write can be ordered again",
            "undo_for": None,
            "warnings": (),
        }
    )


def only_shown(effect: Effect, verb: str, *, asks: bool) -> Receipt:
    """The receipt of an undo, ordered by `verb`, that is only shown. Raises StepFailed for what was not done."""
    change = back_to(effect)
    then = " It would have waited for a yes." if asks else ""
    done = receipt_of(effect, effect.at)
    said = f"Only shown: nothing was taken back.{then}"
    title = f"Take back: {done.title}"
    news = {
        "said": said,
        "title": title,
        "verb": verb,
        "before": change.before,
        "after": change.after,
        "approved_by": (),
        "allowed_by": "",
        "undo": "",
        "dry": True,
    }
    return done.model_copy(update=news)


def in_words(differs: Mapping[str, tuple[Any, Any]]) -> str:
    """A drift in words: "priority was urgent and is now low"."""
    parts = [
        f"{name.replace('_', ' ')} was {_word(left)} and is now {_word(now)}" for name, (left, now) in differs.items()
    ]
    return "; ".join(parts)


def _word(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"


def is_back(before: Mapping[str, Any], state: Mapping[str, Any] | None) -> bool:
    """Whether the record is as it was before the write, or, for one that the write made, gone."""
    if state is None:
        return not before
    common = [name for name in before if name in state]
    return bool(common) and all(state[name] == before[name] for name in common)


def taken_back(effect: Effect, by: tuple[str, ...], said: str) -> Receipt:
    """The receipt of an undo."""
    done = receipt_of(effect, effect.at)
    return done.model_copy(
        update={
            "said": said,
            "before": done.after,
            "after": done.before,
            "approved_by": by,
            "allowed_by": "",
            "undo": "",
        }
    )
