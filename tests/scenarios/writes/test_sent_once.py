"""A write is sent once, by whoever may, and told: whatever dies, sleeps, stops or changes its mind in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.approval import Decision, NotDecided
from agents.effect import Effect, effect_key
from agents.event import Event, pauses
from agents.plan import Plan, Step
from agents.policy import Policy, acting
from agents.ports import PlanHeader, Situation, Turn
from agents.rules import Rule, When
from agents.sending import Sender
from app.stores.effects import StoredLedger
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from tests.chaos.crew import Crew, company
from tests.chaos.world import AT, World, WorldConnector, served, settings
from tools.kit.action import Change, Landed, Target
from tools.kit.errors import Unavailable
from tools.kit.wire import Wire, open_client
from tools.writes import IssuesComment


@pytest.fixture
def world() -> World:
    return World(1, {"well": 1})


@pytest.fixture
def address(world: World) -> Iterator[str]:
    with served(world) as url:
        yield url


class Dictated:
    """Plans what it is told to; it reaches `thought` and then waits for `go`."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.thought, self.go = asyncio.Event(), asyncio.Event()

    async def plan(self, situation: Situation) -> AsyncIterator[PlanHeader | Step]:
        yield PlanHeader("dictated")
        for step in self.steps:
            yield step
        self.thought.set()
        await self.go.wait()

    async def replan(self, situation: Situation, plan: Plan, results: object) -> AsyncIterator[PlanHeader | Step]:
        nothing: tuple[Step, ...] = ()
        for step in nothing:
            yield step


def comment(text: str, id: str = "say") -> Step:
    return Step(id=id, verb="issues.comment", args={"ref": "r0", "text": text})


async def told(crew: Crew, run: str, *, over: bool = True) -> list[Event]:
    seen: list[Event] = []
    async with asyncio.timeout(30):
        async for event in crew.conversations.follow(run):
            seen.append(event)
            if not over and pauses(event):
                break
    return seen


async def approve(crew: Crew, run: str, by: str = "sam") -> None:
    for one in await crew.approvals.of_run(run):
        if one.state == "requested":
            said = Decision(choice="approve", by=by, channel="web", at=AT, digest=one.proposal.digest)
            await crew.approvals.decide(one.id, said)


async def test_nothing_is_written_before_the_plan_is_kept(tmp_path: Path, address: str, world: World) -> None:
    """A process that dies while it plans may plan otherwise afterwards, under the same steps' names."""
    first, second = Dictated(comment("one")), Dictated(comment("another"))
    database, policy = str(tmp_path / "deus.db"), acting("critical")
    async with company(database, address, planner=first, policy=policy) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await asyncio.wait_for(first.thought.wait(), 10)
        # The step has been there for long enough to have been sent.
        for _ in range(50):
            await asyncio.sleep(0.01)
        assert world.writes == {}
    second.go.set()
    async with company(database, address, planner=second, policy=policy) as crew:
        await told(crew, run)
        (effect,) = await crew.ledger.of_run(run)
        assert effect.args["text"] == "another"
    assert world.writes == {"another": 1}


