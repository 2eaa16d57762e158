"""What a terminal shows of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.answer_format import code, fenced, plain
from app.channels.answer_terminal import readable


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"set DEUS\_MODEL, please", "set DEUS_MODEL, please"),
        (r"**1\.5** \[draft\]", "**1.5** [draft]"),
        (r"`a\_b` and c\_d", r"`a\_b` and c_d"),
        ("x\\_y\n```ts\nif (a\\_b) {}\n```\nz\\_z", "x_y\n```ts\nif (a\\_b) {}\n```\nz_z"),
        (r"a \\ b", "a \\ b"),
        ("a lone ` and d\\_e", "a lone ` and d_e"),
        ("C:\\new", "C:\\new"),
    ],
)
def test_what_was_escaped_is_shown_as_itself_outside_of_code(written: str, shown: str) -> None:
    assert readable(written) == shown


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(lambda text: text.strip()))
def test_words_from_outside_come_out_as_they_went_in(words: str) -> None:
    said = " ".join(words.split())
    assert readable(plain(words)).replace("\u2060", "") == said
    assert readable(code(words)) == code(words)
    assert fenced(words) in readable(f"before\n\n{fenced(words)}\n\nafter")
