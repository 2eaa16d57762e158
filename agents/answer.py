"""Evidence → claims → text: what a playbook's template makes of the steps' results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from jinja2 import Template
from jinja2.environment import TemplateExpression
from jinja2.sandbox import SandboxedEnvironment

from agents.answer_format import environment, listed, names_of, titled
from agents.answer_writes import reads, standing, told
from agents.plan import Plan
from agents.planners.playbook_file import ArtifactTemplate, ClaimTemplate, Playbook
from agents.ports import Situation, StepResult
from agents.record import Answer, Claim, Evidence, Finding
from tools.nouns import Noun


class Cites(Protocol):
    """Gives the evidence ids that a claim names."""

    def cite(self, noun: Noun) -> str: ...

    def of_step(self, step_id: str) -> tuple[str, ...]: ...


class PlaybookWriter:
    """Writes the answer by the template of the playbook that the plan came from."""

    def __init__(self, playbooks: Mapping[str, Playbook]) -> None:
        self._playbooks = playbooks

    async def write(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult], citations: Cites
    ) -> Answer:
        """The claims, not yet proven; the text is composed of those that the gate lets stand."""
        playbook = self._playbooks[plan.playbook or ""]
        page = _Page(playbook, situation, plan, results, citations)
        claims = (*page.receipts(), *page.claims())
        unchecked = gather_unchecked(reads(plan, results))
        say = page.words(playbook.say or ("" if claims else playbook.nothing))
        stands = standing(plan, results)
        preface = "\n\n".join(part for part in (say, stands) if part)
        return Answer(
            text="",
            claims=claims,
            preface=preface,
            notes=notes(unchecked),
            finding=page.finding(tuple(unchecked)),
            artifacts=tuple(page.artifacts()),
            suggestions=tuple(page.suggestions()),
            abstained=page.abstained() or not (claims or playbook.say or stands),
        )


class _Page:
    def __init__(
        self,
        playbook: Playbook,
        situation: Situation,
        plan: Plan,
        results: Mapping[str, StepResult],
        citations: Cites,
    ) -> None:
        self.playbook = playbook
        self.plan = plan
        self.results = results
        self.citations = citations
        people = names_of(noun for result in results.values() for noun in result.nouns)
        self.env: SandboxedEnvironment = environment(ZoneInfo(situation.timezone), situation.now, people)
        self._expressions: dict[str, TemplateExpression] = {}
        self._templates: dict[str, Template] = {}
        self.variables: dict[str, Any] = {
            "slots": dict(plan.slots),
            "question": situation.turn.text,
            "unchecked": gather_unchecked(results),
            "state": self.state,
            "reason": self.reason,
        }
        for template in playbook.steps:
            own = [r for step_id, r in results.items() if step_id == template.id or _copy_of(step_id, template.id)]
            self.variables[template.id] = [noun for result in own for noun in result.nouns]

    def state(self, step_id: str) -> str:
        """How a step stands: done, awaiting, skipped …; "" for one that is not in the plan."""
        return self.results[step_id].state if step_id in self.results else ""

    def reason(self, step_id: str) -> str:
        """Why a step was not done, in its own words."""
        return (self.results[step_id].error or "") if step_id in self.results else ""

    def value(self, expression: str, extra: Mapping[str, Any] | None = None) -> Any:
        # The same expression is asked of every item; compiling it costs more than answering it.
        if expression not in self._expressions:
            self._expressions[expression] = self.env.compile_expression(expression)
        return self._expressions[expression](**self.variables, **(extra or {}))

    def words(self, template: str, extra: Mapping[str, Any] | None = None) -> str:
        if template not in self._templates:
            self._templates[template] = self.env.from_string(template)
        return self._templates[template].render(**self.variables, **(extra or {})).strip()

    def claims(self) -> Iterable[Claim]:
        for template in self.playbook.answer:
            if template.each:
                items = self.value(template.each) or ()
                for number, item in enumerate(items, 1):
                    extra = {"it": item, "number": number}
                    if not template.when or self.value(template.when, extra):
                        yield self.claim(template, extra)
            elif not template.when or self.value(template.when):
                yield self.claim(template, {})

    def receipts(self) -> Iterable[Claim]:
        """What was done, in the services' own words."""
        for receipt, line in told(self.plan, self.results):
            yield Claim(text=line, kind="fact", section="Done", evidence=self.cited(receipt))

    def claim(self, template: ClaimTemplate, extra: Mapping[str, Any]) -> Claim:
        return Claim(
            text=self.words(template.text, extra),
            kind=template.kind,
            section=self.words(template.section, extra) if template.section else "",
            evidence=self.cited(self.value(template.cite, extra)) if template.cite else (),
        )

    def cited(self, value: Any) -> tuple[str, ...]:
        ids: list[str] = []
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Noun):
                ids.append(self.citations.cite(part))
            elif isinstance(part, str) and part in self.results:
                ids += self.citations.of_step(part)
            elif isinstance(part, list | tuple):
                ids += self.cited(part)
        return tuple(dict.fromkeys(ids))

    def finding(self, unchecked: tuple[str, ...]) -> Finding | None:
        fields = {name: self.value(expression) for name, expression in self.playbook.finding.items()}
        return finding_of(fields, self.cited, unchecked)

    def artifacts(self) -> Iterable[dict[str, Any]]:
        shown: Sequence[ArtifactTemplate] = [a for a in self.playbook.artifacts if not a.when or self.value(a.when)]
        for number, template in enumerate(shown, 1):
            data = self.value(template.data)
            if data:
                yield {
                    "id": f"a{number}",
                    "kind": template.kind,
                    "title": self.words(template.title),
                    "data": data,
                    "alt": self.words(template.alt),
                }

    def suggestions(self) -> Iterable[str]:
        for template in self.playbook.suggest:
            words = self.words(template)
            if words:
                yield words

    def abstained(self) -> bool:
        return bool(self.playbook.abstain and self.value(self.playbook.abstain))


