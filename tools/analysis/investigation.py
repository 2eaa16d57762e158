"""Numbers and records put together: what happened, since when, where and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tools.analysis.calendar import Holiday, local_date
from tools.analysis.candidates import Candidate, gather
from tools.analysis.causes import NAMED, Situation, Verdict, rank
from tools.analysis.contrast import Likelihood
from tools.analysis.event import Event
from tools.analysis.examine import Numbers, moment_of
from tools.analysis.panel import Panel
from tools.analysis.reading import reading
from tools.analysis.related import measured_elsewhere, supporting
from tools.analysis.segments import had_peak
from tools.nouns import Noun, Series

# A label of the numbers alone means that nothing happened, or that something ordinary did.
NOT_HAPPENED = ("weekday", "incomplete-period", "earlier-peak")


@dataclass(frozen=True)
class Outcome:
    """What an investigation found.

    `label` is FORMAT.md's word where the cause is none of the records; `named` the candidate that is. `onset` is the
    named cause's time where the numbers allow it. `related` are records to cite with what each shows.
    """

    happened: bool | None
    label: str | None
    named: Verdict | None
    ranking: tuple[Verdict, ...] = ()
    onset: datetime | None = None
    interval: tuple[datetime, datetime] | None = None
    recovered: datetime | None = None
    where: Mapping[str, str] | None = None
    related: tuple[tuple[Noun, str], ...] = ()
    holiday: str | None = None
    lost: float = 0.0
    payments: float | None = None
    blind: tuple[str, ...] = field(default=())


def investigate(
    panel: Panel,
    numbers: Numbers,
    nouns: Sequence[Noun],
    *,
    tz: ZoneInfo,
    unchecked: Sequence[str] = (),
    holidays: Sequence[Holiday] = (),
    payments: Sequence[Series] = (),
) -> Outcome:
    """Weighs the records against the event of the numbers, and gathers what to cite."""
    change, event = numbers.change, numbers.event
    blind = tuple(sorted(unchecked))
    if event is None:
        label = change.label
        if label == "trend":
            return Outcome(True, "trend", None, related=tuple(reading(nouns, "trend")), blind=blind)
        if change.verdict in ("dropped", "rose"):
            return Outcome(True, label or "unknown", None, where={}, blind=blind)
        related = reading(nouns, label, None, had_peak(panel, change.period) or _peak(numbers)) if label else []
        happened = None if change.verdict == "cannot_tell" and label not in NOT_HAPPENED else False
        return Outcome(happened, label, None, related=tuple(related), blind=blind)
    holiday = _holiday(panel, event, holidays)
    likelihood = numbers.likelihood
    recovered = None if event.lasting else panel.grid.moment(event.last)
    if holiday is not None:
        first = panel.grid.moment(event.first)
        start = datetime.combine(holiday.date, datetime.min.time(), tzinfo=tz)
        onset = start if abs(first - start) < timedelta(days=2) else first
        return Outcome(
            True,
            "holiday",
            None,
            related=tuple(reading(nouns, "holiday", onset)),
            onset=onset,
            recovered=recovered,
            where=event.where,
            holiday=holiday.name,
            blind=blind,
        )
    if likelihood is None:
        return Outcome(
            True,
            "unknown",
            None,
            onset=panel.grid.moment(event.first),
            recovered=recovered,
            where=event.where,
            blind=blind,
        )
    mode = moment_of(panel, likeliest(likelihood))
    low, high = likelihood.interval()
    interval = (moment_of(panel, low), moment_of(panel, high))
    lost = lost_an_hour(panel, event)
    situation = Situation(
        metric=event.metric if event.metric in panel.totals else panel.metric,
        relatives=(panel.metric, *panel.family),
        where=event.where,
        dims={dim: tuple(values) for dim, values in panel.margins.get(event.metric, {}).items()},
        alternatives=numbers.alternatives,
        sign=event.sign,
        lost=lost,
        factor=event.factor,
        onset=mode,
        until=recovered,
        now=panel.now,
        likelihood=likelihood,
        blind=frozenset(blind),
    )
    begin = moment_of(panel, float(likelihood.epochs[0]))
    ranking = rank(gather(nouns, begin, panel.now, event.sign, tz), situation)
    paid = payments_change(payments, mode, recovered or panel.now)
    named = ranking[0] if ranking and ranking[0].score >= NAMED else None
    if named is None:
        return Outcome(
            True, "unknown", None, tuple(ranking), mode, interval, recovered, event.where, (), None, lost, paid, blind
        )
    where = _where(event, named.candidate, numbers)
    onset = named.at if _compatible(likelihood, named, mode) else mode
    if named.candidate.rollback is not None and recovered is not None:
        back = named.candidate.rollback.at
        recovered = back if abs(back - recovered) < timedelta(hours=3) else recovered
    if named.measuring and event.sign < 0:
        related = measured_elsewhere(named, situation, nouns)
        return Outcome(
            True,
            "tracking",
            named,
            tuple(ranking),
            onset,
            interval,
            recovered,
            where,
            tuple(related),
            None,
            lost,
            paid,
            blind,
        )
    related = supporting(named, situation, nouns)
    return Outcome(
        True, None, named, tuple(ranking), onset, interval, recovered, where, tuple(related), None, lost, paid, blind
    )


def likeliest(likelihood: Likelihood, reach: float = 6 * 3600.0) -> float:
    """The moment around which most of the probability lies, within `reach` on both sides."""
    weight = np.exp(likelihood.loglik - likelihood.loglik.max()) * np.gradient(likelihood.epochs)
    running = np.append(0.0, np.cumsum(weight))
    low = np.searchsorted(likelihood.epochs, likelihood.epochs - reach)
    high = np.searchsorted(likelihood.epochs, likelihood.epochs + reach, side="right")
    mass = running[high] - running[low]
    near = np.flatnonzero(mass >= mass.max() - 1e-6 * weight.sum())
    best = near[int(np.argmax(weight[near]))]
    return float(likelihood.epochs[best])


def _compatible(likelihood: Likelihood, named: Verdict, mode: datetime) -> bool:
    second = named.at.timestamp()
    near = max(likelihood.at(second), likelihood.at(second + 1800), likelihood.at(second - 900))
    return near > -7 or abs(named.at - mode) < timedelta(hours=2)


def lost_an_hour(panel: Panel, event: Event) -> float:
    """How many events an hour are missing (or too many) in the event's segment."""
    inside = slice(event.first, event.last)
    counts = panel.totals[event.metric]
    for dim, value in event.where.items():
        margin = panel.margins.get(event.metric, {}).get(dim, {})
        if value in margin:
            counts = np.minimum(counts, margin[value])
    seen = float(counts[inside].sum())
    usual = (seen + 0.5) / max(event.factor, 0.01)
    return abs(usual - seen) / max(1, event.last - event.first)


