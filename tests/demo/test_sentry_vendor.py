"""What the demo's Sentry serves is what Sentry's own description publishes, and pages as Sentry does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx

from tests.companies import BASE, demo_of
from tests.demo.exchanges import noted
from tests.descriptions import description, problems
from tools.kit.connector import Connector
from tools.verbs import ErrorsEvents, ErrorsGet, ErrorsSearch

DEMO, VENDOR = f"{BASE}/sentry", "https://us.sentry.io"
AUTH = {"Authorization": "Bearer demo-sentry"}
Connect = Callable[..., Awaitable[Connector]]
Client = Callable[[str, Path], httpx.AsyncClient]


async def test_every_exchange_with_the_connector_is_as_described(
    connect: Connect, shared: Path, each_world: Path
) -> None:
    spec = description(shared / "vendor" / "specs" / "sentry" / "openapi-derefed.json.gz")
    connector = await connect("sentry", each_world)
    exchanges = noted(connector)
    await connector.check()
    for group in await connector.call(ErrorsSearch(state="unresolved")):
        await connector.call(ErrorsGet(ref=group.ref))
        await connector.call(ErrorsEvents(ref=group.ref, limit=2))
    found = [problem for one in exchanges for problem in problems(spec, one.request, one, DEMO, VENDOR)]
    # Sentry's own pages read all tags of an issue at once; the description has them one by one only. An empty query is
    # published in the parameter's prose ("for all results use this parameter with an empty string"), not in its schema.
    known = re.compile(r"unpublished .*/issues/\d+/tags/|.*query parameter cannot be empty")
    assert [problem for problem in found if not known.match(problem)] == []
    assert len(exchanges) > 5


async def test_pages_are_walked_by_the_link_header(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("sentry", acme)
    url: str | None = "organizations/acme/issues/?query=&limit=3"
    seen: list[str] = []
    while url:
        answer = await client.get(url, headers=AUTH)
        seen += [issue["shortId"] for issue in answer.json()]
        following = re.search(r'<([^>]+)>; rel="next"; results="(true|false)"', answer.headers["link"])
        assert following
        url = following[1] if following[2] == "true" else None
    errors = demo_of(acme).company.of_kind("error")
    assert sorted(seen) == sorted(demo_of(acme).company.ref(error.id).ref for error in errors)


async def test_hours_add_up_to_the_count_and_lie_within_the_error_s_life(
    vendor_client: Client, each_world: Path
) -> None:
    client, company = vendor_client("sentry", each_world), demo_of(each_world).company
    slug = company.facts.name.lower()
    for error in company.of_kind("error"):
        assert error.at is not None
        # Ten thousand points are the most that one question may give, so a long life is asked for by the day.
        params = {
            "dataset": "errors", "groupBy": "issue", "topEvents": "1", "sort": "-count()", "interval": "86400",
            "query": f"issue:{company.ref(error.id).ref}", "end": company.now.isoformat(),
            "start": (error.at - timedelta(days=1)).isoformat(),
        }  # fmt: skip
        answer = await client.get(f"organizations/{slug}/events-timeseries/", params=params, headers=AUTH)
        [series] = answer.json()["timeSeries"]
        issue = await client.get(f"organizations/{slug}/issues/{company.ref(error.id).number}/", headers=AUTH)
        assert sum(point["value"] for point in series["values"]) == int(issue.json()["count"])
        happened = [point["timestamp"] / 1000 for point in series["values"] if point["value"]]
        assert min(happened) >= (error.at - timedelta(days=1)).timestamp()


async def test_failures_are_told_in_sentry_s_words(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("sentry", acme)
    refused = await client.get("organizations/acme/issues/", headers={"Authorization": "Bearer other"})
    assert (refused.status_code, refused.json()) == (401, {"detail": "Invalid token"})
    absent = await client.get("organizations/acme/issues/999999/", headers=AUTH)
    assert (absent.status_code, absent.json()) == (404, {"detail": "The requested resource does not exist"})
    other = await client.get("organizations/other/issues/", headers=AUTH)
    assert other.status_code == 404
    for wrong in ("limit=500", "limit=x", "start=yesterday&end=today", "sort=colour", "cursor=x"):
        answer = await client.get(f"organizations/acme/issues/?{wrong}", headers=AUTH)
        assert answer.status_code == 400
        assert "detail" in answer.json()


async def test_the_budget_is_told(vendor_client: Client, acme: Path) -> None:
    answer = await vendor_client("sentry", acme).get("organizations/", headers=AUTH)
    assert int(answer.headers["X-Sentry-Rate-Limit-Remaining"]) < int(answer.headers["X-Sentry-Rate-Limit-Limit"])
    assert "X-Sentry-Rate-Limit-Reset" in answer.headers


async def test_the_default_query_is_for_what_is_unresolved(vendor_client: Client, acme: Path) -> None:
    answer = await vendor_client("sentry", acme).get("organizations/acme/issues/", headers=AUTH)
    assert {issue["status"] for issue in answer.json()} == {"unresolved"}
