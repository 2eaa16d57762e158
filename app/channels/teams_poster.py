"""Messages to Teams: streamed while they grow in chats of two, posted and edited everywhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from app.channels.delivery import Delivery, Message, Undeliverable
from app.channels.teams_post import Post
from app.channels.teams_text import literal
from app.channels.teams_view import Teams
from app.channels.web_view import RunView
from tools.kit.errors import BadArgument, NotFound

if TYPE_CHECKING:
    from app.channels.teams_wire import Connector

log = logging.getLogger(__name__)

PACE = 1.0  # seconds; Teams takes one request a second of a stream
# https://learn.microsoft.com/microsoftteams/platform/bots/streaming-ux: a stream lasts two minutes at most.
LIFE, GONE = 100.0, 150.0


class Stop(Protocol):
    """Somebody stopped a stream in Teams, and with it the run."""

    async def __call__(self, run: str) -> object: ...


@dataclass(frozen=True)
class Streamed:
    """How far a stream that was begun here has come."""

    conversation: str
    began: float
    sequence: int = 1
    informative: str = ""
    words: str = ""


class Poster:
    """The Courier to Teams. Nothing can be looked up there: what may have been sent before is sent again."""

    name = "teams"

    def __init__(
        self,
        connector: Connector,
        home: str,
        *,
        stop: Stop,
        pace: float = PACE,
        now: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connector = connector
        self._channel = Teams(home)
        self._home = home
        self._stop = stop
        self._pace = pace
        self._now = now
        self._sleep = sleep
        self._streams: dict[str, Streamed] = {}
        self._last: dict[str, float] = {}

    def screen(self, view: RunView) -> Mapping[str, Post]:
        return self._channel.screen(view)

    async def show(self, delivery: Delivery, part: str, post: Post, message: Message | None) -> Message:
        from app.channels.teams_wire import Forbidden

        try:
            return await self._show(delivery, post, message)
        except (Forbidden, NotFound) as error:
            raise Undeliverable(f"Teams does not take messages there: {error.message}") from error

    async def retract(self, delivery: Delivery, message: Message) -> None:
        """Takes a message back that another process has sent as well."""
        if message.get("id"):
            try:
                await self._connector.delete(delivery.place, str(message["id"]))
            except NotFound:
                log.info("The message %s is gone already.", message["id"])

    async def _show(self, delivery: Delivery, post: Post, message: Message | None) -> Message:
        place = delivery.place
        if not message:
            begun = await self._begin(place, post) if self._may_stream(place, post) else None
            return begun or {"id": await self._send(place, post)}
        known = str(message["id"])
        if message.get("stream"):
            return await self._go_on(delivery, known, post)
        try:
            await self._turn(place)
            await self._fitting(lambda one: self._connector.update(place, known, one), post)
        except NotFound:
            log.info("Somebody deleted the message %s; it stays deleted.", known)
        return {"id": known}

    def _may_stream(self, place: Mapping[str, Any], post: Post) -> bool:
        """Teams streams in chats of two alone, one message at a time."""
        # What another process has taken over meanwhile, or was given up, has ended by itself.
        self._streams = {name: one for name, one in self._streams.items() if self._now() - one.began < GONE}
        busy = any(one.conversation == place["conversation"] for one in self._streams.values())
        return post.live and place.get("kind") == "personal" and not busy

    async def _begin(self, place: Mapping[str, Any], post: Post) -> Message | None:
        """Begins a stream; None where Teams does not stream."""
        from app.channels.teams_wire import Forbidden

        begun = Streamed(str(place["conversation"]), self._now(), informative=post.informative)
        # It counts from here on, for a second run of the same chat may come while Teams answers.
        mark = f"to {place['conversation']}"
        self._streams[mark] = begun
        try:
            await self._turn(place)
            stream = await self._connector.stream(place, post, "informative", 1, None)
        except (Forbidden, NotFound, BadArgument) as error:
            log.info("Teams does not stream here (%s); the message is edited.", error.message)
            return None
        finally:
            self._streams.pop(mark, None)
        if not stream:
            return None
        self._streams[stream] = begun
        return {"id": stream, "stream": True}

    async def _go_on(self, delivery: Delivery, stream: str, post: Post) -> Message:
        """Adds what is new to a stream, or ends it; what cannot be added becomes a message that is edited."""
        from app.channels.teams_wire import Forbidden

        place, sent, kept = delivery.place, self._streams.get(stream), {"id": stream, "stream": True}
        if post.live and sent is None:
            return kept  # Another process began it. How far it came is not known; its end says all of it.
        grows = sent is not None and post.words.startswith(sent.words) and self._now() - sent.began < LIFE
        try:
            if post.live and sent is not None and grows:
                await self._add(place, stream, sent, post)
                return kept
            self._streams.pop(stream, None)
            await self._turn(place)
            ended = await self._connector.stream(place, _ended(post), "final", 0, stream)
            return {"id": ended or stream}
        except (Forbidden, NotFound, BadArgument) as error:
            self._streams.pop(stream, None)
            log.info("The stream %s has ended (%s).", stream, error.message)
            if post.live and "cancel" in error.message.casefold():
                await self._stop(delivery.run)
        return {"id": await self._send(place, post)}

    async def _add(self, place: Mapping[str, Any], stream: str, sent: Streamed, post: Post) -> None:
        if post.words and post.words != sent.words:
            stage: Any = "streaming"
        elif not sent.words and post.informative != sent.informative:
            stage = "informative"
        else:
            return
        await self._turn(place)
        await self._connector.stream(place, post, stage, sent.sequence + 1, stream)
        self._streams[stream] = replace(
            sent, sequence=sent.sequence + 1, informative=post.informative, words=post.words
        )

    async def _send(self, place: Mapping[str, Any], post: Post) -> str:
        await self._turn(place)
        return str(await self._fitting(lambda one: self._connector.send(place, one), post))

    async def _fitting(self, send: Callable[[Post], Awaitable[Any]], post: Post) -> Any:
        """Sends with a card, or as text alone where Teams does not take this card."""
        try:
            return await send(post)
        except BadArgument as error:
            if post.card is None:
                raise
            log.warning("Teams does not take the card of a message: %s", error.message)
            said = post.text or literal(post.summary)
            return await send(replace(post, text=f"{said}\n\n[Open in Deus]({self._home})", card=None))

    async def _turn(self, place: Mapping[str, Any]) -> None:
        """Waits until a conversation may be sent something again."""
        talk = str(place["conversation"])
        wait = self._last.get(talk, float("-inf")) + self._pace - self._now()
        self._last[talk] = self._now() + max(wait, 0.0)
        if wait > 0:
            await self._sleep(wait)
        self._last = {name: at for name, at in self._last.items() if at + self._pace > self._now()}


def _ended(post: Post) -> Post:
    """A stream ends with a text, whatever is known."""
    return post if post.text else replace(post, text=literal(post.summary))