async def test_who_stops_a_run_while_it_sends_is_told_what_was_done(
    tmp_path: Path, address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending, go = asyncio.Event(), asyncio.Event()
    planner = Dictated(comment("one"))
    planner.go.set()
    done = ConnectedToolbox.do

    async def slowly(self: Any, *given: Any) -> Landed:
        sending.set()
        await go.wait()
        return await done(self, *given)

    monkeypatch.setattr(ConnectedToolbox, "do", slowly)
    async with company(str(tmp_path / "deus.db"), address, planner=planner, policy=acting("critical")) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await asyncio.wait_for(sending.wait(), 10)
        assert await crew.conversations.stop(run, "ann")
        go.set()
        events = await told(crew, run)
    assert events[-1].data["status"] == "stopped"
    assert [event.data["step"] for event in events if event.kind == "receipt.added"] == ["say"]
    assert world.writes == {"one": 1}


async def test_a_service_that_is_away_for_a_moment_takes_no_proposal_with_it(
    tmp_path: Path, address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each decision wakes the run, which looks at all that waits; what cannot be shown just then goes on waiting."""
    planner = Dictated(comment("one", "first"), comment("two", "second"))
    planner.go.set()
    async with company(str(tmp_path / "deus.db"), address, planner=planner) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await told(crew, run, over=False)
        first, _ = sorted(await crew.approvals.of_run(run), key=lambda one: one.proposal.step)
        shown = ConnectedToolbox.preview

        async def away(self: Any, service: str, request: Any) -> Change:
            if request.text == "two":
                raise Unavailable("World answered 503.", service="world")
            return await shown(self, service, request)

        monkeypatch.setattr(ConnectedToolbox, "preview", away)
        yes = Decision(choice="approve", by="sam", channel="web", at=AT, digest=first.proposal.digest)
        await crew.approvals.decide(first.id, yes)
        async with asyncio.timeout(20):
            while world.writes != {"one": 1} or (await crew.conversations.summary(run)).status == "running":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (await crew.conversations.summary(run)).status == "awaiting_approval"
        monkeypatch.setattr(ConnectedToolbox, "preview", shown)
        await approve(crew, run)
        await told(crew, run)
    assert world.writes == {"one": 1, "two": 1}


def rules(needed: int, barred: tuple[str, ...] = ()) -> Policy:
    return Policy(rules=(Rule(name="r", when=When(), then="ask", needed=needed, barred=barred),))


@pytest.mark.parametrize("stricter", [rules(2), rules(1, ("sam",))])
async def test_a_yes_under_older_rules_does_not_do_under_stricter_ones(
    tmp_path: Path, address: str, world: World, stricter: Policy
) -> None:
    planner = Dictated(comment("one"))
    planner.go.set()
    database = str(tmp_path / "deus.db")
    async with company(database, address, planner=planner, policy=rules(1)) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await told(crew, run, over=False)
    async with company(database, address, planner=planner, policy=stricter) as crew:
        await approve(crew, run)
        async with asyncio.timeout(20):
            while not (again := [o for o in await crew.approvals.of_run(run) if o.proposal.revision == 2]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert again[0].state == "requested"
        assert world.writes == {}
        await approve(crew, run, "kim")
        await approve(crew, run, "lee")
        await told(crew, run)
    assert world.writes == {"one": 1}


async def test_a_sender_that_slept_sends_nothing_once_another_has_taken_over(tmp_path: Path) -> None:
    """Between the look into the ledger and the request a process may lie still while another one does the write."""
    database = SQLite(tmp_path / "deus.db")
    await migrate(database)
    ledger, sent = StoredLedger(database), []
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def service(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request)
        else:
            asleep.set()
            await awake.wait()
        return httpx.Response(200, json={"ref": "1", "what": "one", "found": None})

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        client = await stack.enter_async_context(open_client(httpx.MockTransport(service)))
        given = settings("https://world.test")
        connector = WorldConnector(given, Wire(client, "world", WorldConnector.wire_options(given)), lambda: AT)
        toolbox = ConnectedToolbox({"world": connector})
        do = toolbox.do

        async def looks_first(service: str, request: Any, change: Change, key: str) -> Landed:
            await connector.wire.get("/find", {"key": key})
            return await do(service, request, change, key)

        toolbox.do = looks_first  # type: ignore[method-assign]
        effect = Effect(
            key=effect_key("run_1", "say"), run="run_1", step="say", service="world", verb="issues.comment",
            title="Say", digest="d", args={"ref": "r0", "text": "one"}, at=AT,
            change=Change(target=Target(service="world", kind="note")),
        )  # fmt: skip
        await ledger.intend(effect)
        sending = asyncio.create_task(Sender(toolbox, ledger).send(effect, IssuesComment(ref="r0", text="one")))
        await asleep.wait()
        assert await ledger.attempt(effect.key, 1)
        awake.set()
        after = await sending
    assert sent == []
    assert (after.state, after.attempt) == ("intent", 2)


async def test_a_yes_does_not_cover_a_warning_that_came_later(
    tmp_path: Path, address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = Dictated(comment("one"))
    planner.go.set()
    shown = ConnectedToolbox.preview

    def warned(*warnings: str) -> None:
        async def preview(self: Any, service: str, request: Any) -> Change:
            return (await shown(self, service, request)).model_copy(update={"warnings": warnings})

        monkeypatch.setattr(ConnectedToolbox, "preview", preview)

    warned("Checks are running: a, b.")
    async with company(str(tmp_path / "deus.db"), address, planner=planner) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await told(crew, run, over=False)
        warned("Checks are running: b.", "Kim asks for changes.")
        await approve(crew, run)
        async with asyncio.timeout(20):
            while not (again := [o for o in await crew.approvals.of_run(run) if o.proposal.revision == 2]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert again[0].proposal.change.warnings[1] == "Kim asks for changes."
        assert world.writes == {}
        warned("Checks are running: c.")
        await approve(crew, run)
        await told(crew, run)
    assert world.writes == {"one": 1}


async def test_whoever_changes_the_arguments_is_not_the_second_pair_of_eyes(
    tmp_path: Path, address: str, world: World
) -> None:
    planner = Dictated(comment("one"))
    planner.go.set()
    async with company(str(tmp_path / "deus.db"), address, planner=planner, policy=rules(1, ("requester",))) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await told(crew, run, over=False)
        (first,) = await crew.approvals.of_run(run)
        await crew.approvals.edit(first.id, {"ref": "r0", "text": "mine"}, "sam", "web")
        async with asyncio.timeout(20):
            while not (again := [o for o in await crew.approvals.of_run(run) if o.proposal.revision == 2]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert again[0].proposal.args["text"] == "mine"
        for own in ("ann", "sam"):
            with pytest.raises(NotDecided, match="may not decide"):
                await approve(crew, run, own)
        await approve(crew, run, "kim")
        await told(crew, run)
    assert world.writes == {"mine": 1}


async def test_a_yes_is_not_lost_because_the_service_was_away_when_it_came(
    tmp_path: Path, address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = Dictated(comment("one"))
    planner.go.set()
    shown, looks = ConnectedToolbox.preview, []

    async def away_twice(self: Any, service: str, request: Any) -> Change:
        looks.append(request)
        if len(looks) in (2, 3):
            raise Unavailable("World answered 503.", service="world")
        return await shown(self, service, request)

    monkeypatch.setattr(ConnectedToolbox, "preview", away_twice)
    async with company(str(tmp_path / "deus.db"), address, planner=planner) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await told(crew, run, over=False)
        await approve(crew, run)
        events = await told(crew, run)
    assert events[-1].data["status"] == "answered"
    assert world.writes == {"one": 1}


async def test_a_write_that_must_wait_for_the_world_is_done_when_it_can_be_and_says_what_it_waits_for(
    tmp_path: Path, address: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    planner = Dictated(comment("one"))
    planner.go.set()
    reasons = ["Checks are running: ci.", "Checks are running: ci."]

    async def blocked(self: Any, service: str, request: Any, change: Change) -> str | None:
        return reasons.pop() if reasons else None

    monkeypatch.setattr(ConnectedToolbox, "blocked", blocked)
    async with company(str(tmp_path / "deus.db"), address, planner=planner) as crew:
        run = await crew.conversations.say(Turn("a", "ann", "web", "c1", AT))
        await told(crew, run, over=False)
        await approve(crew, run)
        events = await told(crew, run)
    assert world.writes == {"one": 1}
    waits = [event.data["text"] for event in events if event.kind == "notice"]
    assert waits == ["Waiting: Checks are running: ci."]
    assert len([event for event in events if event.kind == "receipt.added"]) == 1
