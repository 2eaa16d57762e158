"""/runs/{run}/work and what one call wrote, over HTTP: for those who may see the run, and with nothing that acts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from agents.ports import Turn
from app.api import problem, run_work
from app.api.access import api_token
from app.settings import Settings
from tests.channels.fake_conversations import FrozenClock, ScriptedRuns, scripted
from tests.channels.script import NOW


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A program with the token, and three runs: r1 mends, r2 is hostile, r3 runs nothing in a sandbox."""
    settings, runs = Settings(data_dir=tmp_path), ScriptedRuns()
    conversations = scripted(runs)
    for text in ("Fix the auth bug", "Run what a stranger wrote", "Why did signups drop?"):
        run = await conversations.say(Turn(text, "ann", "web", "c", NOW))
        async for _ in conversations.follow(run):
            pass
    server = FastAPI()
    server.include_router(run_work.router)
    problem.install(server)
    server.state.product = SimpleNamespace(
        settings=settings, conversations=conversations, clock=FrozenClock(), people=None
    )
    transport = httpx.ASGITransport(server)
    headers = {"Authorization": f"Bearer {api_token(settings)}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as made:
        yield made


async def test_what_a_call_wrote_is_there_for_those_who_may_see_the_run(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/runs/r1/calls/fix.4")
    assert answer.status_code == 200
    assert "KeyError: None" in answer.json()["output"]
    assert (await client.get("/api/runs/r1/calls/fix.99")).status_code == 404
    assert (await client.get("/api/runs/r9/calls/fix.4")).status_code == 404
    assert (await client.get("/api/runs/r1/calls/fix.4", headers={"Authorization": ""})).status_code == 401


async def test_strangers_to_the_page_sign_in_first(client: httpx.AsyncClient) -> None:
    answer = await client.get("/runs/r1/work", headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_the_page_shows_all_of_it_and_runs_no_script(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await shown(client, "r1")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for words in ("Mend it and prove the fix", "KeyError: None", "survives_safari", "Confirmed", "$0.42", "+6"):
        assert words in answer.text
    hostile = (await shown(client, "r2")).text
    assert "<script" not in hostile
    assert "onerror=alert(1)&gt;" in hostile
    assert "Nothing ran in a sandbox" in (await shown(client, "r3")).text


async def shown(client: httpx.AsyncClient, run: str) -> httpx.Response:
    answer = await client.get(f"/runs/{run}/work")
    assert answer.status_code == 200, answer.text
    return answer
