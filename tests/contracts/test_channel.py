"""What every channel in app/channels keeps: the same screen whatever was lost, repeated or interrupted on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agents.event import EPHEMERAL, Event
from app.channels.channel import Channel, effects_of
from app.channels.delivery import Deliverer, Delivery, Message, Overtaken
from app.channels.web_view import RunView
from tests.contracts.channel_screens import GOLDEN, RECORDED, RUN, drawn, folded, found, plain, stored

CHANNELS = found()
COURIERS = {name: channel for name, channel in CHANNELS.items() if hasattr(channel, "screen")}
AnyChannel = Channel[Any, Any]


@pytest.fixture(params=CHANNELS)
def channel(request: pytest.FixtureRequest) -> AnyChannel:
    return CHANNELS[request.param]


@pytest.fixture(params=RECORDED)
def events(request: pytest.FixtureRequest) -> Sequence[Event]:
    return RECORDED[request.param]


def applied(shown: Mapping[str, Any], sends: Sequence[Any]) -> dict[str, Any]:
    """What stands on a screen after these effects: whole things take the place of earlier ones, more text is added."""
    screen = dict(shown)
    for send in sends:
        said = plain(send)
        if "part" in said:
            screen[said["part"]] = {name: value for name, value in said.items() if name != "part"}
        elif said.get("what") == "token":
            was = screen[said["body"]["id"]]
            screen[said["body"]["id"]] = {**was, "output": was["output"] + said["body"]["token"]}
        elif said.get("what"):
            screen[said["body"]["id"]] = said["body"]
        elif said.get("kind") == "delta":
            was = screen.get(said["data"]["run"], {"text": ""})
            text = was["text"][: said["data"]["from"]] + said["data"]["text"]
            screen[said["data"]["run"]] = {**was, "text": text}
        elif said.get("kind") == "message":
            screen[said["data"]["run"]] = said["data"]
        else:
            raise AssertionError(f"It is not known what {send!r} does to a screen; say it here.")
    return screen


def on(shown: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is shown, what belongs there: a thing that was shown once may stay beside it."""
    return {name: shown[name] for name in whole}


def screen(channel: AnyChannel, events: Sequence[Event]) -> dict[str, Any]:
    """What somebody sees who comes when these events have happened."""
    return applied({}, channel.effects(channel.begin(RUN), folded(channel, events)))


def watched(channel: AnyChannel, events: Sequence[Event]) -> dict[str, Any]:
    """What somebody sees who was there for each of these events."""
    view, shown = channel.begin(RUN), dict[str, Any]()
    for one in events:
        after = channel.fold(view, one)
        view, shown = after, applied(shown, channel.effects(view, after))
    return shown


async def stream(events: Sequence[Event]) -> AsyncIterator[Event]:
    for one in events:
        yield one


def test_every_kind_of_channel_is_found() -> None:
    assert {"Web", "Slack", "Teams", "WidgetChannel"} <= set(CHANNELS)
    assert {"Slack", "Teams"} <= set(COURIERS)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("about", RECORDED)
def test_what_is_shown_is_as_it_was_looked_over(name: str, about: str) -> None:
    kept = GOLDEN / f"{name.lower()}.json"
    assert kept.exists(), "run python -m tests.contracts.channel_screens, and look at what it wrote"
    expected = json.loads(kept.read_text(encoding="utf-8"))[about]
    assert json.loads(json.dumps(drawn(CHANNELS[name], stored(RECORDED[about])))) == expected


def test_who_was_there_sees_what_who_comes_later_sees(channel: AnyChannel, events: Sequence[Event]) -> None:
    whole = screen(channel, stored(events))
    assert on(watched(channel, events), whole) == whole


async def test_a_restart_in_the_middle_goes_on_with_what_is_new(channel: AnyChannel, events: Sequence[Event]) -> None:
    kept = stored(events)
    whole = screen(channel, kept)
    for cursor in range(len(kept) + 1):
        before = screen(channel, kept[:cursor])
        sends = [send async for _, send in effects_of(channel, RUN, stream(kept), cursor)]
        assert on(applied(before, sends), whole) == whole
    assert [send async for _, send in effects_of(channel, RUN, stream(kept), len(kept))] == []


def test_what_comes_again_changes_nothing(channel: AnyChannel, events: Sequence[Event]) -> None:
    kept = stored(events)
    view = channel.begin(RUN)
    for n, one in enumerate(kept):
        view = channel.fold(view, one)
        for again in kept[: n + 1]:
            assert channel.effects(view, channel.fold(view, again)) in ((), [])
    whole = screen(channel, kept)
    assert on(watched(channel, [*kept, *kept]), whole) == whole


