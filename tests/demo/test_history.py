"""The demo's numbers follow the world file: levels, shapes, effects, children."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.demo.history import HOURLY, History, StreamCounts, generate
from app.demo.world import BadWorld, parse_world

NOW = "2026-11-18T15:07:00Z"
VIEWS: dict[str, Any] = {
    "event": "viewed",
    "per_day": 9000,
    "weekly": [2, 2, 2, 2, 2, 1, 1],
    "hourly": "office",
    "dims": {"browser": {"Chrome": 0.6, "Safari": 0.4}, "country": {"US": 0.7, "DE": 0.3}},
}
BOUGHT: dict[str, Any] = {"event": "bought", "from": "viewed", "rate": 0.25}


def made(*streams: dict[str, Any], effects: list[dict[str, Any]] | None = None, **more: Any) -> History:
    world = {
        "name": "unit",
        "seed": 3,
        "now": NOW,
        "days": 56,
        "company": {"name": "Unit", "domain": "unit.test", "repo": "unit/app", "timezone": "America/New_York"},
        "streams": list(streams),
        "effects": effects or [],
        **more,
    }
    return generate(parse_world(world))


def times(stream: StreamCounts) -> list[datetime]:
    zone = ZoneInfo("America/New_York")
    return [(stream.start + i * stream.step).astimezone(zone) for i in range(len(stream.counts))]


def daily(stream: StreamCounts) -> dict[str, int]:
    days: dict[str, int] = {}
    for moment, count in zip(times(stream), stream.counts.reshape(len(stream.counts), -1).sum(axis=1), strict=True):
        days[moment.date().isoformat()] = days.get(moment.date().isoformat(), 0) + int(count)
    return days


def test_bins_run_from_a_local_midnight_to_now() -> None:
    stream = made(VIEWS).streams["viewed"]
    moments = times(stream)
    assert (moments[0].date().isoformat(), moments[0].hour, moments[0].minute) == ("2026-09-23", 0, 0)
    assert moments[-1].astimezone(ZoneInfo("UTC")).isoformat() == "2026-11-18T15:00:00+00:00"


def test_an_average_day_has_the_stated_count() -> None:
    stream = made(VIEWS).streams["viewed"]
    counts = list(daily(stream).values())[:56]
    assert np.mean(counts) == pytest.approx(9000, rel=0.01)


def test_the_running_bin_holds_its_elapsed_part_only() -> None:
    whole = made({**VIEWS, "hourly": "flat", "per_day": 9e6, "weekly": None}).streams["viewed"]
    bins = whole.counts.reshape(len(whole.counts), -1).sum(axis=1)
    assert bins[-1] / bins[-2] == pytest.approx(7 / 15, rel=0.03)


def test_weekdays_and_hours_follow_their_shapes_across_the_change_of_clocks() -> None:
    stream = made({**VIEWS, "per_day": 1e6}).streams["viewed"]
    bins = stream.counts.reshape(len(stream.counts), -1).sum(axis=1)
    moments = times(stream)
    by_weekday = [sum(int(c) for c, m in zip(bins, moments, strict=True) if m.weekday() == d) for d in (1, 6)]
    assert by_weekday[0] / by_weekday[1] == pytest.approx(2, rel=0.02)
    for month in (10, 11):  # summer time ends on the first of November
        hours = [
            np.mean([c for c, m in zip(bins, moments, strict=True) if m.month == month and m.hour == h])
            for h in range(24)
        ]
        shape = np.asarray(HOURLY["office"])
        assert np.asarray(hours) / np.mean(hours) == pytest.approx(shape / shape.mean(), rel=0.12)


@pytest.mark.parametrize(("shape", "peak"), [("office", range(9, 17)), ("evening", range(18, 23))])
def test_shapes_peak_when_they_should_and_nights_are_quiet(shape: str, peak: range) -> None:
    weights = HOURLY[shape]
    assert set(np.argsort(weights)[-len(peak) :]) <= set(range(min(peak) - 1, max(peak) + 2))
    assert all(0.1 <= weights[hour] / max(weights) <= 1 / 3 for hour in range(1, 6))


def test_the_level_grows_towards_now() -> None:
    counts = list(daily(made({**VIEWS, "trend": 0.02, "weekly": None, "hourly": "flat"}).streams["viewed"]).values())
    assert counts[0] == pytest.approx(9000 / 1.02**56, rel=0.05)
    assert counts[55] == pytest.approx(9000 / 1.02, rel=0.05)


def test_noise_is_shared_by_a_local_day_and_has_the_stated_size() -> None:
    quiet = {**VIEWS, "per_day": 1e6, "weekly": None, "hourly": "flat"}
    counts = np.array(list(daily(made({**quiet, "noise": 0.1}).streams["viewed"]).values())[:56])
    assert counts.std() / counts.mean() == pytest.approx(0.1, rel=0.3)


def test_an_effect_multiplies_what_it_matches_and_nothing_else() -> None:
    effect = {"event": "viewed", "where": {"browser": "Safari"}, "factor": 0.25, "from": "-7d", "until": "-1d"}
    changed, usual = (
        made({**VIEWS, "per_day": 1e5}, effects=effects).streams["viewed"].counts for effects in ([effect], [])
    )
    week = slice(-7 * 96, -96)
    assert changed[week, 1].sum() / usual[week, 1].sum() == pytest.approx(0.25, rel=0.02)
    assert changed[week, 0].sum() / usual[week, 0].sum() == pytest.approx(1, rel=0.02)
    assert changed[-90:].sum() / usual[-90:].sum() == pytest.approx(1, rel=0.05)


def test_effects_multiply_each_other_and_hold_for_their_part_of_a_bin() -> None:
    stream = {**VIEWS, "per_day": 96e6, "weekly": None, "hourly": "flat", "dims": None}
    half = {"event": "viewed", "factor": 0.5, "from": "2026-11-10T10:05:00Z", "until": None}
    fifth = {"event": "viewed", "factor": 0.2, "from": "2026-11-10T10:10:00Z", "until": None}
    made_stream = made(stream, effects=[half, fifth]).streams["viewed"]
    at = round((datetime.fromisoformat("2026-11-10T10:00:00+00:00") - made_stream.start) / made_stream.step)
    assert made_stream.counts[at - 1 : at + 2] / 1e6 == pytest.approx([1, (1 + 0.5 + 0.1) / 3, 0.1], rel=0.01)


def test_an_effect_on_a_property_that_events_lack_matches_nothing() -> None:
    effect = {"event": "viewed", "where": {"plan": "team"}, "factor": 0.0, "from": None, "until": None}
    with_effect, without = made(VIEWS, effects=[effect]), made(VIEWS)
    assert (with_effect.streams["viewed"].counts == without.streams["viewed"].counts).all()


def test_a_child_is_part_of_its_parent_cell_by_cell_and_takes_on_its_effects() -> None:
    effect = {"event": "viewed", "where": {"country": "DE"}, "factor": 0.1, "from": "-7d", "until": None}
    streams = made(BOUGHT, VIEWS, effects=[effect]).streams
    parent, child = streams["viewed"], streams["bought"]
    assert child.dims == parent.dims
    assert (child.counts <= parent.counts).all()
    assert child.counts.sum() / parent.counts.sum() == pytest.approx(0.25, rel=0.01)


def test_a_factor_that_asks_for_more_than_the_parents_lets_all_of_them_pass() -> None:
    effect = {"event": "bought", "where": {}, "factor": 9, "from": "-7d", "until": None}
    streams = made(VIEWS, BOUGHT, effects=[effect]).streams
    recent = slice(-6 * 96, None)
    assert (streams["bought"].counts[recent] == streams["viewed"].counts[recent]).all()


def test_a_childs_own_property_splits_it_and_can_be_hit_alone() -> None:
    child = {**BOUGHT, "dims": {"provider": {"google": 0.5, "password": 0.3, "saml": 0.2}}}
    effect = {"event": "bought", "where": {"provider": "google"}, "factor": 0.0, "from": "-7d", "until": None}
    streams = made({**VIEWS, "per_day": 1e5}, child, effects=[effect]).streams
    bought = streams["bought"]
    assert bought.dims["provider"] == ("google", "password", "saml")
    assert (bought.counts.sum(axis=-1) <= streams["viewed"].counts).all()
    before = bought.counts[: -8 * 96].sum(axis=(0, 1, 2))
    assert before / before.sum() == pytest.approx([0.5, 0.3, 0.2], rel=0.02)
    after = bought.counts[-6 * 96 :].sum(axis=(0, 1, 2))
    parents = streams["viewed"].counts[-6 * 96 :].sum()
    assert after / parents == pytest.approx([0, 0.075, 0.05], rel=0.03)


def test_the_same_seed_gives_the_same_numbers_whatever_else_is_there() -> None:
    alone, beside, other = made(VIEWS), made(BOUGHT, {**VIEWS, "event": "seen"}, VIEWS), made(VIEWS, seed=4)
    assert (alone.streams["viewed"].counts == beside.streams["viewed"].counts).all()
    assert (alone.streams["viewed"].counts != other.streams["viewed"].counts).any()


def test_artefacts_alone_change_no_number() -> None:
    holiday = {
        "id": "hol-1",
        "kind": "holiday",
        "at": "2026-11-11",
        "until": "2026-11-12",
        "country": "US",
        "title": "H",
    }
    campaign = {"id": "camp-1", "kind": "campaign", "at": "-9d", "until": "-2d", "source": "ads", "title": "C"}
    with_them = made(VIEWS, artefacts=[holiday, campaign]).streams["viewed"].counts
    assert (with_them == made(VIEWS).streams["viewed"].counts).all()


def test_payments_fail_at_their_rate_and_at_an_effects_value() -> None:
    pay = {"id": "pay-1", "kind": "payments", "per_day": 4800, "amount": 49, "currency": "eur", "failure_rate": 0.03}
    pay["weekly"] = [1, 1, 1, 1, 1, 0, 0]
    effect = {"artefact": "pay-1", "field": "failure_rate", "value": 0.5, "from": "2026-11-17T05:00:00Z", "until": None}
    payments = made(artefacts=[pay], effects=[effect]).payments["pay-1"]
    tried = payments.succeeded + payments.failed
    assert (payments.currency, payments.amount, payments.step) == ("eur", 49, timedelta(hours=1))
    assert tried[: 56 * 24].sum() / 56 == pytest.approx(4800, rel=0.02)
    at = round((datetime.fromisoformat("2026-11-17T05:00:00+00:00") - payments.start) / payments.step)
    assert payments.failed[:at].sum() / tried[:at].sum() == pytest.approx(0.03, rel=0.05)
    assert payments.failed[at:].sum() / tried[at:].sum() == pytest.approx(0.5, rel=0.05)
    saturday = round((datetime.fromisoformat("2026-11-14T05:00:00+00:00") - payments.start) / payments.step)
    assert tried[saturday : saturday + 48].sum() == 0


@pytest.mark.parametrize("bad", [[BOUGHT], [{**VIEWS, "hourly": "lunar"}], [VIEWS, {**BOUGHT, "rate": None}]])
def test_streams_that_cannot_be_drawn_are_refused(bad: list[dict[str, Any]]) -> None:
    with pytest.raises(BadWorld):
        made(*bad)
