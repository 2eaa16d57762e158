"""The widget's pure parts: places in a conversation, limits, origins, passages, what a visitor sees of a run."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.event import EPHEMERAL, Event
from agents.ports import Turn
from agents.visiting import is_visitors, topic_of
from app.channels.web_view import RunView
from app.channels.widget_cursor import Cursor, parse
from app.channels.widget_limits import Limits
from app.channels.widget_view import WidgetChannel, shown
from app.settings import read_settings
from app.stores.fusion import Found
from app.stores.help_pages import answers, passage
from tests.channels.script import NOW, script
from tools.kit.errors import UserMustMend

PLACES = st.dictionaries(st.integers(1, 10**15), st.integers(0, 10**6), max_size=8)


@given(st.integers(0, 10**15), PLACES)
def test_a_place_in_a_conversation_is_read_back(mark: int, places: dict[int, int]) -> None:
    cursor = Cursor(mark)
    for run, seq in places.items():
        cursor = cursor.at(run, seq)
    assert parse(str(cursor)) == cursor
    assert all(cursor.seen(run) == (None if run <= mark else seq) for run, seq in places.items())
    assert cursor.marked(10**16) == Cursor(10**16)


@given(st.text())
def test_any_other_text_is_no_place(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert parse(str(found)) == found


def test_limits_count_within_their_window_and_forget_after_it() -> None:
    clock = itertools.count(0, 10)
    limits = Limits(lambda: float(next(clock)))
    assert [limits.wait("a", 2, 60) for _ in range(3)] == [0, 0, 40]
    assert limits.wait("b", 2, 60) == 0
    assert [limits.wait("a", 2, 60) for _ in range(3)] == [20, 10, 0]
    with limits.hold("s", 1) as first, limits.hold("s", 1) as second:
        assert (first, second) == (True, False)
    with limits.hold("s", 1) as again:
        assert again


@pytest.mark.parametrize(
    "origin",
    ["*", "acme.com", "https://acme.com/", "https://acme.com:443", "http://acme.com:80", "https://*.acme.com", "null",
     "https://user@acme.com", "https://Acme.com", "ftp://acme.com", "https://acme.com#x", "https://"],
)  # fmt: skip
def test_only_exact_origins_are_allowed(origin: str) -> None:
    with pytest.raises(UserMustMend, match="DEUS_WIDGET_ORIGINS"):
        read_settings({"DEUS_WIDGET_ORIGINS": f"https://www.acme.com,{origin}"}, {})


def test_origins_are_listed_with_commas() -> None:
    found = read_settings({"DEUS_WIDGET_ORIGINS": "https://www.acme.com, http://localhost:3000,http://[::1]:8080"}, {})
    assert found.widget_origins == ("https://www.acme.com", "http://localhost:3000", "http://[::1]:8080")
    assert read_settings({}, {}).widget_origins == ()


@pytest.mark.parametrize(
    ("words", "likeness", "by_meaning", "fits"),
    [
        (("export", "report"), 0.6, True, True),
        ((), 0.55, True, True),
        (("export",), 0.35, True, True),
        (("export",), None, True, False),
        ((), 0.45, True, False),
        (("export",), None, False, True),
        ((), None, False, False),
    ],
)
def test_a_page_answers_by_words_and_meaning(
    words: tuple[str, ...], likeness: float | None, by_meaning: bool, fits: bool
) -> None:
    assert answers(["export", "report"], Found("p", 1.0, words, likeness), by_meaning=by_meaning) is fits


def test_a_passage_is_the_pages_words_without_its_markup() -> None:
    text = "# Title\n\nPress **Export** in [Settings](https://x.test), then `csv`.\n\n- one\n- two\n"
    assert passage(text) == "Press Export in Settings, then csv.\n- one\n- two"
    long = passage("A sentence of some words. " * 100)
    assert len(long) <= 905
    assert long.endswith(". …")


@pytest.mark.parametrize(
    "turn",
    [
        Turn("x", "visitor:1", "web", "c", NOW),
        Turn("x", "founder", "widget", "c", NOW),
        Turn("x", "founder", "web", "c", NOW, role="visitor"),
        Turn("x", "founder", "web", "c", NOW, role="admin", audience="visitor"),
    ],
)
def test_each_sign_of_a_visitor_closes_everything(turn: Turn) -> None:
    assert is_visitors(turn)


def test_nobody_else_is_a_visitor_and_a_few_words_go_on_with_what_was_said() -> None:
    assert not is_visitors(Turn("x", "founder", "web", "c", NOW, role="admin", audience="viewer"))
    assert topic_of("and as PDF?", ["How do I export a report?"]) == "How do I export a report? and as PDF?"
    assert topic_of("How do I cancel my plan?", ["How do I export?"]) == "How do I cancel my plan?"


def page(frames: Any) -> dict[str, Any]:
    """What the script in the browser makes of frames."""
    found: dict[str, Any] = {}
    for frame in frames:
        if frame.kind == "message":
            found = dict(frame.data)
        elif found.get("state") == "working" and frame.data["from"] <= len(found["text"]):
            found["text"] = found["text"][: frame.data["from"]] + frame.data["text"]
    return found


def play(events: Any, begin: RunView | None = None) -> tuple[list[Any], RunView]:
    channel = WidgetChannel()
    frames: list[Any] = []
    view = begin or channel.begin("run")
    for event in events:
        after = channel.fold(view, event)
        frames += channel.effects(view, after)
        view = after
    return frames, view


def test_whatever_is_lost_or_repeated_or_restarted_the_page_ends_the_same() -> None:
    events, seq = [], 0
    for _, kind, data in script(Turn("Why?", "founder", "web", "c", NOW)):
        seq += kind not in EPHEMERAL
        events.append(Event(run="run", seq=seq, at=NOW, kind=kind, data=data))
    frames, view = play(events)
    wanted = shown(view)
    assert page(frames) == wanted
    assert wanted["state"] in ("done", "nothing")
    for n, event in enumerate(events):
        assert page(play([*events[: n + 1], event, *events[n + 1 :]])[0]) == wanted
        if event.kind == "text.delta":
            assert page(play([*events[:n], *events[n + 1 :]])[0]) == wanted
        before, there = play(events[: n + 1])
        assert page([*before, *play(events[n + 1 :], there)[0]]) == wanted
    every = set().union(*(frame.data for frame in frames))
    assert every <= {"run", "at", "question", "text", "by", "state", "citations", "from"}
    assert wanted["citations"] == [], "a company's own evidence has no number for a visitor"
