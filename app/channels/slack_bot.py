"""What Deus does in Slack with what is said to it and pressed there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import uuid
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from agents.approval import Approval, Choice
from agents.approvals import UndoAsked
from app.channels.slack_asking import CHANNEL, Asking, Place, Tasks
from app.channels.slack_cards import APPROVE, APPROVE_ALL, REJECT, UNDO
from app.channels.slack_entries import notice, trouble
from app.channels.slack_homes import is_home
from app.channels.slack_requests import Seen
from app.channels.slack_text import escape, heard
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.approvals import Approvals
    from app.channels.delivery import Deliveries
    from app.channels.slack_assistant import Pane
    from app.channels.slack_homes import Homes

log = logging.getLogger(__name__)

# Slack wants its answer within three seconds. What takes longer goes on, and is no longer tried again by Slack.
PATIENCE = 2.0
SAID = (None, "file_share", "thread_broadcast")


class SlackBot:
    """The channel's ears and hands."""

    def __init__(
        self,
        asking: Asking,
        approvals: Approvals,
        deliveries: Deliveries,
        client: AsyncWebClient,
        pane: Pane,
        homes: Homes,
        tasks: Tasks,
    ) -> None:
        self._asking = asking
        self._approvals = approvals
        self._deliveries = deliveries
        self._client = client
        self._pane = pane
        self._homes = homes
        self._tasks = tasks
        self._seen = Seen()

    async def hear(self, body: Mapping[str, Any], bot: str, team: str) -> None:
        """An event of the Events API. Returns when the question is stored, or after PATIENCE; raises what went wrong
        before, so that Slack sends the event again."""
        event_id = str(body.get("event_id") or "")
        if event_id in self._seen:
            return
        self._seen.add(event_id)
        task = self._tasks.start(self._heard(body, bot, team), "hear")
        task.add_done_callback(lambda ended: self._counts(ended, event_id))
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if done:
            task.result()

    def is_new(self, key: str) -> bool:
        """Whether something is heard of for the first time, and counts."""
        new = key not in self._seen
        self._seen.add(key)
        return new

    async def opened(self, body: Mapping[str, Any], team: str) -> None:
        """Somebody opened the app: its Home, or the conversation with it. Returns at once."""
        event = body.get("event") or {}
        if event.get("tab") == "home":
            self._tasks.start(self._homes.opened(str(event["user"]), team), "home")
        else:
            self._tasks.start(self._pane.opened(event), "pane")

    async def moved(self, body: Mapping[str, Any]) -> None:
        """Somebody looks at something else beside the pane. Returns at once."""
        self._tasks.start(self._pane.moved(body), "context")

    async def press(self, body: Mapping[str, Any], team: str) -> None:
        """A button was pressed. Returns at once; what comes of it shows in the message, or is told who pressed it."""
        for action in body.get("actions") or ():
            self._tasks.start(self.told(self._pressed(body, action, team), body, team), "press")

    async def told(self, work: Coroutine[Any, Any, None], body: Mapping[str, Any], team: str) -> None:
        """Does the work; what stands against it is told to who wanted it, and to nobody else."""
        said = ""
        try:
            await work
        except (DeusError, LookupError) as error:
            said = trouble(error)
        except Exception:  # the channel's edge
            mark = uuid.uuid4().hex[:8]
            log.exception("What was wanted of Deus in Slack failed, error %s", mark)
            said = f"Something inside Deus went wrong. The log has it as error {mark}."
        user = str(body["user"]["id"])
        if said:
            await self._tell(said, user, body)
        if is_home(body):
            with contextlib.suppress(DeusError):
                await self._homes.publish(user, team)

    def _counts(self, task: asyncio.Task[Any], event_id: str) -> None:
        if task.cancelled() or task.exception() is not None:
            # It did not count, so that Slack may send it again.
            self._seen.forget(event_id)

    async def _heard(self, body: Mapping[str, Any], bot: str, team: str) -> None:
        event = body.get("event") or {}
        user, channel, ts = (str(event.get(name) or "") for name in ("user", "channel", "ts"))
        if event.get("bot_id") or event.get("subtype") not in SAID or not (user and channel and ts):
            return
        text = heard(str(event.get("text") or ""), bot)
        place = Place(channel, str(event.get("thread_ts") or ts), user, team)
        if not text or not await self._is_asked(event, place):
            return
        try:
            await self._asking.begin(text, place, f"{team}/{channel}/{ts}")
        except (DeusError, LookupError) as error:
            await self._refused(escape(trouble(error)), place)
            return
        if place.is_direct and place.thread == ts:
            self._tasks.start(self._pane.titled(channel, ts, text), "title")

    async def _refused(self, said: str, place: Place) -> None:
        """Told to who asked, and in a channel to nobody else."""
        if place.is_direct:
            await self._asking.post(place.channel, said, place.thread)
        else:
            await self._client.chat_postEphemeral(
                channel=place.channel, user=place.user, text=said, thread_ts=place.thread
            )

    async def _is_asked(self, event: Mapping[str, Any], place: Place) -> bool:
        """Whether Deus is spoken to: by one of ours, directly, by name, or in a thread where it was spoken to."""
        direct, named = event.get("channel_type") == "im", event.get("type") == "app_mention"
        if not direct and not named and not (event.get("thread_ts") and await self._asking.speaks(place)):
            return False
        if not (await self._asking.person(place.user, place.team)).ours:
            log.info("Somebody of another workspace (%s) spoke to Deus in Slack; it does not answer.", place.user)
            return False
        if direct or await self._asking.listens(place.channel):
            return True
        if named:
            said = "I do not listen in this channel. Ask me in a direct message, or have it added to my channels."
            await self._client.chat_postEphemeral(channel=place.channel, user=place.user, text=said)
        return False

    async def _pressed(self, body: Mapping[str, Any], action: Mapping[str, Any], team: str) -> None:
        kind = action.get("action_id")
        if kind not in (APPROVE, APPROVE_ALL, REJECT, UNDO):
            return
        value = _value(action)
        user = await self._asking.member(str(body["user"]["id"]), team)
        desk = self._approvals.of(user.actor)
        await desk.admit(user.actor, CHANNEL)
        if kind == UNDO:
            effect, run = value.get("effect", ""), value.get("run", "")
            if effect not in {one.key for one in await desk.receipts(run)}:
                raise LookupError("This receipt is no longer there.")
            place = await self._stands_there(run, body)
            audience = await self._asking.audience(place)
            try:
                await desk.undo(effect, by=user.actor, channel=CHANNEL, audience=audience)
            except UndoAsked as asked:
                # What asks for the yes comes into the same thread; where it stands already that is said.
                if not asked.begun or await self._deliveries.get(asked.run, CHANNEL) is not None:
                    raise
                await self._asking.show(asked.run, place)
            return
        choice: Choice = "reject" if kind == REJECT else "approve"
        wanted = value if kind == APPROVE_ALL else {value.get("id", ""): value.get("digest", "")}
        for ident, digest in wanted.items():
            await self._decide(ident, digest, choice, user.actor, body)

    async def _decide(self, ident: str, digest: str, choice: Choice, actor: str, body: Mapping[str, Any]) -> None:
        desk = self._approvals.of(actor)
        approval = await desk.get(ident)
        await self.stands(approval, actor, body)
        await desk.decide(approval.id, choice, by=actor, channel=CHANNEL, digest=digest)

    async def stands(self, approval: Approval, actor: str, body: Mapping[str, Any]) -> None:
        """A button counts where Deus has put it: in the run's thread, or in the home of who may decide."""
        if is_home(body):
            if approval.id not in {one.id for one in await self._homes.waiting(actor)}:
                raise LookupError("This no longer waits for a decision.")
        else:
            await self._stands_there(approval.proposal.run, body)

    async def _stands_there(self, run: str, body: Mapping[str, Any]) -> Place:
        """A button counts only where Deus has put it; that place, with whoever pressed it."""
        delivery = await self._deliveries.get(run, CHANNEL)
        if delivery is None or delivery.place.get("channel") != _channel(body):
            raise LookupError("This button belongs to another conversation.")
        there = {name: str(delivery.place.get(name) or "") for name in ("channel", "thread", "team")}
        return Place(**there, user=str(body["user"]["id"]))

    async def _tell(self, said: str, user: str, body: Mapping[str, Any]) -> None:
        """To one person alone: beside the message, in a small window where there is none, else directly."""
        from slack_sdk.errors import SlackApiError

        channel, thread = _channel(body), (body.get("message") or {}).get("thread_ts")
        more = {"thread_ts": thread} if thread else {}
        try:
            if channel:
                await self._client.chat_postEphemeral(channel=channel, user=user, text=escape(said), **more)
                return
            if body.get("trigger_id"):
                await self._client.views_open(trigger_id=str(body["trigger_id"]), view=notice("Not done", said))
                return
        except SlackApiError as error:
            log.info("Slack does not let Deus tell %s there: %s", user, error.response.get("error"))
        await self._asking.post(await self._asking.direct(user), escape(said))


def _channel(body: Mapping[str, Any]) -> str:
    return str((body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id") or "")


def _value(action: Mapping[str, Any]) -> dict[str, str]:
    try:
        value = json.loads(str(action.get("value") or "{}"))
    except ValueError:
        return {}
    return {str(name): str(given) for name, given in value.items()} if isinstance(value, dict) else {}
