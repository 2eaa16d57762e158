"""Plan and Step: validate, order, say what is ready. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.approval import Source
from agents.errors import PlanRefused
from tools.kit.tool import Verb

REFERENCE = re.compile(r"^\$(?P<step>[A-Za-z][\w-]*)(?P<path>(?:\[\d*\]|\.\w+)*)$")


class Step(BaseModel):
    """One verb with arguments.

    A string argument that is `$step`, `$step.field`, `$step[0].ref` or `$step[].ref` refers to the nouns of an earlier
    step: all of them, a field of the first, of the numbered one, of each. `$$` stands for a dollar sign at the start of
    a word that is no reference, as in the metric `$$pageview`. `revision` is the plan's in which the step came; the
    one who takes the step up sets it, whatever the planner said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[A-Za-z][\w-]{0,31}$")
    verb: str
    args: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    why: str = ""
    title: str = ""
    revision: int = Field(default=1, ge=1)

    def uses(self) -> frozenset[str]:
        """The steps whose results the arguments refer to, and those named in `needs`."""
        return frozenset(self.needs) | frozenset(_mentioned(self.args))


class Plan(BaseModel):
    """Steps as a directed acyclic graph; `playbook` names the one it came from, `slots` what was understood.

    `read` holds the untrusted texts that the planner had before it when it made the first revision. `quoted` says of
    slots which text filled them where the asker's own words did not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    steps: tuple[Step, ...] = ()
    playbook: str | None = None
    slots: dict[str, Any] = Field(default_factory=dict)
    revision: int = 1
    read: tuple[Source, ...] = ()
    quoted: dict[str, Source] = Field(default_factory=dict)

    def step(self, step_id: str) -> Step:
        """The step of that id; raises KeyError where there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


def check_step(step: Step, known: Mapping[str, type[Verb]], earlier: Iterable[str]) -> None:
    """Raises PlanRefused unless the verb is known, the arguments fit it and every step it uses came before."""
    verb = known.get(step.verb)
    if verb is None:
        raise PlanRefused(f"Step {step.id}: there is no verb {step.verb!r}.")
    unknown = set(step.args) - set(verb.model_fields)
    if unknown:
        raise PlanRefused(f"Step {step.id}: {step.verb} takes no {', '.join(sorted(unknown))}.")
    missing = [n for n, spec in verb.model_fields.items() if spec.is_required() and n not in step.args]
    if missing:
        raise PlanRefused(f"Step {step.id}: {step.verb} needs {', '.join(missing)}.")
    strangers = step.uses() - set(earlier)
    if strangers:
        raise PlanRefused(f"Step {step.id} uses {', '.join(sorted(strangers))}, which no earlier step is.")
    plain = {name: value for name, value in step.args.items() if not any(_mentioned(value))}
    for problem in _problems(verb, plain):
        raise PlanRefused(f"Step {step.id}: {problem}")


def refusal(step: Step, known: Mapping[str, type[Verb]], earlier: Iterable[str]) -> PlanRefused | None:
    """What check_step says against a step; None if nothing."""
    try:
        check_step(step, known, earlier)
    except PlanRefused as error:
        return error
    return None


def check(plan: Plan, known: Mapping[str, type[Verb]], most: int = 60) -> None:
    """Raises PlanRefused for a plan that must not run: too long, an id twice, a step that check_step refuses."""
    if len(plan.steps) > most:
        raise PlanRefused(f"The plan has {len(plan.steps)} steps, more than {most}.")
    earlier: list[str] = []
    for step in plan.steps:
        if step.id in earlier:
            raise PlanRefused(f"Two steps are called {step.id}.")
        check_step(step, known, earlier)
        earlier.append(step.id)


def ready(plan: Plan, finished: Iterable[str], begun: Iterable[str]) -> list[Step]:
    """The steps that can start now: not begun, and all they use has ended."""
    ended, started = set(finished), set(begun)
    return [step for step in plan.steps if step.id not in started and step.uses() <= ended]


def resolve(args: Mapping[str, Any], results: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The arguments with every reference replaced by what it refers to.

    A reference to a step without nouns gives an empty list for `$s` and `$s[].f`, and drops the argument otherwise, so
    that the verb's own default holds.
    """
    resolved: dict[str, Any] = {}
    for name, value in args.items():
        found = _resolve(value, results)
        if found is not _ABSENT:
            resolved[name] = found
    return resolved


_ABSENT = object()


def _resolve(value: Any, results: Mapping[str, Sequence[Any]]) -> Any:
    if isinstance(value, str) and (match := REFERENCE.match(value)) and match["step"] in results:
        return _follow(list(results[match["step"]]), match["path"])
    if isinstance(value, str) and value.startswith("$$"):
        return value[1:]
    if isinstance(value, list | tuple):
        parts = [_resolve(part, results) for part in value]
        return [part for part in parts if part is not _ABSENT]
    if isinstance(value, dict):
        pairs = {key: _resolve(part, results) for key, part in value.items()}
        return {key: part for key, part in pairs.items() if part is not _ABSENT}
    return value


def _follow(nouns: list[Any], path: str) -> Any:
    if not path:
        return nouns
    parts = re.findall(r"\[\d*\]|\.\w+", path)
    each = parts[0] == "[]"
    if parts[0].startswith("["):
        index = parts.pop(0)[1:-1]
        nouns = nouns if each else nouns[int(index) : int(index) + 1]
    values = []
    for noun in nouns if each else nouns[:1]:
        value = noun
        for part in parts:
            value = value.get(part[1:]) if isinstance(value, dict) else getattr(value, part[1:], None)
        values.append(value)
    if each:
        return [value for value in values if value is not None]
    return values[0] if values and values[0] is not None else _ABSENT


def _mentioned(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        match = REFERENCE.match(value)
        if match:
            yield match["step"]
    elif isinstance(value, dict):
        for part in value.values():
            yield from _mentioned(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _mentioned(part)


def references(value: Any) -> list[str]:
    """The references in an argument's value, as they are written."""
    if isinstance(value, str):
        return [value] if REFERENCE.match(value) else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [found for part in parts for found in references(part)]


def literal(value: Any) -> Any:
    """A value for an argument in which no text is taken for a reference."""
    if isinstance(value, str) and value.startswith("$"):
        return f"${value}"
    if isinstance(value, list | tuple):
        return [literal(part) for part in value]
    if isinstance(value, dict):
        return {key: literal(part) for key, part in value.items()}
    return value


def _problems(verb: type[Verb], plain: Mapping[str, Any]) -> list[str]:
    """What is wrong with the arguments that hold no reference."""
    try:
        verb.model_validate(dict(plain))
    except ValidationError as error:
        return [
            f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
            for found in error.errors()
            if found["type"] != "missing"
        ]
    return []
