"""What blocks, what ships, which bugs, what is critical, what comes next."""

from __future__ import annotations

from tests.unit.analysis.records import (
    FRAME,
    NOW,
    ago,
    deployment,
    error,
    grouped,
    issue,
    message,
    person,
    pull,
    ticket,
)
from tools.analysis.work import AnalyzeBlockers, AnalyzeBugs, AnalyzeCritical, AnalyzeShipping, AnalyzeWorklist
from tools.nouns import Pick


def test_roots_stand_in_the_way_and_what_they_hold_up_waits() -> None:
    issues = (
        issue(1, blocks=("ENG-2",), pulls=("https://github.com/acme/web/pull/7",)),
        issue(2, blocked_by=("ENG-1",), blocks=("ENG-3",)),
        issue(3, blocked_by=("ENG-2",)),
        issue(4, state="done", blocks=("ENG-3",)),
    )
    talk = (message("m1", "Where are we?"), message("m2", "ENG-2 waits for #7", thread="m1"), message("m3", "Lunch?"))
    verb = AnalyzeBlockers(issues=issues, pulls=(pull(7, review="waiting"), pull(8)), messages=talk)
    found = grouped(verb.compute(FRAME))
    assert found == {"in the way": ["ENG-1"], "behind": ["ENG-2", "ENG-3"], "pulls": ["acme/web#7"], "said": ["m2"]}


def test_an_overdue_issue_stands_in_the_way_and_says_by_how_much() -> None:
    picks = AnalyzeBlockers(issues=(issue(1, due=ago(2)),)).compute(FRAME)
    assert [(p.group, p.reason) for p in picks if isinstance(p, Pick)] == [("in the way", "2 days overdue")]


def test_features_of_a_week_are_shipped_on_their_way_or_at_risk() -> None:
    since, until = ago(2), ago(-5)
    issues = (
        issue(1, state="done", closed_at=ago(1), pulls=("acme/web#1",)),
        issue(2, due=ago(-2), pulls=("acme/web#2",)),
        issue(3, due=ago(-2), pulls=("acme/web#3",)),
        issue(4, due=ago(-2)),
        issue(5, due=ago(-9)),
        issue(6, due=ago(-2), labels=("bug",)),
        issue(7, due=ago(-2), state="cancelled"),
    )
    pulls = (
        pull(1, state="merged", merged_at=ago(1)),
        pull(2, review="approved", checks="success"),
        pull(3, review="approved", checks="failure"),
    )
    released = (deployment("d1", pulls=("acme/web#1",)), deployment("d2", pulls=("acme/web#1",), state="failed"))
    found = grouped(
        AnalyzeShipping(issues=issues, pulls=pulls, deploys=released, since=since, until=until).compute(FRAME)
    )
    assert found == {
        "shipped": ["ENG-1", "d1"],
        "on its way": ["ENG-2", "acme/web#2"],
        "at risk": ["ENG-3", "acme/web#3", "ENG-4"],
    }


def test_bugs_are_chosen_by_priority_team_person_and_state() -> None:
    issues = (
        issue(1, labels=("bug",), priority="urgent", team="backend", assignee="Ann Lee"),
        issue(2, labels=("Bug",), priority="high", team="web", body="See WEB-9."),
        issue(3, labels=("bug",), priority="low", team="web"),
        issue(4, labels=("bug",), priority="high", team="web", state="done"),
        issue(5, priority="urgent", team="web"),
    )
    assert grouped(AnalyzeBugs(issues=issues, priority="high").compute(FRAME)) == {"bugs": ["ENG-1", "ENG-2"]}
    web = AnalyzeBugs(issues=issues, errors=(error(9), error(8)), team="Web").compute(FRAME)
    assert grouped(web) == {"bugs": ["ENG-2", "ENG-3"], "errors": ["WEB-9"]}
    assert grouped(AnalyzeBugs(issues=issues, assignee="ann").compute(FRAME)) == {"bugs": ["ENG-1"]}
    assert grouped(AnalyzeBugs(issues=issues, state="closed").compute(FRAME)) == {"bugs": ["ENG-4"]}


def test_urgent_bugs_errors_that_many_met_and_enterprise_reports_are_critical() -> None:
    issues = (
        issue(1, labels=("bug",), priority="urgent"),
        issue(2, labels=("bug",), priority="high"),
        issue(3, labels=("bug",), priority="high"),
        issue(4, labels=("bug",), priority="urgent", state="done"),
    )
    errors = (error(1, users=501), error(2, users=500), error(3, users=9000, state="ignored"))
    tickets = (ticket(1, issue="ENG-2", plan="enterprise"), ticket(2, issue="ENG-3", plan="team"))
    found = grouped(AnalyzeCritical(issues=issues, errors=errors, tickets=tickets).compute(FRAME))
    assert found == {"critical": ["ENG-1", "ENG-2", "WEB-1"]}


def test_a_persons_work_is_found_under_all_the_names_that_services_know() -> None:
    people = (
        person("mateo", "msilva", email="mateo@acme.test"),
        person("Mateo Silva", "mateo", "linear", email="mateo@acme.test"),
        person("Ann Lee", "alee", email="ann@acme.test"),
    )
    pulls = (
        pull(1, review="waiting", reviewers=("msilva",)),
        pull(2, review="waiting", reviewers=("alee",)),
        pull(3, author="msilva", review="changes_requested"),
        pull(4, review="waiting", reviewers=("msilva",), draft=True),
    )
    issues = (issue(1, assignee="Mateo Silva", priority="low"), issue(2, assignee="Ann Lee"))
    found = grouped(AnalyzeWorklist(issues=issues, pulls=pulls, people=people, person="Mateo Silva").compute(FRAME))
    assert found == {"review": ["acme/web#1"], "mend": ["acme/web#3"], "do": ["ENG-1"]}


def test_what_is_blocked_or_in_the_backlog_is_nobodys_next_work() -> None:
    issues = (
        issue(1, priority="urgent", blocks=("ENG-2",), due=NOW),
        issue(2, blocked_by=("ENG-1",)),
        issue(3, state="backlog"),
        issue(4, priority="high"),
    )
    assert grouped(AnalyzeWorklist(issues=issues).compute(FRAME)) == {"do": ["ENG-1", "ENG-4"]}
