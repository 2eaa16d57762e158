"""Conversations between Deus and people, the same on SQLite and on Postgres: who has one, and that both never speak."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from agents.conversation import Conversations
from agents.errors import Forbidden
from agents.handover import HeldByAnother
from agents.identity import Identity, Person, Role
from agents.inbox import Inbox
from agents.ports import Turn
from app.stores.audit import AuditLog
from app.stores.conversations import StoredHandovers, presence
from app.stores.custody import Custody
from app.stores.database import Database
from app.stores.deliveries import StoredDeliveries
from app.stores.live import Live
from app.stores.migrations import migrate
from app.stores.runs import StoredRuns
from tests.scenarios.engine.script import NOW, StillClock

ANSWER: dict[str, Any] = {"claims": [], "citations": [], "suggestions": [], "notes": [], "finding": None}
ROLES: dict[str, Role] = {"sam": "agent", "kim": "admin", "vera": "viewer"}


class Staff:
    """Two who may take conversations over, and one who may not."""

    async def get(self, actor: str) -> Person | None:
        return Person(id=actor, name=actor.title(), role=ROLES[actor]) if actor in ROLES else None

    async def recognise(
        self, identity: Identity, *, name: str = "", email: str | None = None, role: Role | None = None
    ) -> Person:
        raise LookupError(identity.ident)

    async def find(self, identity: Identity) -> Person | None:
        return None

    async def listed(self) -> list[Person]:
        return []


class House:
    """One process over the database: its runs, and its door to them for people."""

    def __init__(self, database: Database) -> None:
        self.database, self.live, self.queued, self.stopped = database, Live(), list[str](), list[str]()
        self.runs = StoredRuns(database, self.live, StillClock(), self._dispatch, glance=0.05)
        self.handovers = StoredHandovers(database, self.live, StillClock(), away=600.0)
        self.conversations = Conversations(self.runs, self._stop)
        self.inbox = Inbox(self.handovers, self.conversations, StillClock(), self._stop, Staff())

    def _dispatch(self, connection: sa.Connection, run: str, n: int, delay: float) -> None:
        self.queued.append(run)

    async def _stop(self, run: str) -> None:
        self.stopped.append(run)

    async def say(self, text: str = "Why?", conversation: str = "c1") -> str:
        return await self.runs.begin(Turn(text, "ann", "api", conversation, NOW, name="Ann"))

    async def status(self, run: str) -> str:
        summary = await self.runs.summary(run)
        assert summary is not None
        return summary.status

    async def leave(self, actor: str) -> None:
        """Lets somebody's last sign of life be an hour old."""
        async with self.database.write() as connection:
            old = presence.update().where(presence.c.actor == actor).values(beat=presence.c.beat - 3600.0)
            await connection.execute(old)

    async def kinds(self) -> list[str]:
        return [row.kind async for row in AuditLog(self.database).rows()]


@pytest.fixture
async def house(database: Database) -> House:
    await migrate(database)
    return House(database)


async def test_who_takes_over_stops_what_goes_on_and_is_the_only_one_who_answers(house: House) -> None:
    going = await house.say()
    after = await house.inbox.take("c1", "sam")
    assert (after.state, after.by, after.name, after.since) == ("taken", "sam", "Sam", NOW)
    assert house.stopped == [going]
    assert await house.runs.stopped_by(going) == "sam"
    turn = await house.say("Is somebody there?")
    assert house.queued == [going]
    assert [event.kind for event in await house.runs.events(turn)] == ["run.started", "notice", "run.finished"]
    assert await house.status(turn) == "relayed"
    wrote = await house.inbox.write("c1", "sam", "It is fixed; please *reload*.")
    said = (await house.runs.events(wrote))[1]
    assert (said.kind, said.data["text"], said.data["by"]) == (
        "message.completed",
        "It is fixed; please *reload*.",
        "Sam",
    )
    assert (await house.inbox.hand_back("c1", "sam")).state == "open"
    again = await house.say("And now?")
    assert house.queued == [going, again]
    heard = [(one.question, one.by, one.answer.text if one.answer else "") for one in
             await house.runs.past("c1", again)]  # fmt: skip
    assert heard == [("Is somebody there?", "", ""), ("", "Sam", "It is fixed; please *reload*.")]
    told = [kind for kind in await house.kinds() if kind.startswith(("conversation", "run.stop"))]
    assert told == ["run.stop", "conversation.taken", "conversation.written", "conversation.handed_back"]


