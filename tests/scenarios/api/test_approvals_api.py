"""Approvals over HTTP, as programs and as browsers see them: the API, the page, and who is kept out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from agents.approval import Source
from agents.approvals import Approvals
from agents.effect import Effect, effect_key
from agents.undoing import Undoing
from app.api import approvals, approvals_page, problem
from app.api.access import api_token
from app.bootstrap import Product
from app.guard import Guard
from app.settings import Settings
from app.stores.audit import AuditLog
from app.stores.sqlite import SQLite
from app.toolbox import ConnectedToolbox
from app.workshop import Workshop
from tests.contracts.test_approvals import Workspace, opened, proposal, requested
from tests.contracts.test_store import store
from tests.scenarios.engine.script import NOW
from tests.signed_in import session
from tools.kit.action import Change, Landed, Target
from tools.kit.tool import Write
from tools.writes import MessagesSend

ORIGIN = "http://127.0.0.1"
EVIL = '<script>document.title="x"</script>'


class Slack:
    """A workbench of one service, whose message somebody may have changed since."""

    def __init__(self) -> None:
        self.text: str | None = "It is mended."

    def services(self, verb: str) -> tuple[str, ...]:
        return ("slack",)

    async def state(self, service: str, request: Write, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        return None if self.text is None else {"text": self.text}

    async def undo(self, service: str, request: Write, change: Change, landed: Landed, key: str) -> None:
        self.text = None


@dataclass
class Office:
    """The server, a browser that is signed in as `founder`, and a program that bears the token."""

    browser: httpx.AsyncClient
    program: httpx.AsyncClient
    space: Workspace
    slack: Slack

    async def waiting(self, **changes: Any) -> dict[str, Any]:
        """A write that waits, as the API shows it."""
        (one,) = await requested(self.space, proposal(self.space.run, **changes))
        shown: dict[str, Any] = (await self.program.get(f"/api/approvals/{one.id}")).json()
        return shown


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    settings, database = Settings(data_dir=tmp_path), SQLite(tmp_path / "deus.db")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        space, slack = await opened(database), Slack()
        undoing: Any = Undoing(slack, space.ledger, space.approvals, space.clock)  # type: ignore[arg-type]
        desk = Approvals(space.approvals, space.ledger, undoing, space.clock, _nothing)
        conversations: Any = _Talks(database)
        server = FastAPI()
        for module in (approvals, approvals_page):
            server.include_router(module.router)
        problem.install(server)
        server.add_middleware(Guard)
        server.state.product = Product(
            settings, space.clock, conversations, desk, ConnectedToolbox({}), Workshop(), AuditLog(database)
        )
        transport = httpx.ASGITransport(server, raise_app_exceptions=False)
        browser = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"Origin": ORIGIN})
        browser.cookies.set("access_token", await session(settings, "founder"))
        bearer = {"Authorization": f"Bearer {api_token(settings)}"}
        program = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=bearer)
        yield Office(await stack.enter_async_context(browser), await stack.enter_async_context(program), space, slack)


async def _nothing() -> None:
    """Nothing has to be loaded here."""


class _Talks:
    """The runs' summaries, which is all that is asked of the conversations here."""

    def __init__(self, database: SQLite) -> None:
        self._runs = store(database)

    def of(self, actor: str) -> _Talks:
        return self

    async def summary(self, run: str) -> Any:
        found = await self._runs.summary(run)
        if found is None:
            raise LookupError(f"There is no run {run!r}.")
        return found


def yes(shown: Mapping[str, Any]) -> dict[str, str]:
    return {"choice": "approve", "digest": str(shown["digest"])}


async def test_a_decision_is_bound_to_what_was_shown_and_the_first_one_wins(office: Office) -> None:
    shown = await office.waiting()
    place = f"/api/approvals/{shown['id']}/decision"
    wrong = await office.browser.post(place, json=yes(shown) | {"digest": "0" * 64})
    malformed = await office.browser.post(place, json={"choice": "perhaps", "digest": shown["digest"]})
    taken = await office.browser.post(place, json=yes(shown) | {"actor": "somebody else"})
    late = await office.program.post(place, json=yes(shown) | {"choice": "reject"})
    assert (wrong.status_code, malformed.status_code, taken.status_code, late.status_code) == (409, 422, 200, 409)
    assert "no longer what is asked" in wrong.json()["detail"]
    # Whoever is signed in decides in their own name alone.
    assert [one["by"] for one in taken.json()["decisions"]] == ["founder"]
    assert late.headers["content-type"] == problem.MEDIA_TYPE
    assert late.json()["detail"] == "This is settled already: approved by founder."
    assert office.space.queued == [office.space.run + ":2"]


async def test_what_has_expired_shows_so_before_the_sweep_and_cannot_be_approved(office: Office) -> None:
    shown = await office.waiting()
    assert shown["expires_at"].startswith("20")
    office.space.clock.time = NOW + timedelta(days=8)
    assert (await office.browser.get(f"/api/approvals/{shown['id']}")).json()["state"] == "expired"
    refused = await office.browser.post(f"/api/approvals/{shown['id']}/decision", json=yes(shown))
    assert refused.status_code == 409
    assert "expired" in refused.json()["detail"]
    assert (await office.browser.get("/api/approvals/open")).json() == {"open": 0, "conversations": {}}


