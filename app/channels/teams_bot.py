"""What Deus does in Teams with what is said to it and pressed there."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from agents.approval import Choice
from agents.approvals import UndoAsked
from agents.ports import Turn
from app.channels.teams_cards import APPROVE, REJECT, UNDO
from app.channels.teams_post import CARD, Post
from app.channels.teams_text import literal
from app.channels.teams_view import ASK, Teams
from app.channels.web_view import RunView, fold
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from agents.approvals import Approvals
    from agents.conversation import Conversations
    from agents.ports import Clock
    from app.channels.delivery import Deliverer, Deliveries
    from app.channels.teams_activity import Activity
    from app.channels.teams_people import TeamsPeople
    from app.channels.teams_wire import Connector

log = logging.getLogger(__name__)

CHANNEL = "teams"
# Teams waits for the answer to a button, and says that something went wrong if none comes.
PATIENCE = 4.0  # seconds
HEARING = 2.0  # seconds that Teams waits until what was said is stored
LONGEST = 8000  # characters of a question
PROGRAM = "28:"  # so begin the ids of bots, which could talk to each other for ever
TOLD = "application/vnd.microsoft.activity.message"
WRONG = "application/vnd.microsoft.error"
GREETING = (
    "Hello, I am Deus. Ask me about your company's work, such as “What's blocking the auth milestone?”, "
    "or tell me what to do, such as “Escalate the critical bugs”. Nothing is written before somebody says yes."
)
_NAMESPACE = uuid.UUID("5f6b9c0e-3f0a-4d84-9a43-1d0b6d7be2b4")


def conversation_id(tenant: str, conversation: str) -> str:
    """The conversation of a chat or of a channel's thread; a UUID, so that the web chat can show it."""
    return str(uuid.uuid5(_NAMESPACE, f"{tenant}/{conversation}"))


def place_of(activity: Activity) -> dict[str, Any]:
    """All that is needed to say something there later: the conversation reference."""
    return {
        "service_url": activity.service_url,
        "conversation": activity.conversation,
        "kind": activity.kind,
        "bot": activity.bot,
        "tenant": activity.tenant,
        "user": activity.sender,
        "team": activity.team,
    }


