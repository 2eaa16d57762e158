"""A part of a metric beside the rest of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tools.analysis.part import AnalyzePart, PartFinding
from tools.kit.analysis import Frame
from tools.nouns import Point, Series

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
START = NOW - timedelta(days=56)
FRAME = Frame(now=NOW, timezone=ZoneInfo("Europe/Berlin"))


def series(rates: np.ndarray, seed: int, where: dict[str, str]) -> Series:
    counts = np.random.default_rng(seed).poisson(rates)
    points = tuple(Point(at=START + timedelta(hours=n), value=float(value)) for n, value in enumerate(counts))
    return Series(
        service="posthog",
        ref="m",
        url="http://posthog.test/m",
        at=START,
        metric="m",
        grain="hour",
        where=where,
        points=points,
    )


def found(factor: float, rate: float = 20.0) -> PartFinding:
    hours = 56 * 24
    part_rate = np.where(np.arange(hours) >= hours - 7 * 24, rate * factor, rate)
    part = series(part_rate, 1, {"device": "mobile"})
    rest = series(np.full(hours, 30.0), 2, {})
    points = tuple(Point(at=a.at, value=a.value + b.value) for a, b in zip(part.points, rest.points, strict=True))
    whole = rest.model_copy(update={"points": points})
    (result,) = AnalyzePart(part=(part,), whole=(whole,), direction="down", percent=20.0).compute(FRAME)
    assert isinstance(result, PartFinding)
    return result


def test_a_part_that_fell_is_seen_and_the_rest_is_not_blamed() -> None:
    finding = found(0.6)
    assert finding.happened is True
    assert finding.interval[0] < -0.4 < finding.interval[1]
    assert finding.rest_happened is False


def test_a_part_that_stayed_is_said_to_have_stayed() -> None:
    assert found(1.0).happened is False


def test_a_part_of_a_handful_cannot_be_told() -> None:
    assert found(0.9, rate=0.05).happened is None


def test_nothing_is_said_without_a_series() -> None:
    assert AnalyzePart().compute(FRAME) == []
