"""Ask: the question that a write puts to the rules, with all that a rule may look at. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import AwareDatetime

from agents.approval import folded
from agents.record import Frozen
from agents.taint import Taint
from tools.kit.action import Change
from tools.kit.tool import Stakes, Write

PRODUCTION = "production"
# Other names that people give to the environment which customers use.
CALLED_PRODUCTION = frozenset({"", "prod", "live", "prd", "main", "default"})
# Verbs of these families change records that are in no environment; every other one is in production unless it says so.
NOWHERE = frozenset({"issues", "pulls", "messages", "documents", "errors"})
# Arguments that say on what a write works; they are words of the plan, never of the record that is found.
TARGETS = ("ref", "component", "to", "repo", "team", "parent", "thread")


class Ask(Frozen):
    """A write that somebody's run wants to do. `at` is in the company's zone; `explicit` says that the asker's own
    words ordered it, in a plan that was bound before anything was read; `undo` that it takes such a write back."""

    verb: str
    service: str
    args: dict[str, Any]
    change: Change
    taint: Taint
    stakes: Stakes = "high"
    reaches_people: bool = True
    requester: str
    channel: str
    workspace: str
    at: AwareDatetime
    explicit: bool = False
    undo: bool = False

    @property
    def environment(self) -> str:
        """The environment that it changes; one that nobody named counts as production."""
        named = folded(self.change.target.environment or "")
        return PRODUCTION if named in CALLED_PRODUCTION else named

    @property
    def in_production(self) -> bool:
        """Whether it changes what customers use: said so, or nothing said of a verb that works on environments."""
        if self.change.target.environment is None and self.verb.partition(".")[0] in NOWHERE:
            return False
        return self.environment == PRODUCTION

    def targets(self, *, titles: bool) -> tuple[str, ...]:
        """What names its target: refs and the arguments of the plan; with `titles` also words that anyone may write."""
        target = self.change.target
        found = [target.ref, *(str(self.args[name]) for name in TARGETS if self.args.get(name))]
        if titles:
            found += [target.title, target.url]
        return tuple(one for one in found if one)

    def words(self) -> str:
        """All words of its arguments and of the change, with what tells equal words apart taken out."""
        target = self.change.target
        values: tuple[Any, ...] = (self.args, self.change.before, self.change.after, self.change.people)
        texts = (target.title, target.ref, target.kind, *self.change.warnings, *_texts(values))
        return folded(" ".join(texts))


def ask_of(verb: type[Write], **given: Any) -> Ask:
    """The question that a request of this verb puts to the rules."""
    return Ask(verb=verb.name, stakes=verb.stakes, reaches_people=verb.reaches_people, **given)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield str(name)
            yield from _texts(part)
    elif isinstance(value, Iterable):
        for part in value:
            yield from _texts(part)