async def test_the_transcript_tells_who_said_what(house: House) -> None:
    await house.say("Why are exports slow?")
    await house.inbox.take("c1", "sam")
    await house.say("Hello?")
    await house.inbox.write("c1", "sam", "I am looking.")
    said = [(one.kind, one.by, one.text) for one in await house.inbox.transcript("c1")]
    assert said == [
        ("turn", "Ann", "Why are exports slow?"),
        ("note", "", "Sam has taken over this conversation."),
        ("turn", "Ann", "Hello?"),
        ("note", "", "Sam has this conversation."),
        ("person", "Sam", "I am looking."),
    ]
    with pytest.raises(LookupError):
        await house.inbox.transcript("c2")


async def test_of_two_who_take_at_once_one_has_it(house: House) -> None:
    await house.say()
    other = House(house.database)
    both = await asyncio.gather(house.inbox.take("c1", "sam"), other.inbox.take("c1", "kim"), return_exceptions=True)
    lost = [one for one in both if isinstance(one, BaseException)]
    assert len(lost) == 1
    assert isinstance(lost[0], HeldByAnother)
    winner = (await house.inbox.state("c1")).by
    loser = "kim" if winner == "sam" else "sam"
    for act in (house.inbox.hand_back, house.inbox.close):
        with pytest.raises(HeldByAnother, match=winner.title()):
            await act("c1", loser)
    with pytest.raises(HeldByAnother):
        await house.inbox.write("c1", loser, "Me too")
    assert (await house.inbox.take("c1", winner)).by == winner


async def test_a_turn_that_begins_while_somebody_takes_over_is_stopped_or_never_planned(house: House) -> None:
    for n in range(8):
        talk = f"c{n}"
        await house.say(conversation=talk)
        other = House(house.database)
        async with asyncio.TaskGroup() as group:
            said = [group.create_task(house.say(f"More {k}", talk)) for k in range(3)]
            group.create_task(other.inbox.take(talk, "sam"))
        for task in said:
            run = task.result()
            assert await house.status(run) == "relayed" or await house.runs.stopped_by(run) == "sam"


async def test_an_answer_that_comes_a_moment_too_late_is_not_told(house: House) -> None:
    run = await house.say()
    claim = await Custody(house.database, StillClock(), house.runs.continue_run).claim(run, 1)
    log = await house.runs.open_log(run, "c1", claim)
    ended = asyncio.Event()
    log.on_stop = lambda by: ended.set()
    await house.inbox.take("c1", "sam")
    telling = asyncio.create_task(log.emit("message.completed", text="Done.", **ANSWER))
    async with asyncio.timeout(10):
        await ended.wait()
    telling.cancel()
    log.on_stop = None
    await log.emit("run.finished", status="stopped", error=None, usage={})
    kinds = [event.kind for event in await house.runs.events(run)]
    assert kinds == ["run.started", "run.finished"]


async def test_runs_that_end_turns_that_begin_and_people_who_take_over_do_not_wait_in_a_circle(house: House) -> None:
    other = House(house.database)
    for _ in range(6):
        run = await house.say()
        log = await house.runs.open_log(run, "c1")
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(log.emit("run.finished", status="answered", error=None, usage={}))
            group.create_task(other.inbox.take("c1", "sam"))
            group.create_task(house.say("More"))
        await house.inbox.hand_back("c1", "sam")


async def test_what_ended_does_not_go_on_while_a_person_has_the_conversation(house: House) -> None:
    run = await house.say()
    log = await house.runs.open_log(run, "c1")
    await log.emit("run.finished", status="stopped", error=None, usage={})
    await house.inbox.take("c1", "sam")
    with pytest.raises(HeldByAnother):
        await house.runs.resume(run, "ann")
    with pytest.raises(HeldByAnother):
        await house.runs.fork(run, "ann", None)
    await house.inbox.hand_back("c1", "sam")
    assert await house.runs.resume(run, "ann") > 0


async def test_what_a_person_writes_is_shown_where_the_last_run_was(house: House) -> None:
    place = {"channel": "C1", "thread": "1.0"}
    deliveries = StoredDeliveries(house.database, StillClock())
    await deliveries.begin(await house.say(), "wall", {"channel": "C0"})
    await deliveries.begin(await house.say("More"), "wall", place)
    await house.inbox.take("c1", "sam")
    wrote = await house.inbox.write("c1", "sam", "I am looking.")
    found = await deliveries.get(wrote, "wall")
    assert found is not None
    assert (found.place, found.cursor) == (place, 0)
    assert wrote in [one.run for one in await deliveries.behind("wall")]


