"""Which records belong together: by refs that their texts mention, and by the fields that join services. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tools.nouns import Deployment, ErrorGroup, Issue, Message, Noun, PullRequest, Ticket

Key = tuple[str, str]


def key(noun: Noun) -> Key:
    """What tells a record from all others."""
    return noun.service, noun.ref


def names(noun: Noun) -> list[str]:
    """The names by which texts and other services call a record."""
    found = [noun.ref]
    if isinstance(noun, PullRequest):
        found += [f"#{noun.number}", noun.merge_sha or ""]
    if isinstance(noun, Deployment):
        found.append(noun.sha or "")
    return [name for name in found if len(name) > 1]


def related_fields(noun: Noun) -> list[str]:
    """The names that a record's own fields point to."""
    match noun:
        case Issue():
            return [*noun.pulls, *noun.blocks, *noun.blocked_by]
        case Deployment():
            return [*noun.pulls, noun.rollback_of or ""]
        case ErrorGroup():
            return [noun.release or ""]
        case Ticket():
            return [noun.issue or ""]
        case Message():
            return [noun.thread or ""]
        case _:
            return []


def join(nouns: Sequence[Noun]) -> Mapping[Key, set[Key]]:
    """For every record those that it names or that name it, both ways; errors meet the pull requests of their files."""
    called: dict[str, set[Key]] = defaultdict(set)
    for noun in nouns:
        for name in names(noun):
            called[name].add(key(noun))
    joined: dict[Key, set[Key]] = defaultdict(set)

    def tie(one: Key, others: Iterable[Key]) -> None:
        for other in others:
            if other != one:
                joined[one].add(other)
                joined[other].add(one)

    for noun in nouns:
        for name in related_fields(noun):
            tie(key(noun), called.get(name, ()) or called.get(_tail(name), ()))
        for name in _MENTION.findall(noun.text()):
            tie(key(noun), called.get(name, ()))
    paths = defaultdict(set)
    for noun in nouns:
        if isinstance(noun, PullRequest):
            for change in noun.files:
                paths[change.path].add(key(noun))
    for noun in nouns:
        if isinstance(noun, ErrorGroup) and noun.culprit in paths:
            tie(key(noun), paths[noun.culprit])
    return joined


_MENTION = re.compile(r"(?<![\w/-])(?:[\w.-]+/[\w.-]+#\d+|#\d+|[A-Z][A-Z0-9]{1,9}-\d+|dpl_\w+)(?![\w-])")


def _tail(name: str) -> str:
    """A link to a pull request, as trackers keep it, brought to the form #123."""
    match = re.search(r"(?:/pull/|#)(\d+)/?$", name)
    return f"#{match.group(1)}" if match else name
