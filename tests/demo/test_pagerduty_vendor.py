"""The demo's PagerDuty pages, filters and refuses as PagerDuty's documentation says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.companies import demo_of

AUTH = {"Authorization": "Token token=demo-pagerduty", "Accept": "application/vnd.pagerduty+json;version=2"}
Client = Callable[[str, Path], httpx.AsyncClient]


async def test_pages_are_walked_by_offset(vendor_client: Client, each_world: Path) -> None:
    client, company, seen = vendor_client("pagerduty", each_world), demo_of(each_world).company, list[dict[str, str]]()
    while True:
        params = {"date_range": "all", "limit": "1", "offset": str(len(seen)), "sort_by": "created_at:desc"}
        answer = (await client.get("incidents", params=params, headers=AUTH)).json()
        assert (answer["limit"], answer["offset"], answer["total"]) == (1, len(seen), None)
        seen += answer["incidents"]
        if not answer["more"]:
            break
    assert len(seen) == len(company.of_kind("alert")) + len(company.of_kind("incident"))
    made = [incident["created_at"] for incident in seen]
    assert made == sorted(made, reverse=True)


async def test_the_default_period_is_a_month_oldest_first(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("pagerduty", acme)
    [alert] = (await client.get("incidents", headers=AUTH)).json()["incidents"]
    assert alert["alert_counts"] == {"all": 1, "triggered": 0, "resolved": 1}
    assert (await client.get("incidents?statuses[]=triggered", headers=AUTH)).json()["incidents"] == []
    counted = (await client.get("incidents?date_range=all&total=true", headers=AUTH)).json()
    assert counted["total"] == 3
    assert counted["incidents"][-1]["id"] == alert["id"]


async def test_an_alert_belongs_to_its_incident_and_an_incident_to_its_notes(vendor_client: Client, acme: Path) -> None:
    client, company = vendor_client("pagerduty", acme), demo_of(acme).company
    [fired] = (await client.get("incidents", headers=AUTH)).json()["incidents"]
    [alert] = (await client.get(f"incidents/{fired['id']}/alerts", headers=AUTH)).json()["alerts"]
    assert alert["id"] == company.ref("alert-21").ref
    assert alert["incident"]["id"] == fired["id"]
    assert (await client.get(f"incidents/{fired['id']}/notes", headers=AUTH)).json() == {"notes": []}
    told = company.ref("inc-5").ref
    assert (await client.get(f"incidents/{told}/alerts", headers=AUTH)).json()["alerts"] == []
    [note] = (await client.get(f"incidents/{told}/notes", headers=AUTH)).json()["notes"]
    assert "Firefox ESR" in note["content"]
    one = (await client.get(f"incidents/{told}", headers=AUTH)).json()["incident"]
    assert one["html_url"] == company.ref("inc-5").url


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("incidents", {}, 401, 2006),
        ("incidents", {"Authorization": "Token token=other"}, 401, 2006),
        ("incidents/PNONE/alerts", AUTH, 404, 2100),
        ("incidents/PNONE", AUTH, 404, 2100),
        ("incidents?since=2025-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", AUTH, 400, 2001),
        ("incidents?since=yesterday", AUTH, 400, 2001),
        ("incidents?limit=101", AUTH, 400, 2001),
        ("incidents?offset=x", AUTH, 400, 2001),
    ],
)
async def test_failures_are_told_in_pagerduty_s_words(
    path: str, headers: dict[str, str], status: int, code: int, vendor_client: Client, acme: Path
) -> None:
    answer = await vendor_client("pagerduty", acme).get(path, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


async def test_the_budget_is_told_in_seconds_from_now(vendor_client: Client, acme: Path) -> None:
    answer = await vendor_client("pagerduty", acme).get("services", headers=AUTH)
    assert int(answer.headers["ratelimit-reset"]) <= 60
    assert int(answer.headers["ratelimit-remaining"]) < int(answer.headers["ratelimit-limit"])
