"""Weeks against weeks, churn, and the report in the company's own order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis.records import FRAME, ZONE, ago, error, series
from tools.analysis.labels import label
from tools.analysis.report import AnalyzeChurn, AnalyzeTrend, Churn, Trend
from tools.analysis.weekly import AnalyzeReport, ReportLine
from tools.nouns import Document, Series


def weeks(metric: str, *values: float, **fields: object) -> Series:
    """Days of whole weeks of these daily values, then Monday and Tuesday of the running one."""
    return series(metric, [v for v in values for _ in range(7)] + [values[-1]] * 2, **fields)


def trends(*found: Series) -> tuple[Trend, ...]:
    return tuple(t for t in AnalyzeTrend(series=found).compute(FRAME) if isinstance(t, Trend))


def test_the_last_whole_week_is_compared_with_the_one_before() -> None:
    (found,) = trends(weeks("signed_up", 100, 100, 100, 100, 100, 80))
    assert (found.last, found.before, found.weeks, found.running) == (560, 700, 6, 160)
    assert found.change == pytest.approx(-0.2)
    assert found.clear
    assert found.since.astimezone(ZONE).strftime("%a %d %b %H:%M") == "Mon 09 Nov 00:00"
    assert found.until - found.since == timedelta(days=7)


def test_a_small_difference_is_no_clear_change_and_growth_is_seen_over_weeks() -> None:
    (noise,) = trends(weeks("signed_up", 100, 102, 99, 101, 100, 98))
    assert (noise.clear, noise.direction) == (False, "flat")
    (growth,) = trends(weeks("signed_up", 100, 110, 121, 133, 146, 161))
    assert growth.direction == "rising"
    assert growth.weekly_growth == pytest.approx(0.10, abs=0.005)


def test_too_short_a_series_has_no_trend() -> None:
    assert trends(weeks("signed_up", 100)) == ()


@given(st.lists(st.integers(0, 500), min_size=30, max_size=60))
def test_weeks_add_up_to_what_they_hold(values: list[int]) -> None:
    (found,) = trends(series("m", [float(v) for v in values]))
    assert found.last == sum(values[-9:-2])
    assert found.before == sum(values[-16:-9])
    assert found.running == sum(values[-2:])


def test_churn_is_what_left_over_what_was_active_at_the_start() -> None:
    lost = series("subscription_cancelled", [1.0] * 28 + [2.0] * 28)
    active = series("subscriptions", [1000.0] * 58, unit="subscriptions")
    (found,) = AnalyzeChurn(cancellations=(lost,), subscriptions=(active,)).compute(FRAME)
    assert isinstance(found, Churn)
    assert (found.cancelled, found.cancelled_before, found.active) == (56, 28, 1000)
    assert (found.rate, found.rate_before) == (0.056, 0.028)
    short = series("subscription_cancelled", [2.0] * 28)
    assert not AnalyzeChurn(cancellations=(short,), subscriptions=(active,)).compute(FRAME)


def test_the_report_keeps_the_order_of_the_companys_document_and_makes_its_rates() -> None:
    found = trends(
        weeks("activated", 40, 40),
        weeks("$pageview", 900, 900),
        weeks("signup_started", 200, 200),
        weeks("signed_up", 100, 80),
        weeks("payments", 900, 950, unit="usd"),
        weeks("payments", 3, 3, unit="payments", where={"status": "failed"}),
    )
    text = "Monday to Sunday: page views, sign-ups, activation rate, new revenue, failed payments. Links please."
    document = Document(service="notion", ref="d", url="https://n.test/d", at=ago(90), title="The report", content=text)
    errors = (error(1, at=ago(8), users=50), error(2, at=ago(8), users=10), error(3, at=ago(60), users=900))
    lines = AnalyzeReport(trends=found, documents=(document,), errors=errors).compute(FRAME)
    shown = [line for line in lines if isinstance(line, ReportLine)]
    assert [line.label for line in shown] == ["Page views", "Sign-ups", "Activation rate", "Revenue", "Failed payments"]
    rate = shown[2]
    assert (rate.rate, rate.of, rate.last, rate.before) == (True, "activations per sign-up", 0.5, 0.4)
    assert rate.points == pytest.approx(10)
    assert [(line.error or {}).get("ref") for line in shown] == [None, "WEB-1", None, None, None]


def test_without_a_document_the_report_has_every_number() -> None:
    found = trends(weeks("activated", 40, 40), weeks("signed_up", 100, 80))
    assert [line.title for line in AnalyzeReport(trends=found).compute(FRAME)] == ["Activations", "Sign-ups"]


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("$pageview", "Page views"),
        ("signed_up", "Sign-ups"),
        ("signup_started", "Sign-ups started"),
        ("export_completed", "Exports completed"),
        ("entryCreated", "Entries created"),
        ("message_sent", "Messages sent"),
        ("mrr", "Mrr"),
        ("$", "$"),
    ],
)
def test_metrics_have_names_that_people_use(metric: str, said: str) -> None:
    assert label(metric) == said
