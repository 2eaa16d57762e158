"""A diff on a page, in an approval and in a terminal: read whole, cut where it is long, whatever it holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.approval import Approval
from app.channels.approval_card import rows, text
from app.channels.approval_page import approvals_page
from app.channels.approval_terminal import diff as in_terminal
from app.channels.diff_view import diff_shown, parsed
from app.channels.slack_cards import asking as asking_slack
from app.channels.teams_cards import asking as asking_teams
from app.channels.web import page
from app.stores.approvals import shown as approval_shown
from tests.channels.code_events import (
    EVENTS,
    HOME,
    folded,
    props,
    safe_text,
)
from tests.channels.code_script import (
    CONFIRMED,
    DIFF,
    HOSTILE_DIFF,
    REFUTED,
)
from tests.contracts.test_approvals import proposal


def test_a_diff_has_its_files_with_their_lines_and_numbers() -> None:
    shown = props(page(folded(EVENTS)), "Diff")
    assert (shown["added"], shown["removed"], shown["hidden"]) == (14, 3, 0)
    session, test = shown["files"]
    assert (session["path"], session["added"], session["removed"]) == ("portal/session.py", 6, 3)
    assert session["lines"][0] == ["hunk", None, None, "@@ -18 +18 @@ class SessionStore:"]
    assert session["lines"][4][:3] == ["removed", 21, None]
    assert session["lines"][6][:3] == ["added", None, 21]
    assert test["state"] == "added"
    assert shown["whole"] == "/runs/r1/work#fix%3Adiff"


def test_a_long_diff_is_cut_and_says_by_how_much() -> None:
    body = "".join(f"+line {n}\n" for n in range(1000))
    diff = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,1000 @@\n{body}"
    shown = diff_shown({"diff": diff})
    assert len(shown["files"][0]["lines"]) == 160
    assert shown["hidden"] == 1001 - 160
    assert shown["added"] == 1000, "the counts are those of all of it"


def test_lines_that_look_like_headers_within_a_hunk_are_lines() -> None:
    diff = "diff --git a/x b/x\n@@ -1,2 +1,2 @@\n--- a/y\n-diff --git a/z b/z\n+++ b/y\n+@@ -1 +1 @@\n"
    (file,) = parsed(diff)
    assert (file.added, file.removed) == (2, 2)
    assert [one.text for one in file.lines[1:]] == ["-- a/y", "diff --git a/z b/z", "++ b/y", "@@ -1 +1 @@"]


def test_modes_binaries_and_renames_are_told() -> None:
    diff = (
        "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n"
        "diff --git a/old.py b/new.py\nsimilarity index 100%\nrename from old.py\nrename to new.py\n"
        "diff --git a/a.bin b/a.bin\nBinary files a/a.bin and b/a.bin differ\n"
        "diff --git a/x b/x\nnew file mode 120000\n"
    )
    mode, renamed, binary, link = parsed(diff)
    assert [one.text for one in mode.lines] == ["old mode 100644", "new mode 100755"]
    assert (renamed.state, renamed.was, renamed.path) == ("renamed", "old.py", "new.py")
    assert "Binary" in binary.lines[0].text
    assert link.lines[0].text == "new file mode 120000"


@given(st.text(max_size=400))
def test_any_text_can_be_read_as_a_diff(text: str) -> None:
    shown = diff_shown({"diff": text, "files": [{"path": text}]})
    assert shown["added"] >= 0
    assert safe_text(json.dumps(shown, ensure_ascii=False))


_PART = st.sampled_from([" same", "+added", "-removed", "+++ b/x", "--- a/x", "-", "+", " "])


@given(st.lists(_PART, min_size=1, max_size=30))
def test_what_a_hunk_counts_is_what_is_counted(lines: list[str]) -> None:
    old = sum(not one.startswith("+") for one in lines)
    new = sum(not one.startswith("-") for one in lines)
    head = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,{old} +1,{new} @@\n"
    (file,) = parsed(head + "\n".join(lines) + "\n")
    assert (file.added, file.removed) == (len(lines) - old, len(lines) - new)
    assert [one.text for one in file.lines[1:]] == [one[1:] for one in lines]


def proposing(diff: str) -> Approval:
    one = proposal("r1", "propose", title="Open the pull request")
    change = one.change.model_copy(
        update={"before": {}, "after": {"branch": "agent/x", "diff": diff, "tests": dict(REFUTED)}}
    )
    return Approval(proposal=one.model_copy(update={"change": change}))


def test_an_approval_shows_its_diff_as_one() -> None:
    shown = rows({}, {"diff": DIFF, "tests": dict(CONFIRMED)}, {})
    assert shown[0]["diff"]["added"] == 14
    assert shown[1]["verdict"] == "confirmed"
    assert (text(REFUTED, {}) or "").startswith("✗ REFUTED. ")
    html = approvals_page([proposing(DIFF)], (), state="open", actor="ann")
    assert 'class="file"' in html
    assert "survives_safari" in html
    assert "<pre class=refuted>" in html
    lines = in_terminal(shown, colour=True)
    assert any("\x1b[32m" in line and "partitioned=partitioned" in line for line in lines)
    assert any("\x1b[31m" in line and "partitioned=True" in line for line in lines)


@pytest.mark.parametrize(
    ("tests", "verdict"),
    [
        ("Refuted: a fresh sandbox did not find the tests green.\nAfter: 1 failed", "refuted"),
        ("Confirmed in a fresh sandbox: green.", "confirmed"),
        ("No sandbox has tried this commit.", "untested"),
    ],
)
def test_a_verdict_in_words_is_as_unmistakable(tests: str, verdict: str) -> None:
    (row,) = rows({}, {"tests": tests}, {})
    assert row["verdict"] == verdict
    assert row["after"].startswith(tests[0] if verdict != "refuted" else "✗ REFUTED: a fresh")
    assert "verdict" not in rows({}, {"title": tests}, {})[0]


def test_a_strangers_diff_does_nothing_to_the_approvals_page_or_a_terminal() -> None:
    html = approvals_page([proposing(HOSTILE_DIFF)], (), state="open", actor="ann")
    assert safe_text(html)
    assert "<script" not in html
    assert "<img" not in html
    assert safe_text("\n".join(in_terminal(rows({}, {"diff": HOSTILE_DIFF}, {}))))


@pytest.mark.parametrize("n", [1, 400])
def test_a_diff_can_be_approved_in_a_channel_only_where_all_of_it_is_seen(n: int) -> None:
    diff = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1,{n} @@\n" + "+a line of some length\n" * n
    ask = {**approval_shown(proposing(diff)), "state": "requested"}
    slack = json.dumps(asking_slack(ask, {}, HOME, over=False, together=()).blocks, ensure_ascii=False)
    teams = json.dumps(asking_teams(ask, {}, HOME, over=False).card, ensure_ascii=False)
    assert ('"deus_approve"' in slack) is (n == 1)
    assert ('"deus.approve"' in teams) is (n == 1)
    assert f"1 file, +{n} −0" in slack
    assert f"1 file, +{n} −0" in teams
