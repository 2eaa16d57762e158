"""The demo's Intercom against Intercom's own description, and its refusals."""

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
AUTH = {"authorization": "Bearer demo-intercom"}
EVERY = {"query": {"operator": "AND", "value": [{"field": "created_at", "operator": ">", "value": 0}]}}


@cache
def described(shared: Path) -> OpenAPI:
    with gzip.open(shared / "vendor/specs/intercom/api.intercom.io-2.15.json.gz", "rt", encoding="utf-8") as file:
        return OpenAPI.from_dict(json.load(file), config=Config(spec_validator_cls=None))


def valid(shared: Path, method: str, path: str, pattern: str, answer: httpx.Response, body: Any = None) -> None:
    """Checks request and answer by the description."""
    data = None if body is None else json.dumps(body).encode()
    request: Any = MockRequest(
        "https://api.intercom.io", method, path, path_pattern=pattern, headers=AUTH, data=data,
        content_type="application/json",
    )  # fmt: skip
    if body is not None:
        described(shared).validate_request(request)
    response = Response(answer.content, answer.status_code, media_type="application/json")
    described(shared).validate_response(request, StarletteOpenAPIResponse(response))


async def test_what_is_served_is_as_intercom_describes_it(
    vendor_client: Client, shared: Path, each_world: Path
) -> None:
    client = vendor_client("intercom", each_world)
    valid(shared, "get", "/me", "/me", await client.get("/me", headers=AUTH))
    found = await client.post("/tickets/search", json=EVERY, headers=AUTH)
    assert found.json()["tickets"]
    valid(shared, "post", "/tickets/search", "/tickets/search", found, EVERY)
    one = {"query": {"field": "role", "operator": "=", "value": "user"}}
    contacts = await client.post("/contacts/search", json=one, headers=AUTH)
    valid(shared, "post", "/contacts/search", "/contacts/search", contacts, one)
    ticket = found.json()["tickets"][0]
    paths = [(f"/tickets/{ticket['id']}", "/tickets/{ticket_id}")]
    for contact in contacts.json()["data"]:
        paths.append((f"/contacts/{contact['id']}", "/contacts/{contact_id}"))
        paths += [(f"/companies/{held['id']}", "/companies/{company_id}") for held in contact["companies"]["data"]]
    for path, pattern in paths:
        valid(shared, "get", path, pattern, await client.get(path, headers=AUTH))


async def test_refusals_are_as_intercom_describes_them(vendor_client: Client, shared: Path, acme: Path) -> None:
    client = vendor_client("intercom", acme)
    wrong = await client.get("/me", headers={"authorization": "Bearer wrong"})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (401, "unauthorized")
    absent = await client.get("/tickets/0", headers=AUTH)
    assert (absent.status_code, absent.json()["type"]) == (404, "error.list")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": {"field": "secret", "operator": "=", "value": "x"}},
        {"query": {"field": "created_at", "operator": ">=", "value": 1}},
        {"query": {"operator": "OR", "value": [{"field": "title", "operator": "~", "value": "x"}] * 16}},
        {**EVERY, "pagination": {"per_page": 500}},
    ],
)
async def test_a_search_that_is_wrong_is_refused(vendor_client: Client, acme: Path, body: Any) -> None:
    answer = await vendor_client("intercom", acme).post("/tickets/search", json=body, headers=AUTH)
    assert answer.status_code == 400


async def test_searches_are_paged_by_cursor(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("intercom", acme)
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        paging = {"per_page": 2, **({"starting_after": cursor} if cursor else {})}
        answer = await client.post("/tickets/search", json={**EVERY, "pagination": paging}, headers=AUTH)
        seen += [ticket["ticket_id"] for ticket in answer.json()["tickets"]]
        cursor = answer.json()["pages"].get("next", {}).get("starting_after")
        if cursor is None:
            break
    assert seen == ["77", "75", "80", "74", "71"]
    assert answer.headers["x-ratelimit-remaining"] == "9999"


async def test_a_ticket_has_a_page(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("intercom", acme)
    assert "Our October export" in (await client.get("/a/inbox/acme/ticket/71")).text
    assert "not found" in (await client.get("/a/inbox/acme/ticket/0")).text
