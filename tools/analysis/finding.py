"""What the investigation of a metric found, as nouns that an answer can show and cite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tools.nouns import Noun, Where, load


class Part(BaseModel):
    """A value of a property: its share of the metric before and during the change, and how surely it differs (nats)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dim: str
    value: str
    before: float
    during: float
    gain: float


class ChangeFinding(Noun):
    """What the numbers alone say about a metric in a period [start, end).

    `change` and `interval` are relative to what history leads one to expect, over the period's hours that are over;
    `observed` and `expected` are their counts. `label` is a word of FORMAT.md where an ordinary reason explains the
    impression. `onset` lies in `onset_interval` with 95% probability. `where` is {} where all moved alike, None where
    nothing did. `root` is the first step of the funnel that shows the change, `factor` what multiplied it there.
    `words` are those by which documents about it are found. `naive` is what a plain comparison with the days before
    shows, and the other parts what that is made of.
    """

    kind: ClassVar[str] = "change_finding"
    metric: str
    start: AwareDatetime
    end: AwareDatetime
    happened: bool | None
    verdict: str
    label: str | None = None
    direction: int
    asked_direction: int = 0
    asked: float
    change: float | None = None
    interval: tuple[float, float] | None = None
    observed: float = 0.0
    expected: float | None = None
    power: float = 0.0
    onset: AwareDatetime | None = None
    onset_interval: tuple[AwareDatetime, AwareDatetime] | None = None
    recovered: AwareDatetime | None = None
    where: Where | None = None
    root: str
    factor: float | None = None
    steady: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    weekly_growth: float = 0.0
    naive: float | None = None
    naive_parts: dict[str, float] = Field(default_factory=dict)
    words: str = ""
    chart: dict[str, Any] = Field(default_factory=dict)


class CauseCandidate(BaseModel):
    """A candidate with its weight: `score` is its probability, `odds` the log-odds against an unrecorded cause."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ref: str | None
    service: str
    kind: str
    title: str
    label: str
    url: str
    at: AwareDatetime
    score: float
    odds: float
    reasons: tuple[str, ...] = ()


class CauseRanking(Noun):
    """Why a metric changed: what is named (`cause`), what else was weighed, and the final word on the change itself.

    `label` says what it was where the cause is no record (tracking, holiday, trend, weekday, unknown …). `threshold`
    is the log-odds from which a cause is named; `settle` says what would settle it where none is; `payments` how
    payments moved meanwhile.
    """

    kind: ClassVar[str] = "cause_ranking"
    metric: str
    happened: bool | None
    label: str | None
    change: float | None = None
    interval: tuple[float, float] | None = None
    onset: AwareDatetime | None = None
    onset_interval: tuple[AwareDatetime, AwareDatetime] | None = None
    recovered: AwareDatetime | None = None
    where: Where | None = None
    cause: CauseCandidate | None = None
    record: dict[str, Any] | None = Field(default=None, description="the named cause as its service gave it")
    others: tuple[CauseCandidate, ...] = ()
    score: float = 0.0
    threshold: float
    lost: float = 0.0
    payments: float | None = None
    holiday: str | None = None
    settle: tuple[str, ...] = ()
    advice: str = ""
    unchecked: tuple[str, ...] = ()
    root: str = ""
    chart: dict[str, Any] = Field(default_factory=dict)

    @property
    def causes(self) -> list[dict[str, Any]]:
        """The causes for a Finding, the label or the named one first, each with the nouns to cite; empty for none."""
        found: list[dict[str, Any]] = []
        if self.label is not None:
            found.append({"ref": None, "label": self.label, "score": self.score, "cite": [self]})
        if self.cause is not None:
            record = [load(self.record)] if self.record else []
            found.append({"ref": self.cause.ref, "label": self.cause.label, "score": self.cause.score, "cite": record})
        return found


def to_finding(nouns: Iterable[Noun]) -> dict[str, Any] | None:
    """The fields of a Finding from the nouns that analyze.causes returned, or analyze.segment where it did not run.

    None where neither ran.
    """
    found = list(nouns)
    ranking = next((noun for noun in found if isinstance(noun, CauseRanking)), None)
    if ranking is not None:
        return {
            "happened": ranking.happened, "metric": ranking.metric,
            "change": ranking.change, "interval": ranking.interval,
            "onset": ranking.onset, "recovered": ranking.recovered, "where": ranking.where, "causes": ranking.causes,
            "unchecked": ranking.unchecked,
        }  # fmt: skip
    change = next((noun for noun in found if isinstance(noun, ChangeFinding)), None)
    if change is None:
        return None
    return {
        "happened": change.happened, "metric": change.metric, "change": change.change, "interval": change.interval,
        "onset": change.onset, "recovered": change.recovered, "where": change.where, "causes": [], "unchecked": (),
    }  # fmt: skip