class TeamsBot:
    """The channel's ears."""

    def __init__(
        self,
        conversations: Conversations,
        approvals: Approvals,
        deliveries: Deliveries,
        deliverer: Deliverer[Post],
        clock: Clock,
        connector: Connector,
        people: TeamsPeople,
        home: str,
        patience: float = PATIENCE,
        hearing: float = HEARING,
    ) -> None:
        self._conversations = conversations
        self._approvals = approvals
        self._deliveries = deliveries
        self._deliverer = deliverer
        self._clock = clock
        self._connector = connector
        self._people = people
        self._channel = Teams(home)
        self._patience = patience
        self._hearing = hearing
        self._tasks: set[asyncio.Task[Any]] = set()

    async def hear(self, activity: Activity) -> None:
        """An activity that wants no answer; what comes of it shows in the conversation.

        Returns when what was said is stored, so that nothing is lost if Deus dies then; or soon, if that takes long.
        """
        if activity.type == "message" and activity.id and activity.sender:
            verb = str(activity.value.get("deus") or "")
            work = (
                self._pressed(activity, verb, activity.value)
                if verb in (APPROVE, REJECT, UNDO)
                else self._heard(activity)
            )
            await asyncio.wait({self._start(self._told(work, activity))}, timeout=self._hearing)
        elif activity.type == "conversationUpdate":
            self._people.forget(activity.conversation, activity.team)
            if activity.kind == "personal" and activity.bot in activity.added:
                self._start(self._told(self._say(activity, GREETING), activity))

    async def invoke(self, activity: Activity) -> tuple[int, dict[str, Any]]:
        """An activity that waits for its answer: a button of a card. Returns the HTTP status and the body."""
        action = activity.value.get("action")
        if activity.name != "adaptiveCard/action" or not isinstance(action, dict):
            return 501, _answer(501, WRONG, {"code": "NotImplemented", "message": "Deus knows no such thing."})
        data = action.get("data")
        verb = str(action.get("verb") or "")
        if verb not in (APPROVE, REJECT, UNDO) or not isinstance(data, dict):
            return 200, _answer(400, WRONG, {"code": "BadRequest", "message": "Deus knows no such button."})
        # It goes on when Teams no longer waits for it.
        task = self._start(self._pressed(activity, verb, data))
        done, _ = await asyncio.wait({task}, timeout=self._patience)
        if not done:
            self._start(self._told(_of(task), activity))
            return 200, _answer(200, TOLD, "It is under way; this message will show what came of it.")
        try:
            post = task.result()
        except (DeusError, LookupError) as error:
            return 200, _answer(200, TOLD, str(error))
        except Exception:  # noqa: BLE001 - the channel's edge; it is logged
            return 200, _answer(200, TOLD, _wrong())
        return 200, _answer(200, CARD, post.card) if post.card else _answer(200, TOLD, post.summary)

    async def close(self) -> None:
        """Gives up what is still under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _heard(self, activity: Activity) -> None:
        asked = activity.value.get("deus") == ASK
        if activity.sender.startswith(PROGRAM) or not activity.text:
            return
        if not (activity.kind == "personal" or activity.mentioned or asked):
            return
        place = place_of(activity)
        person = await self._people.person(place, activity)
        turn = Turn(
            text=activity.text[:LONGEST],
            actor=person.id,
            channel=CHANNEL,
            conversation=conversation_id(activity.tenant, activity.conversation),
            at=self._clock.now(),
            message_id=_mark(activity),
            audience=await self._people.audience(place, activity),
        )
        await self._deliverer.begin(await self._conversations.say(turn), place)

    async def _pressed(self, activity: Activity, verb: str, data: Mapping[str, Any]) -> Post:
        """Does what a button says; the message as it is afterwards."""
        person = await self._people.person(place_of(activity), activity)
        if verb == UNDO:
            run, effect = str(data.get("run") or ""), str(data.get("effect") or "")
            if effect not in {one.key for one in await self._approvals.receipts(run)}:
                raise LookupError("This receipt is no longer there.")
            await self._stands_there(run, activity)
            place = place_of(activity)
            audience = await self._people.audience(place, activity)
            try:
                await self._approvals.undo(effect, by=person.id, channel=CHANNEL, audience=audience)
            except UndoAsked as asked:
                # What asks for the yes comes into the same conversation; where it stands already that is said.
                if not asked.begun or await self._deliveries.get(asked.run, CHANNEL) is not None:
                    raise
                await self._deliverer.begin(asked.run, place)
            return await self._now(run, f"receipt/{effect}")
        approval = await self._approvals.get(str(data.get("id") or ""))
        await self._stands_there(approval.proposal.run, activity)
        choice: Choice = "approve" if verb == APPROVE else "reject"
        digest = str(data.get("digest") or "")
        await self._approvals.decide(approval.id, choice, by=person.id, channel=CHANNEL, digest=digest)
        return await self._now(approval.proposal.run, f"ask/{approval.id}")

    async def _stands_there(self, run: str, activity: Activity) -> None:
        """A button counts only where Deus has put it."""
        delivery = await self._deliveries.get(run, CHANNEL)
        if delivery is None or delivery.place.get("conversation") != activity.conversation:
            raise LookupError("This button belongs to another conversation.")

    async def _now(self, run: str, part: str) -> Post:
        view = RunView(run)
        for event in await self._conversations.events(run):
            view = fold(view, event)
        return self._channel.screen(view).get(part) or Post("", summary="Done.")

    async def _say(self, activity: Activity, words: str) -> None:
        await self._connector.send(place_of(activity), Post(literal(words), summary=words))

    async def _told(self, work: Coroutine[Any, Any, object], activity: Activity) -> None:
        """Does the work; what stands against it is said in the conversation."""
        try:
            await work
            return
        except (DeusError, LookupError) as error:
            words = str(error)
        except Exception:  # noqa: BLE001 - the channel's edge; it is logged
            words = _wrong()
        try:
            await self._say(activity, words)
        except DeusError as silent:
            log.warning("What went wrong could not be said in Teams: %s", silent)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name="teams")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever waited for it has said what it was.


async def _of(task: asyncio.Task[Any]) -> object:
    return await task


def _mark(activity: Activity) -> str:
    """What makes a message the same one when Teams sends it again."""
    return "teams/" + hashlib.sha256(f"{activity.conversation}\n{activity.id}".encode()).hexdigest()


def _wrong() -> str:
    """What nobody expected stays in the log; its mark is told. To be called where it was caught."""
    mark = uuid.uuid4().hex[:8]
    log.exception("What was said or pressed in Teams failed, error %s", mark)
    return f"Something inside Deus went wrong. The log has it as error {mark}."


def _answer(status: int, kind: str, value: Any) -> dict[str, Any]:
    return {"statusCode": status, "type": kind, "value": value}
