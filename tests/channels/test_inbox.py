"""What the inbox and the other channels show of conversations that people have."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.conversation import RunSummary
from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from app.channels.inbox_feed import version_of
from app.channels.inbox_page import ASSETS, asset, inbox_page
from app.channels.inbox_view import html, plain, run_shown
from app.channels.slack_view import Slack
from app.channels.web_view import RunView, fold
from tests.channels.script import EVIDENCE, NOW, script

TURN = Turn("Why did signups drop?", "ann", "slack", "c1", NOW)
RUN = RunSummary("r1", "c1", TURN.text, "answered", NOW, "slack", "ann", "Ann")


def folded(*told: tuple[Any, dict[str, Any]]) -> RunView:
    view, seq = RunView("r1"), 0
    for kind, data in told:
        seq += kind not in EPHEMERAL
        view = fold(view, Event(run="r1", seq=max(1, seq), at=NOW + timedelta(seconds=seq), kind=kind, data=data))
    return view


def relayed(question: str, *told: tuple[str, dict[str, Any]]) -> RunView:
    begun = {"actor": "ann", "conversation": "c1", "text": question}
    return folded(("run.started", begun), *told, ("run.finished", {"status": "relayed", "error": None}))


def test_a_run_is_shown_with_its_steps_and_its_evidence_as_links() -> None:
    shown = run_shown(folded(*((kind, data) for _, kind, data in script(TURN))), RUN)
    assert (shown["who"], shown["question"], shown["status"]) == ("Ann", TURN.text, "answered")
    assert {step["state"] for step in shown["steps"]} <= {"done", "failed", "skipped"}
    assert [one["number"] for one in shown["evidence"]] == list(range(1, len(shown["evidence"]) + 1))
    assert shown["evidence"][0]["url"] == EVIDENCE[0].url
    assert f'href="{EVIDENCE[0].url}"' in shown["html"]
    assert "<table>" in shown["html"]
    assert shown["drawn"][0]["alt"]


def test_while_it_streams_the_words_so_far_stand_there() -> None:
    begun = ("run.started", {"actor": "ann", "conversation": "c1", "text": "Why?"})
    shown = run_shown(folded(begun, ("text.delta", {"text": "It **be"}), ("text.delta", {"text": "gan** [1]"})), RUN)
    assert (shown["html"], shown["said"], shown["status"]) == (
        "<p>It <strong>began</strong> [1]</p>\n",
        "",
        "running",
    )


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](https://evil.test/pixel.png)",
        '[x](https://a.test/"onmouseover="alert(1))',
        "<a href='javascript:alert(1)'>x</a>",
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_words_that_anybody_wrote_bring_no_script_and_no_picture(evil: str) -> None:
    made = html(evil)
    for forbidden in ("<script", "<img", 'href="javascript', 'onmouseover="', "<a href='"):
        assert forbidden not in made
    assert 'target="_blank" rel="noopener noreferrer"' in html("[x](https://a.test)")


def test_evidence_of_a_strange_address_is_read_here() -> None:
    added = {"id": "e1", "number": 1, "title": "Odd", "service": "x", "url": "javascript:alert(1)"}
    said = {"text": "So [1]", "citations": [{"number": 1, "evidence": "e1"}]}
    view = folded(("run.started", {"text": "?"}), ("evidence.added", added), ("message.completed", said))
    assert run_shown(view, RUN)["evidence"][0]["url"] == "/api/runs/r1/evidence/e1"


def test_a_line_of_a_list_has_no_marks() -> None:
    assert plain("**Yes**: see [the `PR`](https://x.test/1) and `#4`") == "Yes: see the PR and #4"
    assert plain("see [the PR](https://x.te") == "see the PR"


def test_equal_lists_have_equal_versions() -> None:
    assert version_of([{"a": 1, "b": 2}]) == version_of([{"b": 2, "a": 1}]) != version_of([{"a": 1, "b": 3}])


def test_the_page_escapes_whoever_is_signed_in_and_has_no_script_of_its_own() -> None:
    page = inbox_page('"><script>x</script>', may_take=True)
    assert "<script>x" not in page
    assert page.count("<script") == 1
    assert " style=" not in page
    assert " onclick=" not in page
    assert all(asset(name) for name in ASSETS)
    with pytest.raises(LookupError):
        asset("../settings.py")


def test_slack_shows_what_a_person_writes_one_line_of_a_take_over_and_nothing_of_what_is_said_to_them() -> None:
    slack = Slack("https://deus.test")
    wrote = slack.screen(relayed("", ("message.completed", {"text": "I am **looking**.", "by": "Sarah"})))
    assert [post.text for post in wrote.values()] == ["Sarah: I am looking."]
    taken = slack.screen(relayed("", ("notice", {"text": "Sarah has taken over this conversation."})))
    assert [(post.text, len(post.blocks)) for post in taken.values()] == [
        ("Sarah has taken over this conversation.", 1)
    ]
    assert slack.screen(relayed("Hello?", ("notice", {"text": "Sarah has this conversation."}))) == {}
