"""What a dry run says: every write that would have been done, and none of it as done."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.dry_run import is_asked, rests_on, told, without_words
from agents.plan import Plan, Step
from agents.ports import StepResult
from agents.record import Answer, Claim
from tools.nouns import Receipt

AT = datetime(2026, 11, 18, 15, tzinfo=UTC)
SHOWN = Receipt(
    service="slack",
    ref="C1",
    url="",
    at=AT,
    title="#product",
    effect="k1",
    verb="messages.send",
    before={"topic": "old"},
    after={"topic": "new", "text": "We mend [it](http://evil.test) " + "word " * 80},
    dry=True,
)
PLAN = Plan(steps=(Step(id="w", verb="messages.send", title="Tell them"), Step(id="r", verb="issues.search")))
RESULTS = {"w": StepResult("w", "done", (SHOWN,), ("e1",)), "r": StepResult("r", "done", (), ("e2",))}
WRITTEN = Answer(
    text="",
    claims=(
        Claim(text="They were told.", kind="fact", evidence=("e1",)),
        Claim(text="They were told, too.", kind="fact", evidence=("e1.1",)),
        Claim(text="All is done.", kind="fact"),
        Claim(text="Two issues are open.", kind="fact", evidence=("e2",)),
    ),
    preface="Here is what I did.",
)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("/dry escalate it", "escalate it"),
        ("/dry-run: escalate it", "escalate it"),
        ("  Dry run: escalate it", "escalate it"),
        ("dry-run – escalate it", "escalate it"),
    ],
)
def test_words_that_ask_for_it(text: str, question: str) -> None:
    assert is_asked(text)
    assert without_words(text) == question


@pytest.mark.parametrize("text", ["/dry", "dry run:", "/dryer is broken", "What is a dry run?", "dry runs: how many?"])
def test_words_that_do_not(text: str) -> None:
    assert not is_asked(text)
    assert without_words(text) == text


def test_what_would_have_happened_stands_in_the_place_of_what_was_called_done() -> None:
    answer = told(WRITTEN, PLAN, RESULTS, dry=True)
    first, *others = answer.claims
    assert first.section == "Would have been done"
    assert first.evidence == ("e1",)
    assert "topic: old → new" in first.text
    assert r"\[it\]" in first.text
    assert len(first.text) < 400
    assert [claim.text for claim in others] == ["Two issues are open."]
    assert answer.preface.startswith("**Dry run: nothing was sent, and nothing was changed.**")


def test_a_line_that_does_not_stand_as_a_claim_is_said_all_the_same() -> None:
    answer = told(WRITTEN, PLAN, RESULTS, dry=True, stands=lambda claim: False)
    assert [claim.text for claim in answer.claims] == ["Two issues are open."]
    assert "topic: old → new" in answer.preface


def test_a_run_that_is_not_dry_stays_as_it_is_where_nothing_was_only_shown() -> None:
    real = {"w": StepResult("w", "done", (SHOWN.model_copy(update={"dry": False}),), ("e1",))}
    assert told(WRITTEN, PLAN, real, dry=False) is WRITTEN


def test_a_dry_run_without_writes_says_that_there_would_have_been_none() -> None:
    assert "Nothing would have been written" in told(WRITTEN, PLAN, {}, dry=True).preface


def test_a_step_that_needs_what_was_only_shown_is_named() -> None:
    reader = Step(id="x", verb="issues.get", args={"ref": "$w[0].ref"})
    assert rests_on(reader, PLAN, RESULTS) == "Tell them"
    assert rests_on(reader.model_copy(update={"args": {"ref": "$r[0].ref"}}), PLAN, RESULTS) == ""