def test_what_is_lost_breaks_nothing_and_is_there_again_after_a_reload(
    channel: AnyChannel, events: Sequence[Event]
) -> None:
    whole = screen(channel, stored(events))
    for missing, lost in enumerate(events):
        left = [one for n, one in enumerate(events) if n != missing]
        shown = watched(channel, left)
        if lost.kind in EPHEMERAL:
            assert on(shown, whole) == whole, "deltas may be lost"
        view = folded(channel, left)
        caught_up = applied(shown, channel.effects(view, folded(channel, stored(events))))
        assert on(caught_up, whole) == whole


class Log:
    """The events of a run as far as they have happened."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.happened = list(events)

    async def events(self, run: str, after: int = 0) -> Sequence[Event]:
        return [one for one in self.happened if one.seq > after]

    async def follow(self, run: str, after: int = 0) -> AsyncIterator[Event]:
        for one in await self.events(run, after):
            yield one
        if self.happened[-1].kind != "run.finished" and not any(e.kind == "run.finished" for e in self.happened):
            await asyncio.Event().wait()


class Kept:
    """The deliveries, in memory, of which one holder at a time carries each."""

    def __init__(self) -> None:
        self.delivery: Delivery | None = None
        self._moved = asyncio.Event()

    async def reached(self, cursor: int) -> None:
        """Returns when all up to this event has been shown."""
        while self.delivery is None or self.delivery.cursor < cursor:
            self._moved.clear()
            await self._moved.wait()

    async def begin(self, run: str, channel: str, place: Mapping[str, Any]) -> Delivery:
        self.delivery = self.delivery or Delivery(run, channel, place)
        return self.delivery

    async def get(self, run: str, channel: str) -> Delivery | None:
        return self.delivery

    async def behind(self, channel: str, limit: int = 200) -> Sequence[Delivery]:
        return ()

    async def take(self, run: str, channel: str, holder: str, seconds: float) -> Delivery | None:
        assert self.delivery is not None
        self.delivery = replace(self.delivery, fence=self.delivery.fence + 1)
        return self.delivery

    async def renew(self, delivery: Delivery, seconds: float) -> bool:
        return self.delivery is not None and self.delivery.fence == delivery.fence

    async def beat(self, channel: str, holder: str, seconds: float) -> None:
        return None

    async def release(self, delivery: Delivery) -> None:
        return None

    async def keep(self, delivery: Delivery) -> None:
        if not await self.renew(delivery, 0):
            raise Overtaken(delivery.run)
        self.delivery = delivery
        self._moved.set()

    async def disturb(self, run: str, channel: str) -> bool:
        return False


class Recording:
    """A courier that keeps what stands at the place; `seen` is set once everything that happened is shown."""

    def __init__(self, channel: Any) -> None:
        self.name = type(channel).__name__.lower()
        self._channel = channel
        self.place: dict[str, Any] = {}
        self.sent: list[str] = []

    def screen(self, view: RunView) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._channel.screen(view)
        return found

    async def show(self, delivery: Delivery, part: str, payload: Any, message: Message | None) -> Message:
        if not message:
            self.sent.append(part)
        self.place[part] = payload
        return {"id": part}


@pytest.mark.parametrize("name", COURIERS)
async def test_a_process_that_dies_anywhere_leaves_a_message_that_the_next_one_goes_on_with(
    name: str, events: Sequence[Event]
) -> None:
    kept = stored(events)
    whole = COURIERS[name]
    wanted: Mapping[str, Any] = whole.screen(folded(whole, kept))
    for died in range(1, len(kept)):
        log, deliveries, courier = Log(kept[:died]), Kept(), Recording(whole)
        await carried(log, deliveries, courier, until=died)
        log.happened = list(kept)
        await carried(log, deliveries, courier, until=kept[-1].seq)
        assert courier.place == wanted
        assert sorted(courier.sent) == sorted(wanted), "each part is sent once"


async def carried(log: Log, deliveries: Kept, courier: Recording, until: int) -> None:
    """Carries a run until everything that has happened is shown, and dies."""
    conversations: Any = log
    deliverer = Deliverer(conversations, deliveries, courier, pace=0.0, glance=0.01)
    async with deliverer.working():
        await deliverer.begin(RUN, {})
        await deliveries.reached(until)
