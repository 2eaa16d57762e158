"""The gate lets nothing through that its evidence does not bear out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.proof import judge, prove
from agents.proof_mentions import mentions
from agents.record import Answer, Cause, Claim, Evidence, Finding

NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2026, 11, 18, 15, tzinfo=UTC)


def evidence(number: int = 1, **record: Any) -> Evidence:
    return Evidence(
        id=f"e{number}",
        run="r",
        step="s",
        number=number,
        service="sentry",
        verb="errors.search",
        title="Sentry",
        ref=record.get("ref"),
        url=record.get("url"),
        at=AT,
        sha256="0" * 64,
        content=(record,),
    )


ERROR = evidence(
    ref="PORTAL-2041",
    url="https://sentry.test/issues/2041/",
    title="ReferenceError: requestIdleCallback",
    users=690,
    share=0.216,
    count=1512,
    at="2026-11-09T16:19:00+00:00",
    last="2026-11-18T14:54:00+00:00",
)


@pytest.mark.parametrize(
    "text",
    [
        "690 people met PORTAL-2041.",
        "It fell by 21.6%.",
        "It fell by 22%.",
        "1,512 events since Mon 9 Nov, 11:19.",
        "Seen first on 9 Nov 2026, 9 days before.",
        "See https://sentry.test/issues/2041/.",
        "It says “requestIdleCallback” in `ReferenceError: request...`.",
    ],
)
def test_what_the_evidence_says_stands(text: str) -> None:
    assert judge(Claim(text=text, kind="fact", evidence=("e1",)), {"e1": ERROR}, NEW_YORK, AT).outcome == "stands"


@pytest.mark.parametrize(
    "text",
    [
        "691 people met it.",
        "It fell by 23%.",
        "It fell by 21.7%.",
        "PORTAL-2042 did it.",
        "acme/portal#482 did it.",
        "See https://evil.test/?q=1.",
        "Seen first on Tue 10 Nov.",
        "Seen first at 12:19.",
        "Since 8 days.",
        "1,512 people met it.",
        "690 events since Mon 9 Nov.",
        "690% of people met it.",
        "$690 were lost.",
        "2,041 people met it.",
        "It was 0.216 people.",
        "Eleven people wrote.",
        "It says `error 999`.",
        "It says “code 12345”.",
        "See [it](javascript:alert).",
        "See [it](/2041).",
        "![](https://sentry.test/issues/2041/)",
        "<img src=x>",
    ],
)
def test_what_it_does_not_say_is_dropped(text: str) -> None:
    assert judge(Claim(text=text, kind="fact", evidence=("e1",)), {"e1": ERROR}, NEW_YORK, AT).outcome == "dropped"


REPORT = Evidence(
    id="e1",
    run="r",
    step="s",
    number=1,
    service="deus",
    verb="analyze.report",
    title="Deus",
    at=AT,
    sha256="0" * 64,
    content=(
        {
            "kind": "report_line",
            "ref": "report:Sign-ups",
            "label": "Sign-ups",
            "last": 1904.0,
            "before": 2436.0,
            "change": -0.2184,
        },
        {
            "kind": "report_line",
            "ref": "report:Revenue",
            "label": "Revenue",
            "unit": "usd",
            "last": 106330.0,
            "before": 105252.0,
            "change": 0.0102,
        },
        {
            "kind": "annotation",
            "title": "Rate limit",
            "body": "The limit goes from 60 to 120 a minute for 15% of them.",
        },
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        "Sign-ups fell by 21.8%.",
        "There were 1,904 sign-ups, down from 2,436.",
        "Sign-ups: 1,904 after 2,436 (−21.8%); revenue: $106,330 after $105,252 (+1.0%).",
        "Revenue rose to $106,330 from $105,252.",
        "The rate limit goes from 60 to 120 a minute.",
        "The limit concerns 15% of them.",
    ],
)
def test_a_figure_stands_in_its_own_place(text: str) -> None:
    assert judge(Claim(text=text, kind="fact", evidence=("e1",)), {"e1": REPORT}, NEW_YORK, AT).outcome == "stands"


@pytest.mark.parametrize(
    "text",
    [
        "Sign-ups rose by 21.8%.",
        "Sign-ups +21.8%.",
        "Sign-ups fell by 1.0%.",
        "Revenue −21.8%.",
        "Sign-ups: 2,436 after 1,904.",
        "There were 2,436 sign-ups, down from 1,904.",
        "There were $1,904 sign-ups.",
        "Revenue: €106,330 after €105,252.",
        "Revenue: 1,904 after 2,436.",
        "The rate limit goes from 120 to 60 a minute.",
        "The limit concerns 60% of them.",
    ],
)
def test_a_true_figure_does_not_stand_in_anothers_place(text: str) -> None:
    assert judge(Claim(text=text, kind="fact", evidence=("e1",)), {"e1": REPORT}, NEW_YORK, AT).outcome == "dropped"


def test_evidence_that_does_not_exist_drops_a_claim() -> None:
    assert (
        judge(Claim(text="It broke.", kind="fact", evidence=("e9",)), {"e1": ERROR}, NEW_YORK, AT).outcome == "dropped"
    )


def test_words_without_evidence_are_a_hypothesis_and_figures_without_evidence_are_gone() -> None:
    answer = Answer(
        text="",
        claims=(Claim(text="It may be the cache.", kind="fact"), Claim(text="It fell by 40%.", kind="computed")),
    )
    proven = prove(answer, [ERROR], NEW_YORK, AT)
    assert [claim.kind for claim in proven.claims] == ["hypothesis"]
    assert "40%" not in proven.text


def test_a_cause_after_the_onset_loses_its_place() -> None:
    early = evidence(1, ref="dpl_a", kind="deployment", at="2026-11-09T16:05:00+00:00")
    late = evidence(2, ref="dpl_b", kind="deployment", at="2026-11-09T19:10:00+00:00")
    finding = Finding(
        happened=True,
        metric="signed_up",
        onset=datetime(2026, 11, 9, 16, 5, tzinfo=UTC),
        causes=(
            Cause(ref="dpl_b", label="b", score=0.9, evidence=("e2",)),
            Cause(ref="dpl_a", label="a", score=0.8, evidence=("e1",)),
        ),
    )
    proven = prove(
        Answer(text="", claims=(Claim(text="dpl_a", kind="fact", evidence=("e1",)),), finding=finding),
        [early, late],
        NEW_YORK,
        AT,
    )
    assert proven.finding is not None
    assert [cause.ref for cause in proven.finding.causes] == ["dpl_a"]


def test_an_answer_of_which_nothing_stands_abstains() -> None:
    proven = prove(Answer(text="", claims=(Claim(text="7 things", kind="fact", evidence=("e9",)),)), [], NEW_YORK, AT)
    assert proven.abstained
    assert proven.claims == ()


@given(st.integers(min_value=13, max_value=10**6))
@example(690)
@example(1512)
@example(2041)
def test_an_altered_figure_is_never_shown(number: int) -> None:
    claim = Claim(text=f"{number:,} people met it.", kind="fact", evidence=("e1",))
    stands = judge(claim, {"e1": ERROR}, NEW_YORK, AT).outcome == "stands"
    # The evidence holds 1512 events, and 2041 in its ref and URL, but those are no people.
    assert stands == (number == 690)


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    mentions(text)
