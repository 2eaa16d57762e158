"""Who has a conversation: every order in which people and Deus may act leaves one who answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import handover
from agents.handover import LONGEST_WHY, STATES, Handover, HeldByAnother

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
ACTS = ("ask", "take", "hand_back", "close", "left", "said", "write")
MOVES = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(("sam", "kim")), st.booleans()), max_size=25)


def moved(there: Handover, act: str, by: str, now: datetime, *, gone: bool) -> Handover:
    if act == "ask":
        return handover.ask(there, "why", now)
    if act == "take":
        return handover.take(there, by, by.title(), now, gone=gone)
    if act == "hand_back":
        return handover.hand_back(there, by, now, gone=gone)
    if act == "close":
        return handover.close(there, by, now, gone=gone)
    if act == "left":
        return handover.left(there, now) if gone else there
    return handover.said(there, now).after if act == "said" else handover.writes(there, by)


@given(MOVES)
def test_only_who_has_a_conversation_changes_it_unless_they_are_gone(moves: list[tuple[str, str, bool]]) -> None:
    there, now = Handover(), NOW
    for act, by, gone in moves:
        now += timedelta(minutes=1)
        before = there
        try:
            there = moved(there, act, by, now, gone=gone)
        except HeldByAnother:
            assert (before.state == "taken" and before.by != by) or act == "write"
            continue
        assert there.state in STATES
        assert (there.state == "taken") == bool(there.by and there.name)  # only who has it is named, or closed it
        if before.state == "taken" and before.by != by and act in ("take", "hand_back", "close", "write"):
            assert gone
        if act == "write":
            assert there.state == "taken"
            assert there.by == by
        assert handover.said(there, now).planned == (there.state != "taken")


def test_a_conversation_that_is_given_back_or_answered_anew_forgets_who_had_it() -> None:
    taken = handover.take(Handover("waiting", why="A refund", since=NOW), "sam", "Sam", NOW)
    assert (taken.why, taken.name) == ("A refund", "Sam")
    assert handover.hand_back(taken, "sam", NOW) == Handover(since=NOW)
    closed = handover.close(taken, "sam", NOW)
    assert handover.said(closed, NOW).after == Handover(since=NOW)


def test_who_asks_twice_waits_since_the_first_time() -> None:
    first = handover.ask(Handover(), "  A\n refund ", NOW)
    again = handover.ask(first, "", NOW + timedelta(hours=1))
    assert (again.why, again.since) == ("A refund", NOW)
    assert len(handover.ask(first, "x" * 9000, NOW).why) == LONGEST_WHY


def test_what_is_refused_says_by_whom_and_what_to_do() -> None:
    taken = handover.take(Handover(), "slack:U1", "Sarah", NOW)
    with pytest.raises(HeldByAnother, match="Sarah has this conversation"):
        handover.take(taken, "kim", "Kim", NOW)
    with pytest.raises(HeldByAnother, match="Take it over"):
        handover.writes(Handover(), "kim")
    with pytest.raises(HeldByAnother):
        handover.require_deus(taken)
