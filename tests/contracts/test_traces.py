"""What every database must tell of a run, for the engine to say who may see it."""

from __future__ import annotations

from datetime import timedelta

from agents.ports import Turn
from app.stores.database import Database
from app.stores.migrations import migrate
from app.stores.traces import StoredTraces
from tests.contracts.test_approvals import opened, proposal, requested
from tests.contracts.test_store import store
from tests.scenarios.engine.script import NOW, ScriptedPlanner, workspace
from tests.scenarios.people.office import CLOSED, both, tools


async def test_a_run_tells_who_asked_who_reads_along_and_what_it_has_looked_at(database: Database) -> None:
    async with workspace(database, tools(), both(), reading=CLOSED) as deus:
        assert deus.people is not None
        await deus.people.add("Ann", by="founder", email="ann@acme.com")
        turn = Turn("What broke?", "ann@acme.com", "slack", "c1", NOW - timedelta(days=1), audience="agent")
        run = await deus.conversations.say(turn)
        await deus.watched(run)
        traces = StoredTraces(database)
        found = await traces.traces([run, "run_that_is_not_there"])
        speakers = await traces.speakers("c1")
        kept = await deus.runs.turn(run)
    assert set(found) == {run}
    trace = found[run]
    assert (trace.actor, trace.role, trace.audience, trace.conversation) == ("ann@acme.com", "agent", "agent", "c1")
    assert trace.sources == {"vercel", "sentry"}
    assert not trace.relayed
    assert speakers == {"ann@acme.com"}
    assert kept is not None
    assert (kept.name, kept.role, kept.audience) == ("Ann", "agent", "agent")


async def test_what_a_proposal_shows_counts_as_read(database: Database) -> None:
    space = await opened(database)
    await requested(space, proposal(space.run, service="linear"))
    traces = StoredTraces(database)
    assert (await traces.traces([space.run]))[space.run].sources == {"linear"}
    assert await traces.owner("c1") == "ann"
    assert await traces.owner("c2") is None
    assert await traces.speakers("c2") == frozenset()


async def test_a_fork_is_run_by_the_right_of_who_forks_it(database: Database) -> None:
    async with workspace(database, tools(), ScriptedPlanner([]), reading=CLOSED) as deus:
        assert deus.people is not None
        await deus.people.add("Bob", by="founder", email="bob@acme.com")
        run = await deus.conversations.say(Turn("What broke?", "founder", "web", "c1", NOW))
        await deus.watched(run)
        new = await deus.conversations.of("bob@acme.com").fork(run, "bob@acme.com")
        assert new is not None
        begun = (await deus.watched(new))[0].data
        kept = await deus.runs.turn(new)
    assert (begun["actor"], begun["name"], begun["role"]) == ("bob@acme.com", "Bob", "agent")
    assert kept is not None
    assert kept.role == "agent"


async def test_of_a_run_that_nobody_was_asked_about_it_is_not_known_who_may_see_it(database: Database) -> None:
    await migrate(database)
    run = await store(database).begin(Turn("Why?", "ann", "web", "c1", NOW))
    trace = (await StoredTraces(database).traces([run]))[run]
    assert trace.role is None
    assert trace.reader == "admin", "it comes back to nobody below"
