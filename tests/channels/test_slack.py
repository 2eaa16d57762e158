"""Slack's fold over recorded runs: what it shows, whole, interrupted, repeated, with any event missing."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.event import EPHEMERAL, Event
from app.channels.channel import effects_of
from app.channels.screens import Shown
from app.channels.slack_answer import answer_blocks
from app.channels.slack_cards import APPROVE_ALL, BUTTON
from app.channels.slack_post import Post
from app.channels.slack_table import COLUMNS, EMPTY, ROWS, without_tables
from app.channels.slack_text import HEADER, MARKDOWN, SECTION, cut, heard, plain, streamed
from app.channels.slack_view import ANSWER, Slack
from app.channels.web_view import RunView
from tests.channels.test_approvals import BEGUN, REST, asked, event
from tests.channels.test_web import EVENTS as ANSWERED
from tests.contracts.test_approvals import proposal
from tools.writes import IssuesCreate

GOLDEN = Path(__file__).with_name("slack_golden.json")
HOME = "https://deus.test"
WRITTEN = [*BEGUN, *REST]
RECORDED = {"answered": ANSWERED, "written": WRITTEN}
SLACK = Slack(HOME)


def folded(events: Sequence[Event]) -> RunView:
    view = SLACK.begin("r1")
    for one in events:
        view = SLACK.fold(view, one)
    return view


def artifact(seq: int, **data: Any) -> Event:
    """Something drawn; its own kind is among its data."""
    about = {"run": "r1", "seq": seq, "at": BEGUN[0].at, "kind": "artifact.created"}
    return Event.model_validate({**about, "data": {"id": "a1", **data}})


def applied(shown: dict[str, Post], sends: Sequence[Shown[Post]]) -> dict[str, Post]:
    return {**shown, **{send.part: send.post for send in sends}}


def texts(post: Any) -> Iterator[tuple[str, str]]:
    """Each text of a block with its block's type."""
    for block in post.blocks:
        for one in (block, *block.get("elements", ())):
            if "text" in one:
                yield block["type"], str(one["text"]["text"] if isinstance(one["text"], dict) else one["text"])


async def stream(events: Sequence[Event]) -> AsyncIterator[Event]:
    for one in events:
        yield one


@pytest.mark.parametrize("name", RECORDED)
def test_what_stands_in_slack_at_the_end_is_as_it_was_looked_over(name: str) -> None:
    drawn = {
        part: {"text": post.text, "blocks": list(post.blocks)}
        for part, post in SLACK.screen(folded(RECORDED[name])).items()
    }
    assert drawn == json.loads(GOLDEN.read_text(encoding="utf-8"))[name]


@pytest.mark.parametrize("name", RECORDED)
async def test_a_restart_anywhere_goes_on_with_what_is_new(name: str) -> None:
    events = RECORDED[name]
    stored = [one for one in events if one.kind not in EPHEMERAL]
    whole = dict(SLACK.screen(folded(events)))
    for cursor in range(len(stored) + 1):
        shown = dict(SLACK.screen(folded(stored[:cursor])))
        sends = [send async for _, send in effects_of(SLACK, "r1", stream(stored), cursor)]
        assert applied(shown, sends) == whole
    assert [send async for _, send in effects_of(SLACK, "r1", stream(stored), len(stored))] == []


@pytest.mark.parametrize("name", RECORDED)
def test_repeated_events_change_nothing(name: str) -> None:
    stored = [one for one in RECORDED[name] if one.kind not in EPHEMERAL]
    view = SLACK.begin("r1")
    for one in stored:
        view = SLACK.fold(view, one)
        again = SLACK.fold(view, one)
        assert SLACK.effects(view, again) == []
    assert SLACK.effects(view, folded([*stored, *stored])) == []


@pytest.mark.parametrize("name", RECORDED)
def test_with_any_event_missing_slack_s_limits_are_kept_and_parts_stay(name: str) -> None:
    events = RECORDED[name]
    for missing in range(len(events)):
        left = [one for n, one in enumerate(events) if n != missing]
        view, posts = SLACK.begin("r1"), dict[str, Post]()
        for one in left:
            view, before = SLACK.fold(view, one), posts
            posts = dict(SLACK.screen(view))
            assert before.keys() <= posts.keys(), "what was posted once stays"
        for post in posts.values():
            fits(post)


