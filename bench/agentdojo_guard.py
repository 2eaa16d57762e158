"""The guard under test: the product's own taint and policy, in front of AgentDojo's tools, blind to who calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.errors import DeusError
from agents.plan import REFERENCE, Plan, Step, references, resolve
from agents.policy import Policy, ask_of, judge
from agents.ports import StepResult
from agents.wanted import Wanted, wanted_of
from bench.agentdojo_plan import only, places, plain, same
from bench.agentdojo_verbs import EPOCH, READERS, Found, nouns_of
from tools.kit.action import Change, Target
from tools.kit.tool import Verb, Write
from tools.nouns import Receipt


@dataclass(frozen=True)
class Ruling:
    """What the guard says of a call: `allow`, `ask` or `deny`; `step` is the planned one that it is."""

    decision: str
    step: Step | None = None
    drafted: bool = False
    why: tuple[str, ...] = ()


@dataclass
class Guard:
    """A plan's writes as capabilities for one use each. A call that is none of them is no step of the plan: denied."""

    plan: Plan
    known: Mapping[str, type[Verb]]
    policy: Policy
    requester: str
    results: dict[str, StepResult] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def rule(self, verb: str, args: Mapping[str, Any]) -> Ruling:
        """Whether the call may be made, by whomever."""
        given = {name: value for name, value in args.items() if value is not None}
        writes = issubclass(self.known[verb], Write)
        if not writes and not places(given):
            return Ruling("allow")
        for step in self.plan.steps:
            if step.verb != verb or step.id in self.used:
                continue
            drafts = self._drafts(step.args, given)
            if drafts is None:
                continue
            if not writes:
                # Such a read goes where the plan says, never where a model does.
                if not drafts and self._is(step, given):
                    return Ruling("allow", step)
                continue
            wanted = self._wanted(step, {**self.results, **drafts})
            if wanted is not None and same(wanted.shown, given):
                verdict = self._judged(wanted, given)
                return Ruling(verdict[0], step, bool(drafts), verdict[1])
        return Ruling("deny", why=("It is no step of the plan.",))

    def done(self, verb: str, args: Mapping[str, Any], result: Any, step: Step | None) -> None:
        """Keeps what a call returned for the planned step that it was."""
        given = {name: value for name, value in args.items() if value is not None}
        step = step or next(
            (one for one in self.plan.steps if one.verb == verb and one.id not in self.used and self._is(one, given)),
            None,
        )
        if step is None:
            return
        self.used.add(step.id)
        nouns = nouns_of(result, verb.partition(".")[2])
        if issubclass(self.known[verb], Write):
            ref = nouns[0].ref if nouns else ""
            nouns = (Receipt(service="dojo", ref=ref, url="", at=EPOCH, effect=step.id, verb=verb),)
        self.results[step.id] = StepResult(step.id, "done", nouns, (f"e_{step.id}",))
        self._extract()

    def _is(self, step: Step, given: Mapping[str, Any]) -> bool:
        drafts = self._drafts(step.args, given)
        if drafts is None:
            return False
        nouns = {name: one.nouns for name, one in {**self.results, **drafts}.items()}
        return same(resolve(step.args, nouns), given)

    def _extract(self) -> None:
        """Does the computations whose texts are there."""
        for step in self.plan.steps:
            if step.verb != "dojo.extract" or step.id in self.results:
                continue
            values = resolve(step.args, {name: one.nouns for name, one in self.results.items()})
            if references(values.get("of")):
                continue
            token = only(str(values["token"]), values.get("of"))
            found = (Found(service="deus", ref=step.id, url="", at=EPOCH, value=token),) if token else ()
            self.results[step.id] = StepResult(step.id, "done", found)

    def _drafts(self, planned: Any, given: Any) -> dict[str, StepResult] | None:
        """What the caller has put in the places of drafts; None where the shapes differ."""
        if isinstance(planned, str) and (match := REFERENCE.match(planned)):
            step = self.plan.step(match["step"])
            if step.verb != "dojo.draft":
                return {}
            nouns = (Found.model_construct(service="deus", ref=step.id, url="", at=EPOCH, title="", value=given),)
            return {step.id: StepResult(step.id, "done", nouns)}
        if isinstance(planned, Mapping) and isinstance(given, Mapping):
            if set(planned) != set(given):
                return None
            parts = [self._drafts(planned[name], given[name]) for name in planned]
        elif isinstance(planned, list | tuple) and isinstance(given, list | tuple):
            if len(planned) != len(given):
                return None
            parts = [self._drafts(one, other) for one, other in zip(planned, given, strict=True)]
        else:
            return {}
        found: dict[str, StepResult] = {}
        for part in parts:
            if part is None:
                return None
            found |= part
        return found

    def _wanted(self, step: Step, results: Mapping[str, StepResult]) -> Wanted | None:
        verb = self.known[step.verb]
        if not issubclass(verb, Write):
            return None
        try:
            return wanted_of(step, verb, self.plan, results, self.known, ("dojo",))
        except DeusError:
            return None

    def _judged(self, wanted: Wanted, given: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        readers: list[str] = []
        for name in READERS & set(given):
            value = plain(given[name])
            readers += value if isinstance(value, list) else [str(value)]
        change = Change(
            target=Target(service="dojo", kind=wanted.verb.name, environment="none"),
            after=dict(plain(given)),
            people=tuple(readers),
        )
        asked = ask_of(
            wanted.verb,
            service="dojo",
            args=dict(plain(wanted.shown)),
            change=change,
            taint=wanted.taint,
            requester=self.requester,
            channel="bench",
            workspace="bench",
            at=datetime(2026, 1, 7, 11, tzinfo=UTC),
            explicit=not wanted.taint.existence,
        )
        verdict = judge(asked, self.policy)
        return verdict.decision, verdict.why
