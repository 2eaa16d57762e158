"""A message as Slack is to show it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.channels.slack_text import SECTION, cut

Block = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A step as Slack's plans show it: pending, in_progress, complete or error."""

    id: str
    title: str
    status: str
    details: str = ""


@dataclass(frozen=True)
class Post:
    """One message: its blocks, and `text` for notifications and where blocks are not shown.

    While it is `live` it may be streamed instead: `tasks` as a plan, `words` as a text that grows.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    live: bool = False
    tasks: tuple[Task, ...] = ()
    words: str = ""


def section(mrkdwn: str) -> Block:
    """A paragraph in Slack's own markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(mrkdwn, SECTION)}, "expand": True}


def context(mrkdwn: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(mrkdwn, SECTION)}]}
