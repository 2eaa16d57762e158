"""What Deus does in Slack with what is said to it and pressed there."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.approval import Choice
from agents.ports import Turn
from app.channels.slack_cards import APPROVE, REJECT, UNDO
from app.channels.slack_people import Unknown
from app.channels.slack_requests import Seen
from app.channels.slack_text import escape, heard
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.approvals import Approvals
    from agents.conversation import Conversations
    from agents.ports import Clock
    from app.channels.delivery import Deliverer, Deliveries
    from app.channels.slack_people import People
    from app.channels.slack_post import Post

log = logging.getLogger(__name__)

CHANNEL = "slack"
# Slack wants its answer within three seconds. What takes longer goes on, and is no longer tried again by Slack.
PATIENCE = 2.0
LONGEST = 8000  # characters of a question
SAID = (None, "file_share", "thread_broadcast")
_NAMESPACE = uuid.UUID("c0a2a2b6-6d0f-4f5b-9a55-2b0d1b9b3c11")


def conversation_id(team: str, channel: str, thread: str) -> str:
    """The conversation of a thread; a UUID, so that the web chat can show it."""
    return str(uuid.uuid5(_NAMESPACE, f"{team}/{channel}/{thread}"))


class SlackBot:
    """The channel's ears. `channels` are the names or ids where it listens besides direct messages."""

    def __init__(
        self,
        conversations: Conversations,
        approvals: Approvals,
        deliveries: Deliveries,
        deliverer: Deliverer[Post],
        clock: Clock,
        client: AsyncWebClient,
        people: People,
        channels: Sequence[str],
    ) -> None:
        self._conversations = conversations
        self._approvals = approvals
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock
        self._client = client
        self._people = people
        self._channels = frozenset(one.strip().lstrip("#") for one in channels)
        self._seen = Seen()
        self._tasks: set[asyncio.Task[None]] = set()

    async def hear(self, body: Mapping[str, Any], bot: str, team: str) -> None:
        """An event of the Events API. Returns when the question is stored, or after PATIENCE; raises what went wrong
        before, so that Slack sends the event again."""
        event_id = str(body.get("event_id") or "")
        if event_id in self._seen:
            return
        self._seen.add(event_id)
        task = self._start(self._heard(body, bot, team), "hear", event_id)
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if done:
            task.result()

    async def press(self, body: Mapping[str, Any], team: str) -> None:
        """A button was pressed. Returns at once; what comes of it shows in the message, or is told who pressed it."""
        for action in body.get("actions") or ():
            self._start(self._told(self._pressed(body, action, team), body), "press")

    async def close(self) -> None:
        """Gives up what is still under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _heard(self, body: Mapping[str, Any], bot: str, team: str) -> None:
        event = body.get("event") or {}
        user, channel, ts = (str(event.get(name) or "") for name in ("user", "channel", "ts"))
        if event.get("bot_id") or event.get("subtype") not in SAID or not (user and channel and ts):
            return
        text = heard(str(event.get("text") or ""), bot)
        thread = str(event.get("thread_ts") or ts)
        conversation = conversation_id(team, channel, thread)
        if not text or not await self._is_asked(event, user, channel, conversation, team):
            return
        place = {"channel": channel, "thread": thread, "user": user, "team": team}
        try:
            turn = Turn(
                text=text[:LONGEST],
                actor=(await self._people.person(user, team)).actor,
                channel=CHANNEL,
                conversation=conversation,
                at=self._clock.now(),
                message_id=f"{team}/{channel}/{ts}",
            )
            run = await self._conversations.say(turn)
        except DeusError as error:
            await self._client.chat_postMessage(channel=channel, thread_ts=thread, text=escape(str(error)))
            return
        await self._deliverer.begin(run, place)

    async def _is_asked(self, event: Mapping[str, Any], user: str, channel: str, conversation: str, team: str) -> bool:
        """Whether Deus is spoken to: by one of ours, directly, by name, or in a thread where it was spoken to."""
        direct, named = event.get("channel_type") == "im", event.get("type") == "app_mention"
        if not direct and not named:
            known = event.get("thread_ts") and await self._conversations.runs(conversation=conversation, limit=1)
            if not known:
                return False
        if not (await self._people.person(user, team)).ours:
            log.info("Somebody of another workspace (%s) spoke to Deus in Slack; it does not answer.", user)
            return False
        if direct or await self._listens(channel):
            return True
        if named:
            said = "I do not listen in this channel. Ask me in a direct message, or have it added to my channels."
            await self._client.chat_postEphemeral(channel=channel, user=user, text=said)
        return False

    async def _listens(self, channel: str) -> bool:
        return channel in self._channels or await self._people.channel(channel) in self._channels

    async def _pressed(self, body: Mapping[str, Any], action: Mapping[str, Any], team: str) -> None:
        kind = action.get("action_id")
        if kind not in (APPROVE, REJECT, UNDO):
            return
        value = _value(action)
        user = await self._people.person(str(body["user"]["id"]), team)
        if not user.ours:
            raise Unknown("Only people of this workspace may decide.")
        if kind == UNDO:
            effect, run = value.get("effect", ""), value.get("run", "")
            if effect not in {one.key for one in await self._approvals.receipts(run)}:
                raise LookupError("This receipt is no longer there.")
            await self._stands_there(run, body)
            await self._approvals.undo(effect, by=user.actor, channel=CHANNEL)
            return
        approval = await self._approvals.get(value.get("id", ""))
        await self._stands_there(approval.proposal.run, body)
        choice: Choice = "approve" if kind == APPROVE else "reject"
        digest = value.get("digest", "")
        await self._approvals.decide(approval.id, choice, by=user.actor, channel=CHANNEL, digest=digest)

    async def _stands_there(self, run: str, body: Mapping[str, Any]) -> None:
        """A button counts only where Deus has put it."""
        delivery = await self._deliveries.get(run, CHANNEL)
        if delivery is None or delivery.place.get("channel") != _channel(body):
            raise LookupError("This button belongs to another conversation.")

    async def _told(self, work: Coroutine[Any, Any, None], body: Mapping[str, Any]) -> None:
        """Does the work; what stands against it is told to who pressed, and to nobody else."""
        try:
            await work
            return
        except (DeusError, LookupError) as error:
            said = str(error)
        except Exception:  # the channel's edge
            mark = uuid.uuid4().hex[:8]
            log.exception("A button in Slack failed, error %s", mark)
            said = f"Something inside Deus went wrong. The log has it as error {mark}."
        thread = (body.get("message") or {}).get("thread_ts")
        await self._client.chat_postEphemeral(
            channel=_channel(body),
            user=str(body["user"]["id"]),
            text=escape(said),
            **({"thread_ts": thread} if thread else {}),
        )

    def _start(self, work: Coroutine[Any, Any, None], name: str, event_id: str = "") -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"slack: {name}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if task.cancelled() or error is not None:
                # It did not count, so that Slack may send it again.
                self._seen.forget(event_id)
            if error is not None:
                log.error("What was said in Slack could not be taken up.", exc_info=error)

        task.add_done_callback(ended)
        return task


def _channel(body: Mapping[str, Any]) -> str:
    return str((body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or "")


def _value(action: Mapping[str, Any]) -> dict[str, str]:
    try:
        value = json.loads(str(action.get("value") or "{}"))
    except ValueError:
        return {}
    return {str(name): str(given) for name, given in value.items()} if isinstance(value, dict) else {}
