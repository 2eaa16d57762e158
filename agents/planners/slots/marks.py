"""Refs, priorities and status words."""

from __future__ import annotations

import re

_KEYED = re.compile(r"(?<![\w/.-])([A-Za-z][A-Za-z0-9]{1,9}(?:-[A-Z0-9]+)*-\d{1,6})(?![\w-])")
_SENTRY = re.compile(r"(?<![\w/.-])([A-Z][A-Z0-9]+(?:-[A-Z0-9]+)*-(?=[0-9A-Z]*\d)[0-9A-Z]{1,5})(?![\w-])")
_NUMBERED = re.compile(
    r"(?<![\w&])(?:#(\d{1,7})|(?:pr|prs|pull request|pull|issue|ticket|bug|mr|incident)s?\s*(?:no\.?|"
    r"number|nr\.?)?\s*#?(\d{1,7}))(?![\w%:])",
    re.IGNORECASE,
)
_NO_KEYS = frozenset(
    [
        "utf",
        "iso",
        "sha",
        "md",
        "top",
        "day",
        "week",
        "month",
        "q",
        "h",
        "v",
        "covid",
        "p",
        "sev",
        "prio",
        "tls",
        "ipv",
        "step",
        "phase",
        "part",
    ]
)
_PRIORITIES = (
    (
        "urgent",
        r"urgent\w*|critical\w*|p-?0s?|prio(?:rity)? ?[01]|sev(?:erity)?[- ]?[01]s?|blocker bugs?|"
        r"highest[- ]priority|top[- ]priority|fatal|emergency",
    ),
    (
        "high",
        r"high(?:est)?[- ]?(?:priority|prio|severity|sev)|hi(?:gh)? ?prio\w*|(?:priority|prio|"
        r"severity)[: ]*(?:is )?high|p-?1s?|sev(?:erity)?[- ]?2s?|high",
    ),
    ("medium", r"medium(?:[- ](?:priority|prio|severity))?|normal priority|p-?2s?|sev[- ]?3s?"),
    ("low", r"low(?:est)?[- ]?(?:priority|prio|severity)|(?:priority|prio)[: ]*(?:is )?low|p-?3s?|minor|trivial"),
)
_PRIORITY_PATTERNS = tuple((name, re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])")) for name, pattern in _PRIORITIES)
_STATUSES = (
    (
        "unassigned",
        r"unassigned|no assignee|without an? (?:owner|assignee)|nobody (?:has )?(?:picked|taken|owns)\w*|no owner",
    ),
    ("in_review", r"in review|waiting for review|under review|being reviewed"),
    ("in_progress", r"in progress|being worked on|ongoing"),
    ("unresolved", r"unresolved|not (?:yet )?(?:resolved|fixed)"),
    ("overdue", r"overdue|past due|late\b"),
    ("failed", r"failed|failing"),
    ("merged", r"merged"),
    ("resolved", r"(?<!un)(?<!not )resolved|(?<!not )fixed"),
    ("closed", r"closed|done"),
    ("open", r"(?<!\ban )open(?! a| an| the| up| new|ed|ing| pull| issue about| ticket about)"),
)
_STATUS_PATTERNS = tuple((name, re.compile(rf"\b(?:{pattern})\b")) for name, pattern in _STATUSES)


def refs(text: str) -> tuple[str, ...]:
    """Issue keys in capitals (`ENG-31`) and numbers (`#482`), each once, in order."""
    found: dict[str, int] = {}
    for pattern in (_KEYED, _SENTRY):
        for match in pattern.finditer(text):
            prefix = match[1].split("-")[0].lower()
            if prefix not in _NO_KEYS:
                found.setdefault(match[1].upper(), match.start())
    for match in _NUMBERED.finditer(text):
        found.setdefault(f"#{match[1] or match[2]}", match.start())
    return tuple(sorted(found, key=lambda ref: found[ref]))


def priority(text: str) -> str | None:
    """urgent, high, medium or low, as Linear counts ("critical" and P0 are urgent, P1 is high). Text as glossed."""
    lowered = text.lower()
    hits = [
        (match.start(), -len(match[0]), name)
        for name, pattern in _PRIORITY_PATTERNS
        if (match := pattern.search(lowered))
    ]
    return min(hits)[2] if hits else None


def statuses(text: str) -> tuple[str, ...]:
    """Status words as the nouns write them, in a fixed order. Text as glossed."""
    lowered = text.lower()
    return tuple(name for name, pattern in _STATUS_PATTERNS if pattern.search(lowered))
