"""Questions that come by any of Slack's doors: whose they are, who reads the answer, where it is shown."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.identity import Role
from agents.ports import Turn
from app.channels.slack_people import Person, Unknown

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from agents.conversation import Conversations
    from agents.identity import People as Known
    from agents.ports import Clock
    from agents.quote import Quote
    from app.channels.delivery import Deliverer
    from app.channels.slack_people import People
    from app.channels.slack_post import Post

log = logging.getLogger(__name__)

CHANNEL = "slack"
LONGEST = 8000  # characters of a question
MOST_RUNS = 200  # of a thread
_NAMESPACE = uuid.UUID("c0a2a2b6-6d0f-4f5b-9a55-2b0d1b9b3c11")


def conversation_id(team: str, channel: str, thread: str) -> str:
    """The conversation of a thread; a UUID, so that the web chat can show it."""
    return str(uuid.uuid5(_NAMESPACE, f"{team}/{channel}/{thread}"))


@dataclass(frozen=True)
class Place:
    """A thread in Slack, in which somebody of a team is answered."""

    channel: str
    thread: str
    user: str
    team: str

    @property
    def is_direct(self) -> bool:
        """Whether nobody else reads along."""
        return self.channel.startswith("D")

    @property
    def conversation(self) -> str:
        return conversation_id(self.team, self.channel, self.thread)


class Asking:
    """Begins runs in Slack. `channels` are the names or ids where Deus listens besides direct messages; `known` are the
    people of the workspace, None where nobody is told from another."""

    def __init__(
        self,
        conversations: Conversations,
        deliverer: Deliverer[Post],
        clock: Clock,
        client: AsyncWebClient,
        people: People,
        channels: Sequence[str],
        known: Known | None = None,
    ) -> None:
        self._conversations = conversations
        self._deliverer = deliverer
        self._clock = clock
        self._client = client
        self._people = people
        self._known = known
        self._channels = frozenset(one.strip().lstrip("#") for one in channels)

    async def person(self, user: str, team: str) -> Person:
        """Who a user is, by the name that runs and approvals have for them. Raises Unknown where Slack is silent."""
        return await self._people.person(user, team)

    async def member(self, user: str, team: str) -> Person:
        """The same, of this workspace. Raises Unknown for anybody else."""
        found = await self.person(user, team)
        if not found.ours:
            raise Unknown("Only people of this workspace may ask Deus here.")
        return found

    async def role(self, actor: str) -> Role:
        """What somebody may do; whoever is not known may only look."""
        if self._known is None:
            return "agent"
        found = await self._known.get(actor)
        return found.role if found is not None else "viewer"

    async def listens(self, channel: str) -> bool:
        """Whether Deus answers in a channel where others read along."""
        return channel in self._channels or await self._people.channel(channel) in self._channels

    async def name(self, channel: str) -> str:
        """What people call a channel, without the #."""
        return await self._people.channel(channel)

    async def speaks(self, place: Place) -> bool:
        """Whether the thread is one with Deus: it was asked something there first. A thread of other people's in which
        somebody asked it about a message stays theirs, and Deus is silent until it is named."""
        found = await self._conversations.runs(conversation=place.conversation, limit=MOST_RUNS)
        if not found:
            return False
        begun = await self._conversations.events(found[-1].run)
        return not (begun and begun[0].data.get("quoted"))

    async def begin(self, text: str, place: Place, message: str, quoted: Quote | None = None) -> str:
        """Starts the run of a question and shows it at the place; the same `message` is the same run. Raises DeusError
        and LookupError where that may not be."""
        person = await self.member(place.user, place.team)
        turn = Turn(
            text=text[:LONGEST],
            actor=person.actor,
            channel=CHANNEL,
            conversation=place.conversation,
            at=self._clock.now(),
            message_id=message,
            audience=await self.audience(place),
            quoted=quoted,
        )
        run = await self._conversations.say(turn)
        await self.show(run, place)
        return run

    async def audience(self, place: Place) -> Role | None:
        """The least role among those who read along at a place; None where nobody does."""
        return await self._people.audience(place.channel, place.team)

    async def show(self, run: str, place: Place) -> None:
        """Shows a run at the place, from now on."""
        await self._deliverer.begin(run, vars(place))

    async def direct(self, user: str) -> str:
        """The direct conversation with somebody."""
        return str((await self._client.conversations_open(users=[user]))["channel"]["id"])

    async def post(self, channel: str, text: str, thread: str | None = None) -> str:
        """Says something that is no answer, such as what was asked; returns its timestamp."""
        more: dict[str, Any] = {"thread_ts": thread} if thread else {}
        said = await self._client.chat_postMessage(
            channel=channel, text=text, unfurl_links=False, unfurl_media=False, **more
        )
        return str(said["ts"])


class Tasks:
    """What goes on after Slack had its answer."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begins it; a failure nobody waits for is told to the log."""
        task = asyncio.create_task(work, name=f"slack: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Gives up what is still under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("What was asked of Deus in Slack could not be done (%s).", task.get_name(), exc_info=error)


def value_of(given: Any, *names: str) -> Mapping[str, Any]:
    """The object that stands in another under these names; {} where there is none."""
    for name in names:
        given = given.get(name) if isinstance(given, Mapping) else None
    return given if isinstance(given, Mapping) else {}
