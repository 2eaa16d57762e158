"""The computed verbs of "why did METRIC change?": analyze.change, analyze.segment, analyze.causes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import Field

from tools.analysis.calendar import Holiday, Period
from tools.analysis.causes import NAMED, Verdict
from tools.analysis.charting import chart_of
from tools.analysis.closures import closures, country_of
from tools.analysis.examine import Numbers, examine, moment_of
from tools.analysis.finding import CauseCandidate, CauseRanking, ChangeFinding, Part
from tools.analysis.investigation import NOT_HAPPENED, Outcome, investigate, likeliest
from tools.analysis.panel import Panel, build_panel
from tools.analysis.wording import advice_for, settling
from tools.analysis.words import words
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Metric, Noun, Series, dump, pick

# From this share of a metric on a country's holidays show in the whole of it.
_MANY = 0.15
_SIGNS = {"down": -1, "up": 1, "fall": -1, "rise": 1}


class AnalyzeChange(Analysis):
    """Judge whether a metric left what its history leads one to expect, since when, and at which step of the funnel."""

    name = "analyze.change"
    returns = ChangeFinding
    metric: str
    metrics: tuple[Metric, ...] = ()
    series: tuple[Series, ...] = Field(default=(), description="hourly series of the metric and of its relatives")
    period: dict[str, str] | None = Field(default=None, description="start and end of the period asked about, ISO 8601")
    direction: str | None = Field(default=None, description="down or up, as the question says")
    percent: float | None = Field(default=None, description="the change that the question claims, in percent")

    def compute(self, frame: Frame) -> Sequence[Noun]:
        panel = build_panel(self.metric, self.metrics, self.series, frame.timezone, frame.now)
        if panel is None:
            return []
        period, sign, asked = asked_of(self.period, self.direction, self.percent, panel)
        numbers = examine(panel, period, sign, asked, holidays_of(panel, frame))
        return [describe(panel, numbers, period, self.series[0].url)]


class AnalyzeSegment(Analysis):
    """Tell which segment of which properties explains a change, and date it by that segment."""

    name = "analyze.segment"
    returns = ChangeFinding
    change: tuple[ChangeFinding, ...] = ()
    metrics: tuple[Metric, ...] = ()
    series: tuple[Series, ...] = Field(default=(), description="series as for analyze.change, and the breakdowns")

    def compute(self, frame: Frame) -> Sequence[Noun]:
        return [found for found, _, _ in _examined(self.change, self.metrics, self.series, frame)]


class AnalyzeCauses(Analysis):
    """Weigh everything on record that could have caused a change, name the cause or say that it is unknown."""

    name = "analyze.causes"
    returns = CauseRanking
    change: tuple[ChangeFinding, ...] = ()
    metrics: tuple[Metric, ...] = ()
    series: tuple[Series, ...] = ()
    payments: tuple[Series, ...] = ()
    records: tuple[Noun, ...] = Field(default=(), description="deployments, pull requests, errors, messages and so on")

    def compute(self, frame: Frame) -> Sequence[Noun]:
        ranked: list[Noun] = []
        for found, panel, numbers in _examined(self.change, self.metrics, self.series, frame):
            outcome = investigate(
                panel,
                numbers,
                self.records,
                tz=frame.timezone,
                unchecked=tuple(frame.unchecked),
                holidays=holidays_of(panel, frame),
                payments=self.payments,
            )
            ranking = rank_noun(found, outcome, panel, numbers, frame.question)
            ranked.append(ranking)
            if outcome.named is not None and outcome.label is None:
                ranked.append(
                    pick(
                        outcome.named.candidate.noun, "cause", "; ".join(ranking.cause.reasons if ranking.cause else ())
                    )
                )
            ranked += [pick(noun, _group(noun), why) for noun, why in outcome.related]
        return ranked


def _examined(
    change: Sequence[ChangeFinding], metrics: Sequence[Metric], series: Sequence[Series], frame: Frame
) -> list[tuple[ChangeFinding, Panel, Numbers]]:
    if not change:
        return []
    asked = change[0]
    panel = build_panel(asked.metric, metrics, series, frame.timezone, frame.now)
    if panel is None:
        return []
    period = Period(asked.start, asked.end)
    numbers = examine(panel, period, asked.asked_direction, asked.asked, holidays_of(panel, frame))
    return [(describe(panel, numbers, period, asked.url, asked.asked_direction), panel, numbers)]


def asked_of(
    period: dict[str, str] | None, direction: str | None, percent: float | None, panel: Panel
) -> tuple[Period, int, float]:
    """The period, sign and relative size that the question speaks of; the last fortnight where it names none."""
    sign = _SIGNS.get(direction or "", 0)
    size = min(0.95, abs(percent or 20.0) / 100.0)
    asked = size if sign > 0 else -size
    if period:
        start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
        start = max(start, panel.grid.start + timedelta(days=8))
        if start < min(end, panel.now):
            return Period(start, max(end, start + timedelta(hours=1))), sign, asked
    return Period(panel.now - timedelta(days=14), panel.now), sign, asked


def holidays_of(panel: Panel, frame: Frame) -> tuple[Holiday, ...]:
    """Days on which the metric's people do not work: of the company's country and of those that many of them are in."""
    home = country_of(frame.timezone.key)
    many: set[str] = set()
    for dims in panel.margins.values():
        for name, values in dims.items():
            whole = sum(float(counts.sum()) for counts in values.values())
            if "country" in name:
                many |= {value for value, counts in values.items() if counts.sum() >= _MANY * whole}
    return closures({*frame.countries, *many}, home, panel.grid.start.date(), frame.now.date() + timedelta(days=7))


def describe(
    panel: Panel, numbers: Numbers, period: Period, url: str, asked_direction: int | None = None
) -> ChangeFinding:
    """The numbers as a noun."""
    change, event = numbers.change, numbers.event
    root = event.metric if event else (panel.family[0] if panel.family else panel.metric)
    onset = interval = recovered = None
    if event is not None:
        recovered = None if event.lasting else panel.grid.moment(event.last)
        onset = panel.grid.moment(event.first)
        if numbers.likelihood is not None:
            onset = moment_of(panel, likeliest(numbers.likelihood))
            low, high = numbers.likelihood.interval()
            interval = (moment_of(panel, low), moment_of(panel, high))
    happened: bool | None = (
        event is not None or change.verdict in ("dropped", "rose") or change.label in ("trend", "holiday")
    )
    if not happened and change.verdict == "cannot_tell" and change.label not in NOT_HAPPENED:
        happened = None
    impression = change.impression
    sign = (
        asked_direction
        if asked_direction is not None
        else (0 if change.asked == 0 else (-1 if change.asked < 0 else 1))
    )
    return ChangeFinding(
        service="deus",
        ref=f"change of {panel.metric}",
        url=url,
        at=panel.now,
        title=f"{panel.metric}: {change.verdict.replace('_', ' ')}",
        metric=panel.metric,
        start=period.start,
        end=period.end,
        happened=happened,
        verdict=change.verdict,
        label=change.label,
        direction=event.sign if event else change.direction,
        asked_direction=sign,
        asked=change.asked,
        change=_finite(change.relative) if change.baseline is not None else None,
        interval=change.interval if all(np.isfinite(change.interval)) else None,
        observed=change.observed,
        expected=_finite(change.expected),
        power=change.power,
        onset=onset,
        onset_interval=interval,
        recovered=recovered,
        where=dict(event.where) if event else None,
        root=root,
        factor=event.factor if event else None,
        steady=numbers.unaffected,
        parts=tuple(
            Part(dim=dim, value=value, before=before, during=during, gain=gain)
            for dim, value, before, during, gain in numbers.segments
        ),
        weekly_growth=change.weekly_growth,
        naive=impression.relative if impression else None,
        naive_parts=_parts(impression),
        words=words_of(panel, numbers),
        chart=chart_of(panel, numbers, onset, recovered),
    )


def rank_noun(
    found: ChangeFinding, outcome: Outcome, panel: Panel, numbers: Numbers, question: str = ""
) -> CauseRanking:
    """The outcome as a noun."""
    ranking = [candidate_of(verdict) for verdict in outcome.ranking]
    named = candidate_of(outcome.named) if outcome.named is not None else None
    others = [one for one in ranking if named is None or (one.service, one.ref) != (named.service, named.ref)]
    suspected = set(words(question))
    # What the question suspects comes first, so that it is answered; the others in order of their weight.
    others.sort(key=lambda one: -min(2, len(suspected & set(words(one.title)))))
    label = outcome.label
    score = named.score if named else (1.0 - ranking[0].score if ranking else 0.9)
    where = None if outcome.where is None else dict(outcome.where)
    chart = chart_of(panel, numbers, outcome.onset or found.onset, outcome.recovered, where)
    return CauseRanking(
        service="deus",
        ref=f"causes of {found.metric}",
        url=found.url,
        at=found.at,
        title=f"Why {found.metric} changed",
        metric=found.metric,
        happened=outcome.happened,
        label=label,
        change=found.change,
        interval=found.interval,
        onset=outcome.onset,
        onset_interval=outcome.interval,
        recovered=outcome.recovered,
        where=where,
        cause=named,
        record=dump(outcome.named.candidate.noun) if outcome.named is not None else None,
        others=tuple(others[:4]),
        score=round(score, 3),
        threshold=NAMED,
        lost=outcome.lost,
        payments=outcome.payments,
        holiday=outcome.holiday,
        settle=settling(outcome, found),
        advice=advice_for(outcome, found),
        unchecked=outcome.blind,
        root=found.root,
        chart=chart,
    )


def candidate_of(verdict: Verdict) -> CauseCandidate:
    """A verdict as a part of a noun."""
    noun = verdict.candidate.noun
    telling = sorted(verdict.reasons, key=lambda reason: -abs(reason[1]))
    return CauseCandidate(
        ref=noun.ref,
        service=noun.service,
        kind=noun.kind,
        title=noun.title or noun.text()[:80],
        label=noun.title or noun.text()[:80],
        url=noun.url,
        at=verdict.at,
        score=round(verdict.share, 3),
        odds=round(verdict.score, 2),
        reasons=tuple(text for text, _ in telling[:5]),
    )


def words_of(panel: Panel, numbers: Numbers) -> str:
    """The words by which documents about the change, or about reading such numbers, are found."""
    found = [panel.metric, panel.metric.replace("_", " ")]
    if numbers.event is None:
        return " ".join([*found, "dashboard metrics numbers weekend weekday compare week today report"])
    for dim, value in numbers.event.where.items():
        found += [dim.strip("$").replace("_", " "), value]
    return " ".join([*found, "campaign marketing plan" if "source" in numbers.event.where else "app versions"])


def _parts(impression: Any) -> dict[str, float]:
    if impression is None:
        return {}
    names = ("incomplete", "weekday", "trend", "before", "honest")
    return {name: float(np.expm1(getattr(impression, name))) for name in names}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _group(noun: Noun) -> str:
    return {"message": "said", "ticket": "met", "issue": "met", "document": "known", "incident": "known"}.get(
        noun.kind, "evidence"
    )
