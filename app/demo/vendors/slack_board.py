"""What an app does with its messages in the demo company's Slack: updates, streams, what is for one person alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from time import monotonic
from typing import Any

from app.demo.vendors.slack_messages import Messages, Unposted, blocks_of, metadata_of

LIFETIME = 300.0  # seconds, after which Slack ends a stream by itself
Method = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass
class Stream:
    """A message that is being streamed: its plan's title and tasks, and its text so far."""

    text: str = ""
    title: str = ""
    tasks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    began: float = field(default_factory=monotonic)

    @property
    def blocks(self) -> tuple[Mapping[str, Any], ...]:
        """The stream as Slack keeps it: its plan, and its text."""
        plan = {"type": "plan", "title": self.title, "tasks": [_card(task) for task in self.tasks.values()]}
        said = {"type": "markdown", "text": self.text}
        return (*([plan] if self.tasks or self.title else []), *([said] if self.text else []))


class Board:
    """Updates, streams and messages to one person alone. `told` are the last: (channel, user, text); `alone` are they
    whole, as they were sent."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._streams: dict[tuple[str, str], Stream] = {}
        self.told: list[tuple[str, str, str]] = []
        self.alone: list[Mapping[str, Any]] = []

    def methods(self) -> Mapping[str, Method]:
        """By name, as the Web API has them. They raise Unposted with Slack's error."""
        return {
            "chat.update": self.update,
            "chat.postEphemeral": self.tell,
            "chat.startStream": self.start,
            "chat.appendStream": self.append,
            "chat.stopStream": self.stop,
        }

    def update(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, ts = _place(sent)
        if (channel, ts) in self._streams:
            raise Unposted("streaming_state_conflict")
        text, blocks = str(sent.get("text") or ""), blocks_of(sent)
        changes: dict[str, Any] = {"text": text, "words": unescape(text), "blocks": blocks, "edited": True}
        if sent.get("metadata") is not None:
            changes["metadata"] = metadata_of(sent["metadata"])
        message = self._messages.change(channel, ts, **changes)
        return {"channel": channel, "ts": ts, "text": message.text, "message": self._messages.shown(channel, message)}

    def tell(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, user, text = (str(sent.get(name) or "") for name in ("channel", "user", "text"))
        if channel not in self._messages.by_channel:
            raise Unposted("channel_not_found")
        if not user or not text:
            raise Unposted("no_text" if user else "user_not_in_channel")
        self.told.append((channel, user, unescape(text)))
        self.alone.append({**sent, "blocks": list(blocks_of(sent)), "after": self._messages.count})
        return {"message_ts": f"{len(self.told)}.000000"}

    def start(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """A stream begins within a thread, and in a channel for one person."""
        channel = str(sent.get("channel") or "")
        if channel not in self._messages.by_channel:
            raise Unposted("channel_not_found")
        if not sent.get("thread_ts"):
            raise Unposted("invalid_arguments")
        if not channel.startswith("D") and not (sent.get("recipient_user_id") and sent.get("recipient_team_id")):
            raise Unposted("missing_recipient_user_id")
        message = self._messages.post(channel, {"text": "…", "thread_ts": sent["thread_ts"]})
        self._streams[channel, message.ts] = Stream()
        self._taken(channel, message.ts, sent)
        return {"channel": channel, "ts": message.ts}

    def append(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, ts = _place(sent)
        self._taken(channel, ts, sent)
        return {"channel": channel, "ts": ts}

    def stop(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, ts = _place(sent)
        self._taken(channel, ts, sent)
        del self._streams[channel, ts]
        return {"channel": channel, "ts": ts}

    def _taken(self, channel: str, ts: str, sent: Mapping[str, Any]) -> None:
        stream = self._streams.get((channel, ts))
        if stream is None or monotonic() - stream.began > LIFETIME:
            self._streams.pop((channel, ts), None)
            raise Unposted("message_not_in_streaming_state")
        stream.text += str(sent.get("markdown_text") or "")
        for chunk in sent.get("chunks") or ():
            if chunk.get("type") == "markdown_text":
                stream.text += str(chunk["text"])
            elif chunk.get("type") == "task_update":
                if chunk.get("status") not in ("pending", "in_progress", "complete", "error"):
                    raise Unposted("invalid_chunks")
                stream.tasks[str(chunk["id"])] = chunk
            elif chunk.get("type") == "plan_update":
                stream.title = str(chunk["title"])
            else:
                raise Unposted("invalid_chunks")
        tasks = [f"[{task['status']}] {task['title']}" for task in stream.tasks.values()]
        words = "\n".join(filter(None, [stream.title, *tasks, stream.text])) or "…"
        self._messages.change(channel, ts, text=words, words=unescape(words), blocks=stream.blocks)


def _place(sent: Mapping[str, Any]) -> tuple[str, str]:
    return str(sent.get("channel") or ""), str(sent.get("ts") or "")


def _card(task: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: task[name] for name in ("title", "status", "details", "output", "sources") if task.get(name)}
    return {"type": "task_card", "task_id": str(task["id"]), **said}
