"""What evidence is called: enough to tell two pieces of it apart."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agents.evidence_title import evidence_title
from tools.kit.tool import Verb
from tools.nouns import Deployment, Noun, Series
from tools.verbs import (
    DeploysList,
    DocumentsSearch,
    IssuesGet,
    IssuesSearch,
    MetricsBreakdown,
    MetricsFunnel,
    MetricsSeries,
    PaymentsSeries,
    PeopleFind,
)

BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 10, 8, 22, tzinfo=UTC)  # the 9th in Berlin, at midnight
UNTIL = datetime(2026, 11, 12, 23, tzinfo=UTC)  # the 13th in Berlin, at midnight
SERIES = [Series(service="posthog", ref="m", url="", at=SINCE, metric="m", grain="day")]
DEPLOY = [
    Deployment(service="vercel", ref="d", url="", at=SINCE, component="web", environment="production", state="success")
]


@pytest.mark.parametrize(
    ("request_", "nouns", "title"),
    [
        (
            MetricsSeries(metric="signup_completed", since=SINCE, until=UNTIL),
            SERIES,
            "X: signup_completed, per day, 9 Oct – 12 Nov",
        ),
        (
            MetricsSeries(
                metric="signup_completed", since=SINCE, until=UNTIL, grain="hour", where={"browser": "Safari"}
            ),
            SERIES,
            "X: signup_completed, browser Safari, per hour, 9 Oct – 12 Nov",
        ),
        (
            MetricsBreakdown(metric="signup_completed", by=("browser", "country"), since=SINCE),
            SERIES,
            "X: signup_completed by browser and country, per day, since 9 Oct",
        ),
        (
            MetricsFunnel(steps=("a", "b"), since=SINCE, until=SINCE + timedelta(hours=3)),
            SERIES,
            "X: funnel a → b, 9 Oct, 00:00 – 03:00",
        ),
        (MetricsSeries(metric="m", since=SINCE), [], "X: no m, per day, since 9 Oct"),
        (
            PaymentsSeries(since=SINCE, measure="amount", status="failed"),
            SERIES,
            "X: payments (amount), failed, per day, since 9 Oct",
        ),
        (
            DeploysList(since=SINCE, until=SINCE + timedelta(days=1), environment="production"),
            DEPLOY,
            "X: 1 deployment, production, 9 Oct",
        ),
        (DeploysList(since=SINCE), DEPLOY, "X: 1 deployment since 9 Oct"),
        (IssuesSearch(state="open", priority="high", labels=("bug",)), [], "X: no issues, high, open, bug"),
        (IssuesSearch(assignee="mateo", state="all"), [], "X: no issues, of mateo"),
        (IssuesGet(ref="ENG-31"), [], "X: no issues, ENG-31"),
        (DocumentsSearch(text="pricing " * 20), [], f"X: no documents, “{('pricing ' * 20)[:59]}…”"),
        (PeopleFind(), [], "X: no people"),
    ],
)
def test_a_title_names_what_was_asked_of_whom_and_when(request_: Verb, nouns: list[Noun], title: str) -> None:
    assert evidence_title("X", request_, nouns, BERLIN) == title
