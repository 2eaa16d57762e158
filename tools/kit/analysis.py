"""What a computation is: a verb whose answer follows from nouns alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import model_validator

from tools.kit.tool import Verb
from tools.nouns import Noun


@dataclass(frozen=True)
class Frame:
    """What a computation may know beside its arguments.

    `unchecked` maps each service that one of the steps it builds on could not ask to the reason; `question` is what
    was said; `countries` are ISO codes whose public holidays count. `likeness` tells how near texts come to a query in
    meaning, from -1 to 1; None where no embedder is at hand.
    """

    now: datetime
    timezone: ZoneInfo
    question: str = ""
    countries: tuple[str, ...] = ()
    unchecked: dict[str, str] = field(default_factory=dict)
    likeness: Callable[[str, Sequence[str]], Sequence[float]] | None = None


class Analysis(Verb):
    """A verb that is computed here. Arguments may be nouns of earlier steps; `compute` is pure and may be slow (CPU).

    It returns nouns of service "deus" (its own result classes are Noun subclasses, so that `$step.field` works).
    """

    mode: ClassVar[Literal["read", "write"]] = "read"

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, data: Any) -> Any:
        """Nouns of several steps, given as a list of lists, are one list."""
        if not isinstance(data, Mapping):
            return data
        return {name: flat(value) if isinstance(value, list | tuple) else value for name, value in data.items()}

    def compute(self, frame: Frame) -> Sequence[Noun]:
        """The result as nouns."""
        raise NotImplementedError


def flat(values: Sequence[Any]) -> list[Any]:
    """A list in which lists of nouns are replaced by their nouns; other lists stay as they are."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, list | tuple) and all(isinstance(part, Noun) for part in value):
            found += value
        else:
            found.append(value)
    return found
