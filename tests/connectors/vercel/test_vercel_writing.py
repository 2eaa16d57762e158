"""Production that is led elsewhere at the demo company's Vercel, and back; builds that are begun again."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.companies import demo_of
from tests.connectors.writing import KEY, Fresh, there_and_back
from tools.kit.errors import BadArgument, TimedOut, Unavailable
from tools.kit.tool import Write
from tools.verbs import DeploysGet, DeploysList
from tools.vercel.production import point
from tools.writes import DeploysPromote, DeploysRedeploy, DeploysRollback

VERCEL = "http://127.0.0.1:8001/vercel"


@pytest.fixture
def vercel(acme: Path) -> Fresh:
    return Fresh("vercel", acme)


def ref(acme: Path, name: str) -> str:
    return demo_of(acme).company.ref(name).ref


async def test_a_rollback_leads_to_the_deployment_before_and_back(vercel: Fresh, acme: Path) -> None:
    change, _ = await there_and_back(vercel, DeploysRollback(component="api"))
    assert (change.bound["from"], change.bound["to"]) == (ref(acme, "dep-876"), ref(acme, "dep-874"))
    assert ref(acme, "dep-876") in change.before["serves production"]
    assert change.target.environment == "production"
    assert change.affects == 1
    paths = [request.url.path.removeprefix("/vercel/") for request in vercel.sent()]
    assert paths == [
        f"v1/projects/prj_api/rollback/{ref(acme, 'dep-874')}",
        f"v10/projects/prj_api/promote/{ref(acme, 'dep-876')}",
    ], "doing it again and undoing it again send nothing"


async def test_what_else_is_taken_back_is_said(vercel: Fresh, acme: Path) -> None:
    request = DeploysRollback(component="web", bad=ref(acme, "dep-871"))
    change = await vercel.action(request).preview(request)
    assert "Release of" in change.after["serves production"]
    assert "Cookie notice wording" in change.before["serves production"]
    assert change.affects == 2
    assert "Signup form: idle validation" in change.warnings[0]
    assert "until one is promoted" in change.warnings[1]


async def test_every_read_shows_what_serves(vercel: Fresh, acme: Path) -> None:
    request = DeploysRollback(component="web", to=ref(acme, "dep-871"))
    action = vercel.action(request)
    landed = await action.do(request, await action.preview(request), KEY)
    assert "Serves production" in (await vercel.client.get(landed.url)).text
    again = DeploysRollback(component="web", bad=ref(acme, "dep-872"))
    with pytest.raises(BadArgument, match="does not serve production"):
        await vercel.action(again).preview(again)
    forth = DeploysPromote(ref=ref(acme, "dep-872"))
    change, _ = await there_and_back(vercel, forth)
    assert change.bound["from"] == ref(acme, "dep-871")
    assert change.warnings == ()


async def test_what_goes_live_along_with_a_promotion_is_said(vercel: Fresh, acme: Path) -> None:
    back = DeploysRollback(component="web", bad=ref(acme, "dep-871"))
    await vercel.action(back).do(back, await vercel.action(back).preview(back), KEY)
    forth = DeploysPromote(ref=ref(acme, "dep-872"))
    change = await vercel.action(forth).preview(forth)
    assert "goes live with it: “Signup form: idle validation (#482)”" in change.warnings[0]
    assert change.affects == 2


@pytest.mark.parametrize(
    ("request_of", "why"),
    [
        (lambda acme: DeploysRollback(component="website"), "there are: api, web, worker"),
        (lambda acme: DeploysRollback(component="web", to=ref(acme, "dep-875")), "no finished production deployment"),
        (lambda acme: DeploysRollback(component="web", to=ref(acme, "dep-872")), "is not older than"),
        (lambda acme: DeploysRollback(component="web", bad=ref(acme, "dep-876")), "no finished production deployment"),
        (lambda acme: DeploysPromote(ref=ref(acme, "dep-875")), "has failed"),
        (lambda acme: DeploysPromote(ref=ref(acme, "dep-872")), "serves production already"),
    ],
)
async def test_what_cannot_serve_is_refused_before(request_of: Any, why: str, vercel: Fresh, acme: Path) -> None:
    request: Write = request_of(acme)
    with pytest.raises(BadArgument, match=re.escape(why)):
        await vercel.action(request).preview(request)
    assert vercel.sent() == []


async def test_a_redeployment_is_found_by_its_key_and_cancelled_while_it_is_built(vercel: Fresh, acme: Path) -> None:
    request = DeploysRedeploy(ref=ref(acme, "dep-872"))
    change, landed = await there_and_back(vercel, request)
    assert "in place of" in change.warnings[0]
    assert json.loads(vercel.sent()[0].content)["meta"]["deusKey"] == KEY
    [cancelled] = await vercel.connector.call(DeploysGet(ref=landed.ref))
    assert cancelled.state == "cancelled"  # type: ignore[attr-defined]
    assert landed.ref in [one.ref for one in await vercel.connector.call(DeploysList(environment="production"))]


async def test_a_lost_answer_is_looked_up(vercel: Fresh, acme: Path) -> None:
    request = DeploysRedeploy(ref=ref(acme, "dep-872"))
    action = vercel.action(request)
    change = await action.preview(request)
    vercel.lose_next = True
    with pytest.raises(TimedOut):
        await action.do(request, change, KEY)
    found = await action.find(request, change, KEY)
    assert found is not None
    assert found.state == change.after


async def test_what_is_being_built_cannot_serve_yet(vercel: Fresh, acme: Path) -> None:
    again = DeploysRedeploy(ref=ref(acme, "dep-872"))
    landed = await vercel.action(again).do(again, await vercel.action(again).preview(again), KEY)
    request = DeploysPromote(ref=landed.ref)
    change = await vercel.action(request).preview(request)
    assert await vercel.action(request).blocked(request, change) == f"{landed.ref} is being built."


async def test_what_was_built_goes_live_and_a_rollback_passes_over_the_same_commit(
    acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.demo.vendors.vercel.BUILD", timedelta(0))
    vercel = Fresh("vercel", acme)
    again = DeploysRedeploy(ref=ref(acme, "dep-872"))
    action = vercel.action(again)
    change = await action.preview(again)
    landed = await action.do(again, change, KEY)
    back = DeploysRollback(component="WEB")
    shown = await vercel.action(back).preview(back)
    assert (shown.bound["from"], shown.bound["to"]) == (landed.ref, ref(acme, "dep-871"))
    with pytest.raises(BadArgument, match="has been built"):
        await action.undo(change, landed, KEY)


async def test_a_rolled_back_part_says_that_a_new_build_stays_away(vercel: Fresh, acme: Path) -> None:
    back = DeploysRollback(component="web")
    action = vercel.action(back)
    await action.do(back, await action.preview(back), KEY)
    request = DeploysRedeploy(ref=ref(acme, "dep-872"))
    assert "does not go live" in (await vercel.action(request).preview(request)).warnings[0]


def project(status: str) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "toDeploymentId": "dpl_a",
        "fromDeploymentId": "dpl_b",
        "jobStatus": status,
        "requestedAt": 9,
    }
    live = {"id": "dpl_b", "createdAt": 5}
    return {
        "id": "prj_x",
        "name": "x",
        "targets": {"production": live},
        "lastAliasRequest": {**asked, "type": "promote"},
    }


@pytest.mark.parametrize(("last", "error"), [("failed", Unavailable), ("pending", TimedOut)])
async def test_a_move_that_goes_on_is_waited_for_and_one_that_fails_is_told(
    last: str, error: type[Exception], answered: Any
) -> None:
    told = iter(["none", "pending", "in-progress"])
    posted: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            posted.append(request.url.path)
            return httpx.Response(201)
        return httpx.Response(200, json=project(next(told, last)))

    connector = await answered("vercel", answer)
    with pytest.raises(error):
        await point(connector, "prj_x", "dpl_a", "v10/promote")
    assert len(posted) == 1
    if last == "pending":
        with pytest.raises(TimedOut):
            await point(connector, "prj_x", "dpl_a", "v10/promote")
        assert len(posted) == 1, "what is under way is not asked for again"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/projects/nothing/rollback/dpl_x", {}, 404),
        ("POST", "/v1/projects/web/rollback/dpl_x", {}, 404),
        ("POST", "/v1/projects/web/rollback/{dep-875}", {}, 422),
        ("POST", "/v10/projects/prj_web/promote/{dep-872}", {}, 409),
        ("POST", "/v13/deployments", {}, 400),
        ("POST", "/v13/deployments", {"name": "web", "deploymentId": "dpl_x"}, 404),
        ("POST", "/v13/deployments", {"name": "web", "nonsense": 1}, 400),
        ("POST", "/v13/deployments", {"name": "web", "meta": {"a": 1}}, 400),
        ("PATCH", "/v12/deployments/{dep-872}/cancel", None, 400),
        ("PATCH", "/v12/deployments/dpl_x/cancel", None, 404),
        ("GET", "/v9/projects/nothing", None, 404),
    ],
)
async def test_the_demo_refuses_what_vercel_refuses(
    method: str, path: str, body: Any, status: int, vercel: Fresh, acme: Path
) -> None:
    named = re.sub(r"\{(.+)\}", lambda found: ref(acme, found[1]), path)
    headers = {"Authorization": "Bearer demo-vercel"}
    told = await vercel.client.request(method, VERCEL + named, json=body, headers=headers)
    assert told.status_code == status
    assert set(told.json()["error"]) >= {"code", "message"}
