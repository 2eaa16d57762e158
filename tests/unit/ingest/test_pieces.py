from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.ingest.pieces import LONGEST, cut


def test_headings_lead_to_their_pieces_and_hashes_in_code_are_none() -> None:
    text = "intro\n# Guide\n## Install\nrun it\n```\n# not a heading\n```\n# Other\nmore"
    assert [(one.headings, one.text.splitlines()[0]) for one in cut(text)] == [
        ((), "intro"),
        ((), "Guide"),
        (("Guide", "Install"), "run it"),
        (("Other",), "more"),
    ]


def test_a_long_section_is_cut_with_an_overlap() -> None:
    sentences = " ".join(f"Sentence number {n} says something." for n in range(80))
    first, second, *_ = cut(sentences)
    assert first.text.split()[-3] in second.text
    assert second.text.startswith(first.text.splitlines()[-1])


@given(st.text(alphabet=st.sampled_from("ab #`.\n~é"), max_size=4000))
def test_no_word_is_lost_and_no_piece_is_too_long(text: str) -> None:
    pieces = cut(text)
    assert all(one.text.strip() and len(one.text) <= LONGEST for one in pieces)
    said = "".join("".join((*one.headings, one.text)) for one in pieces)
    assert {c for c in text if c.isalpha()} <= set(said)


@given(st.integers(1, 5000))
def test_a_text_without_a_break_is_cut_all_the_same(length: int) -> None:
    assert sum(len(one.text) for one in cut("x" * length)) >= length
