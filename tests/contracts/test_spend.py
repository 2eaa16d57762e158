"""The books of what is spent: the same on SQLite and on Postgres, from one process or several."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from agents.budget import Budget, Ceiling, Cost, Limits
from agents.errors import BudgetSpent
from agents.record import Usage
from app.budgeting import budget_of
from app.stores.database import Database
from app.stores.migrations import migrate
from app.stores.postgres import Postgres
from app.stores.spend import NO_END, StoredSpend, patiently
from app.stores.sqlite import SQLite
from tests.postgres import fresh_database

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class MovableClock:
    at: datetime = field(default_factory=lambda: datetime(2026, 11, 18, 15, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at


class Place:
    """A database that several processes could open, each with a connection of its own."""

    def __init__(self, where: Path | str) -> None:
        self._where = where

    def open(self) -> Database:
        return SQLite(self._where) if isinstance(self._where, Path) else Postgres(self._where)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            chosen = Place(tmp_path / "deus.db")
        else:
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
            chosen = Place(url)
        database = chosen.open()
        await migrate(database)
        await database.close()
        yield chosen


@asynccontextmanager
async def books(
    place: Place, clock: MovableClock | None = None, actor: Ceiling = NO_END, workspace: Ceiling = NO_END
) -> AsyncIterator[StoredSpend]:
    database = place.open()
    try:
        yield StoredSpend(database, clock or MovableClock(), BERLIN, actor=actor, workspace=workspace)
    finally:
        await database.close()


async def used(spend: StoredSpend) -> dict[str, Cost]:
    return {one.name or "workspace": one.used for one in await spend.totals()}


async def test_what_is_set_aside_holds_its_place_and_what_was_spent_takes_it(place: Place) -> None:
    async with books(place, actor=Ceiling(usd=1.0)) as spend:
        first = await spend.reserve("r1", "ann", Cost(usd=0.7, model_calls=1))
        with pytest.raises(BudgetSpent, match=r"ann's budget of \$1\.00 for November 2026"):
            await spend.reserve("r2", "ann", Cost(usd=0.7))
        await spend.reserve("r3", "bob", Cost(usd=0.7))
        await spend.settle(first, Cost(usd=0.2, model_calls=1, tokens=50))
        await spend.settle(first, Cost(usd=0.2, model_calls=1))
        await spend.reserve("r2", "ann", Cost(usd=0.7))
        found = await used(spend)
        assert found["ann"] == Cost(usd=0.2, model_calls=1, tokens=50)
        assert found["workspace"] == Cost(usd=0.2, model_calls=1, tokens=50)
        (ann,) = [one for one in await spend.totals() if one.name == "ann"]
        assert ann.reserved.usd == pytest.approx(0.7)


async def test_a_refusal_of_one_budget_leaves_nothing_in_the_others(place: Place) -> None:
    async with books(place, workspace=Ceiling(tool_calls=10), actor=Ceiling(tool_calls=5)) as spend:
        with pytest.raises(BudgetSpent, match="ann's budget of 5 tool calls"):
            await spend.reserve("r1", "ann", Cost(tool_calls=6))
        assert [one.reserved for one in await spend.totals()] == [Cost()]
        await spend.reserve("r1", "ann", Cost(tool_calls=5))
        await spend.reserve("r2", "bob", Cost(tool_calls=5))
        with pytest.raises(BudgetSpent, match="workspace's budget of 10 tool calls"):
            await spend.reserve("r3", "cid", Cost(tool_calls=1))


async def test_a_month_begins_by_the_companys_clock(place: Place) -> None:
    clock = MovableClock(datetime(2026, 11, 30, 22, 59, tzinfo=UTC))
    async with books(place, clock, actor=Ceiling(usd=1.0)) as spend:
        november = await spend.reserve("r1", "ann", Cost(usd=1.0))
        clock.at = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
        await spend.reserve("r1", "ann", Cost(usd=1.0))
        await spend.settle(november, Cost(usd=0.4))
        assert spend.month() == "2026-12"
        assert [one.used.usd for one in await spend.totals("2026-11")] == [0.4, 0.4]


async def test_what_a_dead_process_had_set_aside_counts_as_spent_once(place: Place) -> None:
    async with books(place) as spend:
        left = await spend.reserve("r1", "ann", Cost(usd=0.3, model_calls=1, seconds=90))
        assert (await spend.recover("r1")).usd == 0.3
        assert (await spend.recover("r1")).usd == 0.3
        # The process was only asleep, and comes too late.
        await spend.settle(left, Cost(usd=0.1))
        assert await used(spend) == dict.fromkeys(("workspace", "ann"), Cost(usd=0.3, model_calls=1))


async def test_a_retry_goes_on_from_what_the_run_has_used(place: Place) -> None:
    async with books(place) as spend:
        account = spend.account("r1", "ann")
        first = Budget(Limits(tool_calls=10, model_calls=2), account=account)
        for _ in range(3):
            await first.before_tool()
        await first.before_model(0.1, 500)
        # It dies here: nothing was flushed, nothing is in the run's log.
        again = await budget_of(Limits(tool_calls=10, model_calls=2, usd=0.15), spend, "r1", "ann", [])
        assert again.usage().model_calls == 1
        assert again.usage().ms < 1000
        # A block of calls was drawn; which of them were made nobody can tell.
        assert again.usage().tool_calls == 8
        with pytest.raises(BudgetSpent, match=r"\$0\.15"):
            await again.before_model(0.1, 500)


async def test_what_is_drawn_and_not_used_is_given_back(place: Place) -> None:
    async with books(place) as spend:
        budget = Budget(Limits(), account=spend.account("r1", "ann"))
        await budget.before_tool()
        await budget.flush()
        await budget.before_tool()
        await budget.close()
        found = (await used(spend))["ann"]
        assert found.tool_calls == 2
        assert all(one.reserved == Cost() for one in await spend.totals())


async def test_the_last_calls_of_a_month_can_be_used(place: Place) -> None:
    async with books(place, actor=Ceiling(tool_calls=11)) as spend:
        budget = Budget(Limits(), account=spend.account("r1", "ann"))
        for _ in range(11):
            await budget.before_tool()
        with pytest.raises(BudgetSpent, match="ann's budget of 11 tool calls"):
            await budget.before_tool()
        assert budget.usage().tool_calls == 11
        assert budget.refused == ["ann's budget of 11 tool calls for November 2026 is used up."]


async def test_time_is_booked_and_the_last_of_a_month_is_drawn_in_pieces(place: Place) -> None:
    now = [0.0]
    async with books(place, actor=Ceiling(seconds=100)) as spend:
        budget = Budget(Limits(seconds=120), now=lambda: now[0], account=spend.account("r1", "ann"))
        now[0] = 30.0
        # Planning took that long, before the first call.
        await budget.flush()
        assert (await used(spend))["ann"].seconds == 30
        await budget.before_tool()
        (ann,) = [one for one in await spend.totals() if one.name == "ann"]
        assert ann.reserved.seconds == 10
        now[0] = 95.0
        with pytest.raises(BudgetSpent, match="ann's budget of 100 seconds"):
            await budget.before_tool()
        await budget.close()
        assert (await used(spend))["ann"] == Cost(tool_calls=1, seconds=95)
        assert all(one.reserved == Cost() for one in await spend.totals())


@pytest.mark.parametrize("seed", range(3))
async def test_runs_that_go_on_at_once_never_pass_a_ceiling(place: Place, seed: int) -> None:
    """Four processes, eight runs of two people; each call costs at most what was set aside for it."""
    chance = Random(seed)
    actors, workspace = Ceiling(usd=1.0, tool_calls=30), Ceiling(usd=1.7, tool_calls=45)
    made = {"ann": 0.0, "bob": 0.0}
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(books(place, actor=actors, workspace=workspace)) for _ in range(4)]

        async def go(number: int) -> None:
            actor = ("ann", "bob")[number % 2]
            account = opened[number % 4].account(f"r{number}", actor)
            budget = Budget(Limits(usd=100, model_calls=1000, tool_calls=1000), account=account)
            with suppress(BudgetSpent):
                for _ in range(12):
                    most, share = chance.uniform(0.0, 0.2), chance.random()
                    reservation = await budget.before_model(most, 100)
                    made[actor] += most * share
                    await asyncio.sleep(0)
                    await budget.after_model(reservation, most, 100, Usage(usd=most * share, tokens_in=10))
                    await budget.before_tool()
            await budget.close()

        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(go(number))
        totals = {one.name or "workspace": one for one in await opened[0].totals()}
    assert all(one.reserved == Cost() for one in totals.values())
    for actor, spent in made.items():
        assert totals[actor].used.usd == pytest.approx(spent)
        assert totals[actor].used.usd <= 1.0
        assert totals[actor].used.tool_calls <= 30
    assert totals["workspace"].used.usd == pytest.approx(sum(made.values()))
    assert totals["workspace"].used.usd <= 1.7
    assert totals["workspace"].used.tool_calls <= 45


async def test_a_call_waits_for_a_database_that_is_away_and_a_refusal_does_not() -> None:
    said = [sqlite3.OperationalError("database is locked"), sqlite3.OperationalError("unable to open database file")]

    async def reserve() -> str:
        if said:
            raise said.pop(0)
        return "res_1"

    async def refuse() -> str:
        refused.append(1)
        raise BudgetSpent("This workspace's budget is used up.")

    refused: list[int] = []
    assert await patiently(reserve, pause=0.0) == "res_1"
    with pytest.raises(BudgetSpent):
        await patiently(refuse, pause=0.0)
    assert len(refused) == 1
