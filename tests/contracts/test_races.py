"""What two who act at the same moment may not bring about: an end told twice, a yes that is lost, a word overruled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from agents.approval import NotDecided
from agents.effect import effect_key
from agents.errors import UserMustMend
from agents.undoing import NotUndone, Undoing
from app.stores.audit import AuditLog
from app.stores.custody import Custody
from app.stores.database import Database
from app.stores.events import Superseded
from app.toolbox import ConnectedToolbox
from tests.contracts.test_approvals import LANDED, Workspace, effect, opened, proposal, requested, says
from tests.contracts.test_store import store
from tests.scenarios.engine.script import NOW, StillClock


def custody_of(space: Workspace) -> Custody:
    return Custody(space.database, StillClock(), store(space.database).continue_run)


async def test_a_segment_that_was_queued_while_the_run_came_to_its_end_does_not_open_it_again(
    database: Database,
) -> None:
    """Two cards are approved one after the other: the segment of the first sees both, and ends the run."""
    space = await opened(database)
    one, other = proposal(space.run, "tell"), proposal(space.run, "create")
    await requested(space, one, other)
    await space.approvals.decide(one.id, says(one))
    custody = custody_of(space)
    claim = await custody.claim(space.run, 2)
    assert claim is not None
    log = await store(database).open_log(space.run, "c1", claim)
    await space.approvals.decide(other.id, says(other))
    assert space.queued == [f"{space.run}:2", f"{space.run}:3"]
    await log.emit("run.finished", status="answered", error=None, usage={})
    assert await custody.claim(space.run, 3) is None
    summary = await store(database).summary(space.run)
    assert summary is not None
    assert summary.status == "answered"


async def test_a_zombie_asks_nobody(database: Database) -> None:
    space = await opened(database)
    custody = custody_of(space)
    old, new = await custody.claim(space.run, 1), await custody.claim(space.run, 1)
    assert old is not None
    assert new is not None
    asked = proposal(space.run)
    with pytest.raises(Superseded):
        await space.approvals.request(space.run, [asked], {}, old.epoch)
    assert await space.approvals.get(asked.id) is None
    assert [one.id for one in await space.approvals.request(space.run, [asked], {}, new.epoch)] == [asked.id]


async def test_only_who_may_decide_or_asked_takes_a_proposal_back(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run, deciders=("sam",), barred=("ann",))
    await requested(space, asked)
    with pytest.raises(NotDecided, match="may not take"):
        await space.approvals.withdraw(asked.id, "eve", "api")
    assert (await space.approvals.withdraw(asked.id, "ann", "api")).state == "withdrawn"


async def test_one_person_under_two_spellings_is_one_person(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run, needed=2, barred=("ann@acme.com",))
    await requested(space, asked)
    for name in ("Ann@Acme.com", " ann@acme.com", "ann@acme.com\u200b", "ａnn@acme.com"):
        with pytest.raises(NotDecided, match="may not decide"):
            await space.approvals.decide(asked.id, says(asked, by=name))
    assert (await space.approvals.decide(asked.id, says(asked, by="sam"))).state == "requested"
    with pytest.raises(NotDecided, match="another person"):
        await space.approvals.decide(asked.id, says(asked, by="SAM "))


async def test_a_sender_that_was_overtaken_does_not_say_how_it_ended(database: Database) -> None:
    space = await opened(database)
    mine = effect(space.run)
    await space.ledger.intend(mine)
    assert await space.ledger.attempt(mine.key, 1)
    late = await space.ledger.settle(mine.key, "failed", error="It is there already.", attempt=1)
    assert late.state == "intent"
    done = await space.ledger.settle(mine.key, "done", landed=LANDED, attempt=2)
    assert (done.state, done.landed) == ("done", LANDED)


async def test_two_who_intend_the_same_at_once_have_one_intent_and_use_one_yes(database: Database) -> None:
    """Whoever froze before the intent wakes up while another process does the same."""
    space = await opened(database)
    steps = [f"step{n}" for n in range(8)]
    for step in steps:
        mine = effect(space.run, step, approval=f"apr_{step}")
        first, second = await asyncio.gather(space.ledger.intend(mine), space.ledger.intend(mine.model_copy()))
        assert first.key == second.key
    assert len(await space.ledger.of_run(space.run)) == len(steps)


async def test_the_newest_write_comes_first_where_the_workspaces_clock_stands_still(database: Database) -> None:
    """A demo's clock stands still: "undo that" must mean the last change all the same."""
    space = await opened(database)
    steps = [f"step{n}" for n in range(6)]
    for n, step in enumerate(steps):
        await space.ledger.intend(effect(space.run, step, approval=f"apr_{n}"))
    assert [one.step for one in await space.ledger.of_conversation("c1")] == steps[::-1]
    assert [one.step for one in await space.ledger.of_conversation("c1", 2)] == steps[:-3:-1]
    assert [one.step for one in await space.ledger.of_run(space.run)] == steps


