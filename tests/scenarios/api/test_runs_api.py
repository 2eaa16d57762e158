"""The HTTP API as a program sees it: ask, follow, resume, stop, and errors as problem documents."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
from fastapi import FastAPI

from agents.plan import Step
from agents.ports import PlanHeader
from app.api import health, problem, run_link, runs
from app.api.access import api_token
from app.bootstrap import Product
from app.channels.sign_in import sign_in
from app.settings import Settings
from app.stores.audit import AuditLog
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from app.workshop import Workshop
from tests.scenarios.engine.script import ScriptedPlanner, ScriptedToolbox, StillClock, Workspace, deployment, small
from tests.signed_in import session


@contextlib.asynccontextmanager
async def served(folder: Path, planner: ScriptedPlanner) -> AsyncIterator[tuple[httpx.AsyncClient, Workspace]]:
    """The API over a scripted workspace, and a client that bears the token."""
    toolbox = ScriptedToolbox({"vercel": {"deploys.list": [deployment("d1")]}})
    settings = Settings(data_dir=folder)
    async with small(folder, toolbox, planner) as deus:
        server = FastAPI(openapi_url="/api/openapi.json")
        server.include_router(runs.router)
        server.include_router(health.router)
        server.include_router(run_link.router)
        problem.install(server)
        # No path here leads to the approvals.
        approvals: Any = None
        unused = AuditLog(SQLite(folder / "deus.db"))
        server.state.product = Product(
            settings, StillClock(), deus.conversations, approvals, ConnectedToolbox({}), Workshop(), unused
        )
        headers = {"Authorization": f"Bearer {api_token(settings)}"}
        transport = httpx.ASGITransport(server, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            yield client, deus


def releases() -> ScriptedPlanner:
    return ScriptedPlanner([PlanHeader("releases"), Step(id="d", verb="deploys.list")])


def frames(text: str) -> list[dict[str, str]]:
    """The events of a text/event-stream."""
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


async def test_the_answer_to_a_question_is_the_runs_document(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, _):
        answered = await client.post("/api/runs", json={"question": "What was released?"})
        document = answered.json()
        again = await client.get(answered.headers["location"])
        listed = await client.get("/api/runs", params={"actor": "api"})
        evidence = await client.get(f"/api/runs/{document['run']}/evidence/{document['evidence'][0]['id']}")
    assert answered.status_code == 200
    assert (document["status"], document["answer"]) == ("answered", again.json()["answer"])
    assert set(document) == {
        "run", "status", "question", "answer", "claims", "evidence", "finding", "plan", "usage", "error", "suggestions",
        "approvals", "receipts", "dry", "by",
    }  # fmt: skip
    assert set(document["evidence"][0]) == {"id", "service", "verb", "ref", "url", "at", "sha256"}
    assert set(document["plan"][0]) == {"id", "verb", "args", "needs", "state", "ms"}
    assert [one["run"] for one in listed.json()] == [document["run"]]
    assert evidence.json()["content"][0]["ref"] == "d1"
    assert evidence.json()["asked"]["requests"] == [{"url": "https://vercel.test"}]


async def test_events_are_numbered_and_resume_after_the_last_id(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, _):
        begun = await client.post("/api/runs", json={"question": "What was released?", "wait": False})
        place = begun.headers["location"]
        whole = frames((await client.get(f"{place}/events")).text)
        rest = frames((await client.get(f"{place}/events", headers={"Last-Event-ID": "3"})).text)
        bad = await client.get(f"{place}/events", headers={"Last-Event-ID": "three"})
    assert begun.status_code == 202
    numbers = [int(frame["id"]) for frame in whole if "id" in frame]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [frame["id"] for frame in rest if "id" in frame] == [str(n) for n in numbers[3:]]
    assert whole[-1]["event"] == "run.finished"
    assert json.loads(whole[-1]["data"])["data"]["status"] == "answered"
    assert {frame["event"] for frame in whole if "id" not in frame} <= {"text.delta"}
    assert bad.status_code == 422


async def test_a_run_can_be_stopped_once(tmp_path: Path) -> None:
    endless = ScriptedPlanner([Step(id="d", verb="deploys.list"), asyncio.Event()])
    async with served(tmp_path, endless) as (client, deus):
        run = (await client.post("/api/runs", json={"question": "Go on", "wait": False})).json()["run"]
        async with asyncio.timeout(20):
            async for event in deus.conversations.follow(run):
                if event.kind == "step.finished":
                    break
        stopped = await client.post(f"/api/runs/{run}/stop")
        events = await deus.watched(run)
        again = await client.post(f"/api/runs/{run}/stop")
    assert stopped.status_code == 202
    assert (events[-1].kind, events[-1].data["status"]) == ("run.finished", "stopped")
    assert again.status_code == 409


WRONG: tuple[tuple[str, str, dict[str, Any] | None, int], ...] = (
    ("GET", "/api/runs/run_none", None, 404),
    ("GET", "/api/runs/run_none/events", None, 404),
    ("GET", "/api/runs/run_none/evidence/e1", None, 404),
    ("POST", "/api/runs/run_none/stop", None, 404),
    ("GET", "/api/nowhere", None, 404),
    ("POST", "/api/runs", {}, 422),
    ("POST", "/api/runs", {"question": "  "}, 422),
    ("POST", "/api/runs", {"question": "x", "colour": "red"}, 422),
    ("GET", "/api/runs?limit=0", None, 422),
)


async def test_errors_are_problem_documents(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, _):
        for method, path, body, status in WRONG:
            answered = await client.request(method, path, json=body)
            document = answered.json()
            assert answered.headers["content-type"] == "application/problem+json", path
            assert (answered.status_code, document["status"]) == (status, status), path
            assert document["title"]
            assert document["detail"]


async def test_a_method_that_a_path_does_not_take_is_named_with_those_that_it_takes(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, _):
        answers = [
            await client.request(method, path)
            for method, path in (
                ("DELETE", "/api/runs"),
                ("GET", "/api/runs/run_none/stop"),
                ("PUT", "/api/health"),
                ("OPTIONS", "/api/health"),
                ("TRACE", "/api/health"),
                ("OPTIONS", "/api/nowhere"),
            )
        ]
    assert [answer.status_code for answer in answers] == [405, 405, 405, 405, 405, 404]
    assert [answer.headers.get("allow") for answer in answers[:4]] == ["GET, POST", "POST", "GET", "GET"]
    assert answers[4].headers["allow"]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert answers[0].json()["detail"] == "/api/runs does not take DELETE, but GET and POST."


async def test_the_link_of_a_run_leads_to_its_conversation_in_the_chat(tmp_path: Path) -> None:
    thread = "2f1f6d0c-5f0e-4a3b-9d7e-1c2b3a4d5e6f"
    async with served(tmp_path, releases()) as (client, _):
        of_chat = (await client.post("/api/runs", json={"question": "What?", "conversation": thread})).json()["run"]
        of_api = (await client.post("/api/runs", json={"question": "What?"})).json()["run"]
        places = [(await client.get(f"/runs/{run}")).headers["location"] for run in (of_chat, of_api)]
        absent = await client.get("/runs/run_none")
        del client.headers["Authorization"]
        stranger = await client.get(f"/runs/{of_chat}")
    assert places == [f"/thread/{thread}", f"/api/runs/{of_api}"]
    assert absent.status_code == 404
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login")


async def test_a_run_is_tried_again_and_forked_from_a_step(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, deus):
        run = (await client.post("/api/runs", json={"question": "What was released?"})).json()["run"]
        resumed = await client.post(f"/api/runs/{run}/resume")
        retried = await client.post(f"/api/runs/{run}/retry", json={"step": "d"})
        seen = await deus.watched(run)
        forked = await client.post(f"/api/runs/{run}/fork")
        await deus.watched(forked.json()["run"])
        document = (await client.get(forked.headers["location"])).json()
        nowhere = await client.post(f"/api/runs/{run}/retry", json={"step": "x"})
        failed = await client.get("/api/runs", params={"status": "failed"})
        later = await client.get("/api/runs", params={"since": "2030-01-01T00:00:00Z"})
    assert resumed.status_code == 409
    assert resumed.json()["remedy"] == "Retry it, or fork it."
    assert (retried.status_code, retried.json()["run"]) == (202, run)
    assert [event.kind for event in seen].count("message.completed") == 2
    assert (forked.status_code, document["status"]) == (202, "answered")
    assert len(deus.toolbox.asked) == 2
    assert nowhere.status_code == 404
    assert failed.json() == later.json() == []


async def test_nothing_is_open_without_a_token_or_a_session(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, _):
        del client.headers["Authorization"]
        paths = ("/api/runs", "/api/runs/x", "/api/runs/x/events", "/api/runs/x/evidence/e1")
        refused = [(await client.get(path)).status_code for path in paths]
        asked = await client.post("/api/runs", json={"question": "x"})
        wrong = await client.get("/api/runs", headers={"Authorization": "Bearer guess"})
        stranger = await client.get("/api/health")
        mine = await session(Settings(data_dir=tmp_path), "founder")
        client.cookies.set("access_token", mine)
        signed_in = await client.get("/api/runs")
        claims = jwt.decode(mine, options={"verify_signature": False})
        untrue: list[dict[str, object]] = [{**claims, "metadata": {}}, {**claims, "identifier": "api"}]
        forged = [jwt.encode(claims, "x" * 32), *(jwt.encode(one, sign_in(tmp_path).secret) for one in untrue)]
        told = []
        for one in forged:
            client.cookies.set("access_token", one)
            told.append((await client.get("/api/runs")).status_code)
    assert [*refused, asked.status_code, wrong.status_code, *told] == [401] * 9
    assert asked.headers["www-authenticate"] == "Bearer"
    assert stranger.json() == {"status": "starting"}
    assert signed_in.status_code == 200
    assert stat.S_IMODE((tmp_path / "api-token").stat().st_mode) == 0o600


async def test_the_api_describes_itself(tmp_path: Path) -> None:
    async with served(tmp_path, releases()) as (client, _):
        described = (await client.get("/api/openapi.json")).json()
    assert {"/api/runs", "/api/runs/{run}", "/api/runs/{run}/events", "/api/health"} <= set(described["paths"])
    assert "HTTPBearer" in described["components"]["securitySchemes"]
