"""Approvals and the effect ledger: the same suite on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from agents.approval import Approval, Decision, NotDecided, Proposal, Risk, permits, proposal_id
from agents.effect import Effect, effect_key
from agents.errors import DeusError
from app.stores.approvals import StoredApprovals
from app.stores.database import Database
from app.stores.effects import StoredLedger
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.schema import approvals
from tests.contracts.test_store import store, turn
from tests.scenarios.engine.script import NOW
from tools.kit.action import Change, Landed, Target
from tools.kit.errors import BadArgument
from tools.writes import MessagesSend


@dataclass
class Hands:
    """A clock whose hands the test moves."""

    time: datetime = field(default=NOW)

    def now(self) -> datetime:
        return self.time


@dataclass
class Workspace:
    run: str
    clock: Hands
    approvals: StoredApprovals
    ledger: StoredLedger
    queued: list[str]
    database: Database

    async def kinds(self) -> list[str]:
        return [event.kind for event in await store(self.database).events(self.run)]


async def opened(database: Database) -> Workspace:
    await migrate(database)
    queued: list[str] = []
    runs = store(database, dispatched=queued)
    run = await runs.begin(turn())
    queued.clear()
    clock = Hands()
    approvals = StoredApprovals(database, Live(), clock, runs.continue_run)
    return Workspace(run, clock, approvals, StoredLedger(database), queued, database)


def proposal(run: str, step: str = "tell", revision: int = 1, **changes: object) -> Proposal:
    return Proposal(
        id=proposal_id(run, step, revision),
        workspace="w1",
        run=run,
        step=step,
        revision=revision,
        title="Tell the team",
        service="slack",
        verb=MessagesSend.name,
        args={"to": "#product", "text": "It is mended."},
        change=Change(target=Target(service="slack", kind="channel", ref="C1"), after={"text": "It is mended."}),
        risk=Risk(level="medium"),
        requester="ann",
        at=NOW,
        expires_at=NOW + timedelta(days=7),
    ).model_copy(update=changes)


def says(one: Proposal, choice: str = "approve", by: str = "sam", at: datetime = NOW) -> Decision:
    return Decision.model_validate({"choice": choice, "by": by, "channel": "web", "at": at, "digest": one.digest})


async def requested(space: Workspace, *proposals: Proposal) -> list[Approval]:
    return await space.approvals.request(space.run, proposals, {"text": "So far."})


async def test_a_request_is_told_once_however_often_the_process_asks_again(database: Database) -> None:
    space = await opened(database)
    two = [proposal(space.run, "tell"), proposal(space.run, "create")]
    for _ in range(2):
        assert {one.id for one in await requested(space, *two)} == {one.id for one in two}
    events = [e for e in await store(database).events(space.run) if e.kind == "approval.requested"]
    assert [event.data["remaining"] for event in events] == [1, 0]
    assert events[0].data["digest"] == two[0].digest
    summary = await store(database).summary(space.run)
    assert summary is not None
    assert summary.status == "awaiting_approval"


async def test_a_decision_is_recorded_told_and_acted_upon_together(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run)
    await requested(space, asked)
    after = await space.approvals.decide(asked.id, says(asked))
    assert after.state == "approved"
    assert permits(after, asked, NOW)
    assert (await space.kinds())[-1] == "approval.resolved"
    assert space.queued == [f"{space.run}:2"]


async def test_of_five_who_click_at_once_one_is_heard(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run)
    await requested(space, asked)

    async def click(n: int) -> str:
        try:
            return (await space.approvals.decide(asked.id, says(asked, by=f"p{n}"))).state
        except NotDecided as late:
            return str(late)

    told = await asyncio.gather(*(click(n) for n in range(5)))
    assert sorted(told).count("approved") == 1
    assert sum("settled already: approved by p" in one for one in told) == 4
    assert len(space.queued) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "0" * 64}, "no longer what is asked"),
        ({"at": NOW + timedelta(days=8)}, "expired"),
        ({"by": "ann"}, "may not decide"),
        ({"by": ""}, "may not decide"),
    ],
)
async def test_what_does_not_count_changes_nothing(database: Database, changes: dict[str, object], said: str) -> None:
    space = await opened(database)
    asked = proposal(space.run, barred=("ann",))
    await requested(space, asked)
    with pytest.raises(NotDecided, match=said):
        await space.approvals.decide(asked.id, says(asked).model_copy(update=changes))
    there = await space.approvals.get(asked.id)
    assert there is not None
    assert there.state == "requested"
    assert not there.decisions
    assert not space.queued


async def test_two_must_say_yes_where_two_are_needed(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run, needed=2)
    await requested(space, asked)
    first = await space.approvals.decide(asked.id, says(asked, by="sam"))
    assert first.state == "requested"
    assert not permits(first, asked, NOW)
    assert not space.queued
    with pytest.raises(NotDecided, match="another person"):
        await space.approvals.decide(asked.id, says(asked, by="sam"))
    second = await space.approvals.decide(asked.id, says(asked, by="kim"))
    assert second.state == "approved"
    assert space.queued


async def test_no_answer_means_no(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run)
    await requested(space, asked)
    assert await space.approvals.expire_due() == []
    space.clock.time = NOW + timedelta(days=7)
    (ended,) = await space.approvals.expire_due()
    assert ended.state == "expired"
    assert space.queued
    assert (await space.kinds())[-1] == "approval.expired"
    with pytest.raises(NotDecided):
        await space.approvals.decide(asked.id, says(asked))


async def test_a_clock_that_stands_still_keeps_nothing_open_for_ever(database: Database) -> None:
    """A demo's clock is frozen; people's time goes by all the same."""
    space = await opened(database)
    asked = proposal(space.run)
    await requested(space, asked)
    there = await space.approvals.get(asked.id)
    assert there is not None
    assert there.asked_on is not None
    older = there.model_copy(update={"asked_on": there.asked_on - timedelta(days=7)})
    async with database.write() as connection:
        mine = approvals.update().where(approvals.c.id == asked.id)
        await connection.execute(mine.values(record=older.model_dump(mode="json")))
    (ended,) = await space.approvals.expire_due()
    assert ended.state == "expired"
    assert space.queued


async def test_other_arguments_are_asked_about_anew(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run)
    await requested(space, asked)
    with pytest.raises(BadArgument, match="text"):
        await space.approvals.edit(asked.id, {"to": "#product", "text": ""}, "sam", "web")
    edited = await space.approvals.edit(asked.id, {"to": "#product", "text": "Soon."}, "sam", "web")
    assert edited.state == "withdrawn"
    assert edited.edited == {"to": "#product", "text": "Soon.", "links": []}
    with pytest.raises(NotDecided):
        await space.approvals.decide(asked.id, says(asked))
    anew = proposal(space.run, revision=2, args=edited.edited)
    await requested(space, anew)
    newest = await space.approvals.of_step(space.run, "tell")
    assert newest is not None
    assert newest.id == anew.id
    assert newest.state == "requested"


async def test_a_newer_proposal_of_a_step_withdraws_the_older(database: Database) -> None:
    space = await opened(database)
    await requested(space, proposal(space.run))
    open_ones = await requested(space, proposal(space.run, revision=2))
    assert [one.proposal.revision for one in open_ones] == [2]
    assert [one.state for one in await space.approvals.of_run(space.run)] == ["withdrawn", "requested"]


def effect(run: str, step: str = "tell", **changes: object) -> Effect:
    return Effect(
        key=effect_key(run, step),
        run=run,
        step=step,
        service="slack",
        verb="messages.send",
        title="Tell the team",
        digest="d",
        args={},
        change=Change(target=Target(service="slack", kind="channel")),
        approval="apr_1",
        at=NOW,
    ).model_copy(update=changes)


LANDED = Landed(ref="C1/1", url="https://s.test/1", state={"text": "It is mended."})


async def test_an_approval_stands_for_one_sending(database: Database) -> None:
    space = await opened(database)
    mine = effect(space.run)
    assert await space.ledger.intend(mine) == mine
    assert (await space.ledger.intend(mine.model_copy(update={"digest": "other"}))).digest == mine.digest
    with pytest.raises(NotDecided, match="used already"):
        await space.ledger.intend(effect(space.run, "again"))
    assert await space.ledger.get(effect_key(space.run, "again")) is None


async def test_only_one_of_two_takes_the_right_to_send_again(database: Database) -> None:
    space = await opened(database)
    await space.ledger.intend(effect(space.run))
    key = effect_key(space.run, "tell")
    taken = await asyncio.gather(*(space.ledger.attempt(key, 1) for _ in range(4)))
    assert sorted(taken) == [False, False, False, True]


async def test_what_is_done_stays_done_whatever_a_late_sender_says(database: Database) -> None:
    space = await opened(database)
    mine = effect(space.run)
    await space.ledger.intend(mine)
    done = await space.ledger.settle(mine.key, "done", landed=LANDED)
    assert (await space.ledger.settle(mine.key, "failed", error="late")) == done
    assert not await space.ledger.attempt(mine.key, 1)
    assert [one.state for one in await space.ledger.of_conversation("c1")] == ["done"]
    undone = await space.ledger.settle(mine.key, "undone", undone_by="run_2")
    assert undone.state == "undone"
    assert undone.landed == LANDED
    assert (await space.ledger.settle(mine.key, "done")).state == "undone"


async def test_what_failed_is_tried_again_only_when_somebody_wants_it(database: Database) -> None:
    space = await opened(database)
    mine = effect(space.run)
    await space.ledger.intend(mine)
    await space.ledger.settle(mine.key, "failed", error="Slack refused")
    assert not await space.ledger.attempt(mine.key, 1)
    await space.ledger.settle(mine.key, "retry")
    assert await space.ledger.attempt(mine.key, 1, "apr_2", mine.model_copy(update={"digest": "new"}))
    again = await space.ledger.get(mine.key)
    assert again is not None
    assert (again.state, again.attempt, again.approval, again.digest) == ("intent", 2, "apr_2", "new")
    with pytest.raises(DeusError):
        await space.ledger.intend(effect(space.run, "third", approval="apr_2"))