async def test_the_services_word_counts_whoever_brings_it(database: Database) -> None:
    space = await opened(database)
    mine = effect(space.run)
    await space.ledger.intend(mine)
    assert await space.ledger.attempt(mine.key, 1)
    await space.ledger.settle(mine.key, "failed", error="It is there already.", attempt=2)
    done = await space.ledger.settle(mine.key, "done", landed=LANDED, attempt=1)
    assert (done.state, done.landed) == ("done", LANDED)


async def test_a_fork_refuses_while_a_write_was_done_that_no_step_tells_of(database: Database) -> None:
    """A run that is stopped while it sends has done the write and kept no result of it: a fork would do it again."""
    space = await opened(database)
    custody = custody_of(space)
    claim = await custody.claim(space.run, 1)
    assert claim is not None
    log = await store(database).open_log(space.run, "c1", claim)
    step = {"id": "tell", "needs": []}
    await log.emit("plan.updated", revision=1, playbook=None, slots={}, steps=[step])
    await space.ledger.intend(effect(space.run, "tell"))
    await space.ledger.settle(effect_key(space.run, "tell"), "done", landed=LANDED)
    await log.emit("run.finished", status="stopped", error=None, usage={})
    with pytest.raises(UserMustMend, match="tell"):
        await store(database).fork(space.run, "bob", None)


async def test_a_run_that_is_stopped_the_moment_it_asks_is_stopped(database: Database) -> None:
    """Nobody drives a run that waits: whoever stops it just before must be seen by who puts it to wait."""
    space = await opened(database)
    custody, runs = custody_of(space), store(database)
    claim = await custody.claim(space.run, 1)
    assert claim is not None
    assert await runs.ask_to_stop(space.run, "ann")
    await space.approvals.request(space.run, [proposal(space.run)], {}, claim.epoch)
    assert await runs.stopped_by(space.run) == "ann"


async def test_nobody_decides_about_a_run_that_has_ended(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run, expires_at=NOW + timedelta(days=1))
    await requested(space, asked)
    claim = await custody_of(space).claim(space.run, 1)
    assert claim is not None
    await custody_of(space).give_up(space.run)
    with pytest.raises(NotDecided, match="ended"):
        await space.approvals.decide(asked.id, says(asked))
    assert [one.state for one in await space.approvals.expire_due()] == ["withdrawn"]
    assert space.queued == []
    told = [row async for row in AuditLog(database).rows(run=space.run)]
    refused = [row for row in told if row.kind == "refusal"]
    assert [row.actor for row in refused] == ["sam"]
    assert asked.id in refused[0].data


async def test_what_the_rules_refuse_stands_in_the_audit_log(database: Database) -> None:
    space = await opened(database)
    log = await store(database).open_log(space.run, "c1")
    refused = {"id": "tell", "verb": "messages.send", "state": "skipped", "summary": "No rule allows it.", "ms": 1}
    await log.emit("step.finished", **refused, evidence=())
    await log.emit("step.finished", **{**refused, "id": "look", "verb": "issues.search"}, evidence=())
    told = [row async for row in AuditLog(database).rows(run=space.run)]
    assert [row.kind for row in told].count("refusal") == 1


async def test_who_could_not_have_said_yes_takes_nothing_back(database: Database) -> None:
    space = await opened(database)
    asked = proposal(space.run, deciders=("sam",))
    await requested(space, asked)
    mine = effect(space.run, approval=asked.id, requester="ann")
    await space.ledger.intend(mine)
    await space.ledger.settle(mine.key, "done", landed=LANDED)
    undoing = Undoing(ConnectedToolbox({}), space.ledger, space.approvals, space.clock)
    with pytest.raises(NotUndone, match="not for eve"):
        await undoing.undo(mine.key, "eve", "api")
    for may in ("sam", "Ann"):
        with pytest.raises(NotUndone, match="cannot be taken back"):
            await undoing.undo(mine.key, may, "api")


async def test_the_newest_of_a_step_is_its_last_revision_whatever_the_clock_said(database: Database) -> None:
    space = await opened(database)
    await requested(space, proposal(space.run, at=NOW + timedelta(microseconds=1)))
    await requested(space, proposal(space.run, revision=2))
    newest = await space.approvals.of_step(space.run, "tell")
    assert newest is not None
    assert newest.proposal.revision == 2
