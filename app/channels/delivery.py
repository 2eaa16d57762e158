"""Runs shown in channels that keep messages of their own, such as Slack: durable, so that a restart goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from app.channels.web_view import RunView, fold
from tools.kit.errors import DeusError

if TYPE_CHECKING:
    from agents.conversation import Conversations

log = logging.getLogger(__name__)

Payload = TypeVar("Payload")
Message = Mapping[str, Any]

LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Delivery:
    """How far a run has been shown at a place: all up to event number `cursor`, as `messages` by part of the screen.

    `trouble` is why nothing more of it can be shown there.
    """

    run: str
    channel: str
    place: Mapping[str, Any]
    cursor: int = 0
    messages: Mapping[str, Message] = field(default_factory=dict)
    trouble: str | None = None


class Deliveries(Protocol):
    """The store of deliveries."""

    async def begin(self, run: str, channel: str, place: Mapping[str, Any]) -> Delivery: ...

    async def get(self, run: str, channel: str) -> Delivery | None: ...

    async def behind(self, channel: str, limit: int = 200) -> Sequence[Delivery]: ...

    async def keep(self, delivery: Delivery) -> None: ...


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


class Deliverer(Generic[Payload]):
    """Carries runs to their places, each by one task, and finds again what was left behind.

    `pace` is how many seconds pass between two looks at a run that goes on: what happened between them is shown as one.
    `glance` is how often it looks for runs of which something came after their end, or by another process.
    """

    def __init__(
        self,
        conversations: Conversations,
        deliveries: Deliveries,
        courier: Courier[Payload],
        *,
        pace: float = 1.0,
        glance: float = 2.0,
    ) -> None:
        self._conversations = conversations
        self._deliveries = deliveries
        self._courier = courier
        self._pace = pace
        self._glance = glance
        self._carrying: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, tuple[int, float]] = {}

    async def begin(self, run: str, place: Mapping[str, Any]) -> None:
        """Keeps that the run is to be shown at the place, and begins to show it."""
        self._carry(await self._deliveries.begin(run, self._courier.name, place))

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Shows what was left behind, and whatever comes, while the block runs."""
        sweeping = asyncio.create_task(self._sweep(), name=f"deliver to {self._courier.name}")
        try:
            yield
        finally:
            tasks = [sweeping, *self._carrying.values()]
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

    def _carry(self, delivery: Delivery) -> None:
        if delivery.run not in self._carrying:
            task = asyncio.create_task(self._carried(delivery), name=f"{self._courier.name} {delivery.run}")
            self._carrying[delivery.run] = task
            task.add_done_callback(lambda _: self._carrying.pop(delivery.run, None))

    async def _carried(self, delivery: Delivery) -> None:
        run = delivery.run
        try:
            # Another task may have carried it further since it was looked up.
            await self._follow(await self._deliveries.get(run, self._courier.name) or delivery)
            self._failed.pop(run, None)
        except LookupError:
            log.info("Run %s is gone; nothing more of it is shown in %s.", run, self._courier.name)
        except Undeliverable as gone:
            log.warning("Run %s cannot be shown in %s: %s", run, self._courier.name, gone)
            known = await self._deliveries.get(run, self._courier.name)
            if known is not None:
                await self._deliveries.keep(replace(known, trouble=str(gone)))
        except Exception:  # a background task's top
            times = self._failed.get(run, (0, 0.0))[0] + 1
            self._failed[run] = times, monotonic() + min(LONGEST_WAIT, self._glance * 2**times)
            log.exception("Run %s could not be shown in %s; it is tried again.", run, self._courier.name)

    async def _follow(self, delivery: Delivery) -> None:
        """Folds silently up to the cursor, then shows each difference, until the run ends."""
        shown = view = RunView(delivery.run)
        for event in await self._conversations.events(delivery.run):
            view = fold(view, event)
            shown = view if event.seq <= delivery.cursor else shown
        delivery = await self._bring(delivery, shown, view)
        if view.status != "running":
            return
        try:
            await self._keep_up(delivery, view)
        except BaseExceptionGroup as group:
            # One thing went wrong, in one of its two tasks.
            raise group.exceptions[0] from None

    async def _keep_up(self, delivery: Delivery, view: RunView) -> None:
        """Shows a run that goes on, until it ends."""
        latest, over, changed = view, False, asyncio.Event()
        start = view.seq

        async def read() -> None:
            nonlocal latest, over
            async for event in self._conversations.follow(delivery.run, start):
                latest = fold(latest, event)
                changed.set()
            over = True
            changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(read(), name=f"read {delivery.run}")
            while True:
                await changed.wait()
                changed.clear()
                shown, view, last = view, latest, over
                delivery = await self._bring(delivery, shown, view)
                if last:
                    break
                await asyncio.sleep(self._pace)

    async def _bring(self, delivery: Delivery, before: RunView, after: RunView) -> Delivery:
        """Shows what differs, and keeps that it was shown."""
        seen = {part: payload for part, payload in self._courier.screen(before).items() if delivery.messages.get(part)}
        for part, payload in self._courier.screen(after).items():
            if seen.get(part) == payload:
                continue
            known = delivery.messages.get(part)
            if known is None:
                # Whoever dies between sending and keeping leaves this, so that the message is looked for first.
                await self._deliveries.keep(replace(delivery, messages={**delivery.messages, part: {}}))
            message = await self._courier.show(delivery, part, payload, known)
            delivery = replace(delivery, messages={**delivery.messages, part: message})
            if message != known:
                await self._deliveries.keep(delivery)
        if after.seq > delivery.cursor:
            delivery = replace(delivery, cursor=after.seq)
            await self._deliveries.keep(delivery)
        return delivery
