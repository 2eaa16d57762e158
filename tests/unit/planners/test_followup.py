"""What a further question changes of the question before, and when it stands on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.plan import Plan
from agents.planners.followup import cut_short, follow_up
from agents.planners.quoted_slots import heard
from agents.planners.slots.fill import fill
from agents.planners.slots.vocabulary import Vocabulary
from agents.planners.unknown import unknown_milestone
from agents.ports import Past, Situation, Turn
from agents.record import Answer, Claim, Evidence

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
METRICS = {"signed_up": {"device": ("mobile", "desktop"), "country": ("DE", "US")}, "export_completed": {}}
ISSUE = {"kind": "issue", "service": "linear", "ref": "BACK-295", "title": "Rotating a token"}
DEPLOYMENT = {"kind": "deployment", "service": "vercel", "ref": "dpl_1", "pulls": ["acme/web#482"]}


def evidence(number: int, record: dict[str, Any]) -> Evidence:
    return Evidence(
        id=f"e{number}", run="r1", step="s", number=number, service=str(record["service"]), verb="v", title="t",
        ref=str(record["ref"]), at=NOW, sha256="0" * 64, content=(record,),
    )  # fmt: skip


def after(playbook: str, slots: dict[str, Any], *records: dict[str, Any]) -> Past:
    items = tuple(evidence(number, record) for number, record in enumerate(records, 1))
    answer = Answer(text="a", claims=tuple(Claim(text="c", kind="fact", evidence=(item.id,)) for item in items))
    return Past("r1", "q", Plan(playbook=playbook, slots=slots), answer, items)


def situation(text: str, *past: Past) -> Situation:
    return Situation(
        turn=Turn(text, "ann", "web", "c", NOW), now=NOW, timezone="America/New_York", past=past, metrics=METRICS,
        people=("Priya Raman",), milestones=("auth", "billing"),
    )  # fmt: skip


def further(text: str, *past: Past) -> Any:
    asked = situation(text, *past)
    words = Vocabulary(metrics=tuple(METRICS), people=asked.people, milestones=asked.milestones)
    return follow_up(asked, fill(text, now=NOW, timezone="America/New_York", vocabulary=words))


TREND = after("metric_trend", {"metric": "signed_up", "where": {"country": "DE"}})
ANSWER = after("blockers", {"milestone": "auth"}, ISSUE, DEPLOYMENT)


@pytest.mark.parametrize("text", ["and for mobile?", "what about mobile", "und für mobile?"])
def test_a_segment_is_added_to_the_one_before(text: str) -> None:
    assert further(text, TREND).slots["where"] == {"country": "DE", "device": "mobile"}


def test_a_time_moves_the_period_and_the_weeks_that_follow_from_it() -> None:
    found = further("and last week?", after("shipping", {"week_start": "2026-11-16T00:00:00-05:00"}))
    assert found.playbook == "shipping"
    assert found.slots["week_start"] == "2026-11-09T00:00:00-05:00"
    assert found.slots["week_end"] == "2026-11-16T00:00:00-05:00"


def test_a_record_is_asked_of_the_same_question_where_that_can_be_and_else_of_its_status() -> None:
    found = further("what about BACK-290?", ANSWER)
    assert (found.playbook, found.slots["ref"], found.slots["milestone"]) == ("blockers", "BACK-290", None)
    assert further("what about BACK-290?", TREND).playbook == "status"


@pytest.mark.parametrize(
    ("text", "kind", "ref"),
    [
        ("show me the issue", "issue", "BACK-295"),
        ("show me the deploy", "deployment", "dpl_1"),
        ("show me the pull request", "pull_request", "acme/web#482"),
        ("show me the diff", "pull_request", "acme/web#482"),
        ("who owns it?", "issue", "BACK-295"),
        ("wer macht das?", "issue", "BACK-295"),
    ],
)
def test_a_cited_record_is_shown(text: str, kind: str, ref: str) -> None:
    found = further(text, ANSWER)
    assert (found.playbook, found.slots["ref"], found.slots[f"shows_{kind}"]) == ("show_record", ref, True)


@pytest.mark.parametrize(
    "text",
    [
        "and what ships this week?",
        "show me all open pull requests",
        "and who is on call today?",
        "What blocks billing?",
    ],
)
def test_a_question_of_its_own_stands_alone(text: str) -> None:
    assert further(text, ANSWER) is None
    assert not cut_short(situation(text, ANSWER))


def test_nothing_is_further_in_a_new_conversation() -> None:
    assert further("and for mobile?") is None
    assert not cut_short(situation("and for mobile?"))


def test_a_cut_sentence_that_names_nothing_known_is_asked_about() -> None:
    assert further("and for the moon?", TREND) is None
    assert cut_short(situation("and for the moon?", TREND))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What's blocking the flux milestone?", "flux"),
        ("Was blockiert den Meilenstein flux?", "flux"),
        ("what blocks milestone v2.1", "v2.1"),
        ("What's blocking the auth milestone?", None),
        ("What blocks the next milestone?", None),
        ("Which milestone is late?", None),
    ],
)
def test_a_milestone_that_nobody_has_is_named(text: str, name: str | None) -> None:
    asked = situation(text)
    words = Vocabulary(milestones=asked.milestones)
    unknown = unknown_milestone(asked, fill(text, now=NOW, timezone="UTC", vocabulary=words))
    assert (unknown is None) == (name is None)
    if unknown is not None:
        assert f"“{name}”" in str(unknown)
        assert "auth and billing" in str(unknown)
        assert unknown.options[0] == text.replace(str(name), "auth")


def relayed(question: str = "", by: str = "", text: str = "") -> Past:
    return Past("r9", question, Plan(), Answer(text=text) if text else None, relayed=True, by=by)


def test_who_points_after_a_person_had_the_conversation_points_at_what_was_said_there() -> None:
    last = (relayed("It hits our exports."), relayed(by="Sarah", text="That is BACK-312."))
    there = heard(situation("What is the status of that?", TREND, *last))
    assert there.turn.quoted is not None
    assert (there.turn.quoted.author, there.turn.quoted.text) == ("Sarah", "That is BACK-312.\nIt hits our exports.")
    assert heard(situation("What are we shipping this week?", TREND)).turn.quoted is None
    assert heard(situation("Who is on call?", *last)).turn.quoted is None
    assert heard(situation("What is the status of that?", *last, TREND)).turn.quoted is None
