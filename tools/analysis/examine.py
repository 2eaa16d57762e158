"""What the numbers alone say: whether it happened, since when, in which step of the funnel and which segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from tools.analysis.calendar import DAY, HOUR, Floats, Holiday, Period
from tools.analysis.change import Change, assess
from tools.analysis.contrast import Contrast, Likelihood, Shift, fit_share
from tools.analysis.onset import Onset, onset
from tools.analysis.panel import Panel, Table

# What an event must gain beyond the price of searching for it, and a segment beyond that of all values.
_FOUND, _SEGMENT = 4.0, 2.5
_SECOND_DIMENSION = 4.5
_LOOKED_BACK = 28


@dataclass(frozen=True)
class Event:
    """A change of one metric in [first, last) of the panel's hours, in one segment or ({}) in all alike."""

    metric: str
    where: Mapping[str, str]
    first: int
    last: int
    lasting: bool
    gain: float
    factor: float
    sign: int
    against: str | None = None
    scan: Onset | None = None


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


def search_of(panel: Panel) -> tuple[int, int]:
    """Places of the hours in which a beginning is sought: four weeks, two of history before them where there are."""
    end = int(np.flatnonzero(panel.known)[-1]) + 1
    low = min(max(14 * 24, end - _LOOKED_BACK * 24), max(1, end - 7 * 24))
    return low, end


def examine(panel: Panel, period: Period, sign: int, asked: float, holidays: Sequence[Holiday] = ()) -> Numbers:
    """Finds the event behind a question about the panel's metric in the period; `sign` 0 where it names no direction."""
    counts = panel.totals[panel.metric]
    change = assess(counts, panel.grid.start, HOUR, panel.grid.tz, panel.now, period, holidays=holidays, asked=asked)
    event = _holiday(panel, change, holidays) or _whole(panel, period, sign, holidays)
    if event is not None and event.lasting and is_trend(panel, event):
        return Numbers(None, replace(change, label="trend", verdict="dropped" if event.sign < 0 else "rose"), None)
    event = _located(panel, event, sign, period, change) or _scanned(panel, change)
    if event is None:
        return Numbers(None, change, None)
    kept = event.where
    event, rows, alternatives = _segmented(panel, event)
    if len(kept) > 1:
        event = replace(event, where=kept)
    likelihood = likelihood_of(panel, event, holidays)
    unaffected = tuple(name for name in panel.upstream(event.metric) if _unmoved(panel, panel.metric, name, event))
    return Numbers(event, change, likelihood, rows, unaffected, alternatives)


def _touches(panel: Panel, first: int, last: int, lasting: bool, period: Period) -> bool:
    begin = panel.grid.moment(first)
    end = panel.now if lasting else panel.grid.moment(last)
    return begin < max(period.end, period.start + DAY) and end > period.start


def _whole(panel: Panel, period: Period, sign: int, holidays: Sequence[Holiday]) -> Event | None:
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
        contrast = _contrast(panel, metric, other)
        shift = contrast.best(search, sign)
        if shift is not None and (worth := _worth(shift, search)) > _FOUND:
            moved = 1 if shift.factor > 1 else -1
            event = Event(
                metric,
                {},
                shift.first,
                shift.last,
                shift.lasting,
                worth,
                _ratio(panel, metric, other, shift),
                moved,
                other,
            )
            found.append((worth, event))
    relevant = [(worth, e) for worth, e in found if _touches(panel, e.first, e.last, e.lasting, period)]
    return max(relevant, key=lambda pair: pair[0])[1] if relevant else None


def _worth(shift: Shift, search: tuple[int, int], choices: int = 1) -> float:
    places = max(2, search[1] - search[0])
    price = np.log(places) + (0.0 if shift.lasting else np.log(places) / 2)
    return float(shift.gain - price - np.log(choices))


def _contrast(panel: Panel, metric: str, other: str) -> Contrast:
    part, whole = panel.totals[metric], panel.totals[other]
    if bool(np.all(part[panel.known] <= whole[panel.known])):
        return Contrast(part, whole, panel.grid, panel.known)
    return Contrast.between(part, whole, panel.grid, panel.known)


def _ratio(panel: Panel, metric: str, other: str, shift: Shift) -> float:
    """By what the metric was multiplied, measured against the other."""
    inside = np.zeros(panel.grid.size, dtype=np.bool_)
    inside[shift.first : shift.last] = True
    mine, theirs = panel.totals[metric], panel.totals[other]
    outside = panel.known & ~inside
    usual = (mine[outside].sum() + 0.5) / (theirs[outside].sum() + 1)
    now = (mine[inside].sum() + 0.5) / (theirs[inside].sum() + 1)
    return float(now / usual)


