"""Evidence: ids that last over a restart, citations of single records, merging of several services' answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.drive import pieces
from agents.evidence import Citations, EvidenceSearch, digest, search
from agents.record import Evidence
from agents.resolver import merged
from tests.scenarios.engine.script import NOW, deployment, error
from tools.nouns import Noun, dump


def filled(*answers: list[Noun]) -> Citations:
    citations = Citations("run_1")
    for n, nouns in enumerate(answers):
        citations.record(
            step=f"s{n}", service="sentry", verb="errors.search", title="x", at=NOW, nouns=nouns, asked={"args": {}}
        )
    return citations


def test_a_record_of_many_is_cited_by_evidence_of_its_own() -> None:
    citations = filled([error("A"), error("B")])
    one, again = citations.cite(error("B")), citations.cite(error("B"))
    assert (one, again, len(citations.new)) == ("e2", "e2", 1)
    child = citations.new[0]
    assert (child.parent, child.ref, child.content) == ("e1", "B", (dump(error("B")),))
    assert child.sha256 == digest([dump(error("B"))])
    assert citations.of_step("s0") == ("e1",)


def test_a_record_that_came_alone_is_cited_by_the_answer_itself() -> None:
    assert filled([error("A")]).cite(error("A")) == "e1"


def test_of_two_answers_with_the_same_ref_the_equal_record_is_cited() -> None:
    citations = filled([error("A", "old")], [error("A", "new"), error("B")])
    assert citations.cite(error("A", "old")) == "e1"
    cited = citations.get(citations.cite(error("A", "new")))
    assert cited is not None
    assert (cited.parent, cited.content[0]["title"]) == ("e2", "new")


def test_what_no_step_returned_cannot_be_cited() -> None:
    with pytest.raises(LookupError, match="'C'"):
        filled([error("A")]).cite(error("C"))


def test_ids_go_on_after_a_restart() -> None:
    before = filled([error("A"), error("B")])
    cited = before.cite(error("A"))
    after = Citations("run_1", list(before))
    assert after.cite(error("A")) == cited
    assert after.new == []
    assert after.cite(error("B")) == "e3"


@given(st.text(max_size=12))
def test_search_takes_any_words_as_plain_words(words: str) -> None:
    item: Evidence = filled([error("A", "boom (.*) [x"), error("B")])[0]
    found = search(item, EvidenceSearch(evidence="e1", words=words))
    assert {noun.ref for noun in found} <= {"A", "B"}
    assert [n.ref for n in search(item, EvidenceSearch(evidence="e1", words="BOOM (.*)"))] == ["A"]


def test_answers_of_several_services_are_one_newest_first_each_once() -> None:
    one = [deployment("d1", 1), deployment("d2", 4)]
    two = [deployment("d3", 2, "render"), deployment("d3", 2, "render")]
    assert [noun.ref for noun in merged([one, two, one])] == ["d1", "d3", "d2"]
    assert [noun.ref for noun in merged([[one[1], one[0]]])] == ["d2", "d1"]


@given(st.text(alphabet="ab. \n:!", max_size=400))
def test_a_text_streams_in_pieces_that_make_it_up(text: str) -> None:
    assert "".join(pieces(text, most=20)) == text
    assert all(pieces(text, most=20))
