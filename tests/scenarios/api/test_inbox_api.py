"""The inbox over HTTP: a conversation is taken over while Deus works in it, answered by a person, and handed back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import uvicorn
from fastapi import FastAPI

from agents.identity import Identity
from agents.inbox import Inbox
from agents.plan import Step
from agents.ports import PlanHeader, Turn
from agents.rights import EVERYTHING
from app.api import inbox, inbox_page, problem, runs
from app.api.access import api_token
from app.bootstrap import Product
from app.guard import Guard
from app.settings import Settings
from app.stores.audit import AuditLog
from app.stores.conversations import StoredHandovers
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from app.workshop import Workshop
from tests.scenarios.engine.script import (
    NOW,
    ScriptedPlanner,
    ScriptedToolbox,
    StillClock,
    Workspace,
    deployment,
    small,
)
from tests.signed_in import session

TALK = "c1"
EVIL = "<script>document.title='x'</script> [x](javascript:alert(1))"


@dataclass
class Office:
    """The server, a program that bears the token, and browsers of people who are signed in."""

    url: str
    program: httpx.AsyncClient
    founder: httpx.AsyncClient
    viewer: httpx.AsyncClient
    stranger: httpx.AsyncClient
    deus: Workspace
    planner: ScriptedPlanner
    gate: asyncio.Event
    inbox: Inbox
    ann: str

    async def say(self, text: str = "What was released?", conversation: str = TALK) -> str:
        turn = Turn(text, self.ann, "api", conversation, NOW, name="Ann", role="agent")
        return await self.deus.runs.begin(turn)

    async def under_way(self) -> str:
        """A run that has taken its first step and waits in the middle of its plan."""
        run = await self.say()
        async with asyncio.timeout(20):
            async for event in self.deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
        return run


@contextlib.asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    gate, settings = asyncio.Event(), Settings(data_dir=folder)
    planner = ScriptedPlanner([PlanHeader("releases"), Step(id="d", verb="deploys.list"), gate])
    tools = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})
    async with contextlib.AsyncExitStack() as stack:
        deus = await stack.enter_async_context(small(folder, tools, planner, reading=EVERYTHING))
        database = SQLite(folder / "deus.db")
        stack.push_async_callback(database.close)
        assert deus.people is not None
        ann = await deus.people.recognise(Identity(service="email", ident="ann@acme.com"), name="Ann", role="agent")
        viewer = await deus.people.recognise(
            Identity(service="email", ident="vera@acme.com"), name="Vera", role="viewer"
        )
        handovers = StoredHandovers(database, deus.live, StillClock())
        door = Inbox(
            handovers, deus.conversations, StillClock(), deus.engine.stop, deus.people, stirred=deus.live.stirred
        )
        server = FastAPI()
        for module in (runs, inbox, inbox_page):
            server.include_router(module.router)
        problem.install(server)
        server.add_middleware(Guard)
        approvals: Any = None
        unused = AuditLog(database)
        server.state.product = Product(
            settings, StillClock(), deus.conversations, approvals, ConnectedToolbox({}), Workshop(), unused,
            people=deus.people, inbox=door,
        )  # fmt: skip
        url = await stack.enter_async_context(served(server))
        headers = {"Authorization": f"Bearer {api_token(settings)}"}
        program = await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers))
        browsers = []
        for name in ("founder", viewer.id):
            own = {"access_token": await session(settings, name, deus.people)}
            client = httpx.AsyncClient(base_url=url, cookies=own, headers={"Origin": url})
            browsers.append(await stack.enter_async_context(client))
        stranger = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
        yield Office(url, program, browsers[0], browsers[1], stranger, deus, planner, gate, door, ann.id)


@contextlib.asynccontextmanager
async def served(server: FastAPI) -> AsyncIterator[str]:
    """The server on a free port, over real sockets: what streams without an end needs one."""
    config = uvicorn.Config(server, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        task = asyncio.create_task(running.serve([listener]))
        try:
            while not running.started:  # noqa: ASYNC110 (uvicorn tells by a flag alone)
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = running.force_exit = True
            await task


class Stream:
    """A page that looks at a stream of changes."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.version = ""

    async def next(self, event: str) -> dict[str, Any]:
        """The data of the next change of that kind."""
        kind = ""
        async with asyncio.timeout(20):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.version = value
                elif name == "event":
                    kind = value
                elif name == "data" and kind == event:
                    found: dict[str, Any] = json.loads(value)
                    return found
        raise AssertionError(f"The stream ended before {event}.")


