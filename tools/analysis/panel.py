"""A metric, its relatives and its segments as arrays over one grid of hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from tools.analysis.calendar import Flags, Floats, Grid
from tools.nouns import Metric, Series

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Table:
    """Counts by day (rows) and by combination of values (columns, `keys`) of the properties `dims`."""

    dims: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    counts: Floats
    starts: Floats


@dataclass(frozen=True)
class Panel:
    """Counts by hour: `totals` by metric, `margins` by metric, property and value; `tables` by metric.

    `family` lists the metrics that have the same properties as the asked one, those with most events first: the
    funnel's steps, as far as analytics lets one see them.
    """

    metric: str
    grid: Grid
    now: datetime
    totals: Mapping[str, Floats]
    margins: Mapping[str, Mapping[str, Mapping[str, Floats]]] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    family: tuple[str, ...] = ()
    segments: Mapping[tuple[str, frozenset[tuple[str, str]]], Floats] = field(default_factory=dict)

    @cached_property
    def known(self) -> Flags:
        """The buckets that are over."""
        return self.grid.complete(self.now)

    def upstream(self, metric: str) -> list[str]:
        """Relatives with more events than the metric."""
        mine = self.totals[metric].sum()
        return [name for name in self.family if name != metric and self.totals[name].sum() > mine]


def build_panel(
    metric: str, metrics: Iterable[Metric], series: Iterable[Series], tz: ZoneInfo, now: datetime
) -> Panel | None:
    """Arrays from series: hourly totals and margins, daily tables. None without the metric's own series."""
    hourly = [one for one in series if one.grain == "hour" and one.points]
    totals_found = [one for one in hourly if not one.where]
    own = next((one for one in totals_found if one.metric == metric), None)
    if own is None:
        return None
    start = own.points[0].at
    size = len(own.points)
    grid = Grid(start, HOUR, size, tz)
    totals = {one.metric: _values(one, start, size) for one in totals_found}
    margins: dict[str, dict[str, dict[str, Floats]]] = {}
    for one in hourly:
        if len(one.where) == 1:
            (dim, value), *_ = one.where.items()
            margins.setdefault(one.metric, {}).setdefault(dim, {})[value] = _values(one, start, size)
    tables: dict[str, Table] = {}
    daily: dict[str, list[Series]] = {}
    for one in series:
        if one.grain == "day" and len(one.where) > 1 and one.points:
            daily.setdefault(one.metric, []).append(one)
    for name, parts in daily.items():
        tables[name] = _table(parts)
    segments = {
        (one.metric, frozenset(one.where.items())): _values(one, start, size) for one in hourly if len(one.where) > 1
    }
    return Panel(metric, grid, now, totals, margins, tables, _family(metric, tuple(metrics), totals), segments)


def _values(series: Series, start: datetime, size: int) -> Floats:
    values = np.zeros(size)
    for point in series.points:
        place = round((point.at - start) / HOUR)
        if 0 <= place < size:
            values[place] = point.value
    return values


def _table(parts: Sequence[Series]) -> Table:
    dims = tuple(parts[0].where)
    # The same breakdown may have been asked for twice: once for the metric, once for the step that shows the change.
    kept = list({tuple(one.where.values()): one for one in parts if tuple(one.where) == dims}.values())
    times = sorted({point.at for one in kept for point in one.points})
    place = {at: row for row, at in enumerate(times)}
    counts = np.zeros((len(times), len(kept)))
    for column, one in enumerate(kept):
        for point in one.points:
            counts[place[point.at], column] = point.value
    keys = tuple(tuple(one.where.values()) for one in kept)
    return Table(dims, keys, counts, np.array([at.timestamp() for at in times], dtype=np.float64))


def _family(metric: str, metrics: Sequence[Metric], totals: Mapping[str, Floats]) -> tuple[str, ...]:
    dims = {one.name: frozenset(one.dims) for one in metrics}
    mine = dims.get(metric)
    alike = [
        name for name in totals if name == metric or (mine and dims.get(name) and _overlap(mine, dims[name]) >= 0.6)
    ]
    return tuple(sorted(alike, key=lambda name: -float(totals[name].sum())))


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))
