"""What each of several people sees over HTTP: of what is not theirs to see they are not even told that it is there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.event import Event
from agents.plan import Step
from agents.ports import Turn
from tests.scenarios.engine.script import NOW, ScriptedPlanner
from tests.scenarios.people.office import SECRET_WORDS, office


async def test_a_viewer_is_not_even_told_that_others_runs_are_there(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        run = await there.ask("ann", "What broke?", "c1")
        vic, bob = await there.browser("vic@acme.com"), await there.browser("bob@acme.com")
        paths = ("", "/events", "/evidence/e1")
        seen = [(await vic.get(f"/api/runs/{run}{path}")) for path in paths]
        done = [(await vic.post(f"/api/runs/{run}/{act}")) for act in ("stop", "resume", "retry", "fork")]
        link = await vic.get(f"/runs/{run}")
        listed = (await vic.get("/api/runs")).json()
        others = [(await bob.get(f"/api/runs/{run}{path}")).status_code for path in ("", "/evidence/e1")]
        everything = [one["run"] for one in (await bob.get("/api/runs")).json()]
        nothing = await vic.get("/api/runs/run_that_is_not_there")
    assert [one.status_code for one in (*seen, *done, link)] == [404] * 8
    assert {one.json()["detail"] for one in seen} == {f"There is no run {run!r}."}
    assert nothing.json()["detail"] == "There is no run 'run_that_is_not_there'."
    assert listed == []
    assert others == [200, 200]
    assert everything == [run]


async def test_a_viewer_sees_their_own_runs_and_those_that_they_read_along(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.ask("ann", "What broke?", "thread", audience="viewer")
        private = await there.ask("ann", "And to us?", "thread")
        vic = await there.browser("vic@acme.com")
        before = (await vic.get("/api/runs")).json()
        own = await there.ask("vic", "What was released?", "thread", audience="viewer")
        shown = [one["run"] for one in (await vic.get("/api/runs")).json()]
        changed = await vic.post(f"/api/runs/{shown[-1]}/retry")
        again = await vic.post(f"/api/runs/{own}/retry")
    assert before == []
    assert len(shown) == 2
    assert own in shown
    assert private not in shown
    assert changed.status_code == 403
    assert "ask an admin" in changed.json()["remedy"].casefold()
    assert again.status_code == 202


async def test_agents_see_all_but_what_was_read_where_they_may_not(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        run = await there.ask("root", "What was charged?", "c1")
        ann, root = await there.browser("ann@acme.com"), await there.browser("root@acme.com")
        refused = await ann.get(f"/api/runs/{run}")
        shown = await root.get(f"/api/runs/{run}")
        program = await there.program.get(f"/api/runs/{run}")
    assert "stripe" in {one["service"] for one in shown.json()["evidence"]}
    assert refused.status_code == 404
    assert shown.status_code == program.status_code == 200


async def test_nobody_speaks_where_they_may_not_read_or_in_anothers_name(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.ask("ann", "What broke?", "c1")
        vic, ann = await there.browser("vic@acme.com"), await there.browser("ann@acme.com")
        question = {"question": "And before?", "conversation": "c1"}
        foreign = await vic.post("/api/runs", json=question)
        as_ann = await vic.post("/api/runs", json={"question": "Who am I?", "actor": "ann@acme.com", "wait": False})
        mine = (await vic.get("/api/runs")).json()
        follows = await ann.post("/api/runs", json=question)
    assert foreign.status_code == 404
    assert as_ann.status_code == 202
    assert [one["actor"] for one in mine] == ["vic@acme.com"]
    assert follows.status_code == 200


async def test_after_a_merge_all_that_was_said_is_theirs(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        first = await there.ask("vic", "What is new?", "c1")
        second = await there.ask("val", "What broke?", "c2")
        await there.people.merge("vic@acme.com", "val@acme.com", by="founder")
        vic = await there.browser("vic@acme.com")
        both_seen = [one["run"] for one in (await vic.get("/api/runs")).json()]
        talks = await there.deus.conversations.of("vic@acme.com").conversations("vic@acme.com")
        others = await there.deus.conversations.of("vic@acme.com").conversations("ann@acme.com")
        follows = await there.ask("vic", "And then?", "c2")
    assert sorted(both_seen) == sorted([second, first])
    assert [one.id for one in talks] == ["c2", "c1"]
    assert others == []
    assert follows.startswith("run_")


async def test_who_is_no_longer_known_may_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        run = await there.ask("bob", "What broke?", "c1")
        bob = await there.browser("bob@acme.com")
        before = await bob.get(f"/api/runs/{run}")
        await there.people.remove("bob@acme.com", by="founder")
        after = [await bob.get(f"/api/runs/{run}"), await bob.get("/api/runs")]
        asked = await bob.post("/api/runs", json={"question": "Why?"})
    assert before.status_code == 200
    assert [one.status_code for one in (*after, asked)] == [401, 401, 401], "the session ends with the person"


async def test_who_asks_is_in_the_run_and_in_the_audit_log_which_only_admins_read(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        run = await there.ask("vic", "What broke?", "c1", audience="viewer")
        token = await there.program.post("/api/runs", json={"question": "Why?", "actor": "new@acme.com"})
        events = await there.deus.conversations.events(run)
        vic, root = await there.browser("vic@acme.com"), await there.browser("root@acme.com")
        refused = [(await vic.get(path)).status_code for path in ("/api/audit", "/api/audit/head")]
        told = (await root.get("/api/audit", params={"run": run})).json()
        new = await there.people.get("new@acme.com")
    started = events[0].data
    assert (started["actor"], started["name"], started["role"], started["audience"]) == (
        "vic@acme.com",
        "Vic",
        "viewer",
        "viewer",
    )
    assert refused == [403, 403]
    (turn,) = (one for one in told if one["kind"] == "turn")
    assert turn["actor"] == "vic@acme.com"
    assert (turn["data"]["name"], turn["data"]["role"], turn["data"]["audience"]) == ("Vic", "viewer", "viewer")
    assert token.status_code == 200
    assert new is not None
    assert new.role == "agent"


async def test_what_a_follower_may_not_read_ends_what_they_follow(tmp_path: Path) -> None:
    held = asyncio.Event()
    planner = ScriptedPlanner([Step(id="e", verb="errors.search"), held, Step(id="d", verb="deploys.list")])
    async with office(tmp_path, planner) as there:
        ann = there.deus.conversations.of("ann@acme.com")
        run = await there.deus.conversations.say(Turn("What was charged?", "root@acme.com", "slack", "c1", NOW))
        seen: list[Event] = []
        async with asyncio.timeout(20):
            async for event in ann.follow(run):
                seen.append(event)
                if event.kind == "step.finished":
                    held.set()
        whole = await there.deus.watched(run)
        with pytest.raises(LookupError):
            await ann.document(run)
    assert SECRET_WORDS in str([event.data for event in seen]), "agents may look into Sentry"
    assert "ch_1" in str([event.data for event in whole])
    assert "ch_1" not in str([event.data for event in seen])


async def test_a_title_tells_nothing_of_what_is_closed_to_whoever_reads_it(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        await there.ask("root", "Why did Globex stop paying?", "closed")
        await there.ask("root", "What does Initech pay?", "mixed")
    async with office(tmp_path, planner=ScriptedPlanner([Step(id="e", verb="errors.search")])) as there:
        await there.ask("root", "What broke?", "mixed")
        door, admins = (there.deus.conversations.of(f"{who}@acme.com") for who in ("ann", "root"))
        told = {one.id: one.title for one in await door.conversations("root@acme.com")}
        whole = {one.id: one.title for one in await admins.conversations("root@acme.com")}
    assert told == {"mixed": "What broke?"}
    assert whole == {"closed": "Why did Globex stop paying?", "mixed": "What does Initech pay?"}