@contextlib.asynccontextmanager
async def streaming(client: httpx.AsyncClient, path: str, version: str = "") -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": version} if version else {}
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer.aiter_lines())


async def test_a_person_takes_over_answers_and_hands_back(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        going = await there.under_way()
        taken = await there.founder.post(f"/api/inbox/{TALK}/take")
        ended = (await there.deus.watched(going))[-1]
        unplanned = await there.say("Is anybody there?")
        wrote = await there.founder.post(f"/api/inbox/{TALK}/write", json={"text": "Release **d1**, at noon."})
        back = await there.founder.post(f"/api/inbox/{TALK}/hand-back")
        there.gate.set()
        answered = await there.deus.watched(await there.say("And before?"))
        whole = (await there.program.get(f"/api/inbox/{TALK}")).json()
        person = (await there.program.get(f"/api/runs/{wrote.json()['run']}")).json()
    assert (taken.status_code, taken.json()["state"], taken.json()["by"]) == (200, "taken", "founder")
    assert (ended.kind, ended.data["status"]) == ("run.finished", "stopped")
    assert (wrote.status_code, back.json()["state"]) == (201, "open")
    assert answered[-1].data["status"] == "answered"
    assert len(there.planner.seen) == 2
    heard = there.planner.seen[-1].past
    assert [(one.question, one.by, one.relayed) for one in heard] == [
        ("Is anybody there?", "", True),
        ("", "founder", True),
    ]
    assert [(one["kind"], one["by"]) for one in whole["transcript"]] == [
        ("turn", "Ann"),
        ("note", ""),
        ("turn", "Ann"),
        ("note", ""),
        ("person", "founder"),
        ("note", ""),
        ("turn", "Ann"),
        ("answer", ""),
    ]
    assert (person["status"], person["answer"], person["by"]) == ("relayed", "Release **d1**, at noon.", "founder")
    assert unplanned in {one["run"] for one in whole["transcript"]}


async def test_the_list_and_a_conversation_are_shown_as_they_change(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        assert not (await there.program.get("/api/inbox")).json()["available"]
        async with (
            httpx.AsyncClient(base_url=there.url, cookies=there.founder.cookies) as browser,
            streaming(browser, "/api/inbox/events") as listed,
        ):
            assert (await listed.next("conversations"))["order"] == []
            run = await there.under_way()
            (talk,) = (await listed.next("conversations"))["changed"]
            assert (talk["conversation"], talk["who"], talk["status"], talk["unread"]) == (TALK, "Ann", "running", True)
            assert (await there.program.get("/api/inbox")).json()["available"]
            async with streaming(browser, f"/api/inbox/{TALK}/events") as read:
                assert (await read.next("standing"))["state"] == "open"
                shown = await read.next("run")
                assert (shown["run"], shown["status"]) == (run, "running")
                assert [step["state"] for step in shown["steps"]] == ["done"]
                there.gate.set()
                while shown["status"] != "answered":
                    shown = await read.next("run")
                assert shown["evidence"][0]["url"] == "https://x.test/d1"
                assert 'href="https://x.test/d1"' in shown["html"]
                await there.inbox.take(TALK, "founder")
                assert (await read.next("standing"))["state"] == "taken"
                await there.inbox.write(TALK, "founder", EVIL)
                while not shown["by"]:
                    shown = await read.next("run")
                assert "<script" not in shown["html"]
                assert "href=" not in shown["html"]
                await read.next("shown")
                version = read.version
            async with streaming(browser, f"/api/inbox/{TALK}/events", version) as again:
                await there.inbox.hand_back(TALK, "founder")
                assert (await again.next("standing"))["state"] == "open"
        async with streaming(there.program, "/api/inbox/events?state=closed") as closed:
            assert (await closed.next("conversations"))["order"] == []
            await there.inbox.close(TALK, "founder")
            assert (await closed.next("conversations"))["order"] == [TALK]


async def test_filters_choose_and_a_version_that_is_known_is_not_sent_again(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        there.gate.set()
        await there.deus.watched(await there.say())
        await there.deus.watched(await there.say(conversation="c2"))
        await there.inbox.take("c2", "founder")
        listed = {
            query: [
                one["conversation"] for one in (await there.program.get(f"/api/inbox?{query}")).json()["conversations"]
            ]
            for query in ("state=taken", "state=open", "channel=api", "channel=slack", "person=founder", "person=bob")
        }
        wrong = await there.program.get("/api/inbox?state=lost")
        async with streaming(there.program, "/api/inbox/events") as first:
            await first.next("conversations")
        async with streaming(there.program, "/api/inbox/events", first.version) as second:
            await there.inbox.close("c2", "founder")
            changed = (await second.next("conversations"))["changed"]
    assert listed == {
        "state=taken": ["c2"],
        "state=open": [TALK],
        "channel=api": ["c2", TALK],
        "channel=slack": [],
        "person=founder": ["c2"],
        "person=bob": [],
    }
    assert wrong.status_code == 422
    assert [(one["conversation"], one["state"]) for one in changed] == [("c2", "closed")]


async def test_who_may_only_look_changes_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        there.gate.set()
        await there.deus.watched(await there.say())
        own = Turn("Mine?", str(jwt_name(there.viewer)), "api", "own", NOW, role="viewer")
        await there.deus.watched(await there.deus.runs.begin(own))
        evil = {"Origin": "http://evil.test"}
        for act in ("take", "hand-back", "close", "write"):
            body = {"text": "Hello"} if act == "write" else {}
            unseen = await there.viewer.post(f"/api/inbox/{TALK}/{act}", json=body)
            refused = await there.viewer.post(f"/api/inbox/own/{act}", json=body)
            foreign = await there.founder.post(f"/api/inbox/{TALK}/{act}", json=body, headers=evil)
            stranger = await there.stranger.post(f"/api/inbox/{TALK}/{act}", json=body)
            assert (unseen.status_code, refused.status_code) == (404, 403)
            assert refused.headers["content-type"] == "application/problem+json"
            assert (foreign.status_code, stranger.status_code) == (403, 401)
        listed = (await there.viewer.get("/api/inbox")).json()
        page = (await there.viewer.get("/inbox")).text
    assert [(one["conversation"], one["state"]) for one in listed["conversations"]] == [("own", "open")]
    assert 'data-may="no"' in page


def jwt_name(client: httpx.AsyncClient) -> object:
    return jwt.decode(client.cookies["access_token"], options={"verify_signature": False})["identifier"]


async def test_what_does_not_count_is_said_with_its_remedy(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        there.gate.set()
        await there.deus.watched(await there.say())
        early = await there.founder.post(f"/api/inbox/{TALK}/write", json={"text": "Hello"})
        await there.program.post(f"/api/inbox/{TALK}/take")
        late = await there.founder.post(f"/api/inbox/{TALK}/take")
        empty = await there.program.post(f"/api/inbox/{TALK}/write", json={"text": "  "})
        nowhere = await there.founder.post("/api/inbox/none/take")
    assert (early.status_code, early.json()["remedy"]) == (409, "Take it over.")
    assert (late.status_code, "a program has this conversation" in late.json()["detail"]) == (409, True)
    assert (empty.status_code, nowhere.status_code) == (422, 404)


async def test_the_page_asks_nothing_of_others_and_strangers_sign_in_first(tmp_path: Path) -> None:
    async with office(tmp_path) as there:
        page = await there.founder.get("/inbox")
        script = await there.founder.get("/inbox/inbox.js")
        style = await there.founder.get("/inbox/inbox.css")
        other = await there.founder.get("/inbox/other.js")
        stranger = await there.stranger.get("/inbox")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert 'data-may="yes"' in page.text
    assert not [text for text in (page.text, script.text, style.text) if "://" in text]
    assert (script.headers["content-type"].split(";")[0], other.status_code) == ("text/javascript", 404)
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login")
