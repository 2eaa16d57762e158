"""The risk of a write, and the words for it."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.hours import Hours
from agents.policy import Ask
from agents.risk import LEVELS, assess
from tests.unit.policy.asks import WEDNESDAY, ZONE, ask

FRIDAY = datetime(2026, 11, 20, 17, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("write", "level", "reason"),
    [
        (ask(), "low", ""),
        (ask("messages.send", "slack"), "medium", "seen by others"),
        (ask("deploys.redeploy", "vercel", target={"environment": "preview"}), "medium", ""),
        (ask("deploys.redeploy", "vercel", target={"environment": "production"}), "high", "changes production"),
        (ask("deploys.redeploy", "vercel"), "high", "not known, so it counts as production"),
        (ask("deploys.rollback", "vercel"), "critical", "felt by customers"),
        (ask(undo=""), "medium", "cannot be taken back"),
        (ask("messages.send", "slack", people=tuple(f"p{n}" for n in range(12))), "high", "reaches 12 people"),
        (ask("messages.send", "slack", affects=300), "critical", "touches 300 records"),
        (ask("messages.send", "slack", at=WEDNESDAY.replace(hour=23)), "high", "outside of working hours"),
        (ask("messages.send", "slack", at=FRIDAY), "high", "working week is nearly over"),
        (ask("messages.send", "slack", at=datetime(2026, 11, 21, 12, tzinfo=ZONE)), "high", "Saturday"),
        (ask("messages.send", "slack", at=datetime(2026, 12, 25, 12, tzinfo=ZONE)), "high", "public holiday"),
        (ask(warnings=("The channel is shared with a customer.",)), "medium", "shared with a customer"),
    ],
)
def test_the_level_and_its_reasons(write: Ask, level: str, reason: str) -> None:
    risk = assess(write, Hours(countries=("DE",)))
    assert risk.level == level
    assert reason in " ".join(risk.reasons)


@given(st.integers(1, 1000), st.integers(1, 1000), st.booleans())
def test_more_never_costs_less(one: int, other: int, undoable: bool) -> None:
    small, large = sorted((one, other))
    undo = "It is deleted." if undoable else ""
    levels = [LEVELS.index(assess(ask(affects=size, undo=undo), Hours()).level) for size in (small, large)]
    assert levels[0] <= levels[1]


def test_hours_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(ValidationError, match="end after they begin"):
        Hours.model_validate({"from": "18:00", "until": "09:00"})


def test_hours_need_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        Hours().away(datetime(2026, 11, 18, 11))  # noqa: DTZ001
