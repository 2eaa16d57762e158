"""Runs shown in channels that keep messages of their own, such as Slack: durable, so that a restart goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from app.channels.web_view import RunView, fold
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from agents.conversation import Conversations

log = logging.getLogger(__name__)

Payload = TypeVar("Payload")
Message = Mapping[str, Any]

LONGEST_WAIT = 60.0
# How often a process that was overtaken looks whether the other one is done, each time after `glance`.
LOOKS = 150


@dataclass(frozen=True)
class Delivery:
    """How far a run has been shown at a place: all up to event number `cursor`, as `messages` by part of the screen.

    `trouble` is why nothing more of it can be shown there. `fence` grows each time that somebody else takes it.
    """

    run: str
    channel: str
    place: Mapping[str, Any]
    cursor: int = 0
    messages: Mapping[str, Message] = field(default_factory=dict)
    trouble: str | None = None
    fence: int = 0


class Deliveries(Protocol):
    """The store of deliveries. One holder carries each, for as long as it gives signs of life.

    `keep` raises Overtaken for whoever is no longer its holder, and LookupError for what is gone.
    """

    async def begin(self, run: str, channel: str, place: Mapping[str, Any]) -> Delivery: ...

    async def get(self, run: str, channel: str) -> Delivery | None: ...

    async def behind(self, channel: str, limit: int = 200) -> Sequence[Delivery]: ...

    async def take(self, run: str, channel: str, holder: str, seconds: float) -> Delivery | None: ...

    async def renew(self, delivery: Delivery, seconds: float) -> bool: ...

    async def beat(self, channel: str, holder: str, seconds: float) -> None: ...

    async def release(self, delivery: Delivery) -> None: ...

    async def keep(self, delivery: Delivery) -> None: ...

    async def disturb(self, run: str, channel: str) -> bool: ...


class Overtaken(Exception):
    """Another process carries the run now; this one may show nothing more of it."""


class Undeliverable(DeusError):
    """Nothing can be shown at that place, now or later: it is gone, or closed to Deus."""


class Courier(Protocol[Payload]):
    """A channel with messages of its own. What stands on the screen is decided by `screen`, which is pure."""

    name: str

    def screen(self, view: RunView) -> Mapping[str, Payload]:
        """The messages that show the run, by part, in their order. A part that was shown once stays."""
        ...

    async def show(self, delivery: Delivery, part: str, payload: Payload, message: Message | None) -> Message:
        """Brings one message to what the payload says, or sends it where there is none yet, and returns what to keep.

        To show the same again changes nothing. `message` {} says that it may have been sent by somebody who died before
        keeping it. Raises Undeliverable; whatever else it raises is tried again.
        """
        ...


@runtime_checkable
class Retracting(Protocol):
    """A courier that can take a message back which another process has sent as well."""

    async def retract(self, delivery: Delivery, message: Message) -> None: ...


class Held:
    """A delivery that this process carries, for as long as the store agrees. Everything raises Overtaken after that."""

    def __init__(self, deliveries: Deliveries, delivery: Delivery, lease: float) -> None:
        self.delivery = delivery
        self._deliveries = deliveries
        self._lease = lease

    async def keep(self, **changes: Any) -> None:
        """Keeps it with these changes."""
        changed = replace(self.delivery, **changes)
        await self._deliveries.keep(changed)
        self.delivery = changed

    async def renew(self) -> None:
        """Gives a sign of life."""
        if not await self._deliveries.renew(self.delivery, self._lease):
            raise Overtaken(self.delivery.run)

    async def release(self) -> None:
        """Lets others carry it; where that cannot be said, they do once the signs of life are missing."""
        try:
            await asyncio.shield(self._deliveries.release(self.delivery))
        except Exception:  # what comes next must not wait for it
            log.exception("That %s is no longer carried could not be kept.", self.delivery.run)


class Deliverer(Generic[Payload]):
    """Carries runs to their places, each by one task, and finds again what was left behind.

    `pace` is how many seconds pass between two looks at a run that goes on: what happened between them is shown as one.
    `glance` is how often it looks for runs of which something came after their end, or by another process. Of several
    processes on one database one carries a run; another takes it over `lease` seconds after its last sign of life.
    """

    def __init__(
        self,
        conversations: Conversations,
        deliveries: Deliveries,
        courier: Courier[Payload],
        *,
        pace: float = 1.0,
        glance: float = 2.0,
        lease: float = 30.0,
    ) -> None:
        self._conversations = conversations
        self._deliveries = deliveries
        self._courier = courier
        self._pace = pace
        self._glance = glance
        self._lease = lease
        self._holder = f"{courier.name}-{uuid.uuid4().hex}"
        self._carrying: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, tuple[int, float]] = {}

    async def begin(self, run: str, place: Mapping[str, Any]) -> None:
        """Keeps that the run is to be shown at the place, and begins to show it."""
        self._carry(await self._deliveries.begin(run, self._courier.name, place))

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Shows what was left behind, and whatever comes, while the block runs."""
        sweeping = asyncio.create_task(self._sweep(), name=f"deliver to {self._courier.name}")
        living = asyncio.create_task(self._live(), name=f"carry to {self._courier.name}")
        try:
            yield
        finally:
            tasks = [sweeping, living, *self._carrying.values()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def settled(self) -> None:
        """Waits until nothing is being carried."""
        while self._carrying:
            await asyncio.wait(list(self._carrying.values()))

    async def _sweep(self) -> None:
        while True:
            try:
                for delivery in await self._deliveries.behind(self._courier.name):
                    if self._failed.get(delivery.run, (0, 0.0))[1] <= monotonic():
                        self._carry(delivery)
            except Exception:  # a background task's top
                log.exception("What was left to show in %s could not be looked up.", self._courier.name)
            await asyncio.sleep(self._glance)

    async def _live(self) -> None:
        """Gives signs of life. What is being sent when they come too late is not broken off: whether it counts is seen
        when it is kept."""
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                if self._carrying:
                    await self._deliveries.beat(self._courier.name, self._holder, self._lease)
            except Exception:  # a background task's top
                log.exception("That runs are carried to %s could not be kept; it is tried again.", self._courier.name)

    def _carry(self, delivery: Delivery) -> None:
        if delivery.run not in self._carrying:
            task = asyncio.create_task(self._carried(delivery), name=f"{self._courier.name} {delivery.run}")
            self._carrying[delivery.run] = task
            task.add_done_callback(lambda _: self._carrying.pop(delivery.run, None))

    async def _carried(self, delivery: Delivery) -> None:
        run, name = delivery.run, self._courier.name
        try:
            taken = await self._deliveries.take(run, name, self._holder, self._lease)
            if taken is not None:
                await self._hold(taken)
            self._failed.pop(run, None)
        except LookupError:
            log.info("Run %s is gone; nothing more of it is shown in %s.", run, name)
        except Overtaken:
            log.info("Run %s is shown in %s by another process now.", run, name)
        except Exception:  # a background task's top
            times = self._failed.get(run, (0, 0.0))[0] + 1
            self._failed[run] = times, monotonic() + min(LONGEST_WAIT, self._glance * 2**times)
            log.exception("Run %s could not be shown in %s; it is tried again.", run, name)

    async def _hold(self, taken: Delivery) -> None:
        """Carries it, and lets others have it afterwards."""
        held = Held(self._deliveries, taken, self._lease)
        try:
            await self._follow(held)
        except Undeliverable as gone:
            log.warning("Run %s cannot be shown in %s: %s", taken.run, taken.channel, gone)
            await held.keep(trouble=str(gone))
        finally:
            await held.release()

    async def _follow(self, held: Held) -> None:
        """Folds silently up to the cursor, then shows each difference, until the run ends."""
        run, cursor = held.delivery.run, held.delivery.cursor
        shown = view = RunView(run)
        for event in await self._conversations.events(run):
            view = fold(view, event)
            shown = view if event.seq <= cursor else shown
        await self._bring(held, shown, view)
        if view.status != "running":
            return
        try:
            await self._keep_up(held, view)
        except BaseExceptionGroup as group:
            # One thing went wrong, in one of its two tasks.
            raise group.exceptions[0] from None

    async def _keep_up(self, held: Held, view: RunView) -> None:
        """Shows a run that goes on, until it ends."""
        latest, over, changed = view, False, asyncio.Event()
        start = view.seq

        async def read() -> None:
            nonlocal latest, over
            async for event in self._conversations.follow(held.delivery.run, start):
                latest = fold(latest, event)
                changed.set()
            over = True
            changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(read(), name=f"read {held.delivery.run}")
            while True:
                await changed.wait()
                changed.clear()
                shown, view, last = view, latest, over
                await self._bring(held, shown, view)
                if last:
                    break
                await asyncio.sleep(self._pace)

    async def _bring(self, held: Held, before: RunView, after: RunView) -> None:
        """Shows what differs, and keeps that it was shown."""
        sent: dict[str, Message] = {}
        try:
            await self._show(held, before, after, sent)
            if after.seq > held.delivery.cursor:
                await held.keep(cursor=after.seq)
        except Overtaken:
            if sent:
                await self._make_good(held.delivery, sent)
            raise

    async def _show(self, held: Held, before: RunView, after: RunView, sent: dict[str, Message]) -> None:
        known = held.delivery.messages
        seen = {part: payload for part, payload in self._courier.screen(before).items() if known.get(part)}
        for part, payload in self._courier.screen(after).items():
            if seen.get(part) == payload:
                continue
            message = held.delivery.messages.get(part)
            if message is None:
                # Whoever dies between sending and keeping leaves this, so that the message is looked for first.
                await held.keep(messages={**held.delivery.messages, part: {}})
            else:
                await held.renew()
            sent[part] = await self._courier.show(held.delivery, part, payload, message)
            if sent[part] != message:
                await held.keep(messages={**held.delivery.messages, part: sent[part]})

    async def _make_good(self, delivery: Delivery, sent: Mapping[str, Message]) -> None:
        """A process that stood still while it sent comes back after another has gone on: what it has sent a second time
        is taken back, and what it changed is shown anew."""
        for part, message in sent.items():
            other = await self._standing(delivery, part)
            if other and other != message and not delivery.messages.get(part) and isinstance(self._courier, Retracting):
                await self._courier.retract(delivery, message)
        for _ in range(LOOKS):
            if await self._deliveries.disturb(delivery.run, delivery.channel):
                return
            await asyncio.sleep(self._glance)

    async def _standing(self, delivery: Delivery, part: str) -> Message:
        """The message that the other process keeps for a part, once it has sent it; {} if it sends none."""
        for _ in range(LOOKS):
            known = await self._deliveries.get(delivery.run, delivery.channel)
            if known is None or known.messages.get(part):
                return {} if known is None else known.messages[part]
            await asyncio.sleep(self._glance)
        return {}
