"""A playbook: a plan with holes, in YAML, with example sentences and the template of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.plan import Step, literal

HOLE = re.compile(r"\{(\w+)\}")


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Slot(Frozen):
    """Something that a sentence may say; `ask` is the question back where a required one is missing."""

    name: str
    required: bool = False
    ask: str


class StepTemplate(Frozen):
    """A step whose arguments may hold `{slot}`; `if` names a slot that must be filled (`!slot`: must not be).

    `each` names a slot that is a list: one step for each of its values, which is the slot `it`; ids get a number.
    """

    id: str
    verb: str
    args: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    title: str = ""
    why: str = ""
    condition: str = Field(default="", alias="if")
    each: str = ""


class ClaimTemplate(Frozen):
    """A sentence of the answer, or one for each item; `text` is a Jinja template, the others are expressions."""

    text: str
    when: str = ""
    each: str = ""
    cite: str = ""
    kind: Literal["fact", "computed", "hypothesis"] = "fact"
    section: str = ""


class ArtifactTemplate(Frozen):
    """Something shown beside the answer: `data` is an expression that gives its content."""

    kind: Literal["chart", "table"]
    title: str
    data: str
    alt: str
    when: str = ""


class Playbook(Frozen):
    """One file of prompts/playbooks. `finding` maps fields of agents.record.Finding to expressions.

    `say` is a template of what the product says of itself, which is no claim about the company; `nothing` is what it
    says where the tools returned nothing to claim. `of_asker` says that it is about whoever asks, unless they name
    somebody. `first` names a playbook whose steps come before its own, where the
    slot of its `first_if` is filled.
    """

    id: str
    title: str
    examples: tuple[str, ...]
    slots: tuple[Slot, ...] = ()
    writes: bool = False
    of_asker: bool = False
    first: str = ""
    first_if: str = ""
    say: str = ""
    nothing: str = ""
    steps: tuple[StepTemplate, ...] = ()
    answer: tuple[ClaimTemplate, ...] = ()
    artifacts: tuple[ArtifactTemplate, ...] = ()
    finding: dict[str, str] = Field(default_factory=dict)
    abstain: str = ""
    suggest: tuple[str, ...] = ()

    def missing(self, slots: Mapping[str, Any]) -> Slot | None:
        """The first required slot that is not filled."""
        return next((slot for slot in self.slots if slot.required and slots.get(slot.name) in (None, "", ())), None)

    def plan(self, slots: Mapping[str, Any]) -> list[Step]:
        """The steps with their holes filled; an argument whose hole has no value is left out."""
        steps: list[Step] = []
        expanded: dict[str, list[str]] = {}
        for template in self.steps:
            if not _holds(template.condition, slots):
                expanded[template.id] = []
                continue
            copies = list(_copies(template, slots))
            expanded[template.id] = [step.id for step in copies]
            steps += [_rewired(step, expanded) for step in copies]
        return steps


def _holds(condition: str, slots: Mapping[str, Any]) -> bool:
    if not condition:
        return True
    wanted = not condition.startswith("!")
    return bool(slots.get(condition.lstrip("!"))) is wanted


def _copies(template: StepTemplate, slots: Mapping[str, Any]) -> Iterable[Step]:
    values: Sequence[Any] = [None] if not template.each else list(slots.get(template.each) or ())
    for number, value in enumerate(values, 1):
        filled = {**slots, "it": value} if template.each else slots
        safe = {name: literal(slot) for name, slot in filled.items()}
        args = {name: found for name, arg in template.args.items() if (found := fill(arg, safe)) is not None}
        yield Step(
            id=f"{template.id}_{number}" if template.each else template.id,
            verb=template.verb,
            args=args,
            needs=template.needs,
            why=template.why,
            title=str(fill(template.title, filled) or template.verb),
        )


def _rewired(step: Step, expanded: Mapping[str, Sequence[str]]) -> Step:
    """References to a step that became several (or none) are references to all of them."""

    def rewire(value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$") and value[1:] in expanded:
            ids = expanded[value[1:]]
            return value if list(ids) == [value[1:]] else [f"${step_id}" for step_id in ids]
        return value

    args: dict[str, Any] = {}
    for name, value in step.args.items():
        changed = rewire(value)
        if isinstance(changed, list | tuple):
            flat: list[Any] = []
            for part in changed:
                again = rewire(part)
                flat += again if isinstance(again, list) else [again]
            changed = flat
        args[name] = changed
    needs = tuple(step_id for need in step.needs for step_id in expanded.get(need, [need]))
    return step.model_copy(update={"args": args, "needs": needs})


def fill(value: Any, slots: Mapping[str, Any]) -> Any:
    """A template value with its holes filled: a lone hole takes the slot's value as it is, None where it has none."""
    if isinstance(value, str):
        whole = HOLE.fullmatch(value)
        if whole:
            return slots.get(whole.group(1))
        return HOLE.sub(lambda match: str(slots.get(match.group(1), "") or ""), value)
    if isinstance(value, dict):
        pairs = {key: fill(part, slots) for key, part in value.items()}
        return {key: part for key, part in pairs.items() if part is not None}
    if isinstance(value, list | tuple):
        return [part for part in (fill(item, slots) for item in value) if part is not None]
    return value


def read(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Playbook]:
    """The playbooks of parsed files; raises pydantic's ValidationError for a file in the wrong form, KeyError where one
    is to come first that is not there."""
    books = {name: Playbook.model_validate(data) for name, data in files.items()}
    return {name: _with_first(book, books[book.first]) if book.first else book for name, book in books.items()}


def _with_first(book: Playbook, first: Playbook) -> Playbook:
    """A playbook with another's steps before its own."""
    before = [step.model_copy(update={"condition": step.condition or book.first_if}) for step in first.steps]
    return book.model_copy(update={"steps": (*before, *book.steps)})
