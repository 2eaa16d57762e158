"""Series put together as arrays."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.analysis.records import NOW, ZONE
from tools.analysis.panel import build_panel
from tools.nouns import Point, Series


def series(grain: str, **where: str) -> Series:
    points = tuple(Point(at=NOW - timedelta(days=20 - day), value=10.0) for day in range(20))
    return Series(
        service="posthog", ref="m", url="http://p.test/m", at=NOW, metric="m", grain=grain, where=where, points=points
    )


def test_a_breakdown_that_was_asked_for_twice_counts_once() -> None:
    parts = [series("day", country=country, browser="Chrome") for country in ("DE", "NL")]
    panel = build_panel("m", (), [series("hour"), *parts, *parts], ZONE, NOW)
    assert panel is not None
    assert panel.tables["m"].keys == (("DE", "Chrome"), ("NL", "Chrome"))
    assert panel.tables["m"].counts.sum() == 400
