"""The one file that knows the Bot Framework SDK: messages to Teams through the Bot Connector.

The SDK is at its end of life and sends with blocking requests; here it names paths and forms bodies, and what it sends
goes through the kit's wire. Source: learn.microsoft.com/azure/bot-service/rest-api, its connector's API reference.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from botbuilder.schema import (
    Activity,
    ActivityTypes,
    Attachment,
    ChannelAccount,
    ConversationAccount,
    Entity,
)
from botframework.connector.aio import ConnectorClient
from msrest.exceptions import DeserializationError, SerializationError
from msrest.pipeline import AsyncHTTPSender as Sender
from msrest.pipeline import AsyncPipeline, Response
from msrest.pipeline.universal import RawDeserializer
from msrest.universal_http.async_abc import AsyncClientResponse

from app.channels.teams_post import CARD, Post
from tools.kit.errors import DeusError, Malformed, RateLimited, Refused
from tools.kit.wire import Answer, Wire, WireOptions, traced

if TYPE_CHECKING:
    import httpx

Place = Mapping[str, Any]
Stage = Literal["informative", "streaming", "final"]
TIMEOUT = 10.0
ATTEMPTS = 4
LONGEST_WAIT = 30.0  # seconds that Teams may ask for at once
SERVICE = "Teams"


class Forbidden(DeusError):
    """Teams does not let Deus do this here (403): it was removed, blocked, or a stream is over."""


class Token(Protocol):
    """Our token to the Bot Connector."""

    async def current(self) -> str: ...

    def forget(self) -> None: ...


class StreamInfo(Entity):  # type: ignore[misc]
    """What makes an activity part of a stream. The SDK's own Entity would drop these fields."""

    _attribute_map = {
        "type": {"key": "type", "type": "str"},
        "stage": {"key": "streamType", "type": "str"},
        "sequence": {"key": "streamSequence", "type": "int"},
        "stream": {"key": "streamId", "type": "str"},
    }

    def __init__(self, stage: Stage, sequence: int | None, stream: str | None) -> None:
        super().__init__(type="streaminfo")
        self.stage = stage
        self.sequence = sequence
        self.stream = stream


@dataclass(frozen=True)
class Connector:
    """Deus's way into conversations of Teams. A place is {service_url, conversation, bot, user}.

    Raises Forbidden, NotFound, BadArgument, and what may pass: RateLimited, Unavailable, TimedOut, Malformed. `token`
    None sends without one, which only a machine's own test service takes.
    """

    client: httpx.AsyncClient
    token: Token | None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def send(self, place: Place, post: Post) -> str:
        """Posts a message and returns its id."""
        talk, activity = place["conversation"], _message(place, post)
        return _id(await _read(self._to(place).send_to_conversation(talk, activity)))

    async def update(self, place: Place, message: str, post: Post) -> None:
        """Changes a message."""
        activity = _message(place, post)
        activity.id = message
        await _read(self._to(place).update_activity(place["conversation"], message, activity))

    async def delete(self, place: Place, message: str) -> None:
        """Takes a message away."""
        await _read(self._to(place).delete_activity(place["conversation"], message))

    async def stream(self, place: Place, post: Post, stage: Stage, sequence: int, stream: str | None) -> str:
        """Begins, goes on with or ends a stream, and returns its id. What is streamed is all that was so far."""
        final = stage == "final"
        activity = _message(place, replace(post, card=post.beside if final else None))
        activity.text = {"final": post.text, "streaming": post.words, "informative": post.informative}[stage]
        activity.text_format = "markdown"
        if not final:
            activity.type = ActivityTypes.typing
        activity.entities = [StreamInfo(stage, None if final else sequence, stream)]
        said = await _read(self._to(place).send_to_conversation(place["conversation"], activity))
        return _id(said) or (stream or "")

    async def member(self, place: Place, user: str) -> Mapping[str, Any]:
        """Somebody in a conversation, as Teams describes them."""
        talk = place["conversation"]
        return _raw(await _read(self._to(place).get_conversation_member(talk, user, raw=True)))

    async def members(self, place: Place, of: str, after: str | None = None) -> tuple[list[Mapping[str, Any]], str]:
        """A page of the people in a conversation, or in the team `of`, and what the next page is asked with."""
        asked = self._to(place).get_conversation_paged_members(of, page_size=200, continuation_token=after, raw=True)
        said = _raw(await _read(asked))
        found: list[Mapping[str, Any]] = [one for one in said.get("members") or () if isinstance(one, dict)]
        return found, str(said.get("continuationToken") or "")

    def _to(self, place: Place) -> Any:
        url = str(place["service_url"]).rstrip("/")
        door = _Door(self.client, url, self.token, self.sleep)
        client = ConnectorClient(_Nobody(), url)
        client.config.pipeline = client._client.config.pipeline = AsyncPipeline([RawDeserializer()], door)
        return client.conversations


