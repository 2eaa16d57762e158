"""Teams' fold over recorded runs: what its cards say, what they leave out, and how large they may be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.event import Event
from app.channels.teams_cards import APPROVE, chart, table, table_rows
from app.channels.teams_people import member
from app.channels.teams_post import AROUND, INFORMATIVE, LARGEST, Post, size
from app.channels.teams_text import cut, joined, literal, markdown, streamed
from app.channels.teams_view import ANSWER, Teams
from app.channels.web_view import RunView, StepLine
from tests.channels.script import NOW
from tests.channels.script import chart as chart_data
from tests.channels.test_approvals import BEGUN, REST, asked, event
from tests.channels.test_web import EVENTS as ANSWERED
from tests.contracts.channel_screens import RECORDED
from tests.contracts.test_approvals import proposal
from tools.writes import IssuesCreate

HOME = "https://deus.test"
TEAMS = Teams(HOME)


def folded(events: Sequence[Event]) -> RunView:
    view = TEAMS.begin("r1")
    for one in events:
        view = TEAMS.fold(view, one)
    return view


def ended(text: str, **more: Any) -> list[Event]:
    said = {"claims": [], "citations": [], "suggestions": [], **more}
    return [
        event(1, "run.started", actor="ann", channel="teams", conversation="c", text="All?"),
        event(2, "message.completed", text=text, **said),
        event(3, "run.finished", status="answered", error=None, usage={}),
    ]


def artifact(seq: int, **data: Any) -> Event:
    return Event(run="r1", seq=seq, at=NOW, kind="artifact.created", data=data)


def elements(value: Any) -> Iterator[dict[str, Any]]:
    """Everything in a card that has a type."""
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for inner in value.values():
            yield from elements(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from elements(inner)


def words(post: Post) -> str:
    said = [str(one["text"]) for one in elements(post.card) if "text" in one]
    return "\n".join([post.text, post.summary, *said])


def fits(post: Post) -> None:
    """Teams takes the post in either form."""
    for form in ({"content": post.card}, {"text": post.text, "content": post.beside}):
        assert len(json.dumps(form, ensure_ascii=False).encode()) <= LARGEST
    assert post.summary.strip()
    assert len(post.informative) <= INFORMATIVE
    names = [one["id"] for one in elements(post.card) if "id" in one and "items" in one]
    assert len(names) == len(set(names)), "what is toggled is told apart"
    for one in elements(post.card):
        if one["type"] == "TextBlock":
            assert one["text"]
        if one["type"] == "RichTextBlock":
            assert one["inlines"]
        if one["type"] == "Action.OpenUrl":
            assert one["url"].startswith(("https://", "http://"))
        if one["type"] == "Action.Execute":
            assert one["fallback"]["type"] == "Action.Submit"
            assert one["fallback"]["data"] == one["data"]


# What people write in the place of Deus is stored at once, whole.
GROWING = [name for name, events in RECORDED.items() if events[-1].data.get("status") != "relayed"]


@pytest.mark.parametrize("name", GROWING)
def test_with_any_event_missing_teams_limits_are_kept_and_parts_stay(name: str) -> None:
    events = RECORDED[name]
    for missing in range(len(events)):
        view, posts = TEAMS.begin("r1"), dict[str, Post]()
        for one in (one for n, one in enumerate(events) if n != missing):
            view, before = TEAMS.fold(view, one), posts
            posts = dict(TEAMS.screen(view))
            assert before.keys() <= posts.keys(), "what was posted once stays"
        for post in posts.values():
            fits(post)


def test_while_it_is_live_the_words_only_grow_and_the_plan_tells_how_far_it_is() -> None:
    before, told = "", set()
    for count in range(1, len(ANSWERED) + 1):
        post = TEAMS.screen(folded(ANSWERED[:count]))[ANSWER]
        if post.live:
            assert post.words.startswith(before)
            before = post.words
            told.add(post.informative)
    assert before
    assert "Read signups for eight weeks… (0 of 6 steps done)" in told
    assert not post.live
    steps = [{"id": f"s{n}", "title": f"Step {n}", "verb": "v", "state": "running"} for n in range(9)]
    many = TEAMS.screen(folded([BEGUN[0], event(2, "plan.updated", revision=1, steps=steps)]))
    assert many[ANSWER].informative == "Step 0 · Step 1 · Step 2 and 6 more… (0 of 9 steps done)"


@pytest.mark.parametrize("piece", ["Paragraph {} says something about the company [1].", "雪{0}" * 40, "🙂<&{0}" * 30])
def test_a_long_answer_is_cut_and_leads_to_all_of_it(piece: str) -> None:
    said = "```\n" + "\n\n".join(piece.format(n) for n in range(1500))
    post = TEAMS.screen(folded(ended(said)))[ANSWER]
    fits(post)
    assert f"({HOME}/runs/r1)" in words(post)
    assert size(post) > LARGEST / 3, "as much as fits is shown"


def test_addresses_and_suggestions_of_any_length_leave_a_message_that_teams_takes() -> None:
    suggestions = ["Why?", "x" * 9000, "y" * 9000]
    view = folded(ended("It fell [1]. " * 10, suggestions=suggestions))
    far = "https://posthog.test/insights#q=" + "x" * 5000
    evidence = {f"e{n}": {"url": f"{far}{n}", "title": "雪" * 300} for n in range(1, 30)}
    view = replace(view, evidence=evidence, citations={str(n): f"e{n}" for n in range(1, 30)})
    steps = tuple(StepLine(f"s{n}", "雪" * 900, state="done") for n in range(60))
    for shown in (view, replace(view, steps=steps), replace(view, steps=steps, artifacts={})):
        post = TEAMS.screen(shown)[ANSWER]
        fits(post)
        assert f"({HOME}/runs/r1)" in words(post)
        assert "Why?" in str(post.card)
        assert "xxxx" not in str(post.card)


def test_what_is_large_gives_way_to_the_words() -> None:
    row = [f"cell {n} with some more words" for n in range(8)]
    data = {"columns": row, "rows": [row] * 60}
    events = ended("**Yes.** " + "It fell. " * 600)
    big = [artifact(2, id=f"a{n}", kind="table", title=f"T{n}", data=data, alt="") for n in range(4)]
    numbered = [one.model_copy(update={"seq": n}) for n, one in enumerate([events[0], *big, *events[1:]], 1)]
    post = TEAMS.screen(folded(numbered))[ANSWER]
    fits(post)
    assert "It fell. It fell." in words(post)
    assert words(post).count("open in Deus") >= 2


def test_a_chart_is_drawn_by_teams_and_says_the_same_in_words() -> None:
    drawn = chart({"title": "Signups a day", "alt": "They fell *a lot*", "data": chart_data()})
    assert drawn["type"] == "Chart.Line"
    assert drawn["fallback"]["text"] == "Signups a day – They fell \\*a lot\\*"
    names = [one["legend"] for one in drawn["data"]]
    assert names == ["signed_up", "Safari", "all others", "expected"]
    first = drawn["data"][0]["values"][0]
    assert first["x"] == "2026-10-21", "days are the company's"
    few = {"series": [{"name": "x", "points": [["2026-11-10T09:00:00Z", 3], ["2026-11-11T09:00:00Z", None]]}]}
    assert chart({"title": "x", "data": few})["data"] == [{"x": "2026-11-10", "y": 3.0}]
    hourly = {
        "series": [{"points": [[f"2026-11-10T{h:02}:00:00Z", h] for h in range(24)]}],
        "timezone": "Europe/Berlin",
    }
    assert chart({"data": hourly})["data"][0]["values"][0]["x"] == "10 Nov 01:00"
    assert chart({"alt": "Nothing was counted.", "data": {}})["type"] == "TextBlock"
    many = {"series": [{"points": [[f"2026-{1 + n // 28:02}-{1 + n % 28:02}T00:00:00Z", n] for n in range(300)]}]}
    points = chart({"data": many})["data"][0]["values"]
    assert len(points) <= 61
    assert points[-1]["y"] == 299


def test_a_table_has_its_header_aligns_numbers_and_counts_what_is_more() -> None:
    rows = table_rows(
        {"columns": ["Segment", {"key": "n", "label": "After"}], "rows": [{"Segment": "Safari", "n": 35}]}
    )
    assert rows == [["Segment", "After"], ["Safari", "35"]]
    drawn = table(rows)
    assert drawn["firstRowAsHeader"]
    number = drawn["rows"][1]["cells"][1]["items"][0]
    assert number["horizontalAlignment"] == "Right"
    assert "and 60 more rows" in json.dumps(table([["a"]] * 101))
    assert table_rows({}) == [[]]
    assert table([])["rows"] == []


def test_the_ask_has_buttons_that_name_what_they_decide_and_the_receipt_can_be_taken_back() -> None:
    posts = TEAMS.screen(folded(BEGUN))
    asks = {part: post for part, post in posts.items() if part.startswith("ask/")}
    assert len(asks) == 2
    for part, post in asks.items():
        (approve,) = (one for one in elements(post.card) if one.get("verb") == APPROVE)
        assert part == f"ask/{approve['data']['id']}"
        assert approve["data"]["digest"]
        assert approve["data"]["run"] == "r1"
    done = TEAMS.screen(folded([*BEGUN, *REST[:-2]]))
    assert "Take it back" in str(done["receipt/k1"].card)
    back = TEAMS.screen(folded([*BEGUN, *REST]))
    assert "Take it back" not in str(back["receipt/k1"].card)
    assert all("deus.approve" not in str(post.card) for post in back.values()), "what is over has no buttons"


def test_what_does_not_fit_can_be_approved_only_where_it_is_seen_whole() -> None:
    for description in ("word " * 900, "wor" * 20_000):
        long = proposal("r1", "create", title="x" * 400, verb=IssuesCreate.name, args={"title": "It fails"})
        change = long.change.model_copy(update={"after": {"title": "It fails", "description": description}})
        long = long.model_copy(update={"change": change})
        (post,) = (
            post for part, post in TEAMS.screen(folded([*BEGUN[:3], asked(4, long, 0)])).items() if "ask" in part
        )
        fits(post)
        titles = [one["title"] for one in elements(post.card) if one["type"] == "Action.Execute"]
        assert titles == ["Reject"]
        assert "Open it in Deus to approve it" in words(post)


def test_nothing_that_somebody_wrote_pings_loads_or_leads_astray() -> None:
    evil = "<at>everyone</at> ![x](https://evil.test/?q=1) [a](javascript:alert(1)) **b** <img src=x>"
    events = [
        event(1, "run.started", actor="ann", channel="teams", conversation="c", text=evil),
        event(2, "plan.updated", revision=1, steps=[{"id": "s1", "title": evil, "verb": "v", "state": "running"}]),
        event(3, "evidence.added", id="e1", number=1, title=evil, service="s", url="javascript:alert(1)", at=""),
        asked(4, proposal("r1", "create", title=evil, verb=IssuesCreate.name, args={"title": evil}), 0),
        event(5, "notice", text=evil, level="info"),
        artifact(6, id="a", kind="chart", title=evil, data=chart_data(), alt=evil),
    ]
    said = {"claims": [], "citations": [{"number": 1, "evidence": "e1"}], "suggestions": [evil]}
    ends = [*events, event(7, "message.completed", text=f"{evil} [1]", **said)]
    human = [events[0], event(2, "message.completed", text="Hello", by=evil, **said)]
    for view in (folded(events), folded(ends), folded(human)):
        for post in TEAMS.screen(view).values():
            markup = [str(one["text"]) for one in elements(post.card) if one["type"] == "TextBlock"]
            for text in (post.text, post.words, *markup):
                assert not re.search(r"<[a-z]|(?<!\\)!\[", text), text
                assert "[1](javascript" not in text
            assert '"javascript' not in json.dumps(post.card)
    assert "**b**" not in TEAMS.screen(folded(human))[ANSWER].text, "a name is no markup"


def test_a_person_s_words_are_shown_under_their_name() -> None:
    post = TEAMS.screen(folded(RECORDED["relayed"]))[ANSWER]
    assert post.text == "**Omar &lt;Haddad\\>:** I am looking into *this*."
    assert (post.card, post.live) == (None, False)
    assert post.summary.startswith("Omar <Haddad>: ")


def test_markdown_in_parts() -> None:
    said = (
        "# Yes\nFell [1] [2].\n\n| Segment | After |\n|---|---:|\n| **Safari** | 35 |\n\n"
        "```py\n| no | table |\n# no\n```\nEnd"
    )
    urls = {"1": "https://a.test/x(1)?a=1&b=<2>"}
    parts = markdown(said, urls.get)
    assert [one.kind for one in parts] == ["heading", "words", "table", "code", "words"]
    assert parts[1].text == r"Fell [\[1\]](https://a.test/x%281%29?a=1&b=%3C2%3E) [2]."
    assert parts[2].rows == [["Segment", "After"], ["Safari", "35"]]
    assert parts[3].text == "| no | table |\n# no"
    assert joined(parts).startswith("### Yes\n\nFell")
    assert "Safari" not in joined(parts)


@given(st.text(max_size=400), st.integers(2, 400))
@settings(max_examples=150, deadline=None)
def test_any_text_is_taken(text: str, most: int) -> None:
    assert len(cut(text, most)) <= most
    assert "<" not in literal(text)
    for n in range(0, len(text), 37):
        assert streamed(text).startswith(streamed(text[:n]).removesuffix("!\u200b["))
    posts = TEAMS.screen(folded(ended(text)))
    assert size(posts[ANSWER]) <= LARGEST
    assert size(Post("")) < AROUND + 100


@pytest.mark.parametrize(
    ("said", "email", "ours"),
    [
        ({"aadObjectId": "1", "email": "a@acme.test", "tenantId": "t", "userRole": "user"}, "a@acme.test", True),
        ({"objectId": "1", "userPrincipalName": "a@acme.test"}, "a@acme.test", True),
        ({"aadObjectId": "1", "userPrincipalName": "a_b.test#EXT#@acme.test"}, None, True),
        ({"aadObjectId": "1", "email": "a@evil.test", "tenantId": "other"}, None, False),
        ({"aadObjectId": "1", "email": "a@acme.test", "tenantId": "t", "userRole": "guest"}, None, False),
        ({"aadObjectId": "1", "email": "a@acme.test", "userRole": "anonymous"}, None, False),
        ({"email": "a@acme.test", "tenantId": "t"}, "a@acme.test", False),
    ],
)
def test_whom_teams_vouches_for(said: dict[str, Any], email: str | None, ours: bool) -> None:
    found = member(said, "t")
    assert (found.email, found.ours) == (email, ours)
