"""A workspace with several people, each signed in to the API in a browser of their own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from agents.plan import Step
from agents.ports import Recalled, Turn
from agents.rights import Reading, Sources
from app.api import audit, files, problem, run_link, runs
from app.api.access import api_token
from app.bootstrap import Product
from app.settings import Settings
from app.stores.audit import AuditLog
from app.stores.people import StoredPeople
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
    error,
    small,
)
from tests.signed_in import session

ORIGIN = "http://127.0.0.1"
# Viewers may not look into Sentry, agents not into Stripe.
CLOSED = Reading(roles={"viewer": Sources(deny=("sentry",)), "agent": Sources(deny=("stripe",))})
TEAM = {"ann": "agent", "bob": "agent", "vic": "viewer", "val": "viewer", "root": "admin"}
SECRET_WORDS = "TypeError in the pricing of Globex"


@dataclass
class Remembering:
    """Recalls all that was ever answered, whatever it is asked."""

    kept: list[Recalled] = field(default_factory=list)

    async def recall(self, text: str, limit: int = 8) -> Sequence[Recalled]:
        return self.kept[:limit]

    async def remember(self, run: str, question: str, answer: str, at: datetime) -> None:
        self.kept.append(Recalled("runs", f"Asked before: {question}", answer, None, 1.0, "words", run))


def tools() -> ScriptedToolbox:
    return ScriptedToolbox(
        {
            "vercel": {"deploys.list": [deployment("d1")]},
            "sentry": {"errors.search": [error("E1", SECRET_WORDS)]},
            "stripe": {"deploys.list": [deployment("ch_1", service="stripe")]},
        }
    )


def both() -> ScriptedPlanner:
    """Looks at releases and at errors."""
    return ScriptedPlanner([Step(id="d", verb="deploys.list"), Step(id="e", verb="errors.search")])


@dataclass
class Office:
    """The workspace, a program with the token, and browsers."""

    deus: Workspace
    people: StoredPeople
    program: httpx.AsyncClient
    server: FastAPI
    settings: Settings
    stack: contextlib.AsyncExitStack

    async def browser(self, actor: str) -> httpx.AsyncClient:
        """Somebody's browser, signed in."""
        cookie = await session(self.settings, actor, self.people)
        transport = httpx.ASGITransport(self.server, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"Origin": ORIGIN})
        client.cookies.set("access_token", cookie)
        return await self.stack.enter_async_context(client)

    async def ask(self, actor: str, text: str, conversation: str, **more: Any) -> str:
        """Somebody asks in a channel, and the run comes to its end."""
        run = await self.deus.conversations.say(Turn(text, f"{actor}@acme.com", "slack", conversation, NOW, **more))
        await self.deus.watched(run)
        return run


@contextlib.asynccontextmanager
async def office(
    folder: Path,
    planner: ScriptedPlanner | None = None,
    toolbox: ScriptedToolbox | None = None,
    memory: Remembering | None = None,
) -> AsyncIterator[Office]:
    settings = Settings(data_dir=folder)
    async with contextlib.AsyncExitStack() as stack:
        deus = await stack.enter_async_context(
            small(folder, toolbox or tools(), planner or both(), reading=CLOSED, memory=memory)
        )
        people = deus.people
        assert people is not None
        for name, role in TEAM.items():
            if await people.get(f"{name}@acme.com") is None:
                await people.add(name.title(), by="founder", email=f"{name}@acme.com", role=role)  # type: ignore[arg-type]
        server = FastAPI()
        for module in (runs, run_link, audit, files):
            server.include_router(module.router)
        problem.install(server)
        database = SQLite(folder / "deus.db")
        stack.push_async_callback(database.close)
        # No path here leads to the approvals.
        approvals: Any = None
        server.state.product = Product(
            settings,
            StillClock(),
            deus.conversations,
            approvals,
            ConnectedToolbox({}),
            Workshop(),
            AuditLog(database),
            people=people,
        )
        bearer = {"Authorization": f"Bearer {api_token(settings)}"}
        transport = httpx.ASGITransport(server, raise_app_exceptions=False)
        program = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=bearer)
        yield Office(deus, people, await stack.enter_async_context(program), server, settings, stack)
