"""What is said in the demo company's Slack: the world's messages, and those that were posted since."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html import escape, unescape
from typing import Any

from app.demo.company import Company
from app.demo.refs import channel_id, user_id
from app.demo.world import Artefact
from tools.nouns import utc

BOT = {"user": "U0DEUS000", "bot_id": "B0DEUS000", "app_id": "A0DEUS000"}
# https://docs.slack.dev/reference/block-kit/blocks
LONGEST_TEXTS = {"section": 3000, "header": 150, "markdown": 12_000}
MOST_ROWS, MOST_COLUMNS, LONGEST_VALUE, MOST_BUTTONS = 100, 20, 2000, 25
LONGEST = 40_000  # characters, from which Slack cuts a message short
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"<((?:https?|mailto):[^|>]+)(?:\|([^>]*))?>")


class Unposted(Exception):
    """A message that Slack does not take; the text is its error code."""


@dataclass(frozen=True)
class Said:
    """One message. `text` is in Slack's markup, `words` as a person reads it; `posted` says that the app sent it."""

    ts: str
    author: str
    text: str
    words: str
    by: Mapping[str, Any]
    thread: str | None = None
    posted: bool = False
    metadata: Mapping[str, Any] | None = field(default=None)
    blocks: tuple[Mapping[str, Any], ...] = ()
    edited: bool = False
    files: tuple[Mapping[str, Any], ...] = ()

    @property
    def at(self) -> datetime:
        return utc(int(self.ts.partition(".")[0]))


class Messages:
    """Messages by the channel's id, in order; `names` are the public channels."""

    def __init__(self, company: Company) -> None:
        self.company = company
        said = sorted(company.of_kind("message"), key=lambda message: company.ref(message.id).number)
        self.names = {channel_id(str(m["channel"])): str(m["channel"]) for m in said}
        self.by_channel: dict[str, list[Said]] = {}
        for message in said:
            self.by_channel.setdefault(channel_id(str(message["channel"])), []).append(self._said(message))
        self._posted = 0

    @property
    def count(self) -> int:
        """How many messages were posted or said since the demo began."""
        return self._posted

    def post(self, channel: str, sent: Mapping[str, Any], files: tuple[Mapping[str, Any], ...] = ()) -> Said:
        """Takes a message as chat.postMessage does; it stands in the channel at once. Raises Unposted."""
        text, thread, said = str(sent.get("text") or ""), sent.get("thread_ts"), self.by_channel[channel]
        if not text.strip() and not files:
            raise Unposted("no_text")
        if len(text) > LONGEST:
            raise Unposted("msg_too_long")
        if thread is not None and not any(message.ts == thread for message in said):
            raise Unposted("thread_not_found")
        # The company's time stands still: what is posted comes right before its now, one after the other.
        self._posted += 1
        at = self.company.now - timedelta(seconds=1)
        message = Said(
            ts=f"{int(at.timestamp())}.{self._posted:06d}",
            author="deus",
            text=text.strip(),
            words=unescape(_ADDRESS.sub(lambda found: found[2] or found[1], text.strip())),
            by={**BOT, "username": "deus"},
            thread=str(thread) if thread is not None else None,
            posted=True,
            metadata=metadata_of(sent.get("metadata")),
            blocks=blocks_of(sent),
            files=files,
        )
        said.append(message)
        return message

    def speak(self, channel: str, user: str, text: str, thread: str | None) -> Said:
        """Somebody of the company says something, as if in Slack itself. Raises Unposted."""
        said = self.post(channel, {"text": text, "thread_ts": thread})
        member = next((one for one in self.company.people if user_id(one.id) == user), None)
        if member is None:
            self.by_channel[channel].remove(said)
            raise Unposted("user_not_found")
        spoken = replace(said, author=member.name, by={"user": user}, posted=False)
        self.by_channel[channel][-1] = spoken
        return spoken

    def change(self, channel: str, ts: str, **changes: Any) -> Said:
        """Changes a message that the app has posted. Raises Unposted."""
        said = self.by_channel.get(channel)
        if said is None:
            raise Unposted("channel_not_found")
        for place, message in enumerate(said):
            if message.ts == ts:
                if not message.posted:
                    raise Unposted("cant_update_message")
                said[place] = replace(message, **changes)
                return said[place]
        raise Unposted("message_not_found")

    def shown(self, channel: str, message: Said, *, all_metadata: bool = False) -> dict[str, Any]:
        """A message of a channel as the API shows it; metadata only to who asks for all of it."""
        by = {name: value for name, value in message.by.items() if name != "app_id"}
        record: dict[str, Any] = {"type": "message", "ts": message.ts, "team": "T0DEMO000", **by, "text": message.text}
        replies = [other.ts for other in self.by_channel[channel] if other.thread == message.ts]
        if replies:
            record |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1]}
            record["subscribed"] = False
        if message.thread:
            record["thread_ts"] = message.thread
        if message.blocks:
            record["blocks"] = list(message.blocks)
        if message.files:
            record["files"] = list(message.files)
        if message.edited:
            record["edited"] = {"user": message.by.get("user", ""), "ts": message.ts}
        if all_metadata and message.metadata is not None:
            record["metadata"] = message.metadata
        return record

    def _said(self, message: Artefact) -> Said:
        company, author = self.company, str(message["author"])
        member, words = company.member(message["author"]), company.words(message["text"])
        other = {"subtype": "bot_message", "bot_id": "B0OTHER00", "username": author}
        return Said(
            ts=company.ref(message.id).number,
            author=member.name if member else author,
            text=escape(words, quote=False),
            words=words,
            by={"user": user_id(author)} if member else other,
            thread=company.ref(str(message["thread"])).number if message["thread"] else None,
        )


