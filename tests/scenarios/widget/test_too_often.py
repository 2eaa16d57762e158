"""Visitors who come too often are told when they may again, and others are not held up by them."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.channels.widget_token import anonymous, kept_secret, token_of
from tests.scenarios.widget.website import ORIGIN, Visitor, Website, website_of


@pytest.fixture(scope="module")
def small(acme: Path) -> Iterator[Website]:
    environment = {"DEUS_WIDGET_MESSAGES_MINUTE": "2", "DEUS_WIDGET_ADDRESS_MINUTE": "7", "DEUS_WIDGET_KEY": "pk_1"}
    with website_of(acme, **environment) as opened:
        yield opened


def test_too_often_is_429_with_the_seconds_to_wait(small: Website) -> None:
    visitor, other = small.visitor(key="pk_1"), small.visitor(key="pk_1")
    tries = [visitor.post("messages", {"text": "hello there", "id": str(uuid.uuid4())}) for _ in range(3)]
    assert [one.status_code for one in tries] == [202, 202, 429]
    assert 0 < int(tries[2].headers["retry-after"]) <= 60
    assert "Retry-After" in tries[2].headers["access-control-expose-headers"]
    assert other.post("messages", {"text": "hello there", "id": str(uuid.uuid4())}).status_code == 202
    sessions = [Visitor(small.deus).post("session", {"key": "pk_1"}).status_code for _ in range(9)]
    assert sessions[-1] == 429


def test_the_key_of_the_script_tag_must_be_this_servers(small: Website) -> None:
    stranger = Visitor(small.deus)
    assert {stranger.post("session", body).status_code for body in ({}, {"key": "pk_2"})} <= {401, 429}


def test_one_visitor_has_only_so_many_streams(small: Website) -> None:
    with contextlib.ExitStack() as stack:
        visitor = Visitor(small.deus)
        visitor.headers["Authorization"] = f"Bearer {_token(small)}"
        # A stream that nobody holds is closed.
        streams = [stack.enter_context(visitor.listening()) for _ in range(6)]
        assert [next(one)["event"] for one in streams] == ["state"] * 6
        assert visitor.get("events").status_code == 429


def _token(website: Website) -> str:
    return token_of(anonymous(ORIGIN), kept_secret(website.settings.data_dir), datetime.now(UTC))
