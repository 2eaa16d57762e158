"""An event: a change of a metric in a window of hours, and how one metric bears on another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tools.analysis.calendar import DAY, Period
from tools.analysis.contrast import Contrast, Shift, fit_share
from tools.analysis.onset import Onset
from tools.analysis.panel import Panel

# What an event must gain beyond the price of searching for it, in nats.
FOUND = 4.0
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


def search_of(panel: Panel) -> tuple[int, int]:
    """Places of the hours in which a beginning is sought: four weeks, two of history before them where there are."""
    end = int(np.flatnonzero(panel.known)[-1]) + 1
    low = min(max(14 * 24, end - _LOOKED_BACK * 24), max(1, end - 7 * 24))
    return low, end


def touches(panel: Panel, first: int, last: int, lasting: bool, period: Period) -> bool:
    begin = panel.grid.moment(first)
    end = panel.now if lasting else panel.grid.moment(last)
    return begin < max(period.end, period.start + DAY) and end > period.start


def worth(shift: Shift, search: tuple[int, int], choices: int = 1) -> float:
    places = max(2, search[1] - search[0])
    price = np.log(places) + (0.0 if shift.lasting else np.log(places) / 2)
    return float(shift.gain - price - np.log(choices))


def contrast_of(panel: Panel, metric: str, other: str) -> Contrast:
    part, whole = panel.totals[metric], panel.totals[other]
    if bool(np.all(part[panel.known] <= whole[panel.known])):
        return Contrast(part, whole, panel.grid, panel.known)
    return Contrast.between(part, whole, panel.grid, panel.known)


def ratio_of(panel: Panel, metric: str, other: str, shift: Shift) -> float:
    """By what the metric was multiplied, measured against the other."""
    inside = np.zeros(panel.grid.size, dtype=np.bool_)
    inside[shift.first : shift.last] = True
    mine, theirs = panel.totals[metric], panel.totals[other]
    outside = panel.known & ~inside
    usual = (mine[outside].sum() + 0.5) / (theirs[outside].sum() + 1)
    now = (mine[inside].sum() + 0.5) / (theirs[inside].sum() + 1)
    return float(now / usual)


def unmoved(panel: Panel, metric: str, other: str, event: Event) -> bool:
    """Whether `metric` changed against `other` as it did by itself, so that `other` did not change with it."""
    contrast = contrast_of(panel, metric, other)
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
