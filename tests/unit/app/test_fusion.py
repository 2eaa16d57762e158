from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.stores.fusion import WordHit, fuse
from app.stores.question_words import coverage, names, question_words

IDS = st.lists(st.sampled_from("abcdefgh"), unique=True)


def test_first_in_both_with_every_word_is_one() -> None:
    (best, other) = fuse([WordHit("a", ("x",), 1.0)], [("a", 0.9), ("b", 0.8)])
    assert (best.id, best.score, best.why) == ("a", 1.0, "has “x”; likeness in meaning 0.90")
    assert (other.id, other.why) == ("b", "likeness in meaning 0.80")


def test_one_common_word_does_not_outvote_meaning() -> None:
    weak = [WordHit("b", ("take",), 0.25)]
    assert [one.id for one in fuse(weak, [("a", 0.6), ("b", 0.3)])] == ["a", "b"]
    assert [one.id for one in fuse(weak, [])] == ["b"]


@given(IDS, IDS, st.floats(0.34, 1))
def test_every_piece_comes_once_and_a_better_place_never_hurts(words: list[str], near: list[str], share: float) -> None:
    fused = fuse([WordHit(id, (), share) for id in words], [(id, 1 - n / 10) for n, id in enumerate(near)])
    scores = {one.id: one.score for one in fused}
    assert len(scores) == len(fused) == len({*words, *near})
    assert all(0 < score <= 1.0000001 for score in scores.values())
    for ranking, other in ((words, near), (near, words)):
        alone = [id for id in ranking if id not in other]
        assert sorted(alone, key=lambda id: -scores[id]) == alone


def test_a_question_keeps_its_identifiers_and_loses_its_stop_words() -> None:
    assert question_words("Why does AUTH-142 fail in verifyToken?") == [
        "auth-142",
        "auth",
        "142",
        "fail",
        "verifytoken",
        "verify",
        "token",
    ]
    assert question_words("Was ist das, y por qué?") == []
    assert names("refresh sessionId BM25") == "session Id"


def test_coverage_counts_words_in_other_forms() -> None:
    assert coverage(["refund", "customers"], ["refunded"]) == 0.5
    assert coverage(["refund"], ["reject"]) == 0.0
    assert coverage([], ["x"]) == 0.0
