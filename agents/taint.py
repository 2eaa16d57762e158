"""Taint: which untrusted texts a write depends on, in its arguments and in that it exists at all. Pure.

Issues, errors, logs, messages, pages, files, recalled context and earlier answers are untrusted: whoever can write
them could steer a write. A plan is bound when it was made before any such text was read. A write of a bound plan is a
capability for one verb with its literal arguments, once; what it takes from an earlier step is tainted by that step,
unless it is a field that the service itself issued, of a record that the asker's own criteria select.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime

from agents.approval import Source
from agents.plan import REFERENCE, Plan, Step, references
from agents.ports import StepResult
from agents.record import Frozen
from tools.kit.analysis import Analysis
from tools.kit.tool import Verb, Write, verbs
from tools.nouns import Noun, Person, Receipt

# Arguments that look a record up by words.
SEARCHED = frozenset({"text", "words", "query"})
# Arguments whose value only members of the company give to a record, wherever it came from.
SET_BY_MEMBERS = frozenset({"priority", "assignee", "team", "labels", "milestone", "environment", "key", "ref"})
_CLOSED = (bool, int, float, date, datetime, timedelta, AwareDatetime, Enum)
MOST_SOURCES = 8
MOST_EXCERPT = 240


class Taint(Frozen):
    """The untrusted texts that a write's existence and each of its arguments depend on; empty where there are none.

    `body` names those of the arguments that are content alone.
    """

    existence: tuple[Source, ...] = ()
    args: dict[str, tuple[Source, ...]] = {}
    body: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """All texts that it depends on in any way."""
        return tuple(dict.fromkeys((*self.decisive, *self.content)))

    @property
    def decisive(self) -> tuple[Source, ...]:
        """The texts on which it depends whether the write happens, to what, to whom or how far."""
        others = (source for name, found in self.args.items() if name not in self.body for source in found)
        return tuple(dict.fromkeys((*self.existence, *others)))

    @property
    def content(self) -> tuple[Source, ...]:
        """The texts that only fill the write's content."""
        inner = (source for name, found in self.args.items() if name in self.body for source in found)
        return tuple(dict.fromkeys(inner))


def trace(step: Step, plan: Plan, verb: type[Verb], results: Mapping[str, StepResult]) -> Taint:
    """What a step depends on. A step that is not in the plan as it stands there depends on all that was read."""
    body = tuple(sorted(verb.body)) if issubclass(verb, Write) else ()
    everything = unbound(step, plan, results)
    if everything:
        return Taint(existence=everything, args=dict.fromkeys(step.args, everything), body=body)
    args = {name: _of_value(value, plan, results) for name, value in step.args.items()}
    return Taint(args={name: found for name, found in args.items() if found}, body=body)


def bound(step: Step, plan: Plan) -> bool:
    """Whether the step was planned, as it is, before untrusted text was read."""
    return step in plan.steps and step.revision == 1 and not plan.read


def unbound(step: Step, plan: Plan, results: Mapping[str, StepResult]) -> tuple[Source, ...]:
    """The texts that its planner may have followed; none for a bound step."""
    if bound(step, plan):
        return ()
    texts = [source for result in results.values() for source in sources(result)]
    found = tuple(dict.fromkeys((*plan.read, *texts)))[:MOST_SOURCES]
    # Fail closed: a step that no plan holds is never clean, even where nothing is known to have been read.
    return found or (Source(title="A step that was not in the plan as it was made"),)


def sources(result: StepResult, nouns: Sequence[Noun] | None = None) -> tuple[Source, ...]:
    """The texts in a step's result, or in those of its records, as a person is shown them."""
    evidence = result.evidence[0] if result.evidence else ""
    found = [
        Source(
            evidence=evidence,
            service=noun.service,
            title=noun.title or noun.ref,
            url=noun.url or None,
            excerpt=_excerpt(noun.text()),
        )
        for noun in (result.nouns if nouns is None else nouns)
        # A colleague's name is no text that a person has to judge; the result it is in stays tainted without it.
        if not isinstance(noun, Person)
    ]
    return tuple(dict.fromkeys(found))[:MOST_SOURCES]


def _of_value(value: Any, plan: Plan, results: Mapping[str, StepResult]) -> tuple[Source, ...]:
    """What an argument of a bound step depends on."""
    found: list[Source] = list(_quoted(value, plan))
    for reference in references(value):
        found += _of_reference(reference, plan, results)
    return tuple(dict.fromkeys(found))[:MOST_SOURCES]