def finding_of(
    fields: Mapping[str, Any], cited: Callable[[Any], tuple[str, ...]], unchecked: Iterable[str]
) -> Finding | None:
    """The finding of an analysis' fields, each cause's `cite` as the ids of its evidence; None without a metric."""
    if fields.get("metric") is None:
        return None
    causes = tuple(
        {**{name: value for name, value in cause.items() if name != "cite"}, "evidence": cited(cause.get("cite", []))}
        for cause in fields.get("causes") or ()
    )
    missing = tuple(dict.fromkeys([*(fields.get("unchecked") or ()), *unchecked]))
    return Finding.model_validate({**fields, "causes": causes, "unchecked": missing})


def _copy_of(step_id: str, template_id: str) -> bool:
    head, _, tail = step_id.rpartition("_")
    return head == template_id and tail.isdigit()


def gather_unchecked(results: Mapping[str, StepResult]) -> dict[str, str]:
    """Every service that some step could not ask, with the reason."""
    found: dict[str, str] = {}
    for result in results.values():
        for service, reason in result.unchecked.items():
            found.setdefault(service, reason)
    return found


def notes(unchecked: Mapping[str, str]) -> tuple[str, ...]:
    """What could not be looked at, in a sentence each."""
    told: dict[str, list[str]] = {}
    for service, reason in unchecked.items():
        told.setdefault(re.sub(rf"^{re.escape(service)}\b", "it", reason), []).append(titled(service))
    return tuple(f"I could not check {listed(services)}: {reason}" for reason, services in told.items())


def compose(answer: Answer, numbers: Mapping[str, int]) -> Answer:
    """The answer with its text made of its claims, each followed by the numbers of its evidence."""
    blocks: list[str] = [answer.preface] if answer.preface else []
    section, in_list = "", False
    for claim in answer.claims:
        if claim.section != section:
            section, in_list = claim.section, True
            if section:
                blocks.append(f"\n\n**{section}**\n")
        marks = "".join(f"[{numbers[e]}]" for e in claim.evidence if e in numbers)
        text = claim.text if claim.kind != "hypothesis" else _hedged(claim.text)
        # A block of code must end with its fence, so the marks follow the first line.
        head, newline, block = text.partition("\n")
        line = f"{head} {marks}".rstrip() + newline + block
        bullet = line.startswith("- ")
        blocks.append(f"\n{line}" if bullet and (in_list or not blocks) else f"\n\n{line}")
        in_list = bullet
    if answer.notes:
        blocks.append("\n\n**Not checked**\n")
        blocks += [f"\n- {note}" for note in answer.notes]
    text = re.sub(r"\n{3,}", "\n\n", "".join(blocks)).strip()
    return answer.model_copy(update={"text": text or "I found nothing that answers this."})


def _hedged(text: str) -> str:
    if text.startswith("- "):
        return f"- _Hypothesis:_ {text[2:]}"
    return f"_Hypothesis:_ {text}"


def numbered(evidence: Iterable[Evidence], claims: Iterable[Claim]) -> dict[str, int]:
    """The numbers by which a text cites its evidence: 1, 2, 3 … in the order in which claims name it."""
    known = {item.id for item in evidence}
    order = dict.fromkeys(e for claim in claims for e in claim.evidence if e in known)
    return {evidence_id: number for number, evidence_id in enumerate(order, 1)}
