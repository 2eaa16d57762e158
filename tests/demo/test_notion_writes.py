"""What the demo's Notion answers to writes is as Notion's own description has it, and it refuses as Notion does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tests.actions import samples
from tests.companies import BASE
from tests.contracts.test_action import staged
from tests.demo.exchanges import noted
from tests.descriptions import description, problems

DEMO, VENDOR = f"{BASE}/notion", "https://api.notion.com"
AUTH = {"Authorization": "Bearer demo-notion", "Notion-Version": "2025-09-03"}
TITLE = {"title": {"title": [{"text": {"content": "A"}}]}}
Client = Callable[[str, Path], httpx.AsyncClient]
DemoOf = Callable[[Path], Demo]


@pytest.mark.parametrize("name", [name for service, name in samples() if service == "notion"])
async def test_every_exchange_of_a_write_is_as_described(name: str, shared: Path) -> None:
    spec = description(shared / "vendor" / "specs" / "notion" / "notion-openapi.json.gz")
    async with staged("notion", name, shared) as stage:
        exchanges = noted(stage.connector)
        change = await stage.preview()
        landed = await stage.do(change)
        await stage.find(change)
        await stage.action.undo(change, landed, "")
    found = [line for one in exchanges for line in problems(spec, one.request, one, DEMO, VENDOR)]
    # The description says that blocks are strings; Notion's reference, which it links to, says that they are objects.
    assert [line for line in found if "'children'" not in line] == []


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"properties": TITLE}, 400, "body.parent should be defined"),
        ({"parent": {"type": "workspace"}, "properties": TITLE}, 400, "Internal integrations"),
        ({"parent": {"page_id": "x"}, "properties": TITLE}, 400, "valid uuid"),
        ({"parent": {"page_id": "00000000-0000-4000-8000-000000000000"}, "properties": TITLE}, 404, "Could not find"),
        ({"parent": "PAGE", "properties": {}}, 400, "title should be defined"),
        ({"parent": "PAGE", "properties": TITLE, "children": [{"type": "divider", "divider": {}}] * 101}, 400, "100"),
        ({"parent": "PAGE", "properties": TITLE, "children": [{"type": "poem"}]}, 400, "should be a block"),
        ({"parent": "PAGE", "properties": {"title": {"title": [{"text": {"content": "x" * 2001}}]}}}, 400, "2000"),
    ],
)
async def test_refusals_are_told_in_notion_s_words(
    vendor_client: Client, shared: Path, demo: DemoOf, sent: dict[str, object], status: int, said: str
) -> None:
    path = shared / "worlds" / "pondlight.yaml"
    company = demo(path).company
    there = next(company.ref(d.id).ref for d in company.of_kind("document") if not d["path"])
    body = {**sent, "parent": {"page_id": there}} if sent.get("parent") == "PAGE" else sent
    answer = await vendor_client("notion", path).post("v1/pages", json=body, headers=AUTH)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text