def fits(post: Post) -> None:
    """Slack takes the post."""
    most = {"section": SECTION, "context": SECTION, "header": HEADER, "markdown": MARKDOWN}
    assert post.text.strip()
    assert len(post.text) <= 4000
    assert 0 < len(post.blocks) <= 50
    for kind, words in texts(post):
        assert len(words) <= most.get(kind, 75), kind
        assert words
    assert sum(len(words) for kind, words in texts(post) if kind == "markdown") <= MARKDOWN
    tables = [block for block in post.blocks if block["type"] == "table"]
    assert len(tables) <= 1
    for block in tables:
        assert len(block["rows"]) <= ROWS
        assert all(len(row) <= COLUMNS for row in block["rows"])
        assert all(cell.get("text", "x") for row in block["rows"] for cell in row)
    for block in post.blocks:
        assert all(len(one.get("value", "")) <= BUTTON for one in block.get("elements", ()))
        assert len(block.get("elements", ())) <= 25
    assert len(post.words) <= MARKDOWN
    assert all(task.title and len(task.title) <= 400 for task in post.tasks)


def test_while_it_is_live_the_words_only_grow_and_the_plan_tells_how_far_it_is() -> None:
    before, states = "", set()
    for count in range(1, len(ANSWERED) + 1):
        post = SLACK.screen(folded(ANSWERED[:count]))[ANSWER]
        if post.live:
            assert post.words.startswith(before)
            before = post.words
            states |= {task.status for task in post.tasks}
    assert before
    assert {"pending", "in_progress", "complete"} <= states
    assert not post.live


def test_a_long_answer_is_cut_and_leads_to_all_of_it() -> None:
    said = "\n\n".join(f"Paragraph {n} says something about the company [1]." for n in range(600))
    events = [
        event(1, "run.started", actor="ann", channel="slack", conversation="c", text="All?"),
        event(2, "message.completed", text=f"```\n{said}", claims=[], citations=[], suggestions=[]),
        event(3, "run.finished", status="answered", error=None, usage={}),
    ]
    post = SLACK.screen(folded(events))[ANSWER]
    fits(post)
    (text,) = (words for kind, words in texts(post) if kind == "markdown")
    assert f"({HOME}/runs/r1)" in text
    assert text.count("```") == 2, "a code block that was cut ends"


def test_what_does_not_fit_can_be_approved_only_where_it_is_seen_whole() -> None:
    long = proposal("r1", "create", title="x" * 400, verb=IssuesCreate.name, args={"title": "It fails"})
    change = long.change.model_copy(update={"after": {"title": "It fails", "description": "word " * 900}})
    long = long.model_copy(update={"change": change})
    (post,) = (post for part, post in SLACK.screen(folded([*BEGUN[:3], asked(4, long, 0)])).items() if "ask" in part)
    fits(post)
    words = [one for _, one in texts(post)]
    assert "Approve" not in words
    assert "Reject" in words
    assert any("Open it in Deus to approve it" in one for one in words)


def test_nothing_that_somebody_wrote_calls_pings_or_loads_anything() -> None:
    evil = "<!channel> <@U1> ![x](https://evil.test/?q=1) <https://evil.test|yes> & [a](javascript:alert(1))"
    events = [
        event(1, "run.started", actor="ann", channel="slack", conversation="c", text=evil),
        event(2, "plan.updated", revision=1, steps=[{"id": "s1", "title": evil, "verb": "v", "state": "running"}]),
        event(3, "evidence.added", id="e1", number=1, title=evil, service="s", url="javascript:alert(1)", at=""),
        asked(4, proposal("r1", "create", title=evil, verb=IssuesCreate.name, args={"title": evil}), 0),
        event(5, "notice", text=evil, level="info"),
    ]
    said = {"claims": [], "citations": [{"number": 1, "evidence": "e1"}], "suggestions": [evil]}
    ends = [*events, event(6, "message.completed", text=f"{evil} [1]", **said)]
    for view in (folded(events), folded(ends)):
        for post in SLACK.screen(view).values():
            # A header is plain text, in which Slack reads nothing.
            for kind, words in [("text", post.text), ("markdown", post.words), *texts(post)]:
                assert kind == "header" or not re.search(r"<[!@#]|<javascript|<https://evil", words), words
                assert kind != "markdown" or "![" not in words
                assert "[[1]](javascript" not in words


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("failed", "GitHub could not be asked.", "GitHub could not be asked."),
        ("failed", None, "Please ask again"),
        ("stopped", None, "Stopped before"),
    ],
)
def test_a_run_without_an_answer_says_why(status: str, error: str | None, words: str) -> None:
    end = event(2, "run.finished", status=status, error=error, usage={})
    post = SLACK.screen(folded([BEGUN[0], end]))[ANSWER]
    assert words in post.text
    assert any(words in one for _, one in texts(post))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("<@U0DEUS000> why?", "why?"),
        ("ask <@U2> &amp; <@U3|sam>", "ask @U2 & @sam"),
        ("in <#C1|growth> and <!here>", "in #growth and @here"),
        ("see <https://a.test/x?a=1&amp;b=2>", "see https://a.test/x?a=1&b=2"),
        ("see <https://a.test|the page> or <http://a.test|a.test>", "see the page (https://a.test) or a.test"),
        ("a &lt; b", "a < b"),
        ("<@U0DEUS000>", ""),
    ],
)
def test_what_was_written_is_heard_as_people_saw_it(raw: str, words: str) -> None:
    assert heard(raw, "U0DEUS000") == words