class _Nobody:
    """The SDK wants credentials; ours are added at the door."""


class _Door(Sender):  # type: ignore[misc]
    """What the SDK would send with a blocking library goes through the kit's wire."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, token: Token | None, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._wire = Wire(client, SERVICE, WireOptions(url, timeout=TIMEOUT))
        self._token = token
        self._sleep = sleep

    async def __aexit__(self, *exc: object) -> None:
        return None

    async def send(self, request: Any, **_: Any) -> Any:
        asked = request.http_request
        body = json.loads(asked.data) if asked.data else None
        answer = await self._patiently(asked.method, asked.url, body)
        return Response(request, _Answer(asked, answer))

    async def _patiently(self, method: str, url: str, body: Any) -> Answer:
        """Waits as long as Teams asks for, and signs in once more if our token is not taken."""
        for attempt in range(1, ATTEMPTS + 1):
            with traced() as seen:
                try:
                    headers = {"Authorization": f"Bearer {await self._token.current()}"} if self._token else {}
                    # Whoever sends a message twice has said it twice.
                    return await self._wire.request(method, url, body=body, headers=headers, repeat=method != "POST")
                except RateLimited as limited:
                    wait = limited.retry_after if limited.retry_after is not None else 2.0 ** (attempt - 1)
                    if attempt == ATTEMPTS or wait > LONGEST_WAIT:
                        raise
                except Refused as refused:
                    if seen and seen[-1].status == 403:
                        raise Forbidden(refused.message, service=SERVICE) from refused
                    if self._token is None or attempt > 1:
                        raise
                    self._token.forget()
                    wait = 0.0
            await self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")


class _Answer(AsyncClientResponse):  # type: ignore[misc]
    """The wire's answer as the SDK reads one."""

    def __init__(self, asked: Any, answer: Answer) -> None:
        super().__init__(asked, answer)
        self.status_code = answer.status
        self.headers = {"content-type": "application/json"}
        self.reason = ""
        self._text = json.dumps(answer.data) if isinstance(answer.data, dict | list) else ""

    def body(self) -> bytes:
        return self._text.encode()

    def text(self, encoding: str | None = None) -> str:
        return self._text


def _message(place: Place, post: Post) -> Activity:
    card = Attachment(content_type=CARD, content=dict(post.card)) if post.card is not None else None
    return Activity(
        type=ActivityTypes.message,
        from_property=ChannelAccount(id=place["bot"], name="Deus"),
        conversation=ConversationAccount(id=place["conversation"]),
        text=None if card else post.text,
        text_format=None if card else "markdown",
        summary=post.summary or None,
        attachments=[card] if card else None,
    )


async def _read(asked: Awaitable[Any]) -> Any:
    """What was asked of the SDK; an answer in which it cannot find its way is Malformed."""
    try:
        return await asked
    except (DeserializationError, SerializationError) as error:
        raise Malformed("Teams' answer is not in the form that Microsoft publishes.", service=SERVICE) from error


def _id(said: Any) -> str:
    return str(getattr(said, "id", None) or "")


def _raw(said: Any) -> Mapping[str, Any]:
    """The answer itself: the SDK's models would drop what Teams adds to them."""
    data = said.response.data
    return data if isinstance(data, dict) else {}
