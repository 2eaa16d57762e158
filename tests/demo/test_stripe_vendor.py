"""The demo's Stripe against Stripe's own description, and its refusals."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_core import Config, OpenAPI
from openapi_core.contrib.starlette.responses import StarletteOpenAPIResponse
from openapi_core.testing import MockRequest
from starlette.responses import Response

Client = Callable[[str, Path], httpx.AsyncClient]
AUTH = {"authorization": "Bearer demo-stripe"}


@cache
def described(shared: Path) -> OpenAPI:
    with gzip.open(shared / "vendor/specs/stripe/spec3.json.gz", "rt", encoding="utf-8") as file:
        return OpenAPI.from_dict(json.load(file), config=Config(spec_validator_cls=None))


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/account", {}),
        ("/v1/charges", {"limit": "3", "created[gte]": "1794000000"}),
        ("/v1/charges/search", {"query": "status:'failed' AND created>=1794000000", "expand[]": "total_count"}),
        ("/v1/subscriptions", {"limit": "3", "status": "all"}),
        ("/v1/subscriptions/search", {"query": "status:'canceled'", "limit": "2"}),
        ("/v1/prices", {"limit": "3"}),
        ("/v1/customers", {"limit": "3"}),
        ("/v1/customers/search", {"query": 'name~"kestrel"'}),
    ],
)
async def test_what_is_served_is_as_stripe_describes_it(
    vendor_client: Client, shared: Path, acme: Path, path: str, params: dict[str, str]
) -> None:
    answer = await vendor_client("stripe", acme).get(path, params=params, headers=AUTH)
    assert answer.status_code == 200
    assert path == "/v1/account" or answer.json()["data"]
    valid(shared, path, path, answer)


async def test_single_records_are_as_stripe_describes_them(vendor_client: Client, shared: Path, acme: Path) -> None:
    client = vendor_client("stripe", acme)
    [one, *_] = (await client.get("/v1/customers", headers=AUTH)).json()["data"]
    price = (await client.get("/v1/prices", headers=AUTH)).json()["data"][0]
    for path, pattern in (
        (f"/v1/customers/{one['id']}", "/v1/customers/{customer}"),
        (f"/v1/products/{price['product']}", "/v1/products/{id}"),
    ):
        valid(shared, path, pattern, await client.get(path, headers=AUTH))


def valid(shared: Path, path: str, pattern: str, answer: httpx.Response) -> None:
    request: Any = MockRequest("https://api.stripe.com", "get", path, path_pattern=pattern, headers=AUTH)
    response = Response(answer.content, answer.status_code, media_type="application/json")
    described(shared).validate_response(request, StarletteOpenAPIResponse(response))


async def test_lists_are_paged_by_cursor_both_ways(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("stripe", acme)

    async def page(**params: Any) -> list[str]:
        answer = await client.get("/v1/charges", params={"limit": 5, **params}, headers=AUTH)
        return [charge["id"] for charge in answer.json()["data"]]

    first = await page()
    second = await page(starting_after=first[-1])
    assert len({*first, *second}) == 10
    assert await page(ending_before=second[0]) == first
    assert (await client.get("/v1/charges", params={"limit": 5}, headers=AUTH)).json()["has_more"]


@pytest.mark.parametrize(
    ("path", "params", "status", "said"),
    [
        ("/v1/charges", {"limit": "500"}, 400, "between 1 and 100"),
        ("/v1/charges", {"created[gte]": "yesterday"}, 400, "Invalid integer"),
        ("/v1/charges", {"starting_after": "ch_nothing"}, 404, "No such charge"),
        ("/v1/charges/search", {}, 400, "Missing required param"),
        ("/v1/charges/search", {"query": "created>1 AND status:'failed' OR amount>1"}, 400, "AND and OR"),
        ("/v1/charges/search", {"query": "secret:'x'"}, 400, "unsupported search field"),
        ("/v1/customers/search", {"query": 'name~"ab"'}, 400, "at least 3 characters"),
        ("/v1/customers/cus_NOBODY", {}, 404, "No such customer: 'cus_NOBODY'"),
    ],
)
async def test_wrong_requests_are_refused_in_stripes_words(
    vendor_client: Client, acme: Path, path: str, params: dict[str, str], status: int, said: str
) -> None:
    answer = await vendor_client("stripe", acme).get(path, params=params, headers=AUTH)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_key_is_asked_for(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("stripe", acme)
    assert (await client.get("/v1/account")).status_code == 401
    wrong = await client.get("/v1/account", headers={"authorization": "Bearer sk_live_wrongwrong"})
    assert wrong.status_code == 401
    assert "sk_live" not in wrong.text


async def test_nothing_is_later_than_now(vendor_client: Client, demo: Any, each_world: Path) -> None:
    now = demo(each_world).company.now.timestamp()
    client = vendor_client("stripe", each_world)
    for path in ("/v1/charges", "/v1/subscriptions", "/v1/customers"):
        for record in (await client.get(path, headers=AUTH)).json()["data"]:
            assert record["created"] <= now
