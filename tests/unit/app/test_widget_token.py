"""Tokens and the host page's word: what was signed is read back, and whatever else is given is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.channels.widget_token import (
    LASTS,
    Unproven,
    Visitor,
    anonymous,
    canonical,
    conversation_of,
    kept_secret,
    signed,
    token_of,
    visitor_of,
    vouched,
)
from tools.kit.errors import UserMustMend

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
SECRET = "a secret of the test that is long enough for HS256"
ORIGIN = "https://www.acme.test"
FRESH = timedelta(minutes=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
# Text that UTF-8 can hold.
ENCODED = st.characters(codec="utf-8")
TEXT = st.text(ENCODED, max_size=60)


@given(st.text(ENCODED, min_size=1, max_size=100), TEXT, TEXT)
def test_a_token_is_read_back_on_its_own_page_until_it_expires(ident: str, name: str, email: str) -> None:
    visitor = Visitor(ident, conversation_of(ident, ORIGIN), ORIGIN, name, email)
    token = token_of(visitor, SECRET, NOW)
    until = int((NOW + LASTS).timestamp())
    assert visitor_of(token, SECRET, ORIGIN, NOW + LASTS - timedelta(seconds=1)) == replace(visitor, until=until)
    for secret, origin, now in (
        (SECRET + "x", ORIGIN, NOW),
        (SECRET, "https://evil.test", NOW),
        (SECRET, ORIGIN, NOW + LASTS),
    ):
        with pytest.raises(Unproven):
            visitor_of(token, secret, origin, now)


@given(st.text(max_size=300))
def test_no_text_is_a_token_but_one_that_was_signed(text: str) -> None:
    with pytest.raises(Unproven):
        visitor_of(text, SECRET, ORIGIN, NOW)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = token_of(Visitor("user:1", conversation_of("user:1", ORIGIN), ORIGIN), SECRET, NOW)
    # The last character's lowest bits say nothing in base64.
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.characters(exclude_characters=token[place]))
    with pytest.raises(Unproven):
        visitor_of(token[:place] + other + token[place + 1 :], SECRET, ORIGIN, NOW)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "cid", "iat", "exp", "nbf", "name", "x"]), JSON))
def test_what_our_own_secret_signed_is_still_read_with_care(claims: dict[str, Any]) -> None:
    try:
        token = jwt.encode(claims, SECRET, algorithm="HS256")
    except (TypeError, ValueError):
        return
    with pytest.raises(Unproven):
        visitor_of(token, SECRET, ORIGIN, NOW)


@given(st.text(ENCODED, min_size=1, max_size=60), TEXT, TEXT, st.integers(-60, 600))
def test_a_host_pages_word_is_believed_as_it_was_signed(ident: str, email: str, name: str, age: int) -> None:
    at = int(NOW.timestamp()) - age
    fields = {"id": ident, "email": email, "name": name, "at": at}
    word = {**fields, "hmac": signed(fields, SECRET)}
    visitor = vouched(json.loads(json.dumps(word)), SECRET, ORIGIN, NOW, FRESH)
    assert (visitor.ident, visitor.name, visitor.email) == (f"user:{ident}", name, email)
    for changed in ({"id": ident + "x"}, {"email": email + "x"}, {"name": name + "x"}, {"at": at + 1}):
        with pytest.raises(Unproven):
            vouched({**word, **changed}, SECRET, ORIGIN, NOW, FRESH)
    with pytest.raises(Unproven):
        vouched({**word, "role": "admin"}, SECRET, ORIGIN, NOW, FRESH)
    with pytest.raises(Unproven):
        vouched(word, None, ORIGIN, NOW, FRESH)


@given(JSON)
def test_nothing_else_is_a_host_pages_word(word: object) -> None:
    with pytest.raises(Unproven):
        vouched(word, SECRET, ORIGIN, NOW, FRESH)


@pytest.mark.parametrize("age", [601, -61, 10**9])
def test_a_word_is_believed_for_minutes_only(age: int) -> None:
    fields = {"id": "u", "email": "", "name": "", "at": int(NOW.timestamp()) - age}
    with pytest.raises(Unproven, match="too long ago"):
        vouched({**fields, "hmac": signed(fields, SECRET)}, SECRET, ORIGIN, NOW, FRESH)


def test_the_canonical_form_is_what_a_browser_writes() -> None:
    """JSON.stringify({at, email, id, name}) gives these bytes."""
    fields = {"name": 'Zoë "Z" \u2028 \x1f 😀', "id": "a/b", "email": "z@x.test", "at": 7}
    assert canonical(fields) == (
        '{"at":7,"email":"z@x.test","id":"a/b","name":"Zoë \\"Z\\" \u2028 \\u001f 😀"}'.encode()
    )


def test_two_strangers_are_two_and_have_conversations_of_their_own() -> None:
    one, other = anonymous(ORIGIN), anonymous(ORIGIN)
    assert one.ident != other.ident
    assert one.conversation != other.conversation
    assert conversation_of("user:1", ORIGIN) != conversation_of("user:1", "https://other.test")


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_file_that_holds_no_secret_signs_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "widget-secret").write_text(content)
    with pytest.raises(UserMustMend, match="widget-secret"):
        kept_secret(tmp_path)


def test_the_secret_is_made_once_and_whole_for_its_owner(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        (secret,) = set(pool.map(lambda _: kept_secret(tmp_path / "new"), range(16)))
    assert len(secret) >= 32
    (file,) = (tmp_path / "new").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_guests_token_is_renewed_before_it_ends_and_a_signed_in_visitors_is_not() -> None:
    guest = anonymous(ORIGIN)
    read = visitor_of(token_of(guest, SECRET, NOW), SECRET, ORIGIN, NOW)
    assert not read.renews(NOW + LASTS / 2 - timedelta(minutes=1))
    late = NOW + LASTS / 2 + timedelta(minutes=1)
    assert read.renews(late)
    again = visitor_of(token_of(read, SECRET, late), SECRET, ORIGIN, late + LASTS / 2)
    assert (again.ident, again.conversation) == (guest.ident, guest.conversation)
    known = Visitor("user:1", conversation_of("user:1", ORIGIN), ORIGIN)
    assert not visitor_of(token_of(known, SECRET, NOW), SECRET, ORIGIN, NOW).renews(late)
