"""Whom a correction gives what waits, or what was just made, and whose part of the product that makes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agents.plan import Plan
from agents.planners.correction import belonging, correction
from agents.planners.slots.fill import fill
from agents.planners.slots.vocabulary import Vocabulary
from agents.ports import Past, Situation, Turn
from agents.record import Answer, Evidence

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
PEOPLE = ("Mateo Silva", "Priya Raman", "Sarah Chen")
MADE = {"kind": "receipt", "service": "linear", "ref": "WEB-9", "verb": "issues.create"}
SLOTS = {"title": "The label is wrong", "owned_part": "form", "literal_owned": True, "looks_for_owner": True}


def situation(text: str, past: Past) -> Situation:
    turn = Turn(text, "ann", "web", "c", NOW)
    return Situation(turn=turn, now=NOW, timezone="America/New_York", past=(past,), people=PEOPLE)


def corrected(text: str, *, waits: bool = True) -> tuple[str, dict[str, object]] | None:
    item = Evidence(
        id="e1", run="r1", step="create", number=1, service="linear", verb="issues.create", title="t", at=NOW,
        sha256="0" * 64, content=(MADE,),
    )  # fmt: skip
    question = "Create an issue for the wrong label and give it to whoever owns the form"
    past = Past("r1", question, Plan(playbook="create_issue", slots=SLOTS), Answer(text="a"), (item,), waits=True)
    past = past if waits else replace(past, waits=False)
    said = fill(text, now=NOW, timezone="America/New_York", vocabulary=Vocabulary(metrics=(), people=PEOPLE))
    found = correction(situation(text, past), said)
    return None if found is None else (found.playbook, dict(found.slots))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("no, give it to Mateo", "Mateo Silva"),
        ("assign it to Priya instead", "Priya Raman"),
        ("wrong person, the form belongs to Mateo", "Mateo Silva"),
        ("nein, gib es Mateo", "Mateo Silva"),
        ("falsche Person, das Formular gehört Priya", "Priya Raman"),
        ("no, asígnalo a Mateo", "Mateo Silva"),
        ("persona equivocada, el formulario es de Priya", "Priya Raman"),
    ],
)
def test_a_correction_gives_it_to_whom_it_names(text: str, name: str) -> None:
    found = corrected(text)
    assert found is not None
    playbook, slots = found
    assert playbook == "create_issue"
    assert (slots["assignee"], slots["corrects"]) == (name, "r1")
    assert slots["owned_part"] == (belonging(text) or "form")
    assert not slots["literal_owned"]
    after = corrected(text, waits=False)
    assert after is not None
    assert after[0] == "change_issue"
    assert (after[1]["issue_ref"], after[1]["assignee"]) == ("WEB-9", name)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("The signup form belongs to Mateo", "signup form"),
        ("wrong person, the form is Mateo’s", "form"),
        ("nein, das Formular gehört zu Priya", "Formular"),
        ("no, el formulario pertenece a Priya", "formulario"),
        ("give it to Mateo", None),
    ],
)
def test_the_part_that_belongs_to_somebody(text: str, part: str | None) -> None:
    assert belonging(text) == part


@pytest.mark.parametrize(
    "text", ["What is Mateo working on?", "Create an issue for Mateo: rotate the keys", "no", "no, in GitHub"]
)
def test_what_is_done_stays_as_it_is_where_nobody_else_is_named(text: str) -> None:
    assert corrected(text, waits=False) is None
