"""The answer that a language model writes, as claims; without a usable model the records speak for themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from jinja2.sandbox import SandboxedEnvironment
from pydantic import ValidationError

from agents.answer import finding_of, gather_unchecked, notes
from agents.answer_format import fenced, plain
from agents.errors import BudgetSpent, ModelUnusable
from agents.evidence import Citations
from agents.plan import Plan
from agents.planners.model_lines import objects
from agents.planners.model_view import results_text
from agents.ports import Model, Situation, StepResult, Writer
from agents.record import Answer, Claim, Finding
from tools.nouns import Noun, Output

MOST_CLAIMS = 30
SHOWN = 6
MOST_LINES = 40
MOST_REASON = 400
# What a model writes or asks for to have something computed.
PROGRAMS = frozenset({"code.run", "files.describe"})

FindingOf = Callable[[Iterable[Noun]], Mapping[str, Any] | None]


class ModelWriter:
    """Writes with a model what a model planned, and by the playbook's template what a playbook planned."""

    def __init__(
        self, model: Model, playbooks: Writer, prompt: Callable[[str], str], finding_of: FindingOf = lambda nouns: None
    ) -> None:
        self._model = model
        self._playbooks = playbooks
        self._prompt = prompt
        self._finding_of = finding_of
        self._env = SandboxedEnvironment(autoescape=False)

    async def write(
        self, situation: Situation, plan: Plan, results: Mapping[str, StepResult], citations: Citations
    ) -> Answer:
        """Claims that still have to pass the gate; the records themselves where the model cannot be used."""
        if plan.playbook is not None:
            return await self._playbooks.write(situation, plan, results, citations)
        unchecked = gather_unchecked(results)
        system = self._env.from_string(self._prompt("answer")).render(
            results=results_text(citations),
            today=situation.now.astimezone(ZoneInfo(situation.timezone)).isoformat(timespec="minutes"),
            timezone=situation.timezone,
            unchecked=", ".join(unchecked) or "nothing",
        )
        claims: list[Claim] = []
        suggestions: tuple[str, ...] = ()
        try:
            async for line in objects(self._model.stream(system, situation.turn.text, workflow="answer")):
                if isinstance(line.get("suggest"), list):
                    suggestions = tuple(str(item)[:120] for item in line["suggest"][:4])
                elif (claim := read_claim(line, citations)) is not None and len(claims) < MOST_CLAIMS:
                    claims.append(claim)
        except (ModelUnusable, BudgetSpent):
            claims = claims or found(results, citations)
        return Answer(
            text="",
            claims=tuple(claims or found(results, citations)),
            notes=(*notes(unchecked), *not_run(plan, results)),
            finding=self._finding(results, citations, unchecked),
            suggestions=suggestions,
            abstained=not any(result.nouns for result in results.values()),
        )

    def _finding(
        self, results: Mapping[str, StepResult], citations: Citations, unchecked: Iterable[str]
    ) -> Finding | None:
        def cited(value: Any) -> tuple[str, ...]:
            nouns = value if isinstance(value, list | tuple) else [value]
            return tuple(citations.cite(noun) for noun in nouns if isinstance(noun, Noun))

        fields = self._finding_of(noun for result in results.values() for noun in result.nouns)
        return finding_of(fields, cited, unchecked) if fields else None


def read_claim(line: Mapping[str, Any], citations: Citations) -> Claim | None:
    """A claim from a model's line; None where it is none. Evidence may be named by id or by a record's ref."""
    named = line.get("evidence")
    ids = [_evidence(str(item), citations) for item in named] if isinstance(named, list) else []
    try:
        return Claim(
            text=" ".join(str(line["text"]).split()),
            kind=line.get("kind", "fact"),
            evidence=tuple(dict.fromkeys(ids)),
            section=str(line.get("section") or "")[:80],
        )
    except (KeyError, ValidationError):
        return None


def _evidence(name: str, citations: Citations) -> str:
    """The id that a model's word for evidence stands for; the word itself, which the gate refuses, if there is none."""
    if citations.get(name) is not None:
        return name
    noun = citations.find(name)
    return citations.cite(noun) if noun is not None else name


def not_run(plan: Plan, results: Mapping[str, StepResult]) -> tuple[str, ...]:
    """Why a program did not run, where none that was written after it did."""
    said: dict[str, str] = {}
    for step in plan.steps:
        result = results.get(step.id)
        if step.verb not in PROGRAMS or result is None:
            continue
        if result.state == "done":
            said.pop(step.verb, None)
        elif result.error:
            said[step.verb] = f"I could not compute it: {' '.join(result.error.split())[:MOST_REASON]}"
    return tuple(dict.fromkeys(said.values()))


def found(results: Mapping[str, StepResult], citations: Citations) -> list[Claim]:
    """What was found, plainly: each step's first records, for when no model can put it into words."""
    claims: list[Claim] = []
    for result in results.values():
        for noun in result.nouns[:SHOWN]:
            if isinstance(noun, Output) and noun.printed.strip():
                printed = "\n".join(noun.printed.strip().splitlines()[:MOST_LINES])
                text = f"The program printed:\n{fenced(printed)}"
                claims.append(Claim(text=text, kind="computed", evidence=(citations.cite(noun),)))
            elif noun.title and noun.service != "deus":
                text = f"- [{plain(noun.title)}]({noun.url})" if noun.url else f"- {plain(noun.title)}"
                kind = noun.kind.replace("_", " ").capitalize()
                claims.append(
                    Claim(text=text, kind="fact", evidence=(citations.cite(noun),), section=f"{kind} records")
                )
    return claims[:MOST_CLAIMS]
