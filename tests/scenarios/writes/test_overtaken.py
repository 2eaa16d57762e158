"""What several senders, or a sender and the rules, bring about together: nothing twice, nothing told otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.policy import Policy
from agents.ports import Turn
from agents.rules import Rule, When
from agents.sending import Looks, Open, Sender
from app.stores.audit import AuditLog
from app.stores.effects import StoredLedger
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from tests.chaos.crew import company
from tests.chaos.world import AT, World, served
from tests.scenarios.writes.test_late import EFFECT, FREE, REQUEST, asked, decide, message, planner, workbench
from tests.scenarios.writes.test_sent_once import Dictated, comment, told
from tools.kit.action import Landed
from tools.kit.errors import Unavailable
from tools.kit.wire import open_client
from tools.writes import IssuesCreate

LANDED = Landed(ref="1", url="https://world.test/1", title="one", state={"what": "one"})


class LaterLedger(StoredLedger):
    """The ledger so much later."""

    later = timedelta()

    async def now(self) -> datetime:
        return await super().now() + self.later


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[LaterLedger]:
    database = SQLite(tmp_path / "ledger.db")
    await migrate(database)
    yield LaterLedger(database)
    await database.close()


async def test_what_another_sender_did_during_a_look_is_done_and_nobody_is_asked(
    ledger: LaterLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.intend(EFFECT)
    assert await ledger.leave(EFFECT.key, 1)
    there = await ledger.get(EFFECT.key)
    assert there is not None

    async def not_there_yet(*_: Any) -> None:
        # The service did not show it, and its word comes the moment after, to whoever sent it.
        await ledger.settle(EFFECT.key, "done", landed=LANDED, attempt=1)

    monkeypatch.setattr(ConnectedToolbox, "find", not_there_yet)
    async with open_client() as client:
        found = await Sender(workbench("http://127.0.0.1:1", client), ledger, Looks(), lambda *_: None).find_out(
            there, REQUEST
        )
    assert not isinstance(found, Open)
    assert (found.state, found.landed) == ("done", LANDED)


async def test_a_write_that_another_took_over_and_left_undone_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, do, tries = World(1, {"well": 1}), ConnectedToolbox.do, []
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(), policy=FREE) as crew:

            async def overtaken(self: Any, service: str, request: Any, change: Any, key: str) -> Landed:
                tries.append(key)
                if len(tries) == 1:
                    assert await crew.ledger.attempt(key, 1)
                    raise Unavailable("Another process has taken this over.", service=service)
                return await do(self, service, request, change, key)

            monkeypatch.setattr(ConnectedToolbox, "do", overtaken)
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            events = await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert world.writes == {"one": 1}
    assert (effect.state, effect.attempt) == ("done", 3)
    assert [event.kind for event in events].count("receipt.added") == 1


def ruled(then: Any) -> Policy:
    return Policy(rules=(Rule(name="new rule", when=When(verb=("messages.send",)), then=then),))


@pytest.mark.parametrize("then", ["deny", "shadow"])
async def test_a_yes_to_send_again_does_not_do_where_the_rules_forbid_it_by_then(tmp_path: Path, then: Any) -> None:
    world = World(1, {"well": 1}, posted={"never": 1})
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(message()), policy=FREE) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            again = await asked(crew, run)
        async with company(str(tmp_path / "d.db"), address, planner=planner(message()), policy=ruled(then)) as crew:
            await decide(crew, again)
            events = await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert world.writes == {"one": 1}
    assert effect.state == "unknown"
    said = [str(event.data.get("summary")) for event in events if event.kind == "step.finished"]
    assert any("Nobody can tell whether it happened" in one and "new rule" in one for one in said), said


async def test_whoever_says_send_it_again_stands_in_the_receipt(tmp_path: Path) -> None:
    world = World(1, {"well": 1}, posted={"never": 1})
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(message()), policy=FREE) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            again = await asked(crew, run)
            world.moods["POST"] = {"well": 1}
            await decide(crew, again)
            await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    assert (effect.state, effect.by) == ("done", ("sam",))


async def test_what_waits_for_the_world_does_not_wait_for_a_yes_to_something_else(tmp_path: Path) -> None:
    """A write of which nobody knows is looked for, though another one of its run waits for a person for days."""
    policy = Policy(
        rules=(
            Rule(name="comments", when=When(verb=("issues.comment",)), then="allow"),
            Rule(name="messages", when=When(verb=("messages.send",)), then="ask"),
        ),
        threshold="critical",
    )
    both = Dictated(comment("one", "add"), message("two"))
    world = World(1, {"well": 1}, posted={"asleep": 1}, sleep=1.2)
    both.go.set()
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=both, policy=policy) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            waits = await asked(crew, run)
            async with asyncio.timeout(20):
                while "done" not in {one.state for one in await crew.ledger.of_run(run)}:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                while (await crew.conversations.summary(run)).status == "running":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert [one.state for one in await crew.approvals.of_run(run)] == ["requested"]
            await decide(crew, waits, "reject")
            events = await told(crew, run)
    assert world.writes == {"one": 1}
    assert [event.kind for event in events].count("receipt.added") == 1


async def test_what_was_begun_long_ago_is_not_sent_unseen(ledger: LaterLedger) -> None:
    """A machine that was off for weeks: what it had not sent is not done now, what it may have set is asked about."""
    world = World(1, {"well": 1})
    create = EFFECT.model_copy(
        update={"key": "c" * 40, "verb": IssuesCreate.name, "step": "make", "args": {"title": "one"}}
    )
    with served(world) as address:
        async with open_client() as client:
            sender = Sender(workbench(address, client), ledger)
            await ledger.intend(EFFECT)
            await ledger.intend(create)
            assert await ledger.leave(create.key, 1)
            ledger.later = timedelta(days=8)
            unsent, sent = await ledger.get(EFFECT.key), await ledger.get(create.key)
            assert unsent is not None
            assert sent is not None
            never = await sender.find_out(unsent, REQUEST)
            perhaps = await sender.find_out(sent, IssuesCreate(title="one"))
    assert not isinstance(never, Open)
    assert never.state == "failed"
    assert "Nothing was sent" in never.error
    assert isinstance(perhaps, Open)
    assert (perhaps.again, perhaps.effect.state) == (None, "unknown")
    assert world.writes == {}


async def test_the_rule_that_let_a_write_happen_stands_in_ledger_receipt_and_audit_log(tmp_path: Path) -> None:
    world, policy = World(1, {"well": 1}), Policy(rules=(Rule(name="notes are free", then="allow"),))
    with served(world) as address:
        async with company(str(tmp_path / "d.db"), address, planner=planner(), policy=policy) as crew:
            run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
            events = await told(crew, run)
            (effect,) = await crew.ledger.of_run(run)
    (receipt,) = (event.data for event in events if event.kind == "receipt.added")
    assert (effect.rule, effect.by) == ("notes are free", ())
    assert (receipt["allowed_by"], receipt["approved_by"]) == ("notes are free", [])
    database = SQLite(tmp_path / "d.db")
    rows = [row async for row in AuditLog(database).rows(run=run)]
    await database.close()
    assert {json.loads(row.data).get("rule") for row in rows if row.kind == "effect"} == {"notes are free"}
