"""What the reviews and the checks of a pull request add up to, the same for every code host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

_FAILED = frozenset({"failure", "timed_out", "action_required", "startup_failure", "cancelled"})


def review_of(
    verdicts: Mapping[str, str], awaited: Collection[str]
) -> Literal["none", "waiting", "approved", "changes_requested"]:
    """The state of review from everybody's last verdict, and from those whose review is still awaited."""
    if "changes_requested" in verdicts.values():
        return "changes_requested"
    if "approved" in verdicts.values():
        return "approved"
    return "waiting" if awaited else "none"


def checks_of(conclusions: Collection[str | None]) -> Literal["none", "pending", "success", "failure"]:
    """The state of the checks from each one's conclusion, None for one that has not ended."""
    if any(conclusion in _FAILED for conclusion in conclusions):
        return "failure"
    if None in conclusions:
        return "pending"
    return "success" if conclusions else "none"
