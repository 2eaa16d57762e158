"""Buckets of time by a company's clock have no gap and no overlap, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.kit.buckets import bucket_of, buckets, gapless
from tools.nouns import Grain

ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize("grain", ["minute", "hour", "day", "week", "month"])
@given(since=moments, days=st.integers(0, 80), zone=st.sampled_from(ZONES))
def test_buckets_touch_each_other_and_cover_the_period(grain: Grain, since: datetime, days: int, zone: str) -> None:
    until = since + timedelta(days=days if grain != "minute" else days / 20, minutes=7)
    found = buckets(since, until, grain, ZoneInfo(zone))
    assert found[0] <= since
    assert found[-1] < until
    assert found == sorted(set(found))
    for at, following in pairwise(found):
        assert bucket_of(following - timedelta(seconds=1), grain, ZoneInfo(zone)) == at
        assert bucket_of(following, grain, ZoneInfo(zone)) == following


def test_a_day_of_changing_clocks_is_one_bucket() -> None:
    zone = ZoneInfo("America/New_York")
    hours = buckets(datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 11, 2, 5, tzinfo=UTC), "hour", zone)
    days = buckets(hours[0], hours[-1], "day", zone)
    assert (len(hours), len(days)) == (25, 1)
    assert gapless(dict.fromkeys(hours, 2.0), days, "day", zone) == [50.0]


def test_what_lies_outside_the_axis_is_not_counted() -> None:
    axis = buckets(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC), "day", ZoneInfo("UTC"))
    assert gapless(
        {datetime(2026, 5, 2, 9, tzinfo=UTC): 4, datetime(2026, 6, 1, tzinfo=UTC): 9}, axis, "day", ZoneInfo("UTC")
    ) == [0, 4]
