"""What the numbers alone say: whether it happened, since when, in which step of the funnel and which segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from tools.analysis.calendar import DAY, HOUR, Holiday, Period, midnight
from tools.analysis.change import Change, assess
from tools.analysis.contrast import Contrast, Likelihood
from tools.analysis.event import Event, contrast_of, search_of, unmoved
from tools.analysis.locate import holiday_event, is_trend, located, scanned, upstream_event, whole_event
from tools.analysis.onset import onset
from tools.analysis.panel import Panel
from tools.analysis.segments import had_peak, near_event, segmented


@dataclass(frozen=True)
class Numbers:
    """The event, or the ordinary reason why there seems to be one; `change` compares the period asked about.

    `segments` has a row for every value: property, value, its share of the metric before and during, gain in nats.
    """

    event: Event | None
    change: Change
    likelihood: Likelihood | None
    segments: tuple[tuple[str, str, float, float, float], ...] = ()
    unaffected: tuple[str, ...] = ()
    alternatives: tuple[tuple[Mapping[str, str], float], ...] = field(default=())


def examine(panel: Panel, period: Period, sign: int, asked: float, holidays: Sequence[Holiday] = ()) -> Numbers:
    """Finds the event behind a question about the metric in the period; `sign` 0 where it names no direction."""
    counts = panel.totals[panel.metric]
    change = assess(counts, panel.grid.start, HOUR, panel.grid.tz, panel.now, period, holidays=holidays, asked=asked)
    change = _by_first_step(panel, change, period, asked, holidays)
    sign = _as_it_went(change, sign)
    event = holiday_event(panel, change, holidays) or whole_event(panel, period, sign, holidays)
    if event is not None and event.lasting and is_trend(panel, event):
        return Numbers(None, replace(change, label="trend", verdict="dropped" if event.sign < 0 else "rose"), None)
    event = located(panel, event, sign, period, change) or scanned(panel, change)
    if event is None and change.label not in ("earlier-peak", "trend"):
        event = upstream_event(panel, period, sign, holidays)
    if event is None:
        if (
            change.verdict in ("nothing", "cannot_tell")
            and change.label is None
            and asked < 0
            and had_peak(panel, period)
        ):
            change = replace(change, label="earlier-peak")
        return Numbers(None, change, None)
    kept = event.where
    event, rows, alternatives = segmented(panel, event)
    if len(kept) > 1:
        event = replace(event, where=kept)
    likelihood = likelihood_of(panel, event, holidays)
    unaffected = tuple(name for name in panel.upstream(event.metric) if unmoved(panel, panel.metric, name, event))
    return Numbers(event, change, likelihood, rows, unaffected, alternatives)


def _as_it_went(change: Change, sign: int) -> int:
    """The direction to look in: the one that was asked about, unless the period surely went the other way."""
    went = {"dropped": -1, "rose": 1}.get(change.verdict, 0) if change.label is None else 0
    return went if went and sign and went != sign and change.p_value < 1e-4 else sign


def _by_first_step(panel: Panel, change: Change, period: Period, asked: float, holidays: Sequence[Holiday]) -> Change:
    """The holiday or trend that the funnel's first step shows, where the metric itself is too small to show it."""
    if change.verdict not in ("nothing", "cannot_tell") or not panel.upstream(panel.metric):
        return change
    free = any(period.contains(at) for h in holidays if (at := midnight(h.date, panel.grid.tz) + DAY / 2))
    wanted = {"holiday"} if free and asked < 0 else set()
    if change.label is None and period.end - period.start >= DAY * 14:
        wanted.add("trend")
    if not wanted:
        return change
    grid, first = panel.grid, panel.family[0]
    whole = assess(panel.totals[first], grid.start, HOUR, grid.tz, panel.now, period, holidays=holidays, asked=asked)
    if whole.label not in wanted:
        return change
    return replace(change, verdict=whole.verdict, label=whole.label, weekly_growth=whole.weekly_growth)


def likelihood_of(panel: Panel, event: Event, holidays: Sequence[Holiday] = ()) -> Likelihood | None:
    """The likelihood of every time of beginning, from whatever shows this event most sharply."""
    search = search_of(panel)
    if event.where:
        margins = panel.margins.get(event.metric, {})
        options = []
        exact = panel.segments.get((event.metric, frozenset(event.where.items())))
        if exact is not None:
            contrast = Contrast(exact, panel.totals[event.metric], panel.grid, panel.known)
            shift = near_event(contrast, event, (max(search[0], event.first - 36), min(search[1], event.first + 37)))
            if shift is not None and shift.gain > 0:
                return contrast.onset(shift, search)
        for dim, value in event.where.items():
            whole = np.sum(list(margins[dim].values()), axis=0)
            contrast = Contrast(margins[dim][value], whole, panel.grid, panel.known)
            shift = near_event(contrast, event, (max(search[0], event.first - 36), min(search[1], event.first + 37)))
            if shift is not None:
                options.append((shift.gain, contrast, shift))
        _, contrast, shift = max(options, key=lambda option: option[0])
        return contrast.onset(shift, search)
    still = [name for name in panel.upstream(event.metric) if unmoved(panel, event.metric, name, event)]
    near = (max(search[0], event.first - 36), min(search[1], event.first + 37))
    contrasts = [contrast_of(panel, event.metric, name) for name in still]
    shifts = [(shift.gain, c, shift) for c in contrasts if (shift := near_event(c, event, near)) and shift.gain > 6]
    if shifts:
        _, contrast, shift = max(shifts, key=lambda option: option[0])
        return contrast.onset(shift, search)
    scan = event.scan
    if scan is None:
        within = Period(panel.grid.moment(search[0]), panel.grid.moment(search[1]))
        scan = onset(
            panel.totals[event.metric], panel.grid.start, HOUR, panel.grid.tz, panel.now, search=within,
            direction=event.sign, holidays=holidays,
        )  # fmt: skip
    if scan is None or len(scan.profile.times) < 2:
        return None
    starts = np.array([at.timestamp() for at in scan.profile.times])
    # A beginning within an hour is as likely as at the better of the hour's ends: the profile knows whole hours only.
    within = np.maximum(scan.profile.loglik, np.append(scan.profile.loglik[1:], scan.profile.loglik[-1]))
    epochs = (starts[:, None] + np.arange(4) * 900.0).ravel()
    return Likelihood(epochs, np.column_stack([scan.profile.loglik, within, within, within]).ravel())


def moment_of(panel: Panel, second: float) -> datetime:
    """A time of the panel's grid as an aware one."""
    return panel.grid.start + timedelta(seconds=second - panel.grid.start.timestamp())
