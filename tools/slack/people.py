"""The members of a Slack workspace."""

from __future__ import annotations

from typing import Any

from tools.nouns import Person, utc


def person(user: Any, base: str) -> Person:
    """A member as a noun; `base` is the workspace's address."""
    profile = user.get("profile") or {}
    return Person(
        service="slack",
        ref=user["id"],
        url=f"{base}/team/{user['id']}",
        at=utc(0),
        title=display_name(user),
        name=display_name(user),
        handle=user["name"],
        email=profile.get("email"),
        role=profile.get("title") or None,
    )


def display_name(user: Any) -> str:
    """The name by which people know a member."""
    profile = user.get("profile") or {}
    return str(profile.get("real_name") or user.get("real_name") or profile.get("display_name") or user["name"])
