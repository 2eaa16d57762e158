"""Words of questions, text files, verdicts and times, as connectors share them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.kit.complaint import first_error, said
from tools.kit.instants import instant, stamp
from tools.kit.prose import decoded, excerpt, heading
from tools.kit.pulls import checks_of, review_of
from tools.kit.words import hits, means, query_words, says


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What about the signup form?", ["signup", "form"]),
        ("is:open OR csv-invites", ["open", "csv-invites"]),
        ("the the of", ["the", "of"]),
        ("SSO sso", ["SSO", "sso"]),
        ("", []),
    ],
)
def test_the_words_of_a_question(text: str, words: list[str]) -> None:
    assert query_words(text) == words


@given(st.text(), st.integers(1, 8))
def test_no_question_becomes_an_operator_or_too_long(text: str, most: int) -> None:
    words = query_words(text, most)
    assert len(words) <= most
    assert not {"OR", "AND", "NOT"} & set(words)
    assert not any(set(word) & set(':"()') for word in words)


def test_what_a_record_says() -> None:
    assert says("who broke the login", "Login fails", None)
    assert not says("who broke the login", "The session")
    assert says("", "anything")
    assert hits("login session login", "Sessions after logins") == 2


@pytest.mark.parametrize("asked", ["Sarah Chen", "sarah", "@schen", "SARAH@acme.test"])
def test_ways_of_naming_a_person(asked: str) -> None:
    assert means(asked, "Sarah Chen", "schen", "sarah@acme.test", None)
    assert not means(asked, "Sara Chan", "sara")


def test_the_part_of_a_file_that_matters() -> None:
    content = "\n".join(["alpha"] * 40 + ["needle"] + ["omega"] * 40)
    line, shown = excerpt(content, "needle")
    assert (line, shown.count("\n") + 1) == (26, 31)
    assert excerpt(content, "") == (1, content)
    assert excerpt("one", "none") == (1, "one")
    assert (heading("text\n# Title \nmore", "a.md"), heading("text", "a.md")) == ("Title", "a.md")


@given(st.text())
def test_decoding_what_was_encoded(text: str) -> None:
    clean = text.encode("utf-8", errors="replace")
    assert decoded(base64.encodebytes(clean).decode()) == clean.decode()


def test_what_reviews_add_up_to() -> None:
    assert review_of({"a": "approved", "b": "changes_requested"}, []) == "changes_requested"
    assert review_of({"a": "approved"}, ["b"]) == "approved"
    assert review_of({"a": "commented"}, ["b"]) == "waiting"
    assert review_of({"a": "dismissed"}, []) == "none"


@pytest.mark.parametrize(
    ("conclusions", "state"),
    [
        ([], "none"),
        (["success", "skipped", "neutral"], "success"),
        (["success", None], "pending"),
        ([None, "timed_out"], "failure"),
    ],
)
def test_what_checks_add_up_to(conclusions: list[str | None], state: str) -> None:
    assert checks_of(conclusions) == state


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 (hypothesis wants it)
def test_times_go_out_and_come_back(moment: datetime) -> None:
    local = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    written = stamp(local)
    assert written is not None
    assert instant(written) == local
    assert instant(written).tzinfo is UTC


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no offset"):
        instant("2026-11-18T15:00:00")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"message": "Bad credentials"}', "Bad credentials"),
        (b'{"error": {"message": "No such price"}}', "No such price"),
        (b'{"errors": [{"message": "Entity not found"}]}', "Entity not found"),
        (b'{"errors": ["odd"], "detail": "why"}', "why"),
        (b"<html>", "<html>"),
        (b"", "Bad Gateway"),
        (b"[]", "Bad Gateway"),
        (b'{"code": 3}', "Bad Gateway"),
    ],
)
def test_a_service_s_own_words(body: bytes, words: str) -> None:
    assert said(body, "Bad Gateway") == words


def test_the_first_error_of_an_answer() -> None:
    assert first_error(b'{"errors": [{"message": "a"}, {"message": "b"}]}') == {"message": "a"}
    assert first_error(b'{"errors": {}}') is None
    assert first_error(b"no") is None
