"""The demo's Vercel pages, filters and refuses as Vercel's documentation says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.companies import demo_of

AUTH = {"Authorization": "Bearer demo-vercel"}
Client = Callable[[str, Path], httpx.AsyncClient]


async def test_pages_are_walked_by_time(vendor_client: Client, each_world: Path) -> None:
    client, until, seen = vendor_client("vercel", each_world), None, []
    while True:
        params = {"limit": "2"} | ({"until": str(until)} if until else {})
        answer = (await client.get("v6/deployments", params=params, headers=AUTH)).json()
        assert answer["pagination"]["count"] == len(answer["deployments"]) <= 2
        seen += [deployment["uid"] for deployment in answer["deployments"]]
        until = answer["pagination"]["next"]
        if until is None:
            break
    company = demo_of(each_world).company
    assert len(seen) == len(set(seen))
    made = {company.ref(artefact.id).ref for artefact in company.of_kind("deployment")}
    parts = {artefact["service"] for artefact in company.of_kind("deployment")}
    assert set(seen) >= made
    assert len(seen) == len(made) + len(parts), "each part had a deployment when the world began"


async def test_one_deployment_has_its_own_names_for_id_and_time(vendor_client: Client, acme: Path) -> None:
    client, ref = vendor_client("vercel", acme), demo_of(acme).company.ref("dep-871")
    detail = (await client.get(f"v13/deployments/{ref.ref}", headers=AUTH)).json()
    assert detail["id"] == ref.ref
    assert detail["inspectorUrl"] == ref.url
    assert detail["readyState"] == "READY"
    assert detail["createdAt"] < detail["ready"]
    by_host = await client.get(f"v13/deployments/{detail['url']}", headers=AUTH)
    assert by_host.json() == detail


async def test_a_part_of_the_system_is_a_project(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("vercel", acme)
    projects = (await client.get("v9/projects", headers=AUTH)).json()["projects"]
    assert [project["name"] for project in projects] == ["api", "web", "worker"]
    chosen = (await client.get("v6/deployments", params={"projectId": "prj_worker"}, headers=AUTH)).json()
    assert {deployment["name"] for deployment in chosen["deployments"]} == {"worker"}


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("v6/deployments", {}, 403, "forbidden"),
        ("v6/deployments", {"Authorization": "Bearer other"}, 403, "forbidden"),
        ("v6/deployments?teamId=team_other", AUTH, 403, "forbidden"),
        ("v6/deployments?limit=500", AUTH, 400, "bad_request"),
        ("v6/deployments?since=yesterday", AUTH, 400, "bad_request"),
        ("v13/deployments/dpl_nothing", AUTH, 404, "not_found"),
    ],
)
async def test_failures_are_told_in_vercel_s_words(
    path: str, headers: dict[str, str], status: int, code: str, vendor_client: Client, acme: Path
) -> None:
    answer = await vendor_client("vercel", acme).get(path, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


async def test_the_budget_is_told(vendor_client: Client, acme: Path) -> None:
    answer = await vendor_client("vercel", acme).get("v2/user", headers=AUTH)
    assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(answer.headers)
