"""Who says yes, wants something else and takes back: agents and admins, by the API and by the page; nobody else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agents.admission import Admission
from agents.approvals import Approvals
from agents.conversation import Conversations
from agents.errors import Forbidden
from agents.identity import Role
from agents.rights import Reading, Sources
from agents.undoing import Undoing
from app.api import approvals, approvals_page, problem
from app.bootstrap import Product
from app.channels.slack_edit import Editing
from app.channels.slack_people import Person as SlackPerson
from app.settings import Settings
from app.stores.audit import AuditLog
from app.stores.people import StoredPeople
from app.stores.sqlite import SQLite
from app.stores.traces import StoredTraces
from app.toolbox import ConnectedToolbox
from app.workshop import Workshop
from tests.contracts.test_approvals import Workspace as Space
from tests.contracts.test_approvals import opened, proposal, requested
from tests.contracts.test_store import store
from tests.scenarios.api.test_approvals_api import Slack
from tests.scenarios.people.office import ORIGIN
from tests.signed_in import session
from tools.kit.errors import DeusError

CLOSED = Reading(roles={"agent": Sources(deny=("slack",))})


@dataclass
class Desk:
    """A write that waits, and the browsers of people."""

    space: Space
    approvals: Approvals
    waits: dict[str, Any]
    server: FastAPI
    settings: Settings
    people: StoredPeople
    stack: contextlib.AsyncExitStack

    async def browser(self, actor: str) -> httpx.AsyncClient:
        cookie = await session(self.settings, actor, self.people)
        transport = httpx.ASGITransport(self.server, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"Origin": ORIGIN})
        client.cookies.set("access_token", cookie)
        return await self.stack.enter_async_context(client)

    @property
    def yes(self) -> dict[str, str]:
        return {"choice": "approve", "digest": self.waits["digest"]}


@contextlib.asynccontextmanager
async def desk(folder: Path, reading: Reading | None = None) -> AsyncIterator[Desk]:
    async with contextlib.AsyncExitStack() as stack:
        database, settings = SQLite(folder / "deus.db"), Settings(data_dir=folder)
        stack.push_async_callback(database.close)
        space, slack = await opened(database), Slack()
        people = StoredPeople(database, space.clock, owner="founder")
        roles: dict[str, Role] = {"vic": "viewer", "ann": "agent", "root": "admin"}
        for name, role in roles.items():
            await people.add(name.title(), by="founder", email=f"{name}@acme.com", role=role)
        runs = store(database)
        admission = Admission(people, StoredTraces(database), reading or Reading())
        undoing: Any = Undoing(slack, space.ledger, space.approvals, space.clock)  # type: ignore[arg-type]
        door = Approvals(space.approvals, space.ledger, undoing, space.clock, _nothing, admission)
        server = FastAPI()
        for module in (approvals, approvals_page):
            server.include_router(module.router)
        problem.install(server)
        server.state.product = Product(
            settings,
            space.clock,
            Conversations(runs, _stopped, admission),
            door,
            ConnectedToolbox({}),
            Workshop(),
            AuditLog(database),
            people=people,
        )
        (one,) = await requested(space, proposal(space.run, service="slack"))
        waits = {"id": one.id, "digest": one.proposal.digest}
        yield Desk(space, door, waits, server, settings, people, stack)


async def _nothing() -> None:
    """Nothing has to be loaded here."""


async def _stopped(run: str) -> None:
    """Nothing is driven here."""


async def test_a_viewer_neither_sees_nor_decides_what_waits(tmp_path: Path) -> None:
    async with desk(tmp_path) as there:
        vic = await there.browser("vic@acme.com")
        place = f"/api/approvals/{there.waits['id']}"
        listed = [(await vic.get(path)).json() for path in ("/api/approvals", "/api/approvals/open")]
        shown = await vic.get(place)
        done = [
            await vic.post(f"{place}/decision", json=there.yes),
            await vic.post(f"{place}/edit", json={"args": {}}),
            await vic.post(f"{place}/withdraw"),
        ]
        page = (await vic.get("/approvals")).text
        form = await vic.post(f"/approvals/{there.waits['id']}/decision", data=there.yes)
        state = (await there.approvals.get(there.waits["id"])).state
    assert listed == [[], {"open": 0, "conversations": {}}]
    assert shown.status_code == 404
    assert [one.status_code for one in done] == [403, 403, 403]
    assert {one.json()["detail"] for one in done} == {"As viewer Vic may look, and not decide."}
    assert there.waits["digest"] not in page
    assert form.status_code == 409
    assert "may look, and not decide" in form.text
    assert state == "requested"


async def test_an_agent_decides_and_a_stranger_does_not(tmp_path: Path) -> None:
    async with desk(tmp_path) as there:
        ann, stranger = await there.browser("ann@acme.com"), await there.browser("eve@acme.com")
        place = f"/api/approvals/{there.waits['id']}/decision"
        refused = await stranger.post(place, json=there.yes)
        decided = await ann.post(place, json=there.yes)
    assert refused.status_code == 401
    assert decided.status_code == 200, decided.text
    assert decided.json()["state"] == "approved"
    assert decided.json()["decisions"][0]["by"] == "ann@acme.com"


async def test_nobody_decides_about_what_they_may_not_read(tmp_path: Path) -> None:
    async with desk(tmp_path, CLOSED) as there:
        ann, root = await there.browser("ann@acme.com"), await there.browser("root@acme.com")
        place = f"/api/approvals/{there.waits['id']}"
        refused = [await ann.get(place), await ann.post(f"{place}/decision", json=there.yes)]
        decided = await root.post(f"{place}/decision", json=there.yes)
    assert [one.status_code for one in refused] == [404, 404]
    assert decided.status_code == 200


async def test_at_the_machine_itself_sits_its_admin(tmp_path: Path) -> None:
    async with desk(tmp_path) as there:
        with pytest.raises(Forbidden, match="does not know"):
            await there.approvals.decide(
                there.waits["id"], "approve", by="root-user", channel="slack", digest=there.waits["digest"]
            )
        done = await there.approvals.decide(
            there.waits["id"], "approve", by="root-user", channel="cli", digest=there.waits["digest"]
        )
    assert done.state == "approved"


@dataclass
class Front:
    """Slack, as far as forms go."""

    actor: str
    forms: list[Any]

    async def member(self, user: str, team: str) -> SlackPerson:
        return SlackPerson(self.actor, self.actor, ours=True)

    async def views_open(self, *, trigger_id: str, view: Any) -> None:
        self.forms.append(view)


async def _stands(approval: Any, actor: str, body: Any) -> None:
    """The button is where Deus has put it."""


async def test_a_form_in_slack_shows_nothing_to_who_may_not_see_or_not_decide(tmp_path: Path) -> None:
    async with desk(tmp_path, CLOSED) as there:
        told: list[str] = []
        body = {
            "user": {"id": "U1"},
            "trigger_id": "1",
            "actions": [{"value": json.dumps(there.waits)}],
            "view": {"private_metadata": json.dumps(there.waits), "state": {"values": {"arg.text": {"value": {}}}}},
        }
        for actor in ("ann@acme.com", "vic@acme.com", "eve@acme.com", "root@acme.com"):
            front: Any = Front(actor, [])
            editing = Editing(there.approvals, front, front, _stands)
            try:
                await editing.open(body, "T1")
                told.append("form")
            except (DeusError, LookupError) as error:
                told.append(type(error).__name__)
            assert bool(front.forms) == (actor == "root@acme.com")
            if not front.forms:
                assert await editing.submit(body, "T1"), "what is wrong is said"
        assert told == ["LookupError", "Forbidden", "Forbidden", "form"]
        assert (await there.approvals.get(there.waits["id"])).state == "requested"
