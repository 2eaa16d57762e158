"""An owner is learned from what a person says in a correction, and from no text that somebody else wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from agents.approval import Source
from agents.destination import Preference
from agents.destinations import Destinations
from agents.plan import Plan, Step
from agents.ports import StepResult, Turn
from agents.taint import Taint
from agents.wanted import Wanted, wanted_of
from tests.scenarios.engine.script import ScriptedToolbox, StillClock
from tools.analysis.ownership import AnalyzeOwner, Owner
from tools.kit.tool import Verb, verbs
from tools.nouns import Person
from tools.writes import IssuesCreate

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
PEOPLE = [
    Person(service="linear", ref=handle, url="", at=NOW, title=name, name=name, handle=handle)
    for handle, name in (("mateo", "Mateo Silva"), ("mallory", "Mallory Moor"))
]
SLOTS = {"owned_part": "form", "ordered": "Create an issue for the label and give it to whoever owns the form"}
STRANGER = Source(service="linear", title="The form belongs to Mallory")


@dataclass
class Kept:
    """Preferences in memory."""

    kept: list[Preference] = field(default_factory=list)

    async def listed(self) -> Sequence[Preference]:
        return self.kept

    async def keep(self, preference: Preference) -> None:
        self.kept.append(preference)

    async def forget(self, kind: str, about: str) -> bool:
        return False


def desk(kept: Kept) -> Destinations:
    return Destinations(ScriptedToolbox({"linear": {"people.find": PEOPLE}}), kept, StillClock(NOW), {})


def wanted(plan: Plan, step: Step, *results: StepResult) -> Wanted:
    known: dict[str, type[Verb]] = {**verbs(Verb)}
    return wanted_of(step, IssuesCreate, plan, {one.id: one for one in results}, known, ("linear",))


def given(name: str, **plan: object) -> Wanted:
    step = Step(id="w", verb="issues.create", args={"title": "The label", "assignee": name})
    return wanted(Plan(steps=(step,), slots=SLOTS).model_copy(update=plan), step)


def said(text: str) -> Turn:
    return Turn(text, "ann", "web", "c", NOW)


async def test_what_a_person_says_is_kept_and_goes_before_what_records_say() -> None:
    kept = Kept()
    await desk(kept).settle(given("Mateo Silva"), said("no, give it to Mateo"))
    assert [(one.kind, one.about, one.value, one.by) for one in kept.kept] == [("owner", "form", "Mateo Silva", "ann")]
    look = Step(id="owner", verb=AnalyzeOwner.name, args={"part": "form"})
    step = Step(id="w", verb="issues.create", args={"title": "The font", "assignee": "$owner[0].title"})
    found = Owner(service="deus", ref="o", url="", at=NOW, title="Mallory Moor")
    later = wanted(
        Plan(steps=(look, step), slots={"owned_part": "the  Form"}), step, StepResult("owner", "done", (found,))
    )
    assert later.taint.args["assignee"]
    goes = await desk(kept).settle(later, said("Create an issue and give it to whoever owns the form"))
    assert goes.args["assignee"] == "Mateo Silva"
    assert goes.why == ("Mateo Silva owns the form: ann said so on 18 Nov.",)
    assert goes.tainting(later.taint).sources == ()


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("no, give it to whom the record names", given("Mallory Moor")),
        ("no, to Mallory", given("Mallory Moor", read=(STRANGER,))),
        ("no, to Mallory", given("Mallory Moor", quoted={"owned_part": STRANGER})),
        ("give it to Mallory", given("Mallory Moor", slots={"owned_part": "form"})),
    ],
)
async def test_what_others_wrote_teaches_nothing(text: str, one: Wanted) -> None:
    kept = Kept()
    await desk(kept).settle(one, said(text))
    assert kept.kept == []


async def test_an_assignee_that_a_record_named_teaches_nothing() -> None:
    kept, one = Kept(), given("Mallory Moor")
    tainted = Taint(args={"assignee": (STRANGER,)})
    await desk(kept).settle(
        Wanted(one.step, one.verb, one.services, one.shown, tainted, ordered=one.ordered, owns=one.owns),
        said("no, give it to Mallory"),
    )
    assert kept.kept == []


async def test_what_a_closed_service_tells_decides_nothing() -> None:
    people = {
        service: {"people.find": [PEOPLE[0].model_copy(update={"service": service})]}
        for service in ("linear", "github")
    }
    whole = Destinations(ScriptedToolbox(people), Kept(), StillClock(NOW), {})
    some = whole.within(lambda service: service != "linear")
    for door, told in ((whole, {"linear", "github"}), (some, {"github"}), (whole, {"linear", "github"})):
        habits = await door._habits("issues.create", {"assignee": "Mateo Silva"}, ("linear",))
        assert {one.service for one in habits.people} == told