def _unmoved(panel: Panel, metric: str, other: str, event: Event) -> bool:
    """Whether `metric` changed against `other` as it did by itself, so that `other` did not change with it."""
    contrast = _contrast(panel, metric, other)
    inside = np.zeros(panel.grid.size, dtype=np.bool_)
    inside[event.first : event.last] = True
    within, outside = panel.known & inside, panel.known & ~inside
    part, whole = contrast.part[within].sum(), contrast.whole[within].sum()
    usual = contrast.part[outside].sum() / max(contrast.whole[outside].sum(), 1e-9)
    usual = float(np.clip(usual, 1e-6, 1 - 1e-6))
    odds = usual / (1 - usual) * event.factor
    changed = (
        float(np.clip(usual * event.factor, 1e-6, 1 - 1e-6))
        if contrast.whole is panel.totals[other]
        else odds / (1 + odds)
    )
    return bool(fit_share(part, whole, changed) > fit_share(part, whole, usual))


def _located(panel: Panel, event: Event | None, sign: int, period: Period, change: Change) -> Event | None:
    """The event at the first step of the funnel that shows it; by a segment's share where no total shows any."""
    if event is None:
        if change.label == "earlier-peak":
            return None
        options = [_by_share(panel, sign, period, change), _by_pair(panel, sign, period, change)]
        return max((option for option in options if option), key=lambda option: option.gain, default=None)
    unmoved = [name for name in panel.upstream(panel.metric) if _unmoved(panel, panel.metric, name, event)]
    if unmoved:
        reference = unmoved[0]
        mine = panel.totals[panel.metric].sum()
        moved = [name for name in panel.family if name not in unmoved and panel.totals[name].sum() >= mine]
        for name in moved:
            if name == panel.metric or _unmoved(panel, name, reference, event):
                return _again(panel, event, name, reference)
        return event
    root = panel.family[0] if panel.family else panel.metric
    return event if root == panel.metric else _again(panel, event, root, None)


def _again(panel: Panel, event: Event, metric: str, reference: str | None) -> Event:
    """The event as another metric of the family shows it, near the same time; unchanged where that shows it less."""
    if reference is None:
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
    shift = _contrast(panel, metric, reference).best(near, event.sign, may_end=not event.lasting)
    if shift is None or shift.gain < 6:
        return event
    factor = _ratio(panel, metric, reference, shift)
    return Event(
        metric,
        {},
        shift.first,
        shift.last,
        shift.lasting,
        max(event.gain, _worth(shift, (low, high))),
        factor,
        event.sign,
        reference,
    )


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


def _by_share(panel: Panel, sign: int, period: Period, change: Change) -> Event | None:
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
        worth = _worth(shift, search, len(options))
        if worth <= _FOUND or (best is not None and worth <= best[0]):
            continue
        moved = 1 if shift.factor > 1 else -1
        event = Event(metric, {dim: value}, shift.first, shift.last, shift.lasting, worth, shift.factor, moved)
        if _touches(panel, shift.first, shift.last, shift.lasting, period) and _truly(contrast.part, event, change):
            best = worth, event
    return best[1] if best else None


def _truly(part: Floats, event: Event, change: Change) -> bool:
    """Whether the segment itself moved so, and not only the rest the other way."""
    if change.baseline is None:
        return True
    inside = slice(event.first, event.last)
    expected = change.baseline.expected
    share = part[: event.first].sum() / max(expected[: event.first].sum(), 1e-9)
    ratio = part[inside].sum() / max(float(share * expected[inside].sum()), 1e-9)
    return bool(ratio < 0.95 if event.sign < 0 else ratio > 1.05)


def _by_pair(panel: Panel, sign: int, period: Period, change: Change) -> Event | None:
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
        worth = float(gain[place] - np.log(len(masks) * len(gain)))
        if worth <= _FOUND or (best is not None and worth <= best[0]):
            continue
        lasting = bool(ends[place] == last_day)
        hours = np.searchsorted(
            panel.grid.epochs, [table.starts[starts[place]], table.starts[min(ends[place], len(table.starts) - 1)]]
        )
        last = high if lasting else int(hours[1])
        factor = float(now[place] / max(then[place], 1e-9))
        event = Event(panel.metric, where, int(hours[0]), last, lasting, worth, factor, 1 if factor > 1 else -1)
        if _touches(panel, event.first, event.last, lasting, period):
            best = worth, event
    return best[1] if best else None


def _pairs(table: Table) -> list[tuple[dict[str, str], np.ndarray]]:
    columns = [np.array([key[i] for key in table.keys]) for i in range(len(table.dims))]
    return [
        ({table.dims[i]: str(value), table.dims[j]: str(other)}, (columns[i] == value) & (columns[j] == other))
        for i in range(len(table.dims))
        for j in range(i + 1, len(table.dims))
        for value in np.unique(columns[i])
        for other in np.unique(columns[j])
    ]


