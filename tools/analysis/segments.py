"""The segment in which an event lies: by the share of single values, and of pairs of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tools.analysis.calendar import Floats, Period
from tools.analysis.change import Change
from tools.analysis.contrast import Contrast, Shift, fit_share
from tools.analysis.event import FOUND, Event, search_of, touches, worth
from tools.analysis.panel import Panel, Table

# What a segment must gain beyond the price of all values, and a pair of values beyond the best single one.
_SEGMENT, SECOND_DIMENSION = 2.5, 5.5


def segment_contrasts(panel: Panel, metric: str) -> list[tuple[str, str, Contrast]]:
    margins = panel.margins.get(metric, {})
    found = []
    for dim, values in margins.items():
        whole = np.sum(list(values.values()), axis=0)
        found += [
            (dim, value, Contrast(part, whole, panel.grid, panel.known))
            for value, part in values.items()
            if len(values) > 1
        ]
    return found


def by_share(panel: Panel, sign: int, period: Period, change: Change) -> Event | None:
    """A change that only the share of a segment shows, too small for the metric's total; upstream ones flow down."""
    search = search_of(panel)
    options = [
        (metric, *rest)
        for metric in panel.family or (panel.metric,)
        if metric == panel.metric or metric in panel.upstream(panel.metric)
        for rest in segment_contrasts(panel, metric)
    ]
    best: tuple[float, Event] | None = None
    for metric, dim, value, contrast in options:
        shift = contrast.best(search, sign)
        if shift is None:
            continue
        gained = worth(shift, search, len(options))
        if gained <= FOUND or (best is not None and gained <= best[0]):
            continue
        moved = 1 if shift.factor > 1 else -1
        event = Event(metric, {dim: value}, shift.first, shift.last, shift.lasting, gained, shift.factor, moved)
        concerns = touches(panel, shift.first, shift.last, shift.lasting, period)
        if concerns and _truly(panel, contrast.part, event, change):
            best = gained, event
    return best[1] if best else None


def _truly(panel: Panel, part: Floats, event: Event, change: Change) -> bool:
    """Whether the segment itself left its usual level, that of its median day, and not only the rest the other way."""
    if change.baseline is None:
        return True
    expected = change.baseline.expected
    days = panel.grid.ordinals[: event.first]
    _, place = np.unique(days, return_inverse=True)
    seen = np.bincount(place, weights=part[: event.first])
    hoped = np.bincount(place, weights=expected[: event.first])
    usual = float(np.median(seen[hoped > 0] / hoped[hoped > 0])) if (hoped > 0).any() else 0.0
    inside = slice(event.first, event.last)
    ratio = part[inside].sum() / max(usual * float(expected[inside].sum()), 1e-9)
    return bool(ratio < 0.95 if event.sign < 0 else ratio > 1.05)


def had_peak(panel: Panel, period: Period) -> tuple[float, float] | None:
    """When some segment was far above its share for a while in the fortnight before the period, as seconds; or None."""
    low, high = panel.grid.index_at(period.start) - 14 * 24, panel.grid.index_at(period.start)
    if low < 24 * 10:
        return None
    best: tuple[float, tuple[float, float]] | None = None
    for metric in panel.margins:
        contrasts = segment_contrasts(panel, metric)
        for _, _, contrast in contrasts:
            shift = contrast.best((low, high), 1)
            if shift is None or shift.lasting or shift.last > high + 12:
                continue
            gained = worth(shift, (low, high), len(contrasts))
            if gained > FOUND and (best is None or gained > best[0]):
                best = gained, (float(panel.grid.epochs[shift.first]), float(panel.grid.epochs[shift.last]))
    return best[1] if best else None


def by_pair(panel: Panel, sign: int, period: Period, change: Change) -> Event | None:
    """A change that only a pair of values shows, from the daily table."""
    table = panel.tables.get(panel.metric)
    if table is None or len(table.dims) < 2:
        return None
    low, high = search_of(panel)
    begin, end = panel.grid.epochs[low], panel.grid.epochs[high]
    first_day = int(np.searchsorted(table.starts, begin))
    last_day = int(np.searchsorted(table.starts, end))
    rows, columns = np.triu_indices(last_day - first_day + 1, 1)
    starts, ends = rows + first_day, columns + first_day
    whole = np.append(0.0, np.cumsum(table.counts.sum(axis=1)))
    best: tuple[float, Event] | None = None
    masks = _pairs(table)
    for where, mask in masks:
        part = np.append(0.0, np.cumsum(table.counts[:, mask].sum(axis=1)))
        part_in, whole_in = part[ends] - part[starts], whole[ends] - whole[starts]
        part_out, whole_out = part[-1] - part_in, whole[-1] - whole_in
        now, then, both = (
            part_in / np.maximum(whole_in, 1e-9),
            part_out / np.maximum(whole_out, 1e-9),
            part[-1] / whole[-1],
        )
        gain = (
            fit_share(part_in, whole_in, now)
            + fit_share(part_out, whole_out, then)
            - fit_share(part[-1], whole[-1], both)
        )
        gain = np.where(
            (np.sign(now - then) == sign) if sign else True, gain - np.where(ends == last_day, 0.0, 5.0), 0.0
        )
        place = int(np.argmax(gain))
        gained = float(gain[place] - np.log(len(masks) * len(gain)))
        if gained <= FOUND or (best is not None and gained <= best[0]):
            continue
        lasting = bool(ends[place] == last_day)
        hours = np.searchsorted(
            panel.grid.epochs, [table.starts[starts[place]], table.starts[min(ends[place], len(table.starts) - 1)]]
        )
        last = high if lasting else int(hours[1])
        factor = float(now[place] / max(then[place], 1e-9))
        event = Event(panel.metric, where, int(hours[0]), last, lasting, gained, factor, 1 if factor > 1 else -1)
        if touches(panel, event.first, event.last, lasting, period):
            best = gained, event
    return best[1] if best else None


