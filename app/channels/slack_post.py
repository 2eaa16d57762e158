"""A message as Slack is to show it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.channels.slack_text import SECTION, cut

Block = dict[str, Any]

BLOCKS = 50
_BROKEN = re.compile(r"(&[a-z]{0,3}|<[^>]*)…$")


@dataclass(frozen=True)
class Task:
    """A step as Slack's plans show it: pending, in_progress, complete or error. `sources` are (words, URL)."""

    id: str
    title: str
    status: str
    details: str = ""
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A chart to be drawn and uploaded once; `name` tells it from the run's others."""

    name: str
    title: str
    alt: str
    figure: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Post:
    """One message: its blocks, and `text` for notifications and where blocks are not shown.

    While it is `live` it may be streamed instead: `tasks` as a plan under its `title`, `words` as a text that grows.
    With a `picture` it is that, and its text and blocks stand where Slack takes no picture.
    """

    text: str
    blocks: tuple[Block, ...] = ()
    live: bool = False
    title: str = ""
    tasks: tuple[Task, ...] = ()
    words: str = ""
    picture: Picture | None = None


def section(mrkdwn: str) -> Block:
    """A paragraph in Slack's own markup."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": fitting(mrkdwn, SECTION)}, "expand": True}


def context(mrkdwn: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": fitting(mrkdwn, SECTION)}]}


def listing(lines: Sequence[str], most: int) -> Block:
    """Small print of whole lines, at most so many and as many as fit, and how many more there are."""
    kept, length = list[str](), 0
    for line in lines[:most]:
        length += len(line) + 1
        if length > SECTION - 40:
            break
        kept.append(line)
    more = [f"and {len(lines) - len(kept)} more"] if len(kept) < len(lines) else []
    return context("\n".join([*kept, *more]))


def fitting(mrkdwn: str, most: int) -> str:
    """As much of a text as fits, cut within no link and no escaped letter."""
    if len(mrkdwn) <= most:
        return mrkdwn
    return _BROKEN.sub("…", cut(mrkdwn, most))