def _holiday(panel: Panel, change: Change, holidays: Sequence[Holiday]) -> Event | None:
    """The days of a holiday that explain the period, as an event."""
    if change.label != "holiday":
        return None
    dates = {h.date.toordinal() for h in holidays}
    inside = panel.known & panel.grid.within(change.period) & np.isin(panel.grid.ordinals, list(dates))
    places = np.flatnonzero(inside)
    if len(places) == 0 or change.baseline is None:
        return None
    day = int(panel.grid.ordinals[places[0]])
    while day - 1 in dates:
        day -= 1
    last_day = int(panel.grid.ordinals[places[-1]])
    while last_day + 1 in dates:
        last_day += 1
    held = np.flatnonzero(panel.known & (panel.grid.ordinals >= day) & (panel.grid.ordinals <= last_day))
    first, last = int(held[0]), int(held[-1]) + 1
    factor = float(panel.totals[panel.metric][first:last].sum() / max(change.baseline.expected[first:last].sum(), 1e-9))
    return Event(panel.metric, {}, first, last, False, 20.0, factor, -1)


def _scanned(panel: Panel, change: Change) -> Event | None:
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


def is_trend(panel: Panel, event: Event) -> bool:
    """Whether a steady slope over all of history fits better than a step at the event, day by day and by weekday."""
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

    def misfit(*columns: Floats) -> float:
        design = np.column_stack([weekdays, *columns]) * weight[:, None]
        found, *_ = np.linalg.lstsq(design, y * weight, rcond=None)
        squared = ((y * weight) - design @ found) ** 2
        return float(np.sum(np.minimum(squared, 9.0)))

    slope = (ordinals[whole] - ordinals[whole].mean()) / 7.0
    step = after[whole]
    return misfit(slope) + 4.0 < misfit(step)


def _segmented(
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
        shift = _near(contrast, event, near)
        inside = slice(event.first, event.last)
        parts, wholes = contrast._sums
        part, whole = float(contrast.part[inside].sum()), float(contrast.whole[inside].sum())
        before = (parts[-1] - part) / max(wholes[-1] - whole, 1e-9)
        rows.append((dim, value, float(before), part / max(whole, 1e-9), shift.gain if shift else 0.0))
        if shift is not None:
            implied = 1 - before * (1 - shift.factor)
            worth = shift.gain - float(np.log(len(contrasts))) - _misfit(event, implied, part_seen)
            options.append((worth, dim, value, shift))
    options.sort(key=lambda option: -option[0])
    alternatives = tuple(({dim: value}, worth) for worth, dim, value, _ in options[:6])
    if not options or options[0][0] < _SEGMENT:
        return event, tuple(rows), alternatives
    worth, dim, value, shift = options[0]
    where = {dim: value}
    finer = _finer(panel, metric, shift, event.sign)
    where = finer or where
    located = Event(
        metric,
        where,
        shift.first,
        shift.last,
        shift.lasting,
        max(event.gain, worth),
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


def _near(contrast: Contrast, event: Event, near: tuple[int, int]) -> Shift | None:
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
    single = pair = (0.0, {})
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
    return pair[1] if pair[0] > single[0] + _SECOND_DIMENSION else None


def _share_gain(during: Floats, usual: Floats, mask: np.ndarray, sign: int) -> float:
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


def likelihood_of(panel: Panel, event: Event, holidays: Sequence[Holiday] = ()) -> Likelihood | None:
    """The likelihood of every time of beginning, from whatever shows this event most sharply."""
    search = search_of(panel)
    if event.where:
        margins = panel.margins.get(event.metric, {})
        options = []
        exact = panel.segments.get((event.metric, frozenset(event.where.items())))
        if exact is not None:
            contrast = Contrast(exact, panel.totals[event.metric], panel.grid, panel.known)
            shift = _near(contrast, event, (max(search[0], event.first - 36), min(search[1], event.first + 37)))
            if shift is not None and shift.gain > 0:
                return contrast.onset(shift, search)
        for dim, value in event.where.items():
            whole = np.sum(list(margins[dim].values()), axis=0)
            contrast = Contrast(margins[dim][value], whole, panel.grid, panel.known)
            shift = _near(contrast, event, (max(search[0], event.first - 36), min(search[1], event.first + 37)))
            if shift is not None:
                options.append((shift.gain, contrast, shift))
        _, contrast, shift = max(options, key=lambda option: option[0])
        return contrast.onset(shift, search)
    unmoved = [name for name in panel.upstream(event.metric) if _unmoved(panel, event.metric, name, event)]
    if unmoved:
        contrast = _contrast(panel, event.metric, unmoved[0])
        shift = _near(contrast, event, (max(search[0], event.first - 36), min(search[1], event.first + 37)))
        if shift is not None and shift.gain > 6:
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
    epochs = np.array([at.timestamp() for at in scan.profile.times])
    return Likelihood(epochs, scan.profile.loglik)


def moment_of(panel: Panel, second: float) -> datetime:
    """A time of the panel's grid as an aware one."""
    return panel.grid.start + timedelta(seconds=second - panel.grid.start.timestamp())
