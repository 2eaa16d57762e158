"""What escalating comes to: issues for errors that have none, a raised priority, one notice; whose it is and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tools.analysis.draft import AnalyzeDraft, Draft
from tools.analysis.escalation import AnalyzeEscalation
from tools.analysis.ownership import AnalyzeOwner, Owner
from tools.kit.analysis import Frame
from tools.nouns import ErrorGroup, FileChange, Issue, Person, PullRequest, pick

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
FRAME = Frame(now=NOW, timezone=ZoneInfo("Europe/Berlin"))
FORM = "web/src/signup/SignupForm.tsx"
SARAH = Person(service="github", ref="schen", url="", at=NOW, name="Sarah Chen", handle="schen")


def error(ref: str = "PORTAL-1", users: int = 1690, culprit: str = FORM) -> ErrorGroup:
    return ErrorGroup(
        service="sentry", ref=ref, url=f"https://sentry.test/{ref}", at=NOW - timedelta(days=9), title="Boom",
        culprit=culprit, users=users, last_seen=NOW, tags={"browser": "Safari"},
    )  # fmt: skip


def issue(ref: str, **fields: object) -> Issue:
    values = {
        "service": "linear",
        "ref": ref,
        "url": f"https://linear.test/{ref}",
        "at": NOW,
        "state": "open",
        "title": ref,
    }
    return Issue.model_validate({**values, **fields})


def pull(number: int, author: str, days: int, path: str = FORM, state: str = "merged") -> PullRequest:
    merged = NOW - timedelta(days=days) if state == "merged" else None
    return PullRequest(
        service="github", ref=f"acme/portal#{number}", url=f"https://github.test/{number}",
        at=NOW - timedelta(days=days + 1), number=number, repo="acme/portal", author=author, state=state,
        merged_at=merged, files=(FileChange(path=path),),
    )  # fmt: skip


def escalation(part: str, **given: object) -> list[Draft]:
    found = AnalyzeEscalation.model_validate({"part": part, **given}).compute(FRAME)
    return [one for one in found if isinstance(one, Draft)]


def test_an_error_without_an_issue_gets_one_with_evidence_and_the_owner_of_its_file() -> None:
    pulls = (
        pull(1, "ydemir", 40),
        pull(2, "schen", 9),
        pull(3, "james", 1, "api/src/x.ts"),
        pull(4, "tom", 0, FORM, "open"),
    )
    (draft,) = escalation("create", critical=(pick(error(), "critical"),), pulls=pulls, people=(SARAH,))
    assert draft.title == "Boom in SignupForm.tsx"
    assert "1,690 people have met this error" in draft.description
    assert (draft.priority, draft.owner) == ("urgent", "Sarah Chen")
    assert "with #2" in draft.owned
    assert draft.links == ("https://sentry.test/PORTAL-1", "https://github.test/2")


def test_an_error_with_an_open_issue_raises_that_instead_of_making_another() -> None:
    tracked = issue("ENG-7", body="See PORTAL-1", priority="medium")
    critical = (pick(error(), "critical"),)
    assert escalation("create", critical=critical, issues=(tracked,)) == []
    (raised,) = escalation("raise", critical=critical, issues=(tracked,))
    assert (raised.about, raised.priority) == ("ENG-7", "urgent")
    closed = issue("ENG-7", body="See PORTAL-1", state="done")
    assert len(escalation("create", critical=critical, issues=(closed,))) == 1


def test_what_is_urgent_already_is_told_and_not_raised() -> None:
    critical = (pick(issue("ENG-1", priority="urgent", assignee="schen"), "critical"), pick(error(), "critical"))
    assert escalation("raise", critical=critical) == []
    (notice,) = escalation("notice", critical=critical, people=(SARAH,))
    assert notice.description.startswith("**2 critical bugs are escalated**")
    assert "[ENG-1 ENG-1](https://linear.test/ENG-1): Sarah Chen has it" in notice.description
    assert "1,690 people met it; nobody has it" in notice.description


def test_nothing_critical_is_no_notice_and_refs_narrow_it() -> None:
    assert escalation("notice") == []
    critical = (pick(error("PORTAL-1"), "critical"), pick(error("PORTAL-2"), "critical"))
    assert [draft.about for draft in escalation("create", critical=critical, only=("PORTAL-2",))] == ["PORTAL-2"]


def test_the_owner_of_a_part_is_who_last_changed_it_and_says_why() -> None:
    pulls = (pull(1, "ydemir", 40), pull(2, "schen", 9), pull(3, "james", 1, "api/src/x.ts"))
    (owner,) = AnalyzeOwner(part="the form", pulls=pulls, people=(SARAH,)).compute(FRAME)
    assert isinstance(owner, Owner)
    assert (owner.title, owner.because) == ("Sarah Chen", "acme/portal#2")
    assert FORM in owner.reason
    (by_error,) = AnalyzeOwner(about=(error(culprit="api/src/x.ts"),), pulls=pulls).compute(FRAME)
    assert by_error.title == "james"
    assert AnalyzeOwner(part="billing", pulls=pulls).compute(FRAME) == []
    last = issue("ENG-3", title="Billing is slow", assignee="Mateo Silva")
    (by_issue,) = AnalyzeOwner(part="billing", pulls=pulls, issues=(last,)).compute(FRAME)
    assert by_issue.title == "Mateo Silva"


def test_a_draft_quotes_the_records_and_links_them_all() -> None:
    found = AnalyzeDraft(records=(error(), pull(2, "schen", 9))).compute(FRAME)
    (draft,) = [one for one in found if isinstance(one, Draft)]
    assert draft.links == ("https://sentry.test/PORTAL-1", "https://github.test/2")
    assert "browser: Safari" in draft.description
    assert AnalyzeDraft(records=()).compute(FRAME) == []