def blocks_of(sent: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """A message's blocks, which a form sends as JSON. Raises Unposted for more or longer ones than Slack takes."""
    given = sent.get("blocks") or ()
    try:
        blocks = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise Unposted("invalid_blocks_format") from None
    if not isinstance(blocks, list | tuple) or len(blocks) > 50 or not all(isinstance(one, dict) for one in blocks):
        raise Unposted("invalid_blocks")
    texts = [(str(block.get("type")), _words(block.get("text"))) for block in blocks]
    if any(len(words) > LONGEST_TEXTS.get(kind, LONGEST) for kind, words in texts):
        raise Unposted("invalid_blocks")
    if sum(len(words) for kind, words in texts if kind == "markdown") > LONGEST_TEXTS["markdown"]:
        raise Unposted("msg_blocks_too_long")
    tables = [block for block in blocks if block.get("type") == "table"]
    if len(tables) > 1 or not all(_is_table(block) for block in tables):
        raise Unposted("invalid_blocks")
    elements = [one for block in blocks if block.get("type") == "actions" for one in block.get("elements") or ()]
    if len(elements) > MOST_BUTTONS or any(len(str(one.get("value") or "")) > LONGEST_VALUE for one in elements):
        raise Unposted("invalid_blocks")
    return tuple(blocks)


def _words(text: Any) -> str:
    return str(text.get("text") or "") if isinstance(text, dict) else str(text or "")


def _is_table(block: Mapping[str, Any]) -> bool:
    rows = block.get("rows")
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_ROWS:
        return False
    cells = [cell for row in rows for cell in row]
    kinds = {cell.get("type") for cell in cells}
    filled = all(cell.get("text") for cell in cells if cell.get("type") == "raw_text")
    return filled and kinds <= {"raw_text", "rich_text"} and max(len(row) for row in rows) <= MOST_COLUMNS


def metadata_of(given: Any) -> Mapping[str, Any] | None:
    """A message's metadata, which a form sends as JSON: an event's type and its payload."""
    if given is None:
        return None
    try:
        metadata = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise Unposted("invalid_metadata_format") from None
    if not isinstance(metadata, dict) or set(metadata) - {"event_type", "event_payload"}:
        raise Unposted("invalid_metadata_schema")
    kind, payload = metadata.get("event_type"), metadata.get("event_payload")
    if not isinstance(kind, str) or not _EVENT.fullmatch(kind) or not isinstance(payload, dict):
        raise Unposted("invalid_metadata_schema")
    return metadata
