"""Messages to Slack: posted, streamed while they grow, updated; found again after a restart."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.channels.chart_png import png
from app.channels.delivery import Delivery, Message, Undeliverable
from app.channels.slack_post import Picture, Post, Task
from app.channels.slack_table import without_tables
from app.channels.slack_view import ANSWER, Slack
from app.channels.web_view import RunView

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

EVENT = "deus_run"
ALT = 1000  # characters of a picture's description
# These do not pass by themselves; that the token is wrong does, as soon as somebody mends it.
CLOSED = ("channel_not_found", "not_in_channel", "is_archived", "restricted_action", "cannot_reply_to_message")
UNFIT = ("invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "markdown_text_conflict")


@dataclass(frozen=True)
class Streamed:
    """What a stream that was begun here has got so far."""

    title: str = ""
    tasks: tuple[Task, ...] = ()
    words: str = ""


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
        """Takes back what two processes have sent; what is gone already is fine."""
        from slack_sdk.errors import SlackApiError

        try:
            if message.get("file"):
                await self._client.files_delete(file=str(message["file"]))
            elif message.get("ts"):
                if message.get("streaming"):
                    await self._stop(delivery.place, str(message["ts"]))
                await self._client.chat_delete(channel=delivery.place["channel"], ts=str(message["ts"]))
        except SlackApiError as error:
            if error.response.get("error") not in ("message_not_found", "file_not_found", "file_deleted"):
                raise

    async def _show(self, delivery: Delivery, part: str, post: Post, message: Message | None) -> Message:
        place = delivery.place
        if message is not None and not message:
            message = await self._sent_before(delivery, part)
        if post.picture is not None:
            return message or await self._upload(delivery, part, post, post.picture)
        if message is None:
            started = await self._start(place, post) if post.live else None
            return started or {"ts": await self._post(delivery, part, post)}
        ts = str(message["ts"])
        if message.get("streaming"):
            if post.live and await self._append(place, ts, post):
                return message
            await self._stop(place, ts)
        await self._update(delivery, part, ts, post)
        return {"ts": ts}

    async def _upload(self, delivery: Delivery, part: str, post: Post, picture: Picture) -> Message:
        """Uploads a picture into the thread; where that fails, its words are posted, so that nothing waits for it."""
        import aiohttp
        from slack_sdk.errors import SlackClientError

        place = delivery.place
        try:
            done = await self._client.files_upload_v2(
                filename=_file_name(delivery.run, part),
                content=await png(picture.figure, picture.title),
                title=picture.title,
                alt_txt=picture.alt[:ALT],
                channel=place["channel"],
                thread_ts=place["thread"],
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("Slack took no picture, so its words are posted: %s", error)
            return {"ts": await self._post(delivery, part, post)}
        return {"file": str(done["files"][0]["id"])}

    async def _post(self, delivery: Delivery, part: str, post: Post) -> str:
        place = delivery.place
        sent = {"thread_ts": place["thread"], "unfurl_links": False, "unfurl_media": False, **_about(delivery, part)}
        return str((await self._fitting("chat.postMessage", post, {"channel": place["channel"], **sent}))["ts"])

    async def _update(self, delivery: Delivery, part: str, ts: str, post: Post) -> None:
        from slack_sdk.errors import SlackApiError

        place = delivery.place
        try:
            await self._fitting("chat.update", post, {"channel": place["channel"], "ts": ts, **_about(delivery, part)})
        except SlackApiError as error:
            if error.response.get("error") != "message_not_found":
                raise
            log.info("Somebody deleted the message %s in %s; it stays deleted.", ts, place["channel"])

    async def _fitting(self, method: str, post: Post, more: Mapping[str, Any]) -> Any:
        """Sends with blocks; with its tables as text or as text alone where Slack does not take them."""
        from slack_sdk.errors import SlackApiError

        blocks = list(post.blocks)
        for fewer in (without_tables(blocks), []):
            try:
                return await self._client.api_call(method, json={**more, "text": post.text, "blocks": blocks})
            except SlackApiError as error:
                if error.response.get("error") not in UNFIT:
                    raise
                log.warning("Slack does not take the blocks of a message: %s", error.response.get("error"))
            blocks = blocks if fewer is None else fewer
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
                chunks=_chunks(Streamed(), post),
            )
        except SlackApiError as error:
            if error.response.get("error") in CLOSED:
                raise
            log.info("Slack does not stream here (%s); the message is updated.", error.response.get("error"))
            return None
        ts = str(begun["ts"])
        self._streams[ts] = Streamed(post.title, post.tasks, post.words)
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
        self._streams[ts] = Streamed(post.title, post.tasks, post.words)
        return True

    async def _stop(self, place: Mapping[str, Any], ts: str) -> None:
        from slack_sdk.errors import SlackApiError

        self._streams.pop(ts, None)
        try:
            await self._client.chat_stopStream(channel=place["channel"], ts=ts)
        except SlackApiError as error:
            # It expires after some minutes by itself; what follows says everything anew.
            log.info("The stream %s had ended before (%s).", ts, error.response.get("error"))

    async def _sent_before(self, delivery: Delivery, part: str) -> Message | None:
        """The message that a process sent and did not live to keep; None if there is none."""
        cursor = ""
        while True:
            page = await self._client.conversations_replies(
                channel=delivery.place["channel"],
                ts=delivery.place["thread"],
                include_all_metadata=True,
                limit=200,
                cursor=cursor or None,
            )
            for one in page["messages"]:
                found = _recognised(one, delivery, part)
                if found is not None:
                    return found
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None


def _about(delivery: Delivery, part: str) -> dict[str, Any]:
    """What a message of Deus bears, unseen by people, so that it is recognised."""
    return {"metadata": {"event_type": EVENT, "event_payload": {"run": delivery.run, "part": part}}}


def _recognised(message: Mapping[str, Any], delivery: Delivery, part: str) -> Message | None:
    """What to keep of a message, if it is that part of the run."""
    ts, known = str(message["ts"]), {str(one.get("ts")) for one in delivery.messages.values()}
    about = message.get("metadata") or {}
    if (
        about.get("event_type") == EVENT
        and about.get("event_payload") == _about(delivery, part)["metadata"]["event_payload"]
    ):
        return {"ts": ts}
    for file in message.get("files") or ():
        if file.get("name") == _file_name(delivery.run, part):
            return {"file": str(file["id"])}
    # A stream bears nothing that is unseen, but the names of its tasks.
    tasks = [task for block in message.get("blocks") or () if block.get("type") == "plan" for task in block["tasks"]]
    begun = part.startswith(ANSWER) and ts not in known
    if begun and any(str(task.get("task_id", "")).startswith(f"{delivery.run}/") for task in tasks):
        return {"ts": ts, "streaming": True}
    return None


def _file_name(run: str, part: str) -> str:
    return f"deus-{run}-{part.rpartition('/')[2]}.png"


def _chunks(sent: Streamed, post: Post) -> list[dict[str, Any]]:
    """What to append: the plan's title and the tasks that changed, and the words that came."""
    known = {task.id: task for task in sent.tasks}
    changed = [task for task in post.tasks if known.get(task.id) != task]
    chunks: list[dict[str, Any]] = []
    if post.title and post.title != sent.title:
        chunks.append({"type": "plan_update", "title": post.title})
    chunks += [_task(task) for task in changed]
    if grown := post.words[len(sent.words) :]:
        chunks.append({"type": "markdown_text", "text": grown})
    return chunks


def _task(task: Task) -> dict[str, Any]:
    drawn: dict[str, Any] = {"type": "task_update", "id": task.id, "title": task.title, "status": task.status}
    if task.details:
        drawn["output"] = task.details
    if task.sources:
        drawn["sources"] = [{"type": "url", "text": words, "url": url} for words, url in task.sources]
    return drawn
