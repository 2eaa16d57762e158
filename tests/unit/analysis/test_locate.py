"""Where in a funnel an event lies, and when by the sharpest of the steps before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from tests.unit.analysis.companies import NOW, berlin, grid_of, hourly_counts
from tools.analysis.calendar import HOUR, Period
from tools.analysis.change import assess
from tools.analysis.event import Event
from tools.analysis.examine import likelihood_of, moment_of
from tools.analysis.investigation import likeliest
from tools.analysis.locate import finest, located, whole_event
from tools.analysis.panel import Panel

WITHIN = Period(berlin(11), NOW)


def funnel(seed: int) -> Panel:
    """A step with few conversions of its own before the last one, which breaks on Sunday noon."""
    dice = np.random.default_rng(seed)
    visits = hourly_counts(per_day=5000, seed=seed, noise=0.06)
    grid = grid_of(visits)
    begun = dice.binomial(visits.astype(int), 0.14)
    broken = np.arange(len(visits)) >= grid.index_at(berlin(15, 12))
    sent = dice.binomial(begun, np.where(broken, 0.33, 0.55))
    totals = {"visit": visits, "begun": begun.astype(float), "sent": sent.astype(float)}
    return Panel("sent", grid, NOW, totals, family=("visit", "begun", "sent"))


def test_a_broken_step_is_dated_against_the_step_right_before_it() -> None:
    for seed in range(1, 5):
        panel = funnel(seed)
        change = assess(panel.totals["sent"], panel.grid.start, HOUR, panel.grid.tz, NOW, WITHIN, asked=-0.2)
        event = located(panel, whole_event(panel, WITHIN, -1, ()), -1, WITHIN, change)
        assert event is not None
        assert event.metric == "sent"
        likelihood = likelihood_of(panel, event)
        assert likelihood is not None
        assert abs(moment_of(panel, likeliest(likelihood)) - berlin(15, 12)) <= timedelta(hours=6)


def test_a_pair_of_values_must_do_clearly_better_than_one_of_them() -> None:
    single = Event("orders", {"country": "DE"}, 100, 200, True, 21.0, 0.6, -1)
    pair = replace(single, where={"country": "DE", "browser": "Chrome"}, gain=23.0)
    assert finest(single, pair) is single
    assert finest(single, replace(pair, gain=30.0)) != single
    assert finest(replace(single, where={"country": "FR"}), pair) is pair
    assert finest(None, pair) is pair
