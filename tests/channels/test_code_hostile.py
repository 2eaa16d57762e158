"""What a program or a stranger wrote, as it is shown: nothing in it steers, hides or turns."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.event import Event
from app.channels.code_terminal import calls as calls_in_terminal
from app.channels.code_terminal import summary
from app.channels.slack_view import Slack
from app.channels.terminal_text import one_line, printed, revealed, tail
from app.channels.web import page
from app.channels.web_code import ours
from app.channels.work_page import work_page
from tests.channels.code_events import (
    HOME,
    STRANGE,
    folded,
    safe_text,
)


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