def _quoted(value: Any, plan: Plan) -> Iterable[Source]:
    """Texts that filled a slot though nobody said them: a record that an earlier answer named."""
    strings = set(_strings(value))
    for slot, source in plan.quoted.items():
        given = [text for text in _strings(plan.slots.get(slot)) if text]
        if any(text == one or (len(text) > 3 and text in one) for text in given for one in strings):
            yield source


def _of_reference(reference: str, plan: Plan, results: Mapping[str, StepResult]) -> tuple[Source, ...]:
    match = REFERENCE.match(reference)
    if match is None:
        return ()
    name, path = match["step"], match["path"]
    result = results.get(name, StepResult(name, "waiting"))
    everything = sources(result) or (Source(title=f"The result of step {name}"),)
    try:
        origin = plan.step(name)
    except KeyError:
        return everything
    verb = verbs(Verb).get(origin.verb)
    if verb is not None and issubclass(verb, Write) and bound(origin, plan):
        # The receipt of the run's own write: its link and number come from the service.
        return () if _issued(path, (Receipt,)) else everything
    if not bound(origin, plan) or verb is None or verb.derived or issubclass(verb, Analysis):
        return _behind(origin, plan, results) or everything
    if not _issued(path, {type(noun) for noun in result.nouns} or {verb.returns}):
        return everything
    return () if selected(origin, plan, verb, results, path) else everything


def selected(origin: Step, plan: Plan, verb: type[Verb], results: Mapping[str, StepResult], path: str) -> bool:
    """Whether the asker's own criteria alone decide which records a reference means.

    Words found in a record decide only where members alone make such records, and one alone has them or is called so; a
    stranger could make another. The first of several is nobody's choice where strangers make such records.
    """
    if any(_of_value(value, plan, results) for value in origin.args.values()):
        return False
    found = results[origin.id].nouns if origin.id in results else ()
    inside = verb.returns.by_members and all(noun.by_members for noun in found)
    words = [origin.args[name] for name in SEARCHED & set(verb.model_fields) if origin.args.get(name)]
    if words:
        return inside and (len(found) == 1 or _called(found, words, path))
    chosen = inside or any(origin.args.get(name) for name in SET_BY_MEMBERS & set(verb.model_fields))
    return chosen or path.startswith("[]") or len(found) == 1


def _called(found: Sequence[Noun], words: Sequence[Any], path: str) -> bool:
    """Whether the record that a path picks is the only one whose title is what was searched for."""
    names = {" ".join(str(one).casefold().split()) for one in words}
    called = [number for number, noun in enumerate(found) if " ".join(noun.title.casefold().split()) in names]
    picked = re.match(r"\[(\d+)\]", path)
    return called == [int(picked[1]) if picked else 0] and not path.startswith("[]")


def _behind(origin: Step, plan: Plan, results: Mapping[str, StepResult]) -> tuple[Source, ...]:
    """The texts that a computation read, near or far."""
    found: list[Source] = []
    seen: set[str] = set()
    waiting = [origin.id]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in results and name != origin.id:
            found += sources(results[name])
        waiting += [used for step in plan.steps if step.id == name for used in sorted(step.uses())]
    chosen = sources(results[origin.id]) if origin.id in results else ()
    return tuple(dict.fromkeys((*chosen, *found)))[:MOST_SOURCES]


def _issued(path: str, found: Iterable[type[Noun]]) -> bool:
    """Whether the end of a path is a field that no one can write words into, in every kind of noun that it may meet."""
    parts = [part for part in path.replace("[", ".[").split(".") if part and not part.startswith("[")]
    if len(parts) != 1:
        return False
    return all(parts[0] in noun.issued or _wordless(noun, parts[0]) for noun in found)


def _wordless(noun: type[Noun], field: str) -> bool:
    """Whether a field's type leaves no room for words: a number, a time, a choice among fixed values."""
    spec = noun.model_fields.get(field)
    return spec is not None and _closed(spec.annotation)


def _closed(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType):
        return all(_closed(part) for part in get_args(annotation))
    if origin in (tuple, list):
        return all(part is Ellipsis or _closed(part) for part in get_args(annotation))
    if origin is not None:
        # Annotated[float, …] and the like: what stands inside decides.
        inner = get_args(annotation)
        return bool(inner) and hasattr(annotation, "__metadata__") and _closed(inner[0])
    if annotation is type(None):
        return True
    return isinstance(annotation, type) and issubclass(annotation, _CLOSED)


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _strings(part)


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= MOST_EXCERPT else words[: MOST_EXCERPT - 1] + "…"