def test_a_table_is_a_table_block_citations_are_links_and_code_stays_code() -> None:
    table = "| Segment | After |\n|---|---:|\n| **Safari** [1] | 35 < 40 |\n| | 1 |"
    said = f"Fell [1] [2].\n\n{table}\n\n```\n| no | table |\n```\n{table}"
    urls = {"1": "https://a.test/x(1)?a=1&b=<2>"}
    before, drawn, after = answer_blocks(said, urls.get, "https://deus.test/runs/r1")
    assert before == {
        "type": "markdown",
        "text": "Fell [[1]](https://a.test/x%281%29?a=1&amp;b=%3C2%3E) [2].",
    }
    link = {"type": "link", "url": "https://a.test/x%281%29?a=1&b=%3C2%3E", "text": "[1]"}
    safari = {"type": "rich_text_section", "elements": [{"type": "text", "text": "Safari "}, link]}
    assert drawn == {
        "type": "table",
        "rows": [
            [{"type": "raw_text", "text": "Segment"}, {"type": "raw_text", "text": "After"}],
            [{"type": "rich_text", "elements": [safari]}, {"type": "raw_text", "text": "35 &lt; 40"}],
            [{"type": "raw_text", "text": EMPTY}, {"type": "raw_text", "text": "1"}],
        ],
        "column_settings": [{"align": "left", "is_wrapped": True}, {"align": "right", "is_wrapped": False}],
    }
    assert after["text"] == (
        "```\n| no | table |\n```\n```\nSegment     After\nSafari [1]  35 &lt; 40\n            1\n```"
    ), "a second table is text: a message has one"
    assert without_tables([drawn]) == [
        {"type": "markdown", "text": "```\nSegment     After\nSafari [1]  35 &lt; 40\n            1\n```"}
    ]
    assert plain("**Fell** [a](https://a.test) `x`") == "Fell a x"
    assert cut("one two three", 9) == "one two…"
    for n in range(len(said)):
        assert streamed(said).startswith(streamed(said[:n]))


@pytest.mark.parametrize(("rows", "columns"), [(101, 2), (2, 21), (1, 1), (60, 3)])
def test_a_table_that_slack_would_not_take_is_aligned_text(rows: int, columns: int) -> None:
    wide = "x" * (60 if columns == 3 else 1)
    lines = ["| " + " | ".join([wide] * columns) + " |" for _ in range(rows)]
    blocks = answer_blocks("\n".join(lines), lambda _: None, "https://deus.test")
    assert {block["type"] for block in blocks} == {"markdown"}


def test_a_table_artifact_is_a_message_of_its_own_in_either_of_its_forms() -> None:
    forms: list[Any] = [
        {"columns": [{"key": "a", "label": "A"}, "b"], "rows": [{"a": 1200, "b": None}]},
        [{"A": 1200, "b": None}],
        {"columns": ["A", "b"], "rows": [[1200, None]]},
    ]
    for data in forms:
        drawn = artifact(2, kind="table", title="T", alt="", data=data)
        blocks = SLACK.screen(folded([BEGUN[0], drawn]))["artifact/a1"].blocks
        assert [[cell["text"] for cell in row] for row in blocks[1]["rows"]] == [["A", "b"], ["1,200", EMPTY]]


