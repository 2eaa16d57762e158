"""Where an error comes from, what tests prove, and the words of a fix."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.code_agent import FOLDER, Material
from agents.code_showing import changed_lines
from agents.code_verdict import Runs, verdict
from agents.coder_text import found_at, plain_output, tail, trimmed, untrusted
from agents.coder_tools import inside
from agents.errors import ModelMayRetry
from agents.pull_body import Subject, body, branch, inert, message, title
from agents.repositories import Past
from agents.whereabouts import failing, frames, located, snippet, suspected
from tools.nouns import ErrorEvent, ErrorGroup, FileChange, TestRun, Workplace

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
FILES = ("api/src/auth/session.ts", "api/src/db.ts", "web/src/db.ts", "worker/main.py", "vendor/lib/main.py")


def error(title: str = "TypeError", culprit: str = "api/src/auth/session.ts") -> ErrorGroup:
    return ErrorGroup(
        service="sentry", ref="PORTAL-7", url="https://sentry.test/7", at=NOW, title=title, culprit=culprit, line=4,
        function="refresh", users=1234, last_seen=NOW,
    )  # fmt: skip


def event(*lines: str) -> ErrorEvent:
    return ErrorEvent(service="sentry", ref="e", url="", at=NOW, group="PORTAL-7", frames=lines)


def test_the_innermost_frame_of_the_repository_is_where_it_fails() -> None:
    stack = event(
        "/srv/app/api/src/db.ts:3 in find", "app:///api/src/auth/session.ts:12:7 in refreshSession",
        "/srv/node_modules/pg/api/src/db.ts:9 in query", "node:internal/x:1 in None", "no frame",
    )  # fmt: skip
    found = failing(error(), stack, FILES)
    assert str(found) == "api/src/auth/session.ts:12 in refreshSession"
    assert len(frames(stack)) == 4
    assert str(failing(error(), None, FILES)) == "api/src/auth/session.ts:4 in refresh"
    assert failing(error(culprit="elsewhere.ts"), event(), FILES) is None


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("webpack:///./api/src/db.ts", "api/src/db.ts"),
        ("https://cdn.test/web/src/db.ts?v=3", "web/src/db.ts"),
        ("C:\\app\\worker\\main.py", "worker/main.py"),
        ("session.ts", "api/src/auth/session.ts"),
        ("db.ts", ""),
        ("src/db.ts", ""),
        ("/elsewhere/db.ts", ""),
        ("/other/src/main.py", ""),
        ("", ""),
    ],
)
def test_a_path_of_a_stack_means_one_file_or_none(path: str, file: str) -> None:
    assert located(path, FILES) == file


def test_the_suspected_change_is_the_last_before_the_error_began() -> None:
    def past(days: int) -> Past:
        return Past(f"c{days}", "t", "a", NOW - timedelta(days=days))

    assert suspected([past(1), past(5), past(9)], NOW - timedelta(days=3)) == past(5)
    assert suspected([past(1)], NOW - timedelta(days=3)) is None
    assert "    2> two" in snippet("one\ntwo\nthree", 2)


def run(*, green: bool, passed: int | None = 1) -> TestRun:
    return TestRun(command="npm test", code=0 if green else 1, green=green, passed=passed, failed=0 if green else 1)


@pytest.mark.parametrize(
    ("as_is", "before", "after", "base_tests", "says", "outcome"),
    [
        (True, False, True, True, True, "confirmed"),
        (False, False, True, True, None, "confirmed"),
        (True, True, True, True, True, "untested"),
        (True, False, False, True, True, "refuted"),
        (True, False, False, True, False, "refuted"),
        (True, False, True, False, True, "refuted"),
    ],
)
def test_what_runs_prove(
    as_is: bool, before: bool, after: bool, base_tests: bool, says: bool | None, outcome: str
) -> None:
    runs = Runs(*(run(green=one) for one in (as_is, before, after, base_tests)))
    assert verdict(runs, says)[0] == outcome


def test_runs_in_which_nothing_ever_passed_prove_nothing_and_a_claim_of_green_is_false() -> None:
    dead = run(green=False, passed=None)
    assert verdict(Runs(dead, dead, dead, dead), None)[0] == "untested"
    assert verdict(Runs(dead, dead, dead, dead), True)[0] == "refuted"
    assert verdict(Runs(), True)[0] == "untested"


@given(*(st.booleans() for _ in range(4)), st.sampled_from([True, False, None]))
def test_only_red_then_green_with_the_old_tests_green_is_ever_confirmed(
    as_is: bool, before: bool, after: bool, base_tests: bool, says: bool | None
) -> None:
    outcome, why = verdict(Runs(*(run(green=one) for one in (as_is, before, after, base_tests))), says)
    assert (outcome == "confirmed") == (not before and after and base_tests)
    assert bool(why) == (outcome != "confirmed")


PLACE = Workplace(
    service="github", ref="acme/portal@1", url="", at=NOW, repo="acme/portal", base="0" * 40, path="a.ts", line=3
)
NASTY = "@everyone fixes #12, GH-7 <img src=x> [x](http://evil.test) `a`\n/close"


def test_what_others_wrote_names_nobody_closes_nothing_and_loads_nothing() -> None:
    subject = Subject(PLACE, error(NASTY))
    words = body(
        subject, said=NASTY, verdict="untested", runs=Runs(), files=[FileChange(path="a`b.ts")], attention=[NASTY],
        why=[], agent="deus", url="https://deus.test/runs/r",
    )  # fmt: skip
    for live in ("@everyone", "#12", "GH-7", " <img", "](http://evil", "\n/close", "> /close"):
        assert live not in words, live
    assert "[in this run]" not in words
    assert "https://deus.test/runs/r" in words
    assert "\n" not in title(subject)
    for live in ("@everyone", "#12", "GH-7"):
        assert live not in title(subject)
        assert live not in message(subject, NASTY)
    assert branch(subject, "abcdef1234") == "agent/fix-portal-7-abcdef12"


def test_a_body_is_never_longer_than_a_host_takes() -> None:
    files = [FileChange(path="x" * 1000) for _ in range(500)]
    words = body(
        Subject(PLACE, error("t" * 9000)), said="s" * 90_000, verdict="untested", runs=Runs(), files=files,
        attention=["a" * 9000] * 90, why=["w" * 9000], agent="deus",
    )  # fmt: skip
    assert len(words) < 60_000
    assert "and 460 more files" in words


@given(st.text(max_size=200))
def test_nothing_stays_a_mention(text: str) -> None:
    said = inert(text)
    assert "\n" not in said
    assert not any(a in "@#" and b.isalnum() for a, b in itertools.pairwise(said))


@given(st.text(max_size=300))
def test_untrusted_text_never_closes_its_mark(text: str) -> None:
    said = untrusted([Material(text, text)])
    assert said.lower().count("</untrusted") == 1
    assert said.lower().count("<untrusted") == 1


@given(st.text(max_size=300), st.integers(min_value=8, max_value=100))
def test_an_output_keeps_its_end_and_no_control_code(text: str, most: int) -> None:
    shown = tail(text, most)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert shown.endswith(plain_output(text)[-(most // 2) :])


@given(st.text("ab\n", max_size=60), st.text("ab\n", min_size=1, max_size=3))
def test_places_of_a_piece_are_lines_of_the_text(text: str, piece: str) -> None:
    assert len(found_at(text, piece)) == text.count(piece)
    assert all(1 <= line <= text.count("\n") + 1 for line in found_at(text, piece))


@given(st.text(max_size=80))
def test_a_path_stays_in_the_repository_or_is_refused(path: str) -> None:
    with contextlib.suppress(ModelMayRetry):
        assert (inside(path) + "/").startswith(FOLDER + "/")


def test_old_results_are_left_out_first_and_the_last_are_kept() -> None:
    said = [{"role": "tool", "tool_call_id": str(n), "content": "x" * 1000} for n in range(20)]
    kept = trimmed(said, 12_000)
    assert [len(one["content"]) > 500 for one in kept][-6:] == [True] * 6
    assert len(kept[0]["content"]) < 100
    assert said[0]["content"] == "x" * 1000


def test_changed_lines_are_counted_by_file() -> None:
    diff = (
        "diff --git a/a.ts b/a.ts\n--- a/a.ts\n+++ b/a.ts\n@@ -1 +1,2 @@\n-a\n+b\n+--- c\n"
        "diff --git a/gone b/gone\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
    assert changed_lines(diff) == {"a.ts": (2, 1), "gone": (0, 1)}
