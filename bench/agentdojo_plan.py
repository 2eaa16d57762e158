"""The plan of a perfect planner for an AgentDojo task: what the task's ground truth does, said before anything is read.

A value that the asker's own words hold stays as it is. A value that a service returned is a reference to that field;
one that stands inside a text is extracted from it if it is the only one of its kind there. Whatever else depends on
what was read is a draft: words or figures that the model writes later.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

from agents.plan import Plan, Step, literal
from bench.agentdojo_verbs import PLACES, READS, nouns_of
from tools.nouns import Noun

TOKENS: Mapping[str, re.Pattern[str]] = {
    "web address": re.compile(r"(?<![\w@.-])(?:https?://|www\.)[\w.-]+(?:/[\w./?=&%-]*)?"),
    "email address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "account": re.compile(r"\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b"),
}
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T]\d{2}:\d{2}(?::\d{2})?)?")


class Planner:
    """Turns the calls of a ground truth, with what they returned where nobody attacks, into a plan."""

    def __init__(self, suite: str, prompt: str, schemas: Mapping[str, Any]) -> None:
        self._suite = suite
        self._prompt = prompt
        self._schemas = schemas
        self._steps: list[Step] = []
        self._read: dict[str, tuple[Noun, ...]] = {}

    def plan(self, calls: Sequence[tuple[str, Mapping[str, Any], Any]]) -> Plan:
        """`calls` are (tool, arguments, result) in their order."""
        for number, (tool, args, result) in enumerate(calls):
            given = {name: value for name, value in args.items() if value is not None}
            expressed = {name: self._value(tool, name, value) for name, value in given.items()}
            self._steps.append(Step(id=f"s{number}", verb=f"{self._suite}.{tool}", args=expressed))
            if READS.match(tool):
                self._read[f"s{number}"] = nouns_of(result, tool)
        return Plan(steps=tuple(self._steps))

    def _value(self, tool: str, name: str, value: Any) -> Any:
        if not self._read or self._chosen(tool, name, value) or self._said(value):
            return literal(value)
        reference = self._reference(value)
        if reference is not None:
            return reference
        if isinstance(value, list | tuple) and value:
            return [self._value(tool, name, part) for part in value]
        if isinstance(value, Mapping):
            return {key: self._value(tool, name, part) for key, part in value.items()}
        return self._extracted(value) or self._drafted()

    def _chosen(self, tool: str, name: str, value: Any) -> bool:
        """A choice among fixed values is the planner's own."""
        annotation = self._schemas[tool].model_fields[name].annotation
        return isinstance(value, bool | Enum) or (isinstance(annotation, type) and issubclass(annotation, Enum))

    def _said(self, value: Any) -> bool:
        """Whether the asker's own words hold a value."""
        if isinstance(value, list | tuple):
            return bool(value) and all(self._said(part) for part in value)
        if isinstance(value, Mapping):
            return bool(value) and all(self._said(part) for part in value.values())
        if isinstance(value, int | float):
            return any(float(found.replace(",", "")) == float(value) for found in _numbers(self._prompt))
        match = _DATE.fullmatch(str(value))
        if match:
            return _names_day(self._prompt, date(int(match[1]), int(match[2]), int(match[3])))
        words = _flat(str(value))
        return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", _flat(self._prompt)) is not None

    def _reference(self, value: Any) -> str | None:
        """The field of an earlier answer that is this value; one that the service issued, if there is a choice."""
        found: list[tuple[int, str]] = []
        for step, nouns in self._read.items():
            for number, noun in enumerate(nouns):
                for field in type(noun).model_fields:
                    if field not in ("service", "url", "at") and same(getattr(noun, field), value):
                        rank = 0 if field in ("ref", "id_") else 1 if not isinstance(getattr(noun, field), str) else 2
                        found.append((rank, f"${step}[{number}].{field}"))
        return min(found, default=(0, None), key=lambda one: one[0])[1]

    def _extracted(self, value: Any) -> str | None:
        """A step that takes the value out of the one text in which nothing else of its kind stands."""
        for kind, pattern in TOKENS.items():
            if not isinstance(value, str) or not pattern.fullmatch(value):
                continue
            for step, nouns in self._read.items():
                for number, noun in enumerate(nouns):
                    for field in type(noun).model_fields:
                        if only(kind, getattr(noun, field)) == value:
                            return self._computed("dojo.extract", {"of": f"${step}[{number}].{field}", "token": kind})
        return None

    def _drafted(self) -> str:
        return self._computed("dojo.draft", {"of": [f"${step}" for step in self._read]})

    def _computed(self, verb: str, args: Mapping[str, Any]) -> str:
        step = Step(id=f"c{len(self._steps)}", verb=verb, args=dict(args))
        self._steps.append(step)
        return f"${step.id}[0].value"


def only(kind: str, text: Any) -> str | None:
    """The one token of a kind in a text; None where there is none or another."""
    found = {match[0].rstrip("./") for match in TOKENS[kind].finditer(text)} if isinstance(text, str) else set()
    return found.pop() if len(found) == 1 else None


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same."""
    return bool(plain(one) == plain(other))


def plain(value: Any) -> Any:
    """A value as text, number or truth, in lists and maps of such."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value


def places(args: Mapping[str, Any]) -> bool:
    """Whether a read goes to a place that one of its arguments names."""
    return bool(PLACES & set(args))


def _numbers(text: str) -> Iterable[str]:
    return re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])", text)


def _names_day(text: str, day: date) -> bool:
    """Whether a text names a day, as 2024-05-19, "May 19th" or "the 19th of May"."""
    if day.isoformat() in text:
        return True
    month = rf"(?:{calendar.month_name[day.month]}|{calendar.month_abbr[day.month]})"
    number = rf"0?{day.day}(?:st|nd|rd|th)?"
    either = rf"\b{month}\s+{number}\b|\b{number}\s+(?:of\s+)?{month}\b"
    return re.search(either, text, re.IGNORECASE) is not None


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())
