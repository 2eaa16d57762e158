"""What an app does with its messages in the demo company's Slack once they are posted, and the page that shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors.page import page
from app.demo.vendors.slack_messages import Messages, Said, Unposted, blocks_of

Method = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass
class Stream:
    """A message that is being streamed: its plan's title and tasks, and its text so far."""

    text: str = ""
    title: str = ""
    tasks: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class Board:
    """Updates, streams and messages to one person alone. `told` are the last: (channel, user, text)."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._streams: dict[tuple[str, str], Stream] = {}
        self.told: list[tuple[str, str, str]] = []

    def methods(self) -> Mapping[str, Method]:
        """By name, as the Web API has them. They raise Unposted with Slack's error."""
        return {
            "chat.update": self.update,
            "chat.postEphemeral": self.tell,
            "chat.startStream": self.start,
            "chat.appendStream": self.append,
            "chat.stopStream": self.stop,
        }

    def pages(self) -> Sequence[BaseRoute]:
        """What was posted, for people; and the way for one of the company to say something."""
        return [Route("/posted", self.posted), Route("/say", self.say, methods=["POST"])]

    def update(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, ts = _place(sent)
        if (channel, ts) in self._streams:
            raise Unposted("streaming_state_conflict")
        text, blocks = str(sent.get("text") or ""), blocks_of(sent)
        message = self._messages.change(channel, ts, text=text, words=unescape(text), blocks=blocks, edited=True)
        return {"channel": channel, "ts": ts, "text": message.text, "message": self._messages.shown(channel, message)}

    def tell(self, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        channel, user, text = (str(sent.get(name) or "") for name in ("channel", "user", "text"))
        if channel not in self._messages.by_channel:
            raise Unposted("channel_not_found")
        if not user or not text:
            raise Unposted("no_text" if user else "user_not_in_channel")
        self.told.append((channel, user, unescape(text)))
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

    def posted(self, request: Request) -> Response:
        """What apps have posted, the last first, and what was told to one person alone."""
        found = [(channel, one) for channel, said in self._messages.by_channel.items() for one in said if one.posted]
        found.sort(key=lambda pair: pair[1].ts, reverse=True)
        told = [f"To {user} alone, in {self._name(channel)}: {text}" for channel, user, text in self.told]
        if request.query_params.get("as") == "json":
            shown = [{"channel": channel, **self._messages.shown(channel, one)} for channel, one in found]
            return JSONResponse({"messages": shown, "told": self.told})
        drawn = [f"{self._name(channel)}, {one.at:%d %B %H:%M} UTC\n{_drawn(one)}" for channel, one in found]
        body = "\n\n———\n\n".join([*drawn, *told]) or "Nothing has been posted yet."
        return page("What Deus posted", "Slack", [("Messages", str(len(found)))], body)

    async def say(self, request: Request) -> Response:
        """Somebody says something: {channel, user, text, thread_ts}. A direct channel opens by itself."""
        sent = await request.json()
        channel = str(sent.get("channel") or "")
        if channel.startswith("D"):
            self._messages.by_channel.setdefault(channel, [])
        if channel not in self._messages.by_channel:
            return JSONResponse({"ok": False, "error": "channel_not_found"}, 404)
        try:
            said = self._messages.speak(channel, str(sent["user"]), str(sent["text"]), sent.get("thread_ts"))
        except Unposted as refusal:
            return JSONResponse({"ok": False, "error": str(refusal)}, 400)
        return JSONResponse({"ok": True, "channel": channel, "ts": said.ts})

    def _taken(self, channel: str, ts: str, sent: Mapping[str, Any]) -> None:
        stream = self._streams.get((channel, ts))
        if stream is None:
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
        self._messages.change(channel, ts, text=words, words=unescape(words))

    def _name(self, channel: str) -> str:
        named = self._messages.names.get(channel)
        return f"#{named}" if named else f"Direct message {channel}"


def _place(sent: Mapping[str, Any]) -> tuple[str, str]:
    return str(sent.get("channel") or ""), str(sent.get("ts") or "")


def _drawn(message: Said) -> str:
    """A message's blocks as lines; buttons in brackets."""
    lines: list[str] = []
    for block in message.blocks:
        text = block.get("text")
        if text:
            lines.append(str(text["text"] if isinstance(text, Mapping) else text))
        for one in block.get("elements") or ():
            words = one.get("text")
            lines.append(f"[{words['text']}]" if isinstance(words, Mapping) else str(words))
    return unescape("\n".join(lines)) or message.words
