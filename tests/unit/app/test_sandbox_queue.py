"""Sandboxes in turn: who asks first is first, as many as there is room for, and nobody's place is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from agents.sandbox import MIB, Info, Limits, Mount, Network, Sandbox, SandboxBusy, SandboxUnavailable, State
from app.sandboxes import queue
from app.sandboxes.queue import QueuedSandboxes

SMALL = Limits(memory=100 * MIB, disk=100 * MIB)


class Made:
    """A sandbox that is only there or not."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self.metadata, self.state = metadata, State.RUNNING


class Provider:
    """Makes as many as it is told to, and says how many there were at most."""

    def __init__(self, most: int = 100) -> None:
        self.most, self.made, self.highest, self.busy = most, list[Made](), 0, 0
        self.error: Exception | None = None
        self.refused_often = asyncio.Event()

    def running(self) -> int:
        return sum(made.state is State.RUNNING for made in self.made)

    async def create(
        self,
        *,
        limits: Limits | None = None,
        network: Network | None = None,
        metadata: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
    ) -> Sandbox:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if self.running() >= self.most:
            self.busy += 1
            if self.busy > 2:
                self.refused_often.set()
            raise SandboxBusy("full")
        self.made.append(Made(metadata or {}))
        self.highest = max(self.highest, self.running())
        return cast(Sandbox, self.made[-1])

    async def list(self) -> tuple[Info, ...]:
        return ()

    async def connect(self, id: str) -> Sandbox:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


async def taken(queued: QueuedSandboxes, name: str, order: list[str], limits: Limits = SMALL) -> Any:
    sandbox: Any = await queued.create(limits=limits, metadata={"step": name})
    order.append(name)
    return sandbox


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SECONDS_BETWEEN", 0.002)
    monkeypatch.setattr(queue, "SECONDS_REFUSED", (0.002,))


async def test_they_come_in_the_order_of_asking_and_no_more_at_once_than_allowed() -> None:
    provider = Provider()
    queued = QueuedSandboxes(provider, most=2)
    order: list[str] = []
    tasks = []
    for number in range(6):
        tasks.append(asyncio.create_task(taken(queued, str(number), order)))
        await asyncio.sleep(0)
    await settled()
    assert (queued.running, queued.waiting) == (2, 4)
    for task in tasks:
        (await task).state = State.GONE
    assert order == ["0", "1", "2", "3", "4", "5"]
    assert provider.highest == 2
    assert (queued.running, queued.waiting) == (0, 0)


async def test_a_large_one_waits_for_room_and_is_not_overtaken() -> None:
    queued = QueuedSandboxes(Provider(), most=10, room=lambda: 1000 * MIB)
    order: list[str] = []
    first = await taken(queued, "first", order)
    large = asyncio.create_task(taken(queued, "large", order, Limits(memory=800 * MIB, disk=100 * MIB)))
    await settled()
    small = asyncio.create_task(taken(queued, "small", order))
    await settled()
    assert order == ["first"]
    first.state = State.GONE
    (await large).state = State.GONE
    await small
    assert order == ["first", "large", "small"]


async def test_one_alone_is_let_in_however_large() -> None:
    queued = QueuedSandboxes(Provider(), most=10, room=lambda: 1)
    await queued.create(limits=SMALL)
    assert queued.running == 1


async def test_who_stops_waiting_leaves_the_queue_to_the_others() -> None:
    queued = QueuedSandboxes(Provider(), most=1)
    order: list[str] = []
    first = await taken(queued, "first", order)
    second = asyncio.create_task(taken(queued, "second", order))
    await settled()
    third = asyncio.create_task(taken(queued, "third", order))
    await settled()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert queued.waiting == 1
    first.state = State.GONE
    await third
    assert order == ["first", "third"]


async def test_a_plan_that_is_full_is_waited_for() -> None:
    provider = Provider(most=1)
    queued = QueuedSandboxes(provider, most=5)
    order: list[str] = []
    first = await taken(queued, "first", order)
    waiting = [asyncio.create_task(taken(queued, name, order)) for name in ("second", "third")]
    await provider.refused_often.wait()
    first.state = State.GONE
    for each in waiting:
        (await each).state = State.GONE
    assert sorted(order) == ["first", "second", "third"]
    assert (queued.running, queued.waiting) == (0, 0)


async def test_one_that_cannot_be_made_takes_no_place() -> None:
    provider = Provider()
    queued = QueuedSandboxes(provider, most=1)
    provider.error = SandboxUnavailable("no")
    with pytest.raises(SandboxUnavailable):
        await queued.create(limits=SMALL)
    provider.error = None
    await queued.create(limits=SMALL)
    assert (queued.running, queued.waiting) == (1, 0)


async def test_one_that_outlived_its_time_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE", 0.0)
    queued = QueuedSandboxes(Provider(), most=1)
    await queued.create(limits=Limits(lifetime_seconds=0.001))
    await queued.create(limits=SMALL)


async def test_limits_and_marks_are_those_of_the_settings_where_nothing_is_said() -> None:
    provider = Provider()
    queued = QueuedSandboxes(provider, most=1, limits=SMALL, mark={"by": "deus"})
    await queued.create(metadata={"run": "run_1", "by": "me"})
    assert provider.made[0].metadata == {"run": "run_1", "by": "deus"}