def _pairs(table: Table) -> list[tuple[dict[str, str], NDArray[np.bool_]]]:
    columns = [np.array([key[i] for key in table.keys]) for i in range(len(table.dims))]
    return [
        ({table.dims[i]: str(value), table.dims[j]: str(other)}, (columns[i] == value) & (columns[j] == other))
        for i in range(len(table.dims))
        for j in range(i + 1, len(table.dims))
        for value in np.unique(columns[i])
        for other in np.unique(columns[j])
    ]


def segmented(
    panel: Panel, event: Event
) -> tuple[Event, tuple[tuple[str, str, float, float, float], ...], tuple[tuple[Mapping[str, str], float], ...]]:
    """The event in the segment whose share explains it, where one does; and every value's share."""
    metric = event.metric if event.metric in panel.margins else panel.metric
    contrasts = segment_contrasts(panel, metric)
    search = search_of(panel)
    near = (max(search[0], event.first - 36), min(search[1], event.first + 37))
    rows, options = [], []
    part_seen = float(panel.totals[metric][event.first : event.last].sum())
    for dim, value, contrast in contrasts:
        shift = near_event(contrast, event, near)
        inside = slice(event.first, event.last)
        parts, wholes = contrast._sums
        part, whole = float(contrast.part[inside].sum()), float(contrast.whole[inside].sum())
        before = (parts[-1] - part) / max(wholes[-1] - whole, 1e-9)
        rows.append((dim, value, float(before), part / max(whole, 1e-9), shift.gain if shift else 0.0))
        if shift is not None:
            implied = 1 - before * (1 - shift.factor)
            gained = shift.gain - float(np.log(len(contrasts))) - _misfit(event, implied, part_seen)
            options.append((gained, dim, value, shift))
    options.sort(key=lambda option: -option[0])
    alternatives = tuple(({dim: value}, gained) for gained, dim, value, _ in options[:6])
    if not options or options[0][0] < _SEGMENT:
        return event, tuple(rows), alternatives
    gained, dim, value, shift = options[0]
    where = {dim: value}
    finer = _finer(panel, metric, shift, event.sign)
    where = finer or where
    located = Event(
        metric,
        where,
        shift.first,
        shift.last,
        shift.lasting,
        max(event.gain, gained),
        shift.factor,
        event.sign,
        event.against,
    )
    return located, tuple(rows), alternatives


def _misfit(event: Event, implied: float, counted: float) -> float:
    """How badly a segment's change, the rest unchanged, agrees with that of the whole, in nats."""
    if event.where:
        return 0.0
    spread = float(np.sqrt(1 / max(counted, 1.0) + 0.06**2))
    return float(min(30.0, 0.5 * (np.log(max(implied, 1e-3) / max(event.factor, 1e-3)) / spread) ** 2))


def near_event(contrast: Contrast, event: Event, near: tuple[int, int]) -> Shift | None:
    """A segment's window near that of the whole: its own beginning, the same kind of end."""
    if event.lasting:
        return contrast.best(near, event.sign, may_end=False)
    firsts = np.arange(max(near[0], event.first - 8), min(near[1], event.first + 9, event.last), dtype=np.int64)
    if len(firsts) == 0:
        return None
    gain, factor = contrast.gains(firsts, np.full(len(firsts), event.last), event.sign)
    place = int(np.argmax(gain))
    return Shift(int(firsts[place]), event.last, float(gain[place]), float(factor[place]), False)


def _finer(panel: Panel, metric: str, shift: Shift, sign: int) -> dict[str, str] | None:
    """The pair of values that explains a shift clearly better than any single value, None where none does."""
    table = panel.tables.get(metric)
    if table is None:
        return None
    begin, end = panel.grid.epochs[shift.first], panel.grid.epochs[shift.last]
    covered = np.clip((np.minimum(table.starts + 86400, end) - np.maximum(table.starts, begin)) / 86400, 0, 1)
    inside, outside = covered > 0.6, covered < 0.02
    if not inside.any() or outside.sum() < 7:
        return None
    during, usual = table.counts[inside].sum(axis=0), table.counts[outside].sum(axis=0)
    columns = [np.array([key[i] for key in table.keys]) for i in range(len(table.dims))]
    single: tuple[float, dict[str, str]] = (0.0, {})
    pair: tuple[float, dict[str, str]] = (0.0, {})
    for i, dim in enumerate(table.dims):
        for value in np.unique(columns[i]):
            mask = columns[i] == value
            gain = _share_gain(during, usual, mask, sign)
            if gain > single[0]:
                single = gain, {dim: str(value)}
            for j in range(i + 1, len(table.dims)):
                for other in np.unique(columns[j]):
                    gain = _share_gain(during, usual, mask & (columns[j] == other), sign)
                    if gain > pair[0]:
                        pair = gain, {dim: str(value), table.dims[j]: str(other)}
    return pair[1] if pair[0] > single[0] + SECOND_DIMENSION else None


def _share_gain(during: Floats, usual: Floats, mask: NDArray[np.bool_], sign: int) -> float:
    part, whole, before, total = during[mask].sum(), during.sum(), usual[mask].sum(), usual.sum()
    now, then, both = part / max(whole, 1e-9), before / max(total, 1e-9), (part + before) / max(whole + total, 1e-9)
    if sign and np.sign(now - then) != sign:
        return 0.0
    return float(
        fit_share(part, whole, now)
        + fit_share(before, total, then)
        - fit_share(part, whole, both)
        - fit_share(before, total, both)
    )
