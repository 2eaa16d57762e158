"""No is no, an edit is asked about anew, a correction is kept: what the last tests teach stays with their company."""

from __future__ import annotations

import pytest

from tests.scenarios.writes.office import Office, until
from tools.nouns import Issue

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def issues(office: Office) -> set[str]:
    return {issue.ref for issue in office.read("issues.search")}


def test_what_is_rejected_is_not_done_and_said_so(office: Office) -> None:
    before = issues(office)
    document = office.order("Create an issue for the broken footer", "no")
    done = office.decide(document, "reject")
    assert done["status"] == "answered"
    assert done["receipts"] == []
    assert "not done" in done["answer"]
    assert "rejected by api" in done["answer"]
    assert issues(office) == before
    assert office.effects(document["run"]) == []


def test_what_is_edited_is_asked_about_anew_and_done_as_edited(office: Office) -> None:
    document = office.order("Create an issue for the slow search and assign it to Sarah", "edit")
    (asked,) = office.waiting(document["run"])
    assert asked["args"]["assignee"] == "Sarah Chen"
    office.edit(document, title="Search takes ten seconds", assignee="Yusuf Demir")
    (again,) = office.waiting(document["run"])
    assert again["revision"] == 2
    assert again["args"]["title"] == "Search takes ten seconds"
    late = office.http.post(
        f"/api/approvals/{asked['id']}/decision", json={"choice": "approve", "digest": asked["digest"]}
    )
    assert late.status_code == 409
    office.decide(document)
    (effect,) = office.effects(document["run"])
    assert effect.landed is not None
    (issue,) = office.read("issues.get", "linear", ref=effect.landed.ref)
    assert isinstance(issue, Issue)
    assert issue.title == "Search takes ten seconds"
    assert office.undo(effect).status_code == 200


def test_a_correction_in_chat_withdraws_proposes_anew_and_is_kept(office: Office) -> None:
    first = office.order("Create a high priority issue for the broken link", "correct")
    (asked,) = office.waiting(first["run"])
    assert asked["service"] == "linear"
    assert any("issues are there" in reason for reason in asked["why"])

    second = office.order("not Linear – GitHub", "correct")
    (moved,) = office.waiting(second["run"])
    assert moved["service"] == "github"
    assert moved["args"]["title"] == asked["args"]["title"]
    ended = office.ended(first["run"])
    assert ended["approvals"][0]["state"] == "withdrawn"
    assert ended["receipts"] == []

    third = office.order("assign it to Yusuf instead", "correct")
    (given,) = office.waiting(third["run"])
    assert given["args"]["assignee"] == "Yusuf Demir"
    assert given["people"] == ["ydemir"]
    assert office.waiting(second["run"]) == []

    fourth = office.order("make it low", "correct")
    (low,) = office.waiting(fourth["run"])
    assert (low["service"], low["args"]["priority"]) == ("github", "low")

    dropped = office.order("never mind", "correct")
    assert dropped["status"] == "answered"
    assert "nothing will be done" in dropped["answer"]
    until(lambda: office.waiting(fourth["run"]) == [])

    later = office.order("open an issue about the slow export page", "another day")
    (kept,) = office.waiting(later["run"])
    assert kept["service"] == "github"
    assert any("corrected it so" in reason for reason in kept["why"])


def test_the_teams_channel_is_kept_too(office: Office) -> None:
    document = office.order("tell the team that we are on it", "channel")
    (asked,) = office.waiting(document["run"])
    assert asked["args"]["to"] != "#product"
    again = office.order("no, in #product", "channel")
    (moved,) = office.waiting(again["run"])
    assert moved["args"] == {**asked["args"], "to": "#product"}
    later = office.order("tell the team that it is mended", "channel later")
    (kept,) = office.waiting(later["run"])
    assert kept["args"]["to"] == "#product"


def test_the_owner_of_a_part_is_kept_and_said_why(office: Office) -> None:
    document = office.order("Create an issue for the wrong label and give it to whoever owns the form", "owner")
    (asked,) = office.waiting(document["run"])
    assert asked["args"]["assignee"] == "Sarah Chen"
    again = office.order("no, give it to Mateo", "owner")
    (moved,) = office.waiting(again["run"])
    assert moved["args"] == {**asked["args"], "assignee": "Mateo Silva"}
    later = office.order("Create an issue for the wrong font and give it to whoever owns the form", "owner later")
    (kept,) = office.waiting(later["run"])
    assert kept["args"]["assignee"] == "Mateo Silva"
    assert any("owns the form: api said so" in reason for reason in kept["why"])
    assert kept["sources"] == [], "no text of others has a part in it any more"

    done = office.decide(later)
    assert done["receipts"]
    given = office.order("wrong person, the form belongs to James", "owner later")
    (changed,) = office.waiting(given["run"])
    assert changed["verb"] == "issues.update"
    assert changed["args"] == {"ref": done["receipts"][0]["ref"], "assignee": "James Okoro"}
    third = office.order("Create an issue for the grey button and give it to whoever owns the form", "owner third")
    (learned,) = office.waiting(third["run"])
    assert learned["args"]["assignee"] == "James Okoro"
