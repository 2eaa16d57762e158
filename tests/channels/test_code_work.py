"""Code work as channels show it: calls while they run and after, diffs, tests; nothing that a stranger wrote acts."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.approval import Approval
from agents.conversation import RunSummary
from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from app.channels.approval_card import rows, text
from app.channels.approval_page import approvals_page
from app.channels.approval_terminal import diff as in_terminal
from app.channels.code_brief import briefs, doing
from app.channels.code_terminal import calls as calls_in_terminal
from app.channels.code_terminal import ended, summary
from app.channels.code_view import fold_code, live_text
from app.channels.diff_view import diff_shown, parsed
from app.channels.inbox_view import run_shown
from app.channels.output_pace import together
from app.channels.slack_cards import asking as asking_slack
from app.channels.slack_view import Slack
from app.channels.teams_cards import asking as asking_teams
from app.channels.teams_post import LARGEST, size
from app.channels.teams_view import Teams
from app.channels.terminal_text import one_line, printed, revealed, tail
from app.channels.tests_view import shown_tests
from app.channels.web import Page, Web, page
from app.channels.web_code import ours
from app.channels.web_view import RunView, fold
from app.channels.work_page import work_page
from app.stores.approvals import shown as approval_shown
from tests.channels.code_script import (
    CONFIRMED,
    DIFF,
    HOSTILE_DIFF,
    REFUTED,
    Emitted,
    code_script,
    hostile,
    run_of,
)
from tests.channels.script import NOW
from tests.contracts.test_approvals import proposal

CONVERSATION = "2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f"
TURN = Turn("Fix the auth bug from Sentry", "founder", "web", CONVERSATION, NOW)
HOME = "https://deus.test"


def recorded(script: Iterator[Emitted]) -> list[Event]:
    events: list[Event] = []
    stored = 0
    for _, kind, data in script:
        stored += kind not in EPHEMERAL
        events.append(Event.model_validate({"run": "r1", "seq": stored, "at": NOW, "kind": kind, "data": data}))
    return events


EVENTS = recorded(code_script(TURN))
STRANGE = recorded(hostile(TURN))


def folded(events: Sequence[Event]) -> RunView:
    view = RunView("r1")
    for event in events:
        view = fold(view, event)
    return view


def until(kind: str, name: str, events: Sequence[Event] = EVENTS) -> list[Event]:
    """The events up to the one of this kind and id."""
    at = next(n for n, one in enumerate(events) if one.kind == kind and one.data.get("id") == name)
    return list(events[: at + 1])


def props(shown: Page, name: str, part: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = [one["props"] for one in shown.elements if one["name"] == name][part]
    return found


def test_a_call_is_a_line_with_its_state_its_time_and_what_it_came_to() -> None:
    running = props(page(folded(until("call.started", "fix.4"))), "Work", 1)
    assert (running["running"], running["title"]) == (True, "Mend it and prove the fix")
    last = running["calls"][-1]
    assert (last["word"], last["text"], last["state"], last["ms"]) == ("test", "python -m pytest -q", "running", None)
    over = props(page(folded(EVENTS)), "Work", 1)
    said, searched, read, red, *_ = over["calls"]
    assert (said["word"], said["text"][:22]) == ("", "The stack ends in `Ses")
    assert (searched["text"], searched["summary"]) == ("SessionStore", "4 lines in 3 files")
    assert (read["word"], read["text"]) == ("read", "portal/session.py")
    assert (red["state"], red["ms"], red["summary"]) == ("failed", 1600, "1 failed, 6 passed")
    assert over["spent"] == "$0.42 · 35,280 tokens · 8 model calls · 11 tool calls"
    assert props(page(folded(EVENTS)), "Work", 0)["spent"] == "", "the run's cost stands once"


def test_what_a_call_writes_is_shown_while_it_runs_and_its_end_afterwards() -> None:
    writing = [one for one in EVENTS if one.kind == "output.delta" and one.data["call"] == "fix.4"]
    view = folded(until("call.started", "fix.4"))
    for one in writing[:3]:
        view = fold(view, one)
    (output,) = page(view).outputs
    assert output["call"] == "fix.4"
    assert output["text"] == "".join(one.data["text"] for one in writing[:3])
    after = folded(until("call.finished", "fix.4"))
    assert page(after).outputs == ()
    assert after.code.calls["fix.4"].output.rstrip().endswith("1 failed, 6 passed in 0.41s =========================")
    assert fold(after, writing[0]).code == after.code, "what comes too late is left out"


def test_the_outputs_of_calls_long_past_are_fetched_when_they_are_looked_at() -> None:
    calls = props(page(folded(EVENTS)), "Work", 1)["calls"]
    assert [bool(one["output"]) for one in calls] == [False] * 6 + [True, False]
    assert [one["more"] for one in calls] == [False, True, True, True, False, False, False, False]


def test_a_call_that_never_ended_is_cut_short_when_its_step_or_its_run_ends() -> None:
    begun = until("call.started", "fix.4")
    stopped = Event(run="r1", seq=99, at=NOW, kind="run.finished", data={"status": "stopped", "usage": {}})
    assert folded([*begun, stopped]).code.calls["fix.4"].state == "cut"
    done = Event(run="r1", seq=99, at=NOW, kind="step.finished", data={"id": "fix", "state": "failed"})
    assert folded([*begun, done]).code.calls["fix.4"].state == "cut"


def test_a_step_that_is_done_anew_after_a_restart_shows_its_new_calls_alone() -> None:
    begun = until("call.started", "fix.4")
    again = [
        Event(run="r1", seq=90, at=NOW, kind="run.resumed", data={"reason": "restart"}),
        Event(run="r1", seq=91, at=NOW, kind="step.started", data={"id": "fix"}),
        Event(run="r1", seq=92, at=NOW, kind="call.started", data={**begun[-1].data, "id": "fix.1"}),
    ]
    view = folded([*begun, *again])
    assert [one.id for one in view.code.of("fix")] == ["fix.1"]
    assert view.code.calls["prepare.1"].state == "failed", "another step's stay"


def test_that_a_step_waits_for_a_sandbox_is_no_news_once_it_works() -> None:
    begun = [one for one in EVENTS if one.kind in ("run.started", "plan.updated")]
    said = Event(
        run="r1", seq=50, at=NOW, kind="notice",
        data={"id": "fix:waits", "text": "Waiting until a sandbox is free.", "level": "info"},
    )  # fmt: skip
    waiting = folded([*begun, said])
    assert waiting.notices == ("Waiting until a sandbox is free.",)
    works = Event(
        run="r1", seq=51, at=NOW, kind="call.started",
        data={"id": "fix.1", "step": "fix", "service": "sandbox", "verb": "sandbox.run", "args": {}},
    )  # fmt: skip
    assert fold(waiting, works).notices == ()


def test_a_finish_whose_beginning_was_lost_is_a_line_all_the_same() -> None:
    finished = next(one for one in EVENTS if one.kind == "call.finished" and one.data["id"] == "fix.2")
    work = fold_code(RunView("r1").code, finished)
    assert work.calls["fix.2"].state == "done"


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


def test_a_refuted_verdict_is_unmistakable_everywhere() -> None:
    view = folded(recorded(code_script(TURN, REFUTED)))
    shown = props(page(view), "Tests")
    assert (shown["verdict"], shown["word"]) == ("refuted", "Refuted")
    assert "do not trust" in shown["meaning"]
    for said in (
        json.dumps([post.blocks for post in Slack(HOME).screen(view).values()], ensure_ascii=False),
        json.dumps([post.card for post in Teams(HOME).screen(view).values()], ensure_ascii=False),
        summary(view),
    ):
        assert "REFUTED" in said
        assert "do not trust" in said
    assert 'data-verdict="refuted"' in work_page(view)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (run_of(1, 5, 2, ""), "2 failed, 5 passed"),
        (run_of(0, 7, 0, ""), "7 passed"),
        (run_of(2, 0, 0, ""), "red, exit status 2"),
        (run_of(2, 7, 0, ""), "7 passed, red, exit status 2"),
        ({**run_of(0, 0, 0, ""), "passed": None, "failed": None}, "green"),
    ],
)
def test_how_a_test_run_went_is_told_by_its_counts_or_by_how_it_ended(run: dict[str, Any], said: str) -> None:
    assert shown_tests({"after": run, "verdict": "confirmed"})["runs"][0]["said"] == said


def test_a_verdict_that_nobody_knows_vouches_for_nothing() -> None:
    assert shown_tests({"verdict": "green", "before": None})["verdict"] == "untested"


def test_the_short_form_says_what_is_done_now_what_changed_and_what_it_cost() -> None:
    view = folded(until("call.started", "fix.4"))
    assert doing(view, "fix") == "test python -m pytest -q"
    assert doing(folded(until("call.finished", "fix.4")), "fix") == "test python -m pytest -q: 1 failed, 6 passed"
    tests, diff = briefs(folded(EVENTS))
    assert (tests.word, tests.said) == ("Confirmed", "Before: 1 failed, 6 passed → With the patch: 9 passed")
    assert diff.said == "2 files, +14 −3 (portal/session.py +6 −3, tests/test_session.py +8 −0)"
    live = json.dumps(plain_posts(Slack(HOME), view), ensure_ascii=False)
    assert "`test python -m pytest -q`" in live
    over = json.dumps(plain_posts(Slack(HOME), folded(EVENTS)), ensure_ascii=False)
    assert "$0.42" in over
    assert f"{HOME}/runs/r1/work" in over


def test_the_short_form_fits_into_what_channels_take() -> None:
    many = "".join(f"diff --git a/{n}{'x' * 200} b/{n}{'x' * 200}\n@@ -0,0 +1 @@\n+{'y' * 500}\n" for n in range(300))
    created = Event(
        run="r1", seq=99, at=NOW, kind="artifact.created",
        data={"id": "d", "kind": "diff", "title": "t" * 900, "data": {"diff": many}, "alt": ""},
    )  # fmt: skip
    view = folded([*until("step.finished", "fix"), created])
    for post in Teams(HOME).screen(view).values():
        assert size(post) <= LARGEST
    for message in Slack(HOME).screen(view).values():
        assert len(message.blocks) <= 50
        assert all(len(block["text"]["text"]) <= 3000 for block in message.blocks if block["type"] == "section")


def plain_posts(channel: Any, view: RunView) -> list[Any]:
    return [
        vars(post) | {"tasks": [vars(one) for one in getattr(post, "tasks", ())]}
        for post in channel.screen(view).values()
    ]


def test_a_terminal_tells_each_call_as_it_ends_and_the_whole_in_short() -> None:
    view, told = RunView("r1"), list[str]()
    for event in EVENTS:
        view = fold(view, event)
        told += [ended(view, event)] if ended(view, event) else []
    assert told[0] == "    ✗ test python -m pytest -q: 1 failed, 6 passed (1.6 s)"
    assert len(told) == 9
    assert calls_in_terminal(view).splitlines() == told
    assert summary(view).splitlines()[0].startswith("✓ Tests: CONFIRMED. Before: 1 failed")


# Hostile text.


def safe_text(text: str) -> bool:
    return not [
        one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Cs") and one not in "\n\t\u2060\u200b"
    ]


@pytest.mark.parametrize("events", [STRANGE[:n] for n in range(1, len(STRANGE) + 1)])
def test_nothing_that_was_written_steers_hides_or_turns_on_any_screen(events: list[Event]) -> None:
    view = folded(events)
    shown = page(view)
    drawn = json.dumps(
        [[one["props"] for one in shown.elements if one["name"] not in ("Plan", "Approvals")], list(shown.outputs)],
        ensure_ascii=False,
    )
    assert safe_text(drawn)
    assert not re.search(r"\\u00[01]", drawn)
    assert "javascript:" not in drawn
    assert "evil.test/x.png" not in drawn
    assert safe_text(calls_in_terminal(view) + summary(view))
    html = work_page(view)
    assert safe_text(html)
    assert "<script" not in html
    assert not re.search(r"<img(?! src=\"/)", html)
    drawn.encode()
    for one in Slack(HOME).screen(view).values():
        assert "<!channel>" not in json.dumps(one.blocks)


def test_a_terminal_shows_the_end_of_a_line_that_was_written_over() -> None:
    assert printed("10%\r50%\r100%\r\ndone\r\n") == "100%\ndone\n"
    assert printed("spin |\rspin /\r   \r") == "spin /"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.test\x1b\\text\x1b]8;;\x1b\\", "text"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]never ended\nnext", "\nnext"),
        ("\x9b31mc1", "c1"),
        ("\x1b(0\x1b=\x1b>x", "x"),
        ("cut in the mid\x1b[3", "cut in the mid"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb\ufeffc", "abc"),
        ("\ud800x", "\N{REPLACEMENT CHARACTER}x"),
        ("bell\x07 nul\x00", "bell nul"),
        ("naïve 漢字 🎉", "naïve 漢字 🎉"),
    ],
)
def test_codes_that_steer_a_terminal_are_taken_out(raw: str, shown: str) -> None:
    assert printed(raw) == shown


def test_source_is_shown_whole_with_what_is_unseen_as_a_sign() -> None:
    assert revealed("if a\u202e\u2066:\x1b[2J\u200b\t\r\n") == "if a⟨U+202E⟩⟨U+2066⟩:⟨U+001B⟩[2J⟨U+200B⟩\t\n"


@given(st.text(alphabet=st.characters(), max_size=200), st.integers(1, 50))
def test_any_text_becomes_one_that_can_be_shown(text: str, most: int) -> None:
    for made in (printed(text), revealed(text), one_line(text, most)):
        assert safe_text(made.replace("\u200b", ""))
        made.encode()
    assert len(one_line(text, most)) <= most
    assert len(tail(text, most)) <= most


def test_only_a_path_of_our_own_is_an_address() -> None:
    assert ours("/api/files/f1?v=2") == "/api/files/f1?v=2"
    for url in (
        "//evil.test/x",
        "/\\evil.test",
        "https://evil.test",
        "javascript:x",
        "data:image/png,",
        None,
        3,
        "/a b",
    ):
        assert ours(url) == ""


# Approvals.


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


# Pace.


async def test_what_a_call_writes_comes_in_bundles_and_anything_else_at_once() -> None:
    async def stream() -> AsyncIterator[Event]:
        for event in EVENTS:
            yield event

    bundles = [bundle async for bundle in together(stream(), pace=3600.0)]
    assert [one for bundle in bundles for one in bundle] == EVENTS
    assert all(one.kind == "output.delta" for bundle in bundles for one in bundle[:-1])
    assert any(len(bundle) > 2 for bundle in bundles)


async def test_a_bundle_does_not_wait_for_what_never_comes() -> None:
    delta = next(one for one in EVENTS if one.kind == "output.delta")

    async def stream() -> AsyncIterator[Event]:
        yield delta
        await asyncio.Event().wait()

    bundles = together(stream(), pace=0.01)
    assert await anext(bundles) == [delta]
    await bundles.aclose()


def test_a_page_gets_the_whole_tail_of_what_is_written_each_time() -> None:
    channel = Web()
    view = folded(until("call.started", "fix.4"))
    writing = [one for one in EVENTS if one.kind == "output.delta" and one.data["call"] == "fix.4"]
    after = fold(view, writing[0])
    sends = channel.effects(view, after)
    assert [one.what for one in sends] == ["output"]
    more = fold(after, writing[1])
    assert channel.effects(after, more)[0].body["text"].startswith(sends[0].body["text"])
    assert live_text(more.code.calls["fix.4"]) == channel.effects(after, more)[0].body["text"]


def test_the_inbox_tells_of_code_work_in_a_line_with_the_way_to_all_of_it() -> None:
    asked = RunSummary("r1", CONVERSATION, TURN.text, "answered", NOW, "web", "founder")
    shown = run_shown(folded(EVENTS), asked)["work"]
    assert shown["url"] == "/runs/r1/work"
    assert shown["title"].startswith(
        "CONFIRMED: Before: 1 failed, 6 passed → With the patch: 9 passed · 2 files, +14 −3"
    )
    assert run_shown(RunView("r1"), asked)["work"] is None
