"""The HTTP stream of a run as a channel: every event once and in order, whatever connection or process is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from agents.event import EPHEMERAL
from app.api.problem import Problem
from app.api.runs import follow_run
from app.stores.database import Database
from app.stores.migrations import migrate
from tests.contracts.channel_screens import RECORDED
from tests.contracts.test_conversations import House

PATIENCE = 20.0
Frame = dict[str, Any]


class Program:
    """A program that follows a run and keeps the number of the last event that it got."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.last = ""
        self.got: list[Frame] = []

    @contextlib.asynccontextmanager
    async def connected(self, house: House) -> AsyncIterator[AsyncIterator[Frame]]:
        """The frames that come over one connection, which is dropped at the end of the block."""
        product: Any = SimpleNamespace(conversations=house.conversations)
        answered = await follow_run(self.run, product, "api", 0, self.last or None)
        lines: Any = answered.body_iterator
        try:
            yield self._frames(lines)
        finally:
            await lines.aclose()

    async def read(self, house: House, most: int = 10**6) -> None:
        """Reads so many numbered events over a connection of its own, or all to the end."""
        async with asyncio.timeout(PATIENCE), self.connected(house) as frames:
            async for frame in frames:
                most -= "id" in frame
                if most == 0:
                    return

    async def _frames(self, lines: AsyncIterator[str]) -> AsyncIterator[Frame]:
        async for block in lines:
            if block.startswith(":"):
                continue
            frame: Frame = dict(line.split(": ", 1) for line in block.strip().splitlines())
            frame["data"] = json.loads(frame["data"])
            self.got.append(frame)
            self.last = frame.get("id", self.last)
            yield frame

    @property
    def numbers(self) -> list[int]:
        return [int(frame["id"]) for frame in self.got if "id" in frame]


@pytest.fixture
async def houses(database: Database) -> tuple[House, House]:
    """Two processes over one database."""
    await migrate(database)
    return House(database), House(database)


@pytest.mark.parametrize("about", ["why", "escalated"])
async def test_every_event_comes_once_however_often_the_connection_drops_and_wherever_it_leads(
    houses: tuple[House, House], about: str
) -> None:
    here, there = houses
    run = await here.say()
    log = await here.runs.open_log(run, "c1")
    restless, patient, foreign = Program(run), Program(run), Program(run)
    watching = [asyncio.create_task(patient.read(here)), asyncio.create_task(foreign.read(there))]
    stored = 1
    for n, event in enumerate(RECORDED[about][1:]):
        await log.emit(event.kind, **event.data)
        if event.kind not in EPHEMERAL:
            stored += 1
            # A connection for each event, now to one process, now to the other.
            await restless.read(houses[n % 2], stored - len(restless.numbers))
    await asyncio.gather(*watching)
    whole = [one.model_dump(mode="json") for one in await here.runs.events(run)]
    for program in (restless, patient, foreign):
        assert [frame["data"] for frame in program.got if "id" in frame] == whole
        assert program.numbers == list(range(1, len(whole) + 1))
        assert {frame["event"] for frame in program.got if "id" not in frame} <= EPHEMERAL


async def test_a_run_that_has_ended_is_taken_up_after_any_event_by_a_process_that_never_saw_it(
    houses: tuple[House, House], database: Database
) -> None:
    run = await houses[0].say()
    log = await houses[0].runs.open_log(run, "c1")
    for event in RECORDED["escalated"][1:]:
        await log.emit(event.kind, **event.data)
    whole = [one.seq for one in await houses[0].runs.events(run)]
    restarted = House(database)
    for last in range(len(whole) + 1):
        program = Program(run)
        program.last = str(last) if last else ""
        await program.read(restarted)
        assert program.numbers == whole[last:], "and the stream ends by itself"


@pytest.mark.parametrize("last", ["three", "-1", "1.5", " 1", "٣", "9" * 30, ""])
async def test_a_place_that_is_none_is_refused(houses: tuple[House, House], last: str) -> None:
    run = await houses[0].say()
    product: Any = SimpleNamespace(conversations=houses[0].conversations)
    with pytest.raises(Problem) as problem:
        await follow_run(run, product, "api", 0, last)
    assert problem.value.status == 422


async def test_a_run_that_is_not_there_has_no_stream(houses: tuple[House, House]) -> None:
    product: Any = SimpleNamespace(conversations=houses[0].conversations)
    with pytest.raises(LookupError):
        await follow_run("run_none", product, "api", 0, None)
