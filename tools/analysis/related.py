"""What belongs to a cause beside it: its pull requests and errors, who met it, what was known before. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from tools.analysis.causes import Situation, Verdict, agrees, dose
from tools.analysis.subject import SYMPTOM, commands, mentions, relevance, subjects
from tools.analysis.words import rarity, words
from tools.nouns import (
    Alert,
    Annotation,
    Deployment,
    Document,
    FlagChange,
    Incident,
    Issue,
    Message,
    Noun,
    Ticket,
)

_USUAL = re.compile(
    r"\b(?:a|as) (?:normal|usual|ever|always)\b|as many .* as|nothing (?:left over|missing)|where they always are"
    r"|normal (?:week|day|monday|tuesday|wednesday|thursday|friday)"
    r"|wie immer|come siempre|como siempre|in the database|ledger|all there|out, nothing",
    re.IGNORECASE,
)
_RUNBOOK = re.compile(r"^(?:rolling back|runbook|how to roll|escalat|on[- ]call)", re.IGNORECASE)
_MENDED = re.compile(
    r"roll\w* (?:it |the \w+ )?back|zur[uü]ckroll|revert|is back|are back|back on|again\b", re.IGNORECASE
)
_LIKE = 0.2


def supporting(best: Verdict, situation: Situation, nouns: Sequence[Noun]) -> list[tuple[Noun, str]]:
    """Records to cite beside the named cause, each with what it shows."""
    candidate = best.candidate
    found: list[tuple[Noun, str]] = [
        (pull, "the change itself") for pull in candidate.pulls if pull is not candidate.noun
    ]
    for error in candidate.errors:
        if (
            error.state != "ignored"
            and dose(error, situation) >= 0.08
            and agrees(error, situation.where, situation.dims) >= 0
        ):
            found.append((error, "came in with it"))
    if candidate.rollback is not None:
        found.append((candidate.rollback, "took it back"))
    elif situation.until is not None:
        for noun in nouns:
            if (
                isinstance(noun, Deployment)
                and noun.rollback_of
                and abs(noun.at - situation.until) < timedelta(hours=2)
            ):
                found.append((noun, "ended it"))
    found += _overlapping(situation, nouns, candidate.noun)
    found += _telling(best, situation, nouns)
    found += _met(best, situation, nouns)
    found += _known(best, situation, nouns, [noun for noun, _ in found])
    return _once(found, candidate.noun)


def measured_elsewhere(best: Verdict, situation: Situation, nouns: Sequence[Noun]) -> list[tuple[Noun, str]]:
    """For a break of the measuring: the change, and what shows that the thing itself went on."""
    candidate = best.candidate
    found: list[tuple[Noun, str]] = [(candidate.noun, "changed how events are counted")]
    found += [(pull, "the change itself") for pull in candidate.pulls]
    for noun in nouns:
        if (
            isinstance(noun, Message)
            and noun.at > situation.onset
            and _USUAL.search(noun.body)
            and not commands(noun.body)
        ):
            found.append((noun, "says that the thing itself goes on"))
        if isinstance(noun, Document) and _names(noun.text(), situation.metric):
            found.append((noun, "says how it is counted"))
    return _once(found, None)


def _overlapping(situation: Situation, nouns: Sequence[Noun], cause: Noun) -> list[tuple[Noun, str]]:
    found: list[tuple[Noun, str]] = []
    end = situation.until or situation.now
    for noun in nouns:
        if not isinstance(noun, Alert | Incident) or noun is cause:
            continue
        within = situation.onset - timedelta(minutes=30) <= noun.at <= min(end, situation.onset + timedelta(hours=24))
        if within and relevance(noun.text(), situation.metric, situation.relatives) >= 0.6:
            found.append((noun, "was raised meanwhile"))
    return found


def _telling(best: Verdict, situation: Situation, nouns: Sequence[Noun]) -> list[tuple[Noun, str]]:
    """Messages that tell of a flag, a campaign or of an incident's handling."""
    cause = best.candidate.noun
    found: list[tuple[Noun, str]] = []
    for noun in nouns:
        if not isinstance(noun, Message) or noun is cause or commands(noun.body):
            continue
        gap = (noun.at - best.at).total_seconds() / 3600
        if isinstance(cause, FlagChange) and -2 <= gap <= 6:
            key = {w for w in words(cause.key.replace("-", " ")) if len(w) > 3}
            named = all(mentions(noun.body, d, v) for d, v in cause.where.items()) if cause.where else True
            if (key & set(words(noun.body)) or re.search(r"\bflag\b", noun.body)) and named:
                found.append((noun, "tells of it"))
        if isinstance(cause, Annotation) and -30 <= gap <= 20:
            told = set(words(cause.title)) & set(words(noun.body))
            source = any(mentions(noun.body, d, v) for d, v in cause.where.items())
            if len(told) >= 2 or (
                source and re.search(r"budget|stop|spent|end|paus|campaign|start", noun.body, re.IGNORECASE)
            ):
                found.append((noun, "tells of it"))
        meanwhile = situation.until is not None and situation.onset < noun.at <= situation.until + timedelta(hours=1)
        if meanwhile and _MENDED.search(noun.body):
            found.append((noun, "tells how it was mended"))
    return found


