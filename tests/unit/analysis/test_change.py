"""The premise of a question, through `assess` alone: what happened, what only seemed to, what cannot be told."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tests.unit.analysis.companies import BERLIN, HOUR, NOW, START, berlin, hourly_counts
from tools.analysis.calendar import Floats, Holiday, Period, day_period, week_period
from tools.analysis.change import Change, assess

LAST_WEEK = week_period(date(2026, 11, 11), BERLIN)


def judge(counts: Floats, period: Period = LAST_WEEK, asked: float = -0.2, **more: tuple[Holiday, ...]) -> Change:
    return assess(counts, START, HOUR, BERLIN, NOW, period, asked=asked, holidays=more.get("holidays", ()))


def test_a_drop_is_seen_and_sized() -> None:
    change = judge(hourly_counts(factor=lambda moment: 0.8 if moment >= berlin(9, 11) else 1.0))
    assert (change.verdict, change.label, change.happened) == ("dropped", None, True)
    assert change.interval[0] < -0.19 < change.interval[1] < 0
    assert change.scan is not None
    assert abs(change.scan.at - berlin(9, 11)) <= timedelta(hours=12)


def test_a_rise_is_a_rise() -> None:
    change = judge(hourly_counts(factor=lambda moment: 1.3 if moment >= berlin(10, 9) else 1.0), asked=0.2)
    assert (change.verdict, change.direction) == ("rose", 1)


def test_an_ordinary_week_is_nothing() -> None:
    change = judge(hourly_counts())
    assert (change.verdict, change.label, change.happened) == ("nothing", None, False)
    assert change.power > 0.9


def test_today_is_not_over() -> None:
    change = judge(hourly_counts(per_day=3000), day_period(date(2026, 11, 18), BERLIN))
    assert (change.verdict, change.label) == ("nothing", "incomplete-period")
    assert change.impression is not None
    assert change.impression.relative < -0.5


def test_a_weekend_is_not_a_drop() -> None:
    change = judge(hourly_counts(per_day=3000), Period(berlin(14), berlin(16)))
    assert (change.verdict, change.label) == ("nothing", "weekday")


def test_last_week_fell_because_the_week_before_was_inflated() -> None:
    counts = hourly_counts(factor=lambda moment: 1.5 if berlin(3) <= moment < berlin(9) else 1.0)
    change = judge(counts)
    assert (change.verdict, change.label, change.happened) == ("nothing", "earlier-peak", False)


def test_a_peak_that_ended_within_the_period_is_no_drop() -> None:
    counts = hourly_counts(factor=lambda moment: 1.6 if berlin(6) <= moment < berlin(11, 15) else 1.0)
    assert judge(counts).label == "earlier-peak"


def test_a_holiday_explains_its_low_day() -> None:
    counts = hourly_counts(factor=lambda moment: 0.4 if berlin(11) <= moment < berlin(12) else 1.0)
    change = judge(counts, holidays=(Holiday(date(2026, 11, 11), "Armistice", "FR"),))
    assert (change.verdict, change.label, change.happened) == ("dropped", "holiday", True)


def test_a_holiday_without_a_low_day_explains_nothing() -> None:
    counts = hourly_counts(factor=lambda moment: 0.7 if moment >= berlin(9, 11) else 1.0)
    change = judge(counts, holidays=(Holiday(date(2026, 11, 11), "Armistice", "FR"),))
    assert (change.verdict, change.label) == ("dropped", None)


def test_a_slow_decline_is_a_trend() -> None:
    change = judge(hourly_counts(growth=-0.008))
    assert (change.verdict, change.label, change.happened) == ("dropped", "trend", True)


def test_an_outage_of_hours_counts_although_the_week_looks_whole() -> None:
    counts = hourly_counts(factor=lambda moment: 0.02 if berlin(12, 13) <= moment < berlin(12, 17) else 1.0)
    change = judge(counts)
    assert change.verdict == "dropped"
    assert change.scan is not None
    assert change.scan.recovered is not None


def test_too_few_counts_cannot_tell() -> None:
    change = judge(hourly_counts(per_day=6))
    assert (change.verdict, change.happened) == ("cannot_tell", None)
    assert change.power < 0.5


def test_without_history_nothing_can_be_told() -> None:
    change = judge(hourly_counts(), Period(START, START + timedelta(days=3)))
    assert change.verdict == "cannot_tell"


def test_a_period_still_to_come_cannot_be_told() -> None:
    change = judge(hourly_counts(), Period(NOW, NOW + timedelta(minutes=30)))
    assert (change.verdict, change.label, change.covered) == ("cannot_tell", "incomplete-period", 0)


@pytest.mark.parametrize(("per_day", "dispersion"), [(100.0, 3.0), (3000.0, 3.0)])
def test_false_alarms_stay_rare(per_day: float, dispersion: float) -> None:
    """A small copy of bench/drops.py: with an odd day in most histories, fewer than one in thirty null weeks alarms."""
    dice = np.random.default_rng(int(per_day))
    start, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    alarms = 0
    for _ in range(60):
        days = np.arange((end - start).days)
        mean = per_day * np.where(days % 7 >= 5, 0.6, 1.1)
        level = dice.gamma(mean / (dispersion - 1), (dispersion - 1) / mean)
        level[dice.integers(len(days))] *= 0.5
        counts = dice.poisson(mean * level).astype(np.float64)
        week = Period(end - timedelta(days=7), end)
        alarms += bool(assess(counts, start, timedelta(days=1), BERLIN, end, week).happened)
    assert alarms <= 2