async def test_who_is_not_seen_any_more_has_left(house: House) -> None:
    await house.say()
    assert not await house.inbox.available()
    await house.inbox.take("c1", "sam")
    assert await house.inbox.available()
    assert await house.inbox.release() == []
    await house.leave("sam")
    assert not await house.inbox.available()
    (talk,) = await house.inbox.listed(reader="kim")
    assert talk.gone
    assert await House(house.database).inbox.release() == ["c1"]
    after = await house.inbox.state("c1")
    assert (after.state, after.by) == ("waiting", "")
    assert [one.text for one in await house.inbox.transcript("c1")][-1].startswith("Sam has not been here")
    assert (await house.inbox.take("c1", "kim")).by == "kim"


async def test_another_may_take_over_at_once_from_one_who_is_gone(house: House) -> None:
    await house.say()
    await house.inbox.take("c1", "sam")
    await house.leave("sam")
    assert (await house.inbox.take("c1", "kim")).by == "kim"
    with pytest.raises(HeldByAnother):
        await house.inbox.write("c1", "sam", "I am back")


async def test_while_a_person_is_asked_for_deus_goes_on_and_a_turn_opens_what_was_closed(house: House) -> None:
    first = await house.say()
    assert (await house.inbox.ask_for_person("c1", "ann", "Refund,\n please")).why == "Refund, please"
    second = await house.say("In euros")
    assert (await house.inbox.state("c1")).state == "waiting"
    assert (await house.inbox.close("c1", "sam")).state == "closed"
    third = await house.say("One more thing")
    assert (await house.inbox.state("c1")).state == "open"
    assert house.queued == [first, second, third]


async def test_viewers_and_strangers_take_nothing_over(house: House) -> None:
    await house.say()
    for actor in ("vera", "mallory"):
        for act in (house.inbox.take, house.inbox.hand_back, house.inbox.close):
            with pytest.raises(Forbidden):
                await act("c1", actor)
        with pytest.raises(Forbidden):
            await house.inbox.write("c1", actor, "Hello")
        with pytest.raises(Forbidden):
            await house.inbox.beat(actor)
    assert (await house.inbox.state("c1")).state == "open"
    assert (await house.inbox.local.take("c1", "cli")).by == "cli"


async def test_an_unknown_conversation_is_said_to_be_unknown(house: House) -> None:
    for act in (house.inbox.take, house.inbox.hand_back, house.inbox.close):
        with pytest.raises(LookupError):
            await act("c9", "sam")
    with pytest.raises(LookupError):
        await house.inbox.ask_for_person("c9", "ann")


async def test_the_list_tells_how_conversations_stand(house: House) -> None:
    await house.say("Why are exports slow?")
    await house.runs.begin(Turn("Who is on call?", "bob", "slack", "c2", NOW))
    await house.inbox.ask_for_person("c1", "ann", "A refund")
    (newest, oldest) = await house.inbox.listed(reader="sam")
    assert (newest.conversation, newest.channel, newest.actor, newest.who) == ("c2", "slack", "bob", "bob")
    assert (oldest.state, oldest.why, oldest.who, oldest.unread) == ("waiting", "A refund", "Ann", True)
    await house.inbox.seen("sam", "c1")
    unread = {one.conversation: one.unread for one in await house.inbox.listed(reader="sam")}
    assert unread == {"c1": False, "c2": True}
    await house.inbox.take("c1", "sam")
    await house.inbox.write("c1", "sam", "I am looking.")
    (talk,) = await house.inbox.listed(person="sam", reader="kim")
    assert (talk.last, talk.last_by, talk.name, talk.status) == ("I am looking.", "Sam", "Sam", "relayed")
    assert [one.conversation for one in await house.inbox.listed(channel="slack")] == ["c2"]
    assert [one.conversation for one in await house.inbox.listed(state="open")] == ["c2"]
    assert [one.conversation for one in await house.inbox.listed(state="taken", person="bob")] == []
    assert len(await house.inbox.listed(limit=1)) == 1


async def test_a_restart_in_the_middle_changes_nothing(house: House) -> None:
    await house.say()
    await house.inbox.take("c1", "sam")
    later = House(house.database)
    assert (await later.inbox.state("c1")).by == "sam"
    assert await later.status(await later.say("Hello?")) == "relayed"
    await later.inbox.write("c1", "sam", "Still here.")
    assert [one.text for one in await house.inbox.transcript("c1")][-1] == "Still here."


async def test_a_conversation_that_is_deleted_leaves_nothing(house: House) -> None:
    await house.say()
    await house.inbox.take("c1", "sam")
    await house.inbox.seen("sam", "c1")
    assert await house.runs.delete("c1")
    assert await house.inbox.listed(reader="sam") == []
    fresh = await house.say("Again")
    assert house.queued[-1] == fresh