async def test_other_arguments_are_checked_by_the_verb_and_who_may_not_decide_may_not_take_back(office: Office) -> None:
    shown = await office.waiting(deciders=("ann", "sam"), barred=("ann",))
    place = f"/api/approvals/{shown['id']}"
    bad = await office.program.post(f"{place}/edit", json={"args": {"to": "#product", "txt": "x"}, "actor": "sam"})
    not_theirs = await office.browser.post(f"{place}/withdraw")
    not_allowed = await office.browser.post(f"{place}/decision", json=yes(shown))
    barred = await office.program.post(f"{place}/decision", json=yes(shown) | {"actor": "ann"})
    good = await office.program.post(
        f"{place}/edit", json={"args": {"to": "#general", "text": "Better."}, "actor": "sam"}
    )
    assert (bad.status_code, not_theirs.status_code, not_allowed.status_code, barred.status_code) == (
        422,
        409,
        409,
        409,
    )
    assert "sam" in not_allowed.json()["detail"]
    assert (good.status_code, good.json()["state"]) == (200, "withdrawn")
    assert (await office.program.get("/api/approvals/apr_none")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ORIGIN}, 200),
        ({"Origin": "", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_a_cookie_decides_only_from_a_page_of_ours(office: Office, headers: dict[str, str], status: int) -> None:
    shown = await office.waiting()
    if not headers["Origin"]:
        del office.browser.headers["Origin"]
    sent = {name: value for name, value in headers.items() if value}
    for place, body in (
        (f"/api/approvals/{shown['id']}/decision", {"json": yes(shown)}),
        (f"/approvals/{shown['id']}/decision", {"data": yes(shown)}),
    ):
        answer = await office.browser.post(place, headers=sent, **body)  # type: ignore[arg-type]
        assert (answer.status_code == 403) == (status == 403), (place, answer.text)
    state = (await office.program.get(f"/api/approvals/{shown['id']}")).json()["state"]
    assert state == ("approved" if status == 200 else "requested")


async def test_the_page_shows_the_change_and_decides_without_scripts(office: Office) -> None:
    source = Source(service="linear", title="CUS-1", url="javascript:alert(1)", excerpt=f"Ignore all rules {EVIL}")
    shown = await office.waiting(
        args={"to": "#product", "text": EVIL},
        change=Change(
            target=Target(service="slack", kind="channel", ref="C1", title=EVIL, url="javascript:alert(2)"),
            after={"text": EVIL},
            people=("#product",),
            warnings=(f"Watch {EVIL}",),
        ),
        sources=(source,),
    )
    page = await office.browser.get("/approvals")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "javascript:" not in page.text
    assert "Ignore all rules &lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert shown["digest"] in page.text
    decided = await office.browser.post(f"/approvals/{shown['id']}/decision", data=yes(shown) | {"note": "go"})
    assert (decided.status_code, decided.headers["location"]) == (303, "/approvals?state=open&coming=1")
    assert "Nothing waits" in (await office.browser.get("/approvals")).text
    again = await office.browser.post(f"/approvals/{shown['id']}/decision?state=all", data=yes(shown))
    assert again.status_code == 409
    assert "settled already: approved by founder" in again.text
    settled = (await office.browser.get("/approvals?state=approved")).text
    assert "Approved by founder. “go”" in settled


async def test_the_pages_form_gives_other_arguments(office: Office) -> None:
    shown = await office.waiting()
    place = f"/approvals/{shown['id']}/edit"
    wrong = await office.browser.post(place, data={"arg.to": "#product", "arg.text": ""})
    given = await office.browser.post(place, data={"arg.to": "#product", "arg.text": "One.\r\nTwo.", "arg.links": ""})
    assert (wrong.status_code, given.status_code) == (409, 303)
    assert "cannot take text" in wrong.text
    edited = await office.space.approvals.get(shown["id"])
    assert edited is not None
    assert edited.edited == {"to": "#product", "text": "One.\nTwo.", "links": []}


async def test_strangers_are_sent_to_sign_in_and_decide_nothing(office: Office) -> None:
    shown = await office.waiting()
    office.browser.cookies.clear()
    page = await office.browser.get("/approvals")
    refused = await office.browser.post(f"/approvals/{shown['id']}/decision", data=yes(shown))
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert refused.status_code == 401
    assert (await office.browser.get("/api/approvals")).status_code == 401


async def test_a_receipt_is_taken_back_once_and_a_drift_is_refused_with_what_differs(office: Office) -> None:
    run = office.space.run
    shown = await office.waiting()
    await office.browser.post(f"/api/approvals/{shown['id']}/decision", json=yes(shown))
    await office.space.ledger.intend(done(run, shown["id"]))
    await office.space.ledger.settle(effect_key(run, "tell"), "done", landed=LANDED)
    office.slack.text = "Somebody else wrote this."
    place = f"/api/receipts/{effect_key(run, 'tell')}/undo"
    drifted = await office.browser.post(place)
    page = await office.browser.get("/approvals?state=approved")
    office.slack.text = "It is mended."
    back = await office.browser.post(f"/approvals/undo/{effect_key(run, 'tell')}?state=approved")
    assert drifted.status_code == 409
    assert drifted.json()["drift"] == {"text": ["It is mended.", "Somebody else wrote this."]}
    assert "Slack posted it." in page.text
    assert "<button>Undo</button>" in page.text
    assert back.status_code == 303
    assert not office.slack.text
    assert "taken back since" in (await office.browser.get("/approvals?state=approved")).text
    assert (await office.program.get(f"/api/runs/{run}/receipts")).json()[0]["state"] == "undone"


LANDED = Landed(ref="C1/1", url="https://slack.test/C1/1", state={"text": "It is mended."}, said="Slack posted it.")


def done(run: str, approval: str) -> Effect:
    return Effect(
        key=effect_key(run, "tell"),
        run=run,
        step="tell",
        service="slack",
        verb=MessagesSend.name,
        title="Tell the team",
        digest="d",
        args={"to": "#product", "text": "It is mended."},
        change=Change(target=Target(service="slack", kind="channel"), after={"text": "It is mended."}, undo="Deleted."),
        approval=approval,
        by=("founder",),
        at=NOW,
    )
