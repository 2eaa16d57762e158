"""Code work as channels show it: calls while they run and after, diffs, tests; nothing that a stranger wrote acts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.conversation import RunSummary
from agents.event import Event
from app.channels.code_brief import briefs, doing
from app.channels.code_terminal import calls as calls_in_terminal
from app.channels.code_terminal import ended, summary
from app.channels.code_view import fold_code, live_text
from app.channels.inbox_view import run_shown
from app.channels.output_pace import together
from app.channels.slack_view import Slack
from app.channels.teams_post import LARGEST, size
from app.channels.teams_view import Teams
from app.channels.tests_view import shown_tests
from app.channels.web import Web, page
from app.channels.web_view import RunView, fold
from app.channels.work_page import work_page
from tests.channels.code_events import (
    CONVERSATION,
    EVENTS,
    HOME,
    TURN,
    folded,
    props,
    recorded,
    until,
)
from tests.channels.code_script import (
    REFUTED,
    code_script,
    run_of,
)
from tests.channels.script import NOW


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
