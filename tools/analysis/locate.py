"""The event behind a question: when the total moved, at which step of the funnel, or on which holiday. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tools.analysis.calendar import HOUR, Floats, Holiday, Period
from tools.analysis.change import Change
from tools.analysis.event import FOUND, Event, contrast_of, ratio_of, search_of, touches, unmoved, worth
from tools.analysis.onset import onset
from tools.analysis.panel import Panel
from tools.analysis.segments import SECOND_DIMENSION, by_pair, by_share

# What a step beside a slope must explain, in squared standard errors, for the fall to be the step's.
_STEP_BESIDE = 25.0


def whole_event(panel: Panel, period: Period, sign: int, holidays: Sequence[Holiday]) -> Event | None:
    """The likeliest change of the metric's total: by itself, or against a step before it."""
    search = search_of(panel)
    within = Period(panel.grid.moment(search[0]), panel.grid.moment(search[1]))
    grid, metric = panel.grid, panel.metric
    found: list[tuple[float, Event]] = []
    scan = onset(
        panel.totals[metric], grid.start, HOUR, grid.tz, panel.now, search=within, direction=sign, holidays=holidays
    )
    if scan is not None and scan.found:
        first = grid.index_at(scan.at)
        last = grid.index_at(scan.recovered) if scan.recovered else search[1]
        moved = 1 if scan.factor > 1 else -1
        event = Event(metric, {}, first, last, scan.recovered is None, scan.score, scan.factor, moved, None, scan)
        found.append((scan.score, event))
    for other in panel.upstream(metric):
        contrast = contrast_of(panel, metric, other)
        shift = contrast.best(search, sign)
        if shift is not None and (gained := worth(shift, search)) > FOUND:
            moved = 1 if shift.factor > 1 else -1
            event = Event(
                metric,
                {},
                shift.first,
                shift.last,
                shift.lasting,
                gained,
                ratio_of(panel, metric, other, shift),
                moved,
                other,
            )
            found.append((gained, event))
    relevant = [(gain, e) for gain, e in found if touches(panel, e.first, e.last, e.lasting, period)]
    return max(relevant, key=lambda pair: pair[0])[1] if relevant else None


def located(panel: Panel, event: Event | None, sign: int, period: Period, change: Change) -> Event | None:
    """The event at the first step of the funnel that shows it; by a segment's share where no total shows any."""
    if event is None:
        if change.label == "earlier-peak":
            return None
        return finest(by_share(panel, sign, period, change), by_pair(panel, sign, period, change))
    still = [name for name in panel.upstream(panel.metric) if unmoved(panel, panel.metric, name, event)]
    if still:
        reference = still[0]
        mine = panel.totals[panel.metric].sum()
        moved = [name for name in panel.family if name not in still and panel.totals[name].sum() >= mine]
        for name in moved:
            if name == panel.metric or unmoved(panel, name, reference, event):
                return _again(panel, event, name, still)
        return event
    root = panel.family[0] if panel.family else panel.metric
    return event if root == panel.metric else _again(panel, event, root, ())


def finest(single: Event | None, pair: Event | None) -> Event | None:
    """The likelier of the two; a pair must do clearly better than one of its own values alone."""
    if single is None or pair is None:
        return single or pair
    within = single.where.items() <= pair.where.items()
    return pair if pair.gain > single.gain + (SECOND_DIMENSION if within else 0.0) else single


def _again(panel: Panel, event: Event, metric: str, references: Sequence[str]) -> Event:
    """The event as a metric of the family shows it against the sharpest reference; unchanged where that is less."""
    if not references:
        return Event(
            metric,
            {},
            event.first,
            event.last,
            event.lasting,
            event.gain,
            event.factor,
            event.sign,
            None,
            event.scan if metric == event.metric else None,
        )
    low, high = search_of(panel)
    near = (max(low, event.first - 36), min(high, event.first + 37))
    shown = [
        (shift.gain, reference, shift)
        for reference in references
        if (shift := contrast_of(panel, metric, reference).best(near, event.sign, may_end=not event.lasting))
    ]
    gain, reference, shift = max(shown, key=lambda option: option[0], default=(0.0, "", None))
    if shift is None or gain < 6:
        return event
    factor = ratio_of(panel, metric, reference, shift)
    return Event(
        metric,
        {},
        shift.first,
        shift.last,
        shift.lasting,
        max(event.gain, worth(shift, (low, high))),
        factor,
        event.sign,
        reference,
    )


