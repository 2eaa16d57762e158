from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.analysis.calendar import Grid, Period, day_period, fold_days, public_holidays, week_period

ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "UTC", "Australia/Lord_Howe", "America/Los_Angeles"]


def test_days_fold_over_the_end_of_summer_time() -> None:
    grid = Grid(datetime(2026, 10, 23, 22, tzinfo=UTC), timedelta(hours=1), 24 * 4, ZoneInfo("Europe/Berlin"))
    days = fold_days(np.ones(grid.size), grid, datetime(2026, 10, 27, 12, 30, tzinfo=UTC))
    counted = dict(zip(days.dates, days.counts.tolist(), strict=True))
    assert counted[date(2026, 10, 24)] == 24
    assert counted[date(2026, 10, 25)] == 25
    assert counted[date(2026, 10, 27)] == 13
    assert days.complete.tolist() == [True, True, True, False]


def test_a_running_hour_is_not_complete() -> None:
    grid = Grid(datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=1), 24, ZoneInfo("UTC"))
    assert grid.complete(datetime(2026, 3, 1, 9, 59, tzinfo=UTC)).sum() == 9


def test_daily_buckets_belong_to_the_day_of_their_middle() -> None:
    grid = Grid(datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1), 3, ZoneInfo("America/Los_Angeles"))
    assert [date.fromordinal(int(o)).day for o in grid.ordinals] == [1, 2, 3]
    assert grid.weekdays.tolist() == [6, 0, 1]


@given(st.dates(date(2024, 1, 1), date(2028, 12, 31)), st.sampled_from(ZONES))
def test_every_bucket_lies_in_its_own_local_day(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    grid = Grid(datetime(day.year, day.month, day.day, tzinfo=UTC), timedelta(minutes=30), 96, zone)
    for i in range(0, grid.size, 7):
        local = grid.moment(i).astimezone(zone)
        assert grid.ordinals[i] == local.date().toordinal()
        assert grid.weekdays[i] == local.weekday()
        assert grid.slots[i] == (local.hour * 60 + local.minute) // 30


@given(st.dates(date(2024, 1, 1), date(2028, 12, 31)), st.sampled_from(ZONES))
def test_a_week_is_seven_local_days(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    week = week_period(day, zone)
    assert week.start.astimezone(zone).weekday() == 0
    assert week.contains(day_period(day, zone).start)
    assert timedelta(days=7) - timedelta(hours=1) <= week.end - week.start <= timedelta(days=7, hours=1)


def test_holidays_of_several_countries() -> None:
    found = public_holidays(["US", "DE", "XX"], date(2026, 11, 20), date(2026, 12, 26))
    assert ("US", date(2026, 11, 26)) in {(h.country, h.date) for h in found}
    assert ("DE", date(2026, 12, 26)) in {(h.country, h.date) for h in found}


def test_a_period_without_a_timezone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Period(datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001
