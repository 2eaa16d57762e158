"""The demo's PostHog: its own words for refusals, paging, and queries that agree with each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.vendors.vendor import Demo

Client = Callable[[str, Path], httpx.AsyncClient]
AUTH = {"authorization": "Bearer demo-posthog"}
PROJECT = "/api/projects/1"


async def asked(client: httpx.AsyncClient, query: Any) -> httpx.Response:
    return await client.post(f"{PROJECT}/query/", json={"query": query}, headers=AUTH)


async def test_refusals_are_posthogs(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("posthog", acme)
    nobody = await client.get(f"{PROJECT}/")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_authenticated")
    wrong = await client.get(f"{PROJECT}/", headers={"authorization": "Bearer phx_wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "authentication_failed")
    assert set(wrong.json()) == {"type", "code", "detail", "attr"}
    other = await client.get("/api/projects/2/", headers=AUTH)
    assert (other.status_code, other.json()["detail"]) == (404, "Project not found.")


@pytest.mark.parametrize(
    "query",
    [
        None,
        {"kind": "RetentionQuery"},
        {"kind": "TrendsQuery", "series": []},
        {"kind": "TrendsQuery", "series": [{"event": "signed_up"}], "interval": "fortnight"},
        {"kind": "TrendsQuery", "series": [{"event": "signed_up"}], "dateRange": {"date_from": "soon"}},
        {"kind": "HogQLQuery", "query": "SELECT * FROM effects"},
        {"kind": "HogQLQuery", "query": "DROP TABLE events"},
    ],
)
async def test_a_query_that_is_not_understood_is_refused(vendor_client: Client, acme: Path, query: Any) -> None:
    answer = await asked(vendor_client("posthog", acme), query)
    assert (answer.status_code, answer.json()["type"]) == (400, "validation_error")


async def test_trends_by_three_properties_add_up_and_fold_the_rest(
    vendor_client: Client, demo: Callable[[Path], Demo], acme: Path
) -> None:
    client = vendor_client("posthog", acme)
    whole = {"kind": "TrendsQuery", "series": [{"event": "signed_up"}], "dateRange": {"date_from": "-7d"}}
    [total] = (await asked(client, whole)).json()["results"]
    broken = {
        "breakdowns": [{"property": name, "type": "event"} for name in ("browser", "country", "device")],
        "breakdown_limit": 5,
    }
    parts = (await asked(client, {**whole, "interval": "hour", "breakdownFilter": broken})).json()["results"]
    assert len(parts) == 6
    assert parts[-1]["breakdown_value"] == ["$$_posthog_breakdown_other_$$"] * 3
    assert sum(part["count"] for part in parts) == total["count"] == sum(total["data"])
    assert total["days"][-1] == "2026-11-18"
    assert len(total["days"]) == 8
    four = {**whole, "breakdownFilter": {"breakdowns": [{"property": str(i)} for i in range(4)]}}
    assert (await asked(client, four)).status_code == 400


async def test_lists_are_paged_by_their_limit(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("posthog", acme)
    first = (await client.get(f"{PROJECT}/event_definitions/", params={"limit": 4}, headers=AUTH)).json()
    assert first["count"] == 6
    assert len(first["results"]) == 4
    second = (await client.get(first["next"], headers=AUTH)).json()
    assert len(second["results"]) == 2
    assert second["next"] is None
    assert second["previous"]


async def test_pages_for_people_escape_and_never_fail(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("posthog", acme)
    for path in (
        "/project/1/annotations/3",
        "/project/1/annotations/999",
        "/project/1/feature_flags/1",
        '/project/1/insights/new?insight=TRENDS&events=[{"id":"signed_up"}]',
        "/project/1/insights/new?events=<script>",
    ):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert "<script>" not in answer.text


async def test_what_truly_happened_is_nowhere(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("posthog", acme)
    for path in ("", "annotations/", "feature_flags/activity/", "event_definitions/"):
        text = (await client.get(f"{PROJECT}/{path}", headers=AUTH)).text
        assert "factor" not in text
        assert "0.24" not in text
