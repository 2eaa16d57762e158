"""A write whose service does it late or never, a sender that lies still at the worst moment: once, or asked about."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.approval import Decision
from agents.effect import Effect, effect_key
from agents.plan import Step
from agents.policy import acting
from agents.ports import Turn
from agents.sending import Looks, Open, Sender
from app.stores.database import Database
from app.stores.effects import StoredLedger
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from tests.chaos.crew import Crew, SleepyLedger, company
from tests.chaos.storm import FORKS, lies_still
from tests.chaos.world import AT, World, WorldConnector, served, settings
from tests.scenarios.writes.test_sent_once import Dictated, comment, told
from tools.kit.action import Change, Landed, Target
from tools.kit.wire import Wire, open_client
from tools.writes import IssuesComment

SETTLES = timedelta(seconds=2)
FREE = acting("critical")


def planner(step: Step | None = None) -> Dictated:
    said = Dictated(step or comment("one"))
    said.go.set()
    return said


def message(text: str = "one") -> Step:
    return Step(id="say", verb="messages.send", args={"to": "#all", "text": text})


async def asked(crew: Crew, run: str, revision: int = 1) -> Any:
    """The newest question about a run, as soon as it has that revision."""
    async with asyncio.timeout(20):
        while True:
            found = [one for one in await crew.approvals.of_run(run) if one.proposal.revision == revision]
            if found:
                return found[0]
            await asyncio.sleep(0.02)


async def decide(crew: Crew, one: Any, choice: Any = "approve") -> None:
    said = Decision(choice=choice, by="sam", channel="web", at=AT, digest=one.proposal.digest)
    await crew.approvals.decide(one.id, said)


async def test_a_service_that_does_it_long_after_its_caller_has_gone_does_it_once(tmp_path: Path) -> None:
    world = World(1, {"well": 1}, posted={"asleep": 1}, sleep=1.2)
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(), policy=FREE, settles=SETTLES) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            events = await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert world.writes == {"one": 1}
    assert world.felt["POST asleep"] == 1
    assert (effect.state, effect.attempt) == ("done", 1)
    assert [event.kind for event in events].count("receipt.added") == 1
    assert "does not have it so far" in next(event.data["text"] for event in events if event.kind == "notice")


async def test_what_a_service_never_did_is_sent_again_once_it_has_had_its_time(tmp_path: Path) -> None:
    world = World(1, {"well": 1}, posted={"deaf": 1})
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(), policy=FREE, settles=SETTLES) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            async with asyncio.timeout(20):
                while not (there := await crew.ledger.of_run(run)) or there[0].state != "unknown":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            world.moods["POST"] = {"well": 1}
            first = there[0].left
            await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert world.writes == {"one": 1}
    assert (effect.state, effect.attempt, effect.sent) == ("done", 2, 2)
    assert first is not None
    assert effect.left is not None
    assert effect.left - first >= SETTLES


async def test_where_no_look_is_believed_a_person_decides(tmp_path: Path) -> None:
    """Who says yes is believed only as far as the service does not show it by then."""
    world = World(1, {"well": 1}, posted={"asleep": 1}, sleep=1.2)
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(), policy=FREE, settles=None) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            again = await asked(crew, run)
            async with asyncio.timeout(20):
                while world.writes != {"one": 1}:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await decide(crew, again)
            events = await told(crew, run)
    assert world.writes == {"one": 1}
    assert events[-1].data["status"] == "answered"
    assert [event.kind for event in events].count("receipt.added") == 1


async def test_a_blind_write_that_was_certainly_not_sent_is_sent_without_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, do, tries = World(1, {"well": 1}), ConnectedToolbox.do, []

    async def breaks_before(self: Any, *given: Any) -> Landed:
        tries.append(given)
        if len(tries) < 3:
            raise RuntimeError("a bug before anything was sent")
        return await do(self, *given)

    monkeypatch.setattr(ConnectedToolbox, "do", breaks_before)
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(message()), policy=FREE) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            events = await told(crew, run)
            assert list(await crew.approvals.of_run(run)) == []
    assert events[-1].data["status"] == "answered"
    assert world.writes == {"one": 1}


async def test_a_bug_after_a_write_was_sent_is_looked_up_like_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, do = World(1, {"well": 1}), ConnectedToolbox.do

    async def breaks_after(self: Any, *given: Any) -> Landed:
        await do(self, *given)
        raise RuntimeError("a bug after it was sent")

    monkeypatch.setattr(ConnectedToolbox, "do", breaks_after)
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(), policy=FREE) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert world.writes == {"one": 1}
    assert (effect.state, effect.attempt) == ("done", 1)


async def test_other_words_for_what_may_have_been_sent_are_asked_about_anew(tmp_path: Path) -> None:
    world = World(1, {"well": 1}, posted={"never": 1})
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(message()), policy=FREE) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            again = await asked(crew, run)
            assert any("sends it again" in warning for warning in again.proposal.change.warnings)
            world.moods["POST"] = {"well": 1}
            await crew.approvals.edit(again.id, {"to": "#all", "text": "other"}, "sam", "web")
            other = await asked(crew, run, 2)
            assert other.state == "requested"
            assert other.proposal.args["text"] == "other"
            assert any("sends it again" in warning for warning in other.proposal.change.warnings)
            assert world.writes == {"one": 1}
            await decide(crew, other)
            events = await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert world.writes == {"one": 1, "other": 1}
    assert (effect.state, effect.args["text"]) == ("done", "other")
    assert events[-1].data["status"] == "answered"


EFFECT = Effect(
    key=effect_key("run_1", "say"), run="run_1", step="say", service="world", verb="issues.comment", title="Say",
    digest="d", args={"ref": "r0", "text": "one"}, at=AT, change=Change(target=Target(service="world", kind="note")),
)  # fmt: skip
REQUEST = IssuesComment(ref="r0", text="one")


async def send_asleep(path: Path, address: str) -> None:
    """Sends the effect, and lies still with the leave for it in hand."""
    database = SQLite(path)
    async with open_client() as client:
        await Sender(workbench(address, client), SleepyOnce(database, 1.0)).send(EFFECT, REQUEST)
    await database.close()


class SleepyOnce(SleepyLedger):
    """Lies still after the first leave alone."""

    async def leave(self, key: str, attempt: int) -> bool:
        given = await super().leave(key, attempt)
        self._sleepy = 0.0
        return given


def sender_process(path: Path, address: str) -> None:
    asyncio.run(send_asleep(path, address))


def workbench(address: str, client: Any) -> ConnectedToolbox:
    given = settings(address)
    wire = Wire(client, "world", WorldConnector.wire_options(given))
    return ConnectedToolbox({"world": WorldConnector(given, wire, lambda: AT)})


async def test_a_process_stopped_between_the_look_and_the_first_byte_sends_nothing_once_overtaken(
    tmp_path: Path,
) -> None:
    world, path = World(1, {"well": 1}), tmp_path / "d.db"
    database: Database = SQLite(path)
    await migrate(database)
    ledger = StoredLedger(database)
    await ledger.intend(EFFECT)
    with served(world) as address:
        sleeper = FORKS.Process(target=sender_process, args=(path, address), daemon=True)
        sleeper.start()
        pid = sleeper.pid or 0
        async with asyncio.timeout(20):
            while not lies_still(pid):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        there = await ledger.get(EFFECT.key)
        assert there is not None
        assert there.left is not None
        async with open_client() as client:
            other = Sender(workbench(address, client), ledger, Looks(0.1, 0.1), lambda *_: timedelta(seconds=1.5))
            found = await other.find_out(there, REQUEST)
            # What it may have sent by now is waited for, before anybody else sends.
            assert isinstance(found, Open)
            assert world.writes == {}
            async with asyncio.timeout(20):
                while isinstance(found, Open):
                    await asyncio.sleep(found.again or 0.1)
                    found = await other.find_out(found.effect, REQUEST)
        assert (found.state, found.attempt) == ("done", 2)
        os.kill(pid, signal.SIGCONT)
        await asyncio.to_thread(sleeper.join, 20)
        assert sleeper.exitcode == 0
    assert (await ledger.get(EFFECT.key)) == found
    assert world.writes == {"one": 1}
    await database.close()


async def test_what_was_sent_longer_ago_than_services_are_searched_goes_to_a_person(tmp_path: Path) -> None:
    database: Database = SQLite(tmp_path / "d.db")
    await migrate(database)
    ledger = StoredLedger(database)
    await ledger.intend(EFFECT)
    assert await ledger.leave(EFFECT.key, 1)
    there = await ledger.get(EFFECT.key)
    assert there is not None
    assert there.left is not None
    with served(World(1, {"well": 1})) as address:
        async with open_client() as client:
            sender = Sender(workbench(address, client), ledger)
            old = await sender.find_out(there.model_copy(update={"left": there.left - timedelta(days=8)}), REQUEST)
            new = await sender.find_out(there, REQUEST)
    assert isinstance(old, Open)
    assert old.again is None
    assert isinstance(new, Open)
    assert new.again is not None
    await database.close()


async def test_what_an_older_version_began_counts_as_sent(tmp_path: Path) -> None:
    """It left no mark before its first byte, so nobody knows that it did not send."""
    database: Database = SQLite(tmp_path / "d.db")
    await migrate(database)
    ledger = StoredLedger(database)
    await ledger.intend(EFFECT)
    there = await ledger.get(EFFECT.key)
    assert there is not None
    assert there.unsent
    assert not there.model_copy(update={"begun": None}).unsent
    await database.close()