def payments_change(payments: Sequence[Series], since: datetime, until: datetime) -> float | None:
    """Payments in the window over those of the same weekdays and hours before, less 1; None where too few."""
    points = [point for series in payments for point in series.points]
    inside = sum(point.value for point in points if since <= point.at < until)
    earlier = [
        sum(point.value for point in points if since <= point.at + timedelta(weeks=week) < until)
        for week in range(1, 9)
        if points and until - timedelta(weeks=week) <= since and since - timedelta(weeks=week) >= points[0].at
    ]
    usual = float(np.mean(earlier)) if earlier else 0.0
    return inside / usual - 1 if usual >= 50 else None


def _where(event: Event, candidate: Candidate, numbers: Numbers) -> Mapping[str, str]:
    """The event's segment, or the one that the named cause speaks of where the numbers bear it nearly as well."""
    own = candidate.where
    if not own or dict(own) == dict(event.where):
        return event.where
    best = max((worth for _, worth in numbers.alternatives), default=0.0)
    for other, worth in numbers.alternatives:
        if dict(other) == dict(own) and worth > max(-2.0, best - 5.0):
            return own
    if event.where and all(own.get(dim) == value for dim, value in event.where.items()):
        return own
    return event.where


def _holiday(panel: Panel, event: Event, holidays: Sequence[Holiday]) -> Holiday | None:
    """The holiday whose days (and the free days that hang on them) the event covers, and hardly any others."""
    if event.sign > 0 or (event.lasting and event.last - event.first > 24 * 5):
        return None
    if any("country" not in dim for dim in event.where):
        return None
    tz = panel.grid.tz
    named = set(event.where.values())
    dates = {h.date: h for h in holidays if not named or h.country in named}
    free = _bridged(dates)
    days = [local_date(panel.grid.moment(place), tz) for place in range(event.first, event.last)]
    on = [day for day in days if day in dates]
    weight = panel.totals[panel.metric]
    usual = [
        float(weight[max(0, place - 24 * 7)] + weight[max(0, place - 24 * 14)]) + 0.01
        for place in range(event.first, event.last)
    ]
    covered = sum(u for day, u in zip(days, usual, strict=True) if day in free)
    if not on or covered < 0.8 * sum(usual):
        return None
    return dates[on[0]] if on.count(on[0]) >= 14 or len(set(on)) > 1 else None


def _bridged(dates: Mapping[date, Holiday]) -> set[date]:
    """Holidays, weekends that touch one, and the single working day between a holiday and a weekend."""
    found = set(dates)
    for _ in range(2):
        for day in list(found):
            for step in (timedelta(days=1), timedelta(days=-1)):
                next_day, after = day + step, day + 2 * step
                if next_day.weekday() >= 5 or (after.weekday() >= 5 and day in dates):
                    found.add(next_day)
    return found


def _peak(numbers: Numbers) -> tuple[float, float] | None:
    """When an earlier peak began and ended."""
    scan = numbers.change.scan
    if scan is None:
        previous = numbers.change.impression.previous if numbers.change.impression else None
        return (previous.start.timestamp(), previous.end.timestamp()) if previous else None
    return scan.at.timestamp(), (scan.recovered or numbers.change.period.start).timestamp()
