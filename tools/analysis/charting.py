"""The chart of a change: the metric by day or hour against what was expected, its segment against the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tools.analysis.calendar import Floats, midnight
from tools.analysis.examine import Numbers
from tools.analysis.panel import Panel

_DAYS = 28
_SHORT = timedelta(days=2)


def chart_of(
    panel: Panel,
    numbers: Numbers,
    onset: datetime | None,
    recovered: datetime | None,
    where: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Content of an artefact of kind chart: [time, value] by local day, by the hour for what lasted less than two."""
    event = numbers.event
    where = event.where if where is None and event else where
    short = onset is not None and recovered is not None and recovered - onset < _SHORT
    metric = event.metric if event else panel.metric
    first = int(max(0, panel.grid.size - _DAYS * 24))
    if short and event is not None:
        first = max(0, event.first - 4 * 24)
    lines: list[tuple[str, Floats]] = []
    part = _segment(panel, metric, where or {})
    if part is not None:
        named = ", ".join(f"{value}" for value in (where or {}).values())
        lines = [(named, part), ("all others", panel.totals[metric] - part)]
    else:
        lines = [(panel.metric, panel.totals[panel.metric])]
    expected = None
    if numbers.change.baseline is not None and part is None:
        expected = _points(panel, numbers.change.baseline.expected, first, short, whole=True)
    days = panel.grid.ordinals
    tz = panel.grid.tz
    running = midnight(panel.now.astimezone(tz).date(), tz)
    return {
        "series": [{"name": name, "points": _points(panel, values, first, short)} for name, values in lines],
        "unit": "an hour" if short else "a day",
        "onset": onset.isoformat() if onset else None,
        "recovered": recovered.isoformat() if recovered else None,
        "interval": None,
        "expected": expected,
        "timezone": tz.key,
        "incomplete_from": None if short or not len(days) else running.isoformat(),
    }


def _segment(panel: Panel, metric: str, where: Mapping[str, str]) -> Floats | None:
    if not where:
        return None
    exact = panel.segments.get((metric, frozenset(where.items())))
    if exact is not None:
        return exact
    if len(where) == 1:
        (dim, value), *_ = where.items()
        return panel.margins.get(metric, {}).get(dim, {}).get(value)
    return None


def _points(panel: Panel, values: Floats, first: int, short: bool, whole: bool = False) -> list[list[Any]]:
    known = panel.known | whole
    if short:
        return [
            [panel.grid.moment(i).isoformat(), round(float(values[i]), 1)]
            for i in range(first, panel.grid.size)
            if known[i]
        ]
    ordinals = panel.grid.ordinals
    found = []
    for day in np.unique(ordinals[first:]):
        inside = ordinals == day
        start = panel.grid.moment(int(np.flatnonzero(inside)[0]))
        found.append([start.isoformat(), round(float(values[inside].sum()), 1)])
    return found
