"""App Homes as they are published: for whom, with which buttons, when anew, and what is said of the services."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from agents.approval import Approval
from agents.conversation import RunSummary
from agents.errors import Forbidden
from agents.identity import Role
from app.channels.slack_homes import Homes, Services
from app.channels.slack_people import Person, Unknown
from tests.channels.script import NOW
from tests.channels.test_slack_doors import proposal
from tools.kit.errors import Unavailable

PATIENCE = 20.0


class Office:
    """Everything that a Home asks: people, runs, approvals, and Slack, which keeps what is published."""

    def __init__(self, role: Role = "agent") -> None:
        self.roles: dict[str, Role] = {"ann@acme.test": role}
        self.waiting: list[Approval] = []
        self.visible: list[str] = []
        self.published: list[tuple[str, str]] = []
        self.refused = False
        self._changed = asyncio.Event()

    async def member(self, user: str, team: str) -> Person:
        if user == "U9":
            raise Unknown("Only people of this workspace may ask Deus here.")
        return Person("ann@acme.test", "Ann", ours=True)

    async def role(self, actor: str) -> Role:
        return self.roles[actor]

    def of(self, actor: str) -> Office:
        return self

    async def runs(self, *, actor: str | None = None, status: str | None = None, limit: int) -> list[RunSummary]:
        if self.refused:
            raise Forbidden("Deus does not know them.")
        own = [run for run in self.visible if actor is None or run.startswith("own")]
        return [RunSummary(run, "c1", f"Question {run}", "running", NOW, "slack", "ann@acme.test") for run in own]

    async def open(self, limit: int = 100) -> list[Approval]:
        return self.waiting

    async def views_publish(self, *, user_id: str, view: Any) -> None:
        self.published.append((user_id, json.dumps(view)))
        self._changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.published) < count:
                self._changed.clear()
                await self._changed.wait()


def homes(office: Office, services: Services | None = None) -> Homes:
    standing: Any = office
    return Homes(standing, standing, standing, services or Services({}), standing, "https://deus.test", glance=0.01)


def ask(office: Office, run: str, **changes: Any) -> None:
    office.waiting.append(Approval(proposal=proposal(**changes).model_copy(update={"run": run}), state="requested"))
    office.visible.append(run)


async def test_who_may_decide_gets_buttons_and_who_may_only_look_gets_none() -> None:
    office = Office()
    ask(office, "own-1")
    await homes(office).opened("U1", "T1")
    assert '"Approve"' in office.published[-1][1]
    office.roles["ann@acme.test"] = "viewer"
    await homes(office).opened("U1", "T1")
    shown = office.published[-1][1]
    assert "Create the issue" in shown, "it may be seen"
    assert '"Approve"' not in shown
    assert '"Reject"' not in shown


async def test_what_is_wrong_with_a_service_is_told_to_those_who_can_have_it_mended() -> None:
    async def check() -> None:
        raise Unavailable("The key of deus@acme.test was revoked.")

    connected: Any = {"sentry": SimpleNamespace(title="Sentry", check=check)}
    services, office = Services(connected), Office()
    await services.look()
    await homes(office, services).opened("U1", "T1")
    office.roles["ann@acme.test"] = "viewer"
    await homes(office, services).opened("U1", "T1")
    agents, viewers = (view for _, view in office.published)
    assert "was revoked" in agents
    assert "was revoked" not in viewers
    assert "does not let me in" in viewers


async def test_what_may_not_be_seen_is_not_there() -> None:
    office = Office("viewer")
    ask(office, "another-s")
    await homes(office).opened("U1", "T1")
    assert "Create the issue" not in office.published[-1][1]
    office.refused = True
    await homes(office).opened("U1", "T1")
    assert "Question" not in office.published[-1][1]
    with pytest.raises(Unknown):
        await homes(office).opened("U9", "T1")
    assert [user for user, _ in office.published] == ["U1", "U1"]


async def test_an_open_home_is_shown_anew_when_something_changes_and_only_then() -> None:
    office = Office()
    async with (shown := homes(office)).working():
        await shown.opened("U1", "T1")
        await shown.publish("U1", "T1")
        assert len(office.published) == 1, "nothing has changed"
        ask(office, "own-1")
        await office.until(2)
        office.waiting.clear()
        await office.until(3)
    assert '"Approve"' in office.published[1][1]
    assert '"Approve"' not in office.published[2][1]


async def test_services_are_asked_whether_they_let_deus_in_once_in_a_while() -> None:
    asked: list[str] = []

    def connector(title: str, failure: BaseException | None = None, *, hangs: bool = False) -> Any:
        async def check() -> None:
            asked.append(title)
            if hangs:
                await asyncio.Event().wait()
            if failure is not None:
                raise failure

        return SimpleNamespace(title=title, check=check)

    revoked = Unavailable("Sentry's key was revoked.", remedy="Run `deus connect sentry`.")
    connected = {
        "github": connector("GitHub"),
        "sentry": connector("Sentry", revoked),
        "linear": connector("Linear", hangs=True),
    }
    services = Services(connected, patience=0.05)
    assert services.states() == {"GitHub": None, "Linear": None, "Sentry": None}
    await services.look()
    await services.look()
    assert sorted(asked) == ["GitHub", "Linear", "Sentry"], "each once"
    assert services.states() == {"GitHub": "", "Linear": "it does not answer", "Sentry": str(revoked)}
