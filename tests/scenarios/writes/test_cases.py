"""The cases that the product is for, each from the sentence to the undo: shown, approved, done once, taken back."""

from __future__ import annotations

import pytest

from agents.effect import Effect
from tests.scenarios.writes.office import Office
from tools.nouns import Issue, Message

pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def done_and_taken_back(office: Office, effects: list[Effect]) -> None:
    """Each write is at its service as the receipt says, and after its undo as it was before."""
    for effect in reversed(effects):
        assert effect.state == "done"
        assert effect.landed is not None
        assert office.state(effect) == effect.landed.state
        undone = office.undo(effect)
        assert undone.status_code == 200, undone.text
        left = office.state(effect)
        before = {name: value for name, value in effect.change.before.items() if name in effect.landed.state}
        assert left is None or left == before


def test_the_critical_bugs_are_escalated(office: Office) -> None:
    issues = {issue.ref for issue in office.read("issues.search", "linear")}
    document = office.order("Escalate the critical bugs", "escalate")
    assert document["status"] == "awaiting_approval"
    asked = {one["verb"]: one for one in office.waiting(document["run"])}
    assert set(asked) == {"issues.create", "issues.update", "messages.send"}
    create = asked["issues.create"]
    assert create["service"] == "linear"
    assert create["args"]["priority"] == "urgent"
    assert "690 people" in create["args"]["description"]
    assert create["args"]["assignee"] == "Sarah Chen"
    assert any("issues/2041" in link for link in create["args"]["links"])
    assert asked["issues.update"]["diff"] == [{"field": "priority", "before": "high", "after": "urgent"}]
    assert asked["messages.send"]["args"]["links"] == ["$create_1[0].url"]
    assert any("To #" in reason for reason in asked["messages.send"]["why"])
    assert {issue.ref for issue in office.read("issues.search", "linear")} == issues

    done = office.decide(document)
    assert done["status"] == "answered"
    assert len(done["receipts"]) == 3
    effects = office.effects(document["run"])
    (made,) = {issue.ref for issue in office.read("issues.search", "linear")} - issues
    assert made in done["answer"]
    (sent,) = [one for one in effects if one.verb == "messages.send"]
    (created,) = [one for one in effects if one.verb == "issues.create"]
    assert created.landed is not None
    assert sent.args["links"] == [created.landed.url]
    said = [m for m in office.read("messages.search") if isinstance(m, Message) and "critical bugs are" in m.body]
    assert len(said) == 1
    assert made in said[0].body
    done_and_taken_back(office, effects)
    assert {issue.ref for issue in office.read("issues.search", "linear")} == issues


def test_an_issue_is_created_for_what_was_said_and_given_to_the_owner(office: Office) -> None:
    office.order("Why did signups drop last week?", "why")
    document = office.order("Create an issue for this and give it to whoever owns the form", "why")
    (asked,) = office.waiting(document["run"])
    assert "requestIdleCallback" in asked["args"]["title"]
    assert asked["args"]["assignee"] == "Sarah Chen"
    assert asked["sources"], "what strangers wrote is shown with it"
    assert "Sarah Chen" in document["answer"]
    assert "last changed web/src/signup/SignupForm.tsx" in document["answer"]
    done = office.decide(document)
    effects = office.effects(document["run"])
    (issue,) = office.read("issues.get", "linear", ref=effects[0].landed.ref if effects[0].landed else "")
    assert isinstance(issue, Issue)
    assert "690 people" in issue.body
    assert "/pull/482" in issue.body
    assert issue.ref in done["answer"]
    undone = office.order("undo that", "why")
    assert undone["status"] == "answered"
    assert issue.ref in undone["answer"]
    assert office.state(effects[0]) is None


def test_the_deployment_that_broke_signups_is_rolled_back(office: Office) -> None:
    document = office.order("Roll back the deployment that broke signups", "roll back")
    (asked,) = office.waiting(document["run"])
    assert asked["verb"] == "deploys.rollback"
    assert asked["args"]["component"] == "web"
    assert asked["target"]["environment"] == "production"
    assert "Signup form: idle validation" in document["answer"]
    done = office.decide(document)
    assert done["status"] == "answered"
    done_and_taken_back(office, office.effects(document["run"]))


def test_a_flag_is_turned_off_in_one_country(office: Office) -> None:
    document = office.order("Turn off the new-checkout flag in Germany", "flag")
    (asked,) = office.waiting(document["run"])
    assert asked["args"] == {"ref": "new-checkout", "on": False, "where": {"country": "DE"}}
    assert asked["sources"] == [], "all of it is in the asker's own words"
    done = office.decide(document)
    assert done["status"] == "answered"
    effects = office.effects(document["run"])
    assert "DE" in str(effects[0].change.after)
    done_and_taken_back(office, effects)


def test_a_fix_is_merged_once_its_checks_are_green(office: Office) -> None:
    document = office.order("Merge the CSV invites PR once checks are green", "merge")
    (asked,) = office.waiting(document["run"])
    assert asked["args"]["ref"] == "acme/portal#484"
    assert asked["args"]["when_green"] is True
    done = office.decide(document)
    (effect,) = office.effects(document["run"])
    assert done["status"] == "answered"
    assert effect.state == "done"
    (pull,) = office.read("pulls.get", ref="acme/portal#484")
    assert pull.state == "merged"  # type: ignore[attr-defined]
    refused = office.undo(effect)
    assert refused.status_code == 409
    assert "cannot be taken back" in refused.text


@pytest.mark.parametrize(
    ("order", "verb", "args"),
    [
        (
            "assign ACME-311 to Sarah and make it high priority",
            "issues.update",
            {"ref": "ACME-311", "priority": "high", "assignee": "Sarah Chen"},
        ),
        ("comment on ACME-311: we are on it", "issues.comment", {"ref": "ACME-311", "text": "We are on it"}),
        ("resolve the error PORTAL-2041", "errors.resolve", {"ref": "PORTAL-2041", "in_next_release": False}),
        (
            "tell #support that the export works again",
            "messages.send",
            {"to": "#support", "links": [], "text": "The export works again"},
        ),
        (
            "Sag #support, dass der Export wieder geht",
            "messages.send",
            {"to": "#support", "links": [], "text": "Der Export wieder geht"},
        ),
    ],
)  # fmt: skip
def test_small_orders_are_bound_to_their_words(office: Office, order: str, verb: str, args: dict[str, object]) -> None:
    document = office.order(order, order)
    (asked,) = office.waiting(document["run"])
    assert (asked["verb"], asked["args"]) == (verb, args)
    assert asked["sources"] == []
    office.decide(document)
    done_and_taken_back(office, office.effects(document["run"]))