def upstream_event(panel: Panel, period: Period, sign: int, holidays: Sequence[Holiday]) -> Event | None:
    """A change of the funnel's first step that the metric is too small to show, and does not contradict."""
    if not panel.upstream(panel.metric):
        return None
    first = panel.family[0]
    event = whole_event(replace(panel, metric=first), period, sign, holidays)
    if event is None:
        return None
    against, _ = contrast_of(panel, panel.metric, first).gains(
        np.array([event.first]), np.array([event.last]), -event.sign
    )
    return event if float(against[0]) < 3.0 else None


def scanned(panel: Panel, change: Change) -> Event | None:
    """The likeliest step behind a period that is surely not as expected, however it began."""
    scan = change.scan
    if change.verdict not in ("dropped", "rose") or change.label is not None or scan is None:
        return None
    moved = 1 if change.verdict == "rose" else -1
    if (scan.factor > 1) != (moved > 0):
        return None
    first = panel.grid.index_at(scan.at)
    last = panel.grid.index_at(scan.recovered) if scan.recovered else search_of(panel)[1]
    return Event(panel.metric, {}, first, last, scan.recovered is None, scan.score, scan.factor, moved, None, scan)


def holiday_event(panel: Panel, change: Change, holidays: Sequence[Holiday]) -> Event | None:
    """The days of a holiday that explain the period, as an event."""
    if change.label != "holiday":
        return None
    base = change.baseline
    if base is None:
        return None
    dates = {h.date.toordinal() for h in holidays}
    counts, ordinals = panel.totals[panel.metric], panel.grid.ordinals
    inside = panel.known & panel.grid.within(change.period) & np.isin(ordinals, list(dates))
    lowest: tuple[float, int, int, float] | None = None
    for day in np.unique(ordinals[inside]):
        begin = end = int(day)
        while begin - 1 in dates:
            begin -= 1
        while end + 1 in dates:
            end += 1
        held = np.flatnonzero(panel.known & (ordinals >= begin) & (ordinals <= end))
        first, last = int(held[0]), int(held[-1]) + 1
        seen, hoped = float(counts[first:last].sum()), float(base.expected[first:last].sum())
        if lowest is None or seen - hoped < lowest[0]:
            lowest = seen - hoped, first, last, seen / max(hoped, 1e-9)
    if lowest is None:
        return None
    return Event(panel.metric, {}, lowest[1], lowest[2], False, 20.0, lowest[3], -1)


def is_trend(panel: Panel, event: Event) -> bool:
    """Whether a steady slope over all of history, not a step at the event, moved the days as the event says.

    The slope must go the event's way, fit better than the step, and leave the step little to explain beside it.
    """
    counts = panel.totals[event.metric]
    other = panel.totals[event.against] if event.against else None
    ordinals, day, hours = np.unique(panel.grid.ordinals[panel.known], return_inverse=True, return_counts=True)
    mine = np.bincount(day, weights=counts[panel.known])
    theirs = np.bincount(day, weights=other[panel.known]) if other is not None else np.ones(len(mine))
    after = np.bincount(day, weights=(np.flatnonzero(panel.known) >= event.first).astype(float)) / hours
    whole = (hours >= 23) & (theirs > 0)
    if whole.sum() < 21:
        return False
    y = np.log((mine[whole] + 0.5) / theirs[whole])
    weight = np.sqrt(1 / (1 / (mine[whole] + 1) + 0.02**2))
    weekdays = np.eye(7)[(ordinals[whole] + 6) % 7] if other is None else np.ones((len(y), 1))

    def fit(*columns: Floats) -> tuple[float, float]:
        """The misfit, in which no day counts for more than three standard errors, and the last column's factor."""
        design = np.column_stack([weekdays, *columns]) * weight[:, None]
        found, *_ = np.linalg.lstsq(design, y * weight, rcond=None)
        squared = ((y * weight) - design @ found) ** 2
        return float(np.sum(np.minimum(squared, 9.0))), float(found[-1])

    slope = (ordinals[whole] - ordinals[whole].mean()) / 7.0
    step = after[whole]
    (sloping, growth), (stepping, _), (both, _) = fit(slope), fit(step), fit(step, slope)
    return sloping + 4.0 < stepping and growth * event.sign > 0 and sloping - both < _STEP_BESIDE
