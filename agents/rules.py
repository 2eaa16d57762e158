"""Rules: conditions on a write, and what follows where they hold. Pure.

A rule that lets more happen looks at less: titles and words in records are written by anyone, so they can make a rule
stricter and never more lenient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from agents.approval import ANYONE, Level, folded
from agents.ask import Ask
from agents.hours import Hours
from agents.record import Frozen

Then = Literal["allow", "ask", "shadow", "deny"]
TaintKind = Literal["none", "content", "decisive"]
# In a list of people: whoever asked for the write.
REQUESTER = "requester"


class When(Frozen):
    """Conditions that must all hold; within a list any one. Empty ones hold always. Names are globs without case.

    `taint`: decisive (untrusted text decides whether, to what or to whom), content (it fills the body alone), none.
    `words` stand anywhere in the arguments or the change (any of them), `all_words` all of them. `undo`: of taking a
    write back, or of everything else.
    """

    verb: tuple[str, ...] = ()
    connector: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    risk: tuple[Level, ...] = ()
    taint: tuple[TaintKind, ...] = ()
    requester: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    workspace: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    all_words: tuple[str, ...] = ()
    at_work: bool | None = None
    undoable: bool | None = None
    reaches_people: bool | None = None
    undo: bool | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        return value if info.field_name in ("at_work", "undoable", "reaches_people", "undo") else listed(value)

    def holds(self, ask: Ask, risk: Level, hours: Hours, *, strict: bool) -> bool:
        """Whether they hold of a write. Where it is `strict` that they do, titles count as names of the target."""
        named = (
            one_of(self.verb, (ask.verb,))
            and one_of(self.connector, (ask.service,))
            and one_of(self.target, ask.targets(titles=strict))
            and one_of(self.environment, (ask.environment,))
            and one_of(self.requester, (ask.requester,))
            and one_of(self.channel, (ask.channel,))
            and one_of(self.workspace, (ask.workspace,))
        )
        return (
            named
            and (not self.risk or risk in self.risk)
            and (not self.taint or kind_of(ask) in self.taint)
            and (self.at_work is None or self.at_work is not bool(hours.away(ask.at)))
            and (self.undoable is None or self.undoable is bool(ask.change.undo))
            and (self.reaches_people is None or self.reaches_people is reaches(ask))
            and (self.undo is None or self.undo is ask.undo)
            and (not self.words or any(_said(word, ask) for word in self.words))
            and all(_said(word, ask) for word in self.all_words)
        )


class Rule(Frozen):
    """What follows where `when` holds and none of `unless`. The other fields are of an `ask`, but for `threshold`:
    the highest risk at which an `allow` stands (the policy's, if left out)."""

    name: str
    when: When = When()
    unless: tuple[When, ...] = ()
    then: Then
    threshold: Level | None = None
    deciders: tuple[str, ...] = (ANYONE,)
    barred: tuple[str, ...] = ()
    needed: int = Field(default=1, ge=1)
    expires_in: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))

    @field_validator("deciders", "barred", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("unless", mode="before")
    @classmethod
    def _any_of(cls, value: Any) -> Any:
        return (value,) if isinstance(value, Mapping | When) else value

    @model_validator(mode="after")
    def _can_be_meant(self) -> Rule:
        lenient = [*self.unless, *([self.when] if self.then == "allow" else [])]
        if any(one.words or one.all_words for one in lenient):
            raise ValueError("words in a record can be anyone's: they can make a rule stricter, not more lenient")
        if self.then == "allow" and set(self.when.taint) & {"decisive"}:
            raise ValueError("a write that untrusted text decides is never allowed by itself")
        if When() in self.unless:
            raise ValueError("an empty `unless` always holds, so that the rule never would")
        people = {folded(one) for one in self.deciders} - {folded(one) for one in self.barred}
        if ANYONE not in self.deciders and len(people) < self.needed:
            raise ValueError(f"{self.needed} must say yes and only {len(people)} may")
        return self

    def decides(self, ask: Ask, risk: Level, hours: Hours) -> bool:
        """Whether it is this rule that speaks of a write."""
        strict = self.then != "allow"
        if not self.when.holds(ask, risk, hours, strict=strict):
            return False
        return not any(one.holds(ask, risk, hours, strict=not strict) for one in self.unless)


def listed(value: Any) -> Any:
    """One name as a list of it. Raises ValueError for an empty name or list, which would mean anything or nothing."""
    if isinstance(value, str):
        value = (value,)
    if value == [] or (
        isinstance(value, list | tuple) and any(isinstance(one, str) and not one.strip() for one in value)
    ):
        raise ValueError("it is empty; leave it out, or name something")
    return value


def kind_of(ask: Ask) -> TaintKind:
    """What untrusted text does in a write."""
    if ask.taint.decisive:
        return "decisive"
    return "content" if ask.taint.content else "none"


def reaches(ask: Ask) -> bool:
    """Whether somebody other than the one who asked gets to read it."""
    if ask.change.people:
        return any(one != ask.requester for one in ask.change.people)
    return ask.reaches_people


def people_of(names: Iterable[str], requester: str) -> tuple[str, ...]:
    """A list of people with the requester's name in its place."""
    return tuple(dict.fromkeys(requester if name == REQUESTER else name for name in names))


def one_of(globs: Sequence[str], names: Iterable[str]) -> bool:
    """Whether one of the names fits one of the globs, whatever its case; no globs fit everything."""
    return not globs or any(fnmatchcase(folded(name), folded(glob)) for name in names for glob in globs)


def _said(word: str, ask: Ask) -> bool:
    return re.search(rf"(?<!\w){re.escape(folded(word))}(?!\w)", ask.words()) is not None
