"""Where a write belongs: what was said, set, corrected, shown by the history, in this order."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.destination import Habits, Preference, destination, lessons, named_service
from agents.errors import StepFailed
from tools.nouns import Issue, Message, Person

AT = datetime(2026, 11, 18, tzinfo=UTC)
TITLES = {"github": "GitHub", "linear": "Linear"}
BOTH = ("github", "linear")


def issue(service: str, number: int, team: str | None = None, assignee: str | None = None) -> Issue:
    ref = f"acme/portal#{number}" if service == "github" else f"ENG-{number}"
    return Issue(
        service=service,
        ref=ref,
        url=f"https://{service}.test/{number}",
        at=AT,
        state="open",
        team=team,
        assignee=assignee,
    )


def person(service: str, name: str, handle: str, email: str | None = None, team: str | None = None) -> Person:
    return Person(service=service, ref=handle, url="", at=AT, name=name, handle=handle, email=email, team=team)


def said(room: str, body: str, author: str = "tom") -> Message:
    return Message(service="slack", ref=f"{room}/{body}", url="", at=AT, channel=room, author=author, body=body)


def liked(kind: str, about: str, value: str) -> Preference:
    return Preference.model_validate({"kind": kind, "about": about, "value": value, "by": "ana", "at": AT})


def test_the_history_chooses_the_tracker_of_the_team() -> None:
    issues = [*(issue("linear", n, "web") for n in range(3)), *(issue("github", n, "api", "ben") for n in range(9))]
    habits = Habits(issues=issues, titles=TITLES)
    goes = destination("issues.create", {"title": "x", "team": "web"}, BOTH, habits)
    assert goes.service == "linear"
    assert "3 of web's last 3 issues" in goes.why[0]
    assert goes.alternatives == ("github",)
    assert destination("issues.create", {"title": "x"}, BOTH, habits).service == "github"


def test_what_strangers_open_does_not_choose() -> None:
    strangers = [issue("github", n) for n in range(50)]
    habits = Habits(issues=[*strangers, issue("linear", 1, "web", "ben")], titles=TITLES)
    assert destination("issues.create", {"title": "x"}, BOTH, habits).service == "linear"


def test_said_goes_before_set_before_corrected_before_the_history() -> None:
    issues = [issue("github", 1, assignee="ben")]
    corrected = Habits(issues=issues, titles=TITLES, preferences=[liked("service", "issues.create", "linear")])
    assert destination("issues.create", {"title": "x"}, BOTH, corrected).service == "linear"
    given = Habits({"tracker": "github"}, corrected.preferences, issues, titles=TITLES)
    goes = destination("issues.create", {"title": "x"}, BOTH, given)
    assert goes.service == "github"
    assert "set as the tracker" in goes.why[0]
    assert destination("issues.create", {"title": "x"}, BOTH, given, said=("make a Linear issue",)).service == "linear"


def test_nothing_is_guessed_where_nothing_tells() -> None:
    with pytest.raises(StepFailed, match="GitHub and Linear could do this"):
        destination("issues.create", {"title": "x"}, BOTH, Habits(titles=TITLES))
    with pytest.raises(StepFailed, match="No connected service"):
        destination("issues.create", {"title": "x"}, (), Habits())


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("create an issue in GitHub for the login", "github"),
        ("no, in GitHub", "github"),
        ("not Linear – GitHub", "github"),
        ("not in Linear", "github"),
        ("nicht in Linear, in GitHub", "github"),
        ("en Linear", "linear"),
        ("make a Linear issue for the GitHub outage", "linear"),
        ("create an issue about GitHub's outage", None),
        ("create an issue for the login", None),
        ("in GitHub or in Linear", None),
    ],
)
def test_a_service_is_named_where_something_is_sent_to_it(text: str, service: str | None) -> None:
    assert named_service(text, BOTH, TITLES) == service


def test_a_ref_tells_its_service() -> None:
    habits = Habits(issues=[issue("linear", 12), issue("github", 3)], titles=TITLES)
    assert destination("issues.update", {"ref": "ENG-12"}, BOTH, habits).service == "linear"
    assert destination("issues.update", {"ref": "ENG-99"}, BOTH, habits).service == "linear"
    assert destination("issues.update", {"ref": "acme/portal#77"}, BOTH, habits).service == "github"


def test_a_first_name_is_the_account_of_the_same_person_there() -> None:
    people = [
        person("linear", "Sarah Chen", "sarah", "sarah@acme.test"),
        person("github", "schen", "schen", "sarah@acme.test"),
        person("github", "Yusuf Demir", "ydemir"),
    ]
    habits = Habits(people=people, titles=TITLES)
    goes = destination("issues.create", {"title": "x", "assignee": "Sarah"}, ("github",), habits)
    assert goes.args["assignee"] == "schen"
    assert goes.why == ("Sarah is schen in GitHub.",)
    assert destination("issues.create", {"assignee": "Yusuf"}, ("github",), habits).args["assignee"] == "Yusuf Demir"


def test_a_name_that_two_bear_is_left_to_the_service_unless_it_was_corrected() -> None:
    people = [person("linear", "Sarah Chen", "sc"), person("linear", "Sarah Lee", "sl")]
    one = ("linear",)
    assert destination("issues.create", {"assignee": "Sarah"}, one, Habits(people=people)).args["assignee"] == "Sarah"
    habits = Habits(people=people, preferences=[liked("account", "sarah", "Sarah Lee")])
    goes = destination("issues.create", {"assignee": "Sarah"}, one, habits)
    assert goes.args["assignee"] == "Sarah Lee"
    assert "ana said so" in goes.why[0]


def test_the_teams_word_for_a_priority() -> None:
    habits = Habits(preferences=[liked("priority", "high", "urgent")])
    goes = destination("issues.create", {"priority": "high"}, ("linear",), habits)
    assert goes.args["priority"] == "urgent"


def test_the_channel_for_notices_is_a_guess_of_what_others_wrote_unless_it_is_known() -> None:
    messages = [said("support", "the export is broken"), said("support", "an error again"), said("growth", "hello")]
    send = {"to": "team", "text": "x"}
    goes = destination("messages.send", send, ("slack",), Habits(messages=messages))
    assert goes.args["to"] == "#support"
    assert "2 of the last 2 messages" in goes.guessed["to"]
    named = destination("messages.send", send, ("slack",), Habits(messages=[*messages, said("incidents", "x")]))
    assert named.args["to"] == "#incidents"
    known = Habits({"channel": "#ops"}, messages=messages)
    assert destination("messages.send", send, ("slack",), known).guessed == {}
    own = destination("messages.send", {"to": "#eng", "text": "x"}, ("slack",), known)
    assert (own.args["to"], own.why) == ("#eng", ())


def test_an_edit_teaches_only_what_was_chosen_for_the_asker() -> None:
    asked = {"assignee": "Sarah", "priority": "high", "to": "team"}
    shown = {"assignee": "Sarah Chen", "priority": "high", "to": "#auth"}
    now = {"assignee": "Sarah Lee", "priority": "urgent", "to": "#ops"}
    assert lessons(shown, asked, now) == [
        ("account", "sarah", "Sarah Lee"),
        ("priority", "high", "urgent"),
        ("channel", "team", "#ops"),
    ]
    other = {"assignee": "Ben", "priority": "none", "to": "#ops"}
    assert lessons(shown, {"assignee": "Sarah", "priority": "high", "to": "#auth"}, other) == []