def _met(best: Verdict, situation: Situation, nouns: Sequence[Noun]) -> list[tuple[Noun, str]]:
    """Tickets, messages and issues of people who met it: after the onset, about this step, with its symptom."""
    end = (situation.until or situation.now) + timedelta(days=2)
    cause = best.candidate
    own = subjects("\n".join((cause.text, *cause.paths)))
    found: list[tuple[Noun, str]] = []
    for noun in nouns:
        if (
            not isinstance(noun, Ticket | Message | Issue)
            or noun is cause.noun
            or not situation.onset <= noun.at <= end
        ):
            continue
        text = noun.text()
        if commands(text) or (
            isinstance(noun, Issue)
            and noun.state in ("done", "cancelled")
            and noun.closed_at
            and noun.closed_at < situation.onset
        ):
            continue
        about = relevance(text, situation.metric, ()) >= 1 or bool(
            subjects(text) & own and relevance(text, situation.metric, situation.relatives)
        )
        where = any(mentions(text, dim, value) for dim, value in situation.where.items())
        symptom = bool(SYMPTOM.search(text))
        accuses = isinstance(noun, Message | Issue) and bool(
            re.search(
                r"\bsince the (?:new|day)\b|\bdo we take\b|\bdo people\b|to blame\?|cost us|was it\b|what broke",
                text,
                re.IGNORECASE,
            )
        )
        if accuses:
            continue
        if symptom and (
            (about and (where or not situation.where or isinstance(noun, Ticket)))
            or (where and _shared(text, cause.text))
        ):
            found.append((noun, "ran into it"))
    return found


def _shared(text: str, other: str) -> bool:
    return len({w for w in words(text) if len(w) > 3} & set(words(other))) >= 1


def _known(
    best: Verdict, situation: Situation, nouns: Sequence[Noun], chosen: Sequence[Noun]
) -> list[tuple[Noun, str]]:
    """Past incidents and documents that are about the same thing as the cause and what was seen of it."""
    shelf = [
        noun
        for noun in nouns
        if (isinstance(noun, Incident) and noun.at < situation.onset - timedelta(days=7))
        or (isinstance(noun, Document) and not _is_source(noun) and not _RUNBOOK.search(noun.title))
    ]
    weights = rarity([noun.text() for noun in nouns])
    seen = [
        best.candidate.text,
        *best.candidate.paths,
        *(noun.text() for noun in chosen if not isinstance(noun, Deployment)),
    ]
    seen += [
        *(str(value) for error in best.candidate.errors for value in error.tags.values()),
        *situation.where.values(),
    ]
    found: list[tuple[Noun, str]] = []
    for _ in range(2):
        for noun in shelf:
            if noun in [one for one, _ in found]:
                continue
            if _alike(noun, "\n".join(seen), situation, weights):
                found.append((noun, "happened before" if isinstance(noun, Incident) else "says something about it"))
        seen += [noun.text() for noun, _ in found]
    return found[:3]


def _alike(noun: Noun, seen: str, situation: Situation, weights: Mapping[str, float]) -> bool:
    text = noun.text()
    likeness = _likeness(seen, text, weights)
    about = relevance(text, situation.metric, ()) >= 1
    titled = relevance(noun.title, situation.metric, ()) >= 1
    where = any(mentions(text, dim, value) for dim, value in situation.where.items())
    sort = any(mentions(text, dim, other) for dim in situation.where for other in situation.dims.get(dim, ()))
    least = _LIKE - 0.04 * about - 0.12 * where - 0.08 * (titled and sort)
    return likeness >= least


def _likeness(one: str, other: str, weights: Mapping[str, float]) -> float:
    """How much of the other's telling words the one has, from 0 to 1."""
    mine, theirs = set(words(one)), set(words(other))
    return float(
        sum(weights.get(w, 1.0) ** 2 for w in mine & theirs) / max(1e-9, sum(weights.get(w, 1.0) ** 2 for w in theirs))
    )


def _is_source(noun: Document) -> bool:
    return bool(noun.path) and not str(noun.path).lower().endswith((".md", ".mdx", ".txt", ".rst", ".pdf", ".html"))


def _names(text: str, metric: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(metric)}(?!\w)", text) is not None


def _once(found: Sequence[tuple[Noun, str]], but: Noun | None) -> list[tuple[Noun, str]]:
    seen = {(but.service, but.ref)} if but is not None else set()
    kept = []
    for noun, why in found:
        if (noun.service, noun.ref) not in seen:
            seen.add((noun.service, noun.ref))
            kept.append((noun, why))
    return kept
