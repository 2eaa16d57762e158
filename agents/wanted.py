"""A write as a step of the plan asks for it: its arguments, what they wait for, what they depend on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.errors import NothingFound, PlanRefused
from agents.plan import REFERENCE, Plan, Step, references, resolve
from agents.ports import StepResult
from agents.taint import Taint, trace
from tools.kit.tool import Verb, Write

# The fields of a receipt that another write may quote before it is there.
QUOTABLE = frozenset({"url", "ref", "title"})


@dataclass(frozen=True)
class Wanted:
    """One write, ready to be judged.

    In `shown` the results of other writes still stand as `$create[0].url`; `late` says what each of these is, or None
    while that write is not done. `lost` is the reason why one of them will never be. `ordered` is what the
    asker had said before, where this corrects it. `owns` is the part of the product whose owner the asker means, in the
    asker's words, and `looked_up` whether its owner was looked up in records.
    """

    step: Step
    verb: type[Write]
    services: tuple[str, ...]
    shown: Mapping[str, Any]
    taint: Taint
    late: Mapping[str, Any] = field(default_factory=dict)
    lost: str = ""
    ordered: str = ""
    owns: str = ""
    looked_up: bool = False


def wanted_of(
    step: Step,
    verb: type[Write],
    plan: Plan,
    results: Mapping[str, StepResult],
    known: Mapping[str, type[Verb]],
    services: Sequence[str],
) -> Wanted:
    """What a step wants. Raises PlanRefused where it quotes another write in a place that must be shown beforehand,
    NothingFound where what it needs was not found. Of a list, what a write would bring that has nothing to do is left
    out."""
    writes = {one.id: known[one.verb] for one in plan.steps if issubclass(known[one.verb], Write)}
    found = {name: result.nouns for name, result in results.items() if name not in writes}
    idle = {name for name, other in writes.items() if name in results and _missing(other, plan.step(name), found)}
    args = {name: _without(value, idle) for name, value in step.args.items()}
    shown = resolve(args, found)
    missing = _missing(verb, step, found)
    if missing:
        raise NothingFound(f"Nothing was found for {', '.join(missing)}.")
    late: dict[str, Any] = {}
    lost = ""
    for name, value in args.items():
        for reference in references(value):
            match = REFERENCE.match(reference)
            if match is None or match["step"] not in writes:
                continue
            if name not in verb.body or match["path"].rpartition(".")[2] not in QUOTABLE:
                raise PlanRefused(f"Step {step.id}: {name} cannot come from another change; it must be shown before.")
            result = results.get(match["step"])
            late[reference] = _brought(reference, result)
            if result is not None and result.state in ("failed", "skipped"):
                lost = f"“{plan.step(match['step']).title or match['step']}”, which it refers to, was not done."
    return Wanted(
        step,
        verb,
        tuple(services),
        shown,
        trace(step, plan, verb, results),
        late,
        lost,
        ordered=str(plan.slots.get("ordered") or ""),
        owns="" if "owned_part" in plan.quoted else str(plan.slots.get("owned_part") or ""),
        looked_up=any(_looks_up(one, plan) for one in references(args.get("assignee"))),
    )


def _looks_up(reference: str, plan: Plan) -> bool:
    """Whether a reference means what the lookup of an owner found."""
    return any(step.id == _step_of(reference) and step.verb == "analyze.owner" for step in plan.steps)


def _missing(verb: type[Verb], step: Step, found: Mapping[str, Sequence[Any]]) -> list[str]:
    """The arguments that a step cannot do without and that nothing was found for."""
    shown = resolve(step.args, found)
    return [name for name, spec in verb.model_fields.items() if spec.is_required() and name not in shown]


def _without(value: Any, idle: Collection[str]) -> Any:
    """A list without what refers to one of these steps; other values as they are."""
    if not isinstance(value, list | tuple):
        return value
    return [part for part in value if not any(_step_of(one) in idle for one in references(part))]


def _step_of(reference: str) -> str:
    match = REFERENCE.match(reference)
    return match["step"] if match else ""


def _brought(reference: str, result: StepResult | None) -> Any:
    """What a reference stands for, or None while the write is not done."""
    if result is None or result.state != "done":
        return None
    return resolve({"value": reference}, {result.id: result.nouns}).get("value")
