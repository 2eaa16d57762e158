"""Holes that the asker's words leave open, filled from the message that they point at. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from agents.approval import Source
from agents.planners.slots.fill import Slots
from agents.ports import Situation
from agents.quote import LONGEST, Quote

# Only what is looked for; never what is written, to whom, or how much.
_LOOKED_FOR = ("refs", "ref", "customer", "component", "service", "milestone", "anchor")
_POINTS = re.compile(
    r"\b(?:this|that|it|these|those|they|das|dies\w*|es|davon|dazu|esto|eso|este|esta|ese|esa)\b", re.IGNORECASE
)
LONGEST_TOPIC = 300


def heard(situation: Situation) -> Situation:
    """The situation in which what people have just said to each other in the conversation, without Deus, is the message
    that the asker points at; as it is where the asker points at nothing, or nothing was said so."""
    if situation.turn.quoted is not None or not _POINTS.search(situation.turn.text):
        return situation
    last = list(takewhile(lambda run: run.relayed, reversed(situation.past)))
    words = [run.answer.text if run.by and run.answer else run.question for run in last]
    if not any(words):
        return situation
    by = next((run.by for run in last if run.by), "")
    text = "\n".join(filter(None, words))[:LONGEST]
    quote = Quote(service="deus", ref=last[0].run, author=by, text=text, at=situation.now)
    return replace(situation, turn=replace(situation.turn, quoted=quote))


def with_quote(
    situation: Situation, values: Mapping[str, Any], said: Slots, read: Mapping[str, Any]
) -> tuple[dict[str, Any], Mapping[str, Source]]:
    """The slots of a question about a message, and the texts behind those that it filled.

    `said` is what the asker said; `read` are the slots as the message's own words fill them.
    """
    quote = situation.turn.quoted
    if quote is None:
        return dict(values), {}
    taken = {name: read[name] for name in _LOOKED_FOR if not values.get(name) and read.get(name)}
    if said.topic is None or _POINTS.search(situation.turn.text):
        words = " ".join(filter(None, (said.topic, str(read.get("topic") or quote.text))))[:LONGEST_TOPIC]
        taken |= {"topic": words, "topic_or_question": words}
    return {**values, **taken}, dict.fromkeys(taken, quote.source)
