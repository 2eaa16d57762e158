"""Limits of calls: for each service its own, shared by the processes that work together."""

from __future__ import annotations

import asyncio

from app.turns import Turns


class Crowd:
    """Calls that wait in their turns until they are let go, and how many were under way at once."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._open = asyncio.Event()
        self.under_way: dict[str, int] = {}

    async def call(self, service: str) -> None:
        async with self._turns.of(service):
            self.under_way[service] = self.under_way.get(service, 0) + 1
            await self._open.wait()
            self.under_way[service] -= 1

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def let_go(self) -> None:
        self._open.set()


async def test_each_service_has_its_own_limit_and_the_others_the_usual_one() -> None:
    crowd = Crowd(Turns(3, {"posthog": 1}))
    async with asyncio.TaskGroup() as group:
        for service in ("posthog", "github") * 5:
            group.create_task(crowd.call(service))
        await crowd.settle()
        assert crowd.under_way == {"posthog": 1, "github": 3}
        crowd.let_go()
    assert crowd.under_way == {"posthog": 0, "github": 0}


async def test_processes_that_work_together_share_a_limit() -> None:
    turns = Turns(8, {"posthog": 2})
    turns.shared_by(3)
    assert (turns.share("github"), turns.share("posthog")) == (2, 1)
    crowd = Crowd(turns)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(crowd.call("github"))
        await crowd.settle()
        assert crowd.under_way == {"github": 2}
        turns.shared_by(1)  # the others have gone
        await crowd.settle()
        assert crowd.under_way == {"github": 8}
        crowd.let_go()


async def test_one_task_may_have_several_calls_under_way() -> None:
    turns = Turns(2)
    async with turns.of("github"), turns.of("github"):
        pass


async def test_a_call_that_gives_up_waiting_takes_no_turn() -> None:
    turns = Turns(1)
    crowd = Crowd(turns)
    first, second = (asyncio.create_task(crowd.call("github")) for _ in range(2))
    await crowd.settle()
    second.cancel()
    await asyncio.wait([second])
    crowd.let_go()
    await first
    async with asyncio.timeout(5), turns.of("github"):
        pass
