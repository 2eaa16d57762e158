"""Messages to Slack: posted, streamed while they grow, updated; found again after a restart."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.channels.delivery import Delivery, Message, Undeliverable
from app.channels.slack_post import Post, Task
from app.channels.slack_view import Slack
from app.channels.web_view import RunView

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

EVENT = "deus_run"
TITLE = "Looking into it"
# These do not pass by themselves; that the token is wrong does, as soon as somebody mends it.
CLOSED = ("channel_not_found", "not_in_channel", "is_archived", "restricted_action", "cannot_reply_to_message")
UNFIT = ("invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "markdown_text_conflict")


@dataclass(frozen=True)
class Streamed:
    """What a stream that was begun here has got so far."""

    tasks: tuple[Task, ...]
    words: str


class Poster:
    """The Courier to Slack. A stream that was begun by another process, or has expired, is gone on with by updates."""

    name = "slack"

    def __init__(self, client: AsyncWebClient, home: str) -> None:
        self._client = client
        self._channel = Slack(home)
        self._streams: dict[str, Streamed] = {}

    def screen(self, view: RunView) -> Mapping[str, Post]:
        return self._channel.screen(view)

    async def show(self, delivery: Delivery, part: str, post: Post, message: Message | None) -> Message:
        from slack_sdk.errors import SlackApiError

        try:
            return await self._show(delivery, part, post, message)
        except SlackApiError as error:
            code = str(error.response.get("error"))
            if code in CLOSED:
                raise Undeliverable(f"Slack says {code} of {delivery.place['channel']}.") from error
            raise

    async def retract(self, delivery: Delivery, message: Message) -> None:
        """Deletes a message that another process has sent as well."""
        from slack_sdk.errors import SlackApiError

        if message.get("streaming"):
            await self._stop(delivery.place, str(message["ts"]))
        try:
            await self._client.chat_delete(channel=delivery.place["channel"], ts=str(message["ts"]))
        except SlackApiError as error:
            if error.response.get("error") != "message_not_found":
                raise

    async def _show(self, delivery: Delivery, part: str, post: Post, message: Message | None) -> Message:
        place = delivery.place
        if message is not None and not message:
            found = await self._sent_before(delivery, part)
            message = {"ts": found} if found else None
        if message is None:
            started = await self._start(place, post) if post.live else None
            return started or {"ts": await self._post(delivery, part, post)}
        ts = str(message["ts"])
        if message.get("streaming"):
            if post.live and await self._append(place, ts, post):
                return message
            await self._stop(place, ts)
        await self._update(place, ts, post)
        return {"ts": ts}

    async def _post(self, delivery: Delivery, part: str, post: Post) -> str:
        place = delivery.place
        about = {"event_type": EVENT, "event_payload": {"run": delivery.run, "part": part}}
        sent = {"thread_ts": place["thread"], "metadata": about, "unfurl_links": False, "unfurl_media": False}
        return str((await self._fitting("chat.postMessage", post, {"channel": place["channel"], **sent}))["ts"])

    async def _update(self, place: Mapping[str, Any], ts: str, post: Post) -> None:
        from slack_sdk.errors import SlackApiError

        try:
            await self._fitting("chat.update", post, {"channel": place["channel"], "ts": ts})
        except SlackApiError as error:
            if error.response.get("error") != "message_not_found":
                raise
            log.info("Somebody deleted the message %s in %s; it stays deleted.", ts, place["channel"])

    async def _fitting(self, method: str, post: Post, more: Mapping[str, Any]) -> Any:
        """Sends with blocks, or as text alone where Slack does not take these blocks."""
        from slack_sdk.errors import SlackApiError

        try:
            return await self._client.api_call(method, json={**more, "text": post.text, "blocks": list(post.blocks)})
        except SlackApiError as error:
            if error.response.get("error") not in UNFIT:
                raise
            log.warning("Slack does not take the blocks of a message: %s", error.response.get("error"))
            return await self._client.api_call(method, json={**more, "text": post.text, "blocks": []})

    async def _start(self, place: Mapping[str, Any], post: Post) -> Message | None:
        """Begins a stream; None where Slack does not stream."""
        from slack_sdk.errors import SlackApiError

        try:
            begun = await self._client.chat_startStream(
                channel=place["channel"],
                thread_ts=place["thread"],
                recipient_user_id=place["user"],
                recipient_team_id=place["team"],
                task_display_mode="plan",
                chunks=[{"type": "plan_update", "title": TITLE}, *_chunks(Streamed((), ""), post)],
            )
        except SlackApiError as error:
            if error.response.get("error") in CLOSED:
                raise
            log.info("Slack does not stream here (%s); the message is updated.", error.response.get("error"))
            return None
        ts = str(begun["ts"])
        self._streams[ts] = Streamed(post.tasks, post.words)
        return {"ts": ts, "streaming": True}

    async def _append(self, place: Mapping[str, Any], ts: str, post: Post) -> bool:
        """Adds what is new to a stream; False if that cannot be done by adding, or the stream is no more."""
        from slack_sdk.errors import SlackApiError

        sent = self._streams.get(ts)
        if sent is None or not post.words.startswith(sent.words):
            return False
        chunks = _chunks(sent, post)
        if chunks:
            try:
                await self._client.chat_appendStream(channel=place["channel"], ts=ts, chunks=chunks)
            except SlackApiError as error:
                log.info("The stream %s has ended (%s); the message is updated.", ts, error.response.get("error"))
                return False
        self._streams[ts] = Streamed(post.tasks, post.words)
        return True

    async def _stop(self, place: Mapping[str, Any], ts: str) -> None:
        from slack_sdk.errors import SlackApiError

        self._streams.pop(ts, None)
        try:
            await self._client.chat_stopStream(channel=place["channel"], ts=ts)
        except SlackApiError as error:
            # It expires after some minutes by itself; what follows says everything anew.
            log.info("The stream %s had ended before (%s).", ts, error.response.get("error"))

    async def _sent_before(self, delivery: Delivery, part: str) -> str | None:
        """The message that a process sent and did not live to keep; None if there is none."""
        place, wanted = delivery.place, {"run": delivery.run, "part": part}
        cursor = ""
        while True:
            page = await self._client.conversations_replies(
                channel=place["channel"],
                ts=place["thread"],
                include_all_metadata=True,
                limit=200,
                cursor=cursor or None,
            )
            for one in page["messages"]:
                about = one.get("metadata") or {}
                if about.get("event_type") == EVENT and about.get("event_payload") == wanted:
                    return str(one["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None


def _chunks(sent: Streamed, post: Post) -> list[dict[str, Any]]:
    """What to append: the tasks that changed, and the words that came."""
    known = {task.id: task for task in sent.tasks}
    changed = [task for task in post.tasks if known.get(task.id) != task]
    chunks: list[dict[str, Any]] = [_task(task) for task in changed]
    if grown := post.words[len(sent.words) :]:
        chunks.append({"type": "markdown_text", "text": grown})
    return chunks


def _task(task: Task) -> dict[str, Any]:
    named = replace(task, details="") if not task.details else task
    drawn = {"type": "task_update", "id": named.id, "title": named.title, "status": named.status}
    return {**drawn, "output": named.details} if named.details else drawn
