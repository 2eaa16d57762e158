"""What an order is about where it points at what was said before, and whose it shall be. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agents.approval import Source
from agents.ports import Past, Situation

# Kinds of records that an order can be about, the most telling first, and the slots that name them.
_SLOTS = {
    "error": "subject_error",
    "deployment": "subject_deploy",
    "pull_request": "subject_pull",
    "ticket": "subject_ticket",
    "message": "subject_message",
}
# The slots that an earlier answer may fill in place of the asker's own words.
QUOTED_SLOTS = (*_SLOTS.values(), "issue_ref", "error_ref", "pull_ref", "bad", "rollback_component")
_OWNED = re.compile(
    r"\b(?:who(?:ever|\s+ever)?|the (?:person|one|engineer) (?:who|that)|its|the|wer|wem|dem(?:jenigen)?|"
    r"wer immer|quien)\s+"
    r"(?:(?:last\s+|zuletzt\s+)?(?:owns?|own|wrote|changed|touched|built|broke|maintains|made|gehört|besitzt|"
    r"geschrieben|gebaut|hizo|escribió|cambió|mantiene)|owner(?:\s+of)?)\b\s*(?P<part>[^,.:;!?]*)",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"^(?:it|this|that|them|das|es|eso|esto|lo)?(?:\s+hat)?$", re.IGNORECASE)


def owned(text: str) -> str | None:
    """The part of the product whose owner a sentence means: "the form" of "give it to whoever owns the form"; "" for
    what is at hand; None where it means no owner."""
    found = _OWNED.search(text)
    if found is None:
        return None
    part = re.sub(r"^(?:of\s+)?(?:the|das|die|den|der|el|la)\s+", "", found["part"].strip(), flags=re.IGNORECASE)
    return "" if _NOTHING.match(part) else part


def subject(situation: Situation) -> tuple[dict[str, Any], dict[str, Source]]:
    """The records that the last answer was about, as slots, and the texts that name them.

    An answer about a cause is about the error beside it; one record of each kind is taken, the first that it cites.
    """
    for past in reversed(situation.past):
        slots, quoted = _cited(past)
        if slots:
            return slots, quoted
    return {}, {}


def cited(situation: Situation, kind: str) -> Mapping[str, Any] | None:
    """The record of a kind that the last answer which cites one was about: what it names as a cause first, then one
    that is still open."""
    for past in reversed(situation.past):
        found = [record for record in _records(past) if record.get("kind") == kind]
        named = [one.ref for one in past.answer.finding.causes] if past.answer and past.answer.finding else []
        found.sort(key=lambda record: (record["ref"] not in named, record.get("state") in ("merged", "closed")))
        if found:
            return found[0]
    return None


def source_of(record: Mapping[str, Any]) -> Source:
    """A record of an earlier answer as the text that filled a slot."""
    return Source(
        service=str(record.get("service", "")),
        title=str(record.get("title") or record.get("ref", "")),
        url=record.get("url") or None,
    )


def _cited(past: Past) -> tuple[dict[str, Any], dict[str, Source]]:
    slots: dict[str, Any] = {}
    quoted: dict[str, Source] = {}
    for record in _records(past):
        slot = _SLOTS.get(str(record.get("kind")))
        if slot is not None and slot not in slots:
            slots[slot] = record["ref"]
            quoted[slot] = source_of(record)
    return slots, quoted


def _records(past: Past) -> list[Mapping[str, Any]]:
    """The single records that an answer cites, in the order in which it does."""
    if past.answer is None:
        return []
    order = dict.fromkeys(e for claim in past.answer.claims for e in claim.evidence)
    by_id = {item.id: item for item in past.evidence}
    return [by_id[e].content[0] for e in order if e in by_id and len(by_id[e].content) == 1]