def test_a_chart_is_a_picture_with_its_words() -> None:
    (post,) = (post for part, post in SLACK.screen(folded(ANSWERED)).items() if part == "artifact/a1")
    assert post.picture is not None
    assert post.picture.alt == "Signups a day fell from 482 to 381 on 10 November; Safari alone fell."
    assert post.picture.figure["marks"][0]["label"].startswith("Began")


def test_what_a_person_writes_bears_their_name() -> None:
    events = [
        event(1, "run.started", actor="ann", channel="inbox", conversation="c", text=""),
        event(2, "message.completed", text="I am on it.", by="Ann <3", claims=[], citations=[], suggestions=[]),
        event(3, "run.finished", status="relayed", error=None, usage={}),
    ]
    post = SLACK.screen(folded(events))[ANSWER]
    assert post.text == "Ann &lt;3: I am on it."
    assert ("context", "*Ann &lt;3* writes:") in list(texts(post))


def test_what_comes_after_a_decision_is_a_message_of_its_own() -> None:
    parts = [list(SLACK.screen(folded(WRITTEN[:n]))) for n in range(1, len(WRITTEN) + 1)]
    waiting = SLACK.screen(folded(BEGUN))[ANSWER]
    assert not waiting.live, "no stream stays open while somebody thinks"
    assert parts[-1][:2] == [ANSWER, f"{ANSWER}/2"]
    before = SLACK.screen(folded(WRITTEN))[ANSWER]
    assert before.text == "It was decided; it goes on below."


def test_of_two_asks_the_last_approves_both_each_by_its_digest() -> None:
    two = [one for one in WRITTEN if one.kind == "approval.requested"]
    posts = [post for part, post in SLACK.screen(folded(BEGUN)).items() if part.startswith("ask/")]
    assert len(two) == len(posts) == 2
    everything = [
        one for post in posts for block in post.blocks if block["type"] == "actions" for one in block["elements"]
        if one["action_id"] == APPROVE_ALL
    ]  # fmt: skip
    (button,) = everything
    assert button in posts[-1].blocks[-1]["elements"]
    assert json.loads(button["value"]) == {one.data["id"]: one.data["digest"] for one in two}


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=400)
CELL = st.sampled_from(
    ["x", "[1]", "| a | b |", "|---|--:|", "```", "\n", "\n\n", "<!here>", "&amp;", "[a](b", "*", " "]
)
MARKDOWNS = st.lists(st.one_of(WORDS, CELL, st.just("word " * 700)), max_size=30).map("".join)


@given(MARKDOWNS, WORDS, WORDS)
@settings(max_examples=60, deadline=None)
def test_whatever_was_said_slack_s_limits_are_kept(said: str, title: str, name: str) -> None:
    many = [
        event(4 + n, "evidence.added", id=f"e{n}", number=n, title=title, service="s", verb="v", at="",
              url=f"https://a.test/{'p' * 300}{n}") for n in range(30)
    ]  # fmt: skip
    steps = [{"id": f"s{n}", "title": title, "verb": "v", "state": "done"} for n in range(40)]
    ask = proposal("r1", "create", title=title or "x", verb=IssuesCreate.name, args={"title": said})
    events = [
        event(1, "run.started", actor="ann", channel="slack", conversation="c", text=said),
        event(2, "plan.updated", revision=1, steps=steps),
        asked(3, ask, 0),
        *many,
        event(40, "notice", text=said, level="info"),
        artifact(41, kind="table", title=title, alt=name, data=[{title or "x": said}] * 3),
        event(42, "message.completed", text=said, by=name, claims=[], suggestions=[title] * 9,
              citations=[{"number": n, "evidence": f"e{n}"} for n in range(30)]),
    ]  # fmt: skip
    for view in (folded(events), folded(events[:-1]), folded([*events, event(43, "run.finished", status="failed")])):
        for post in SLACK.screen(view).values():
            fits(post)
            for kind, words in [("text", post.text), *texts(post)]:
                assert kind in ("header", "markdown", "actions") or not re.search(r"<[!@#]", words), words
                assert kind in ("header", "actions") or not re.search(r"&[a-z]{0,3}…$", words), "cut within a letter"
            for block in post.blocks:
                assert block["type"] != "markdown" or block["text"].count("```") % 2 == 0 or said.count("```") % 2
