"""Verb → the connected services that are asked, and their answers → one list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tools.nouns import Noun


def family(verb: str) -> str:
    """What a verb is about: "deploys" of "deploys.list"."""
    return verb.partition(".")[0]


def chosen(verb: str, services: Sequence[str]) -> tuple[str, ...]:
    """The services to ask for a read: all that serve it, in alphabetical order."""
    return tuple(sorted(set(services)))


def not_connected(verb: str) -> Mapping[str, str]:
    """What is said of a verb that no connected service serves."""
    return {family(verb): "not connected"}


def merged(answers: Iterable[Sequence[Noun]]) -> tuple[Noun, ...]:
    """The services' answers as one: each record once, newest first where several services answered.

    One service's order is kept, since it may mean something (the errors that concern most people come first). Records
    are the same if service, kind, ref and all their fields are: a breakdown's series share a ref.
    """
    lists = [answer for answer in answers if answer]
    seen: dict[tuple[str, str, str], list[Noun]] = {}
    kept: list[Noun] = []
    for answer in lists:
        for noun in answer:
            twins = seen.setdefault((noun.service, noun.kind, noun.ref), [])
            if noun not in twins:
                twins.append(noun)
                kept.append(noun)
    if len(lists) > 1:
        kept.sort(key=lambda noun: noun.at, reverse=True)
    return tuple(kept)
