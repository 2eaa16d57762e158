"""What the demo's Notion serves is as Notion's own description has it, and pages and fails as Notion does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tests.companies import BASE
from tests.demo.exchanges import noted
from tests.demo.small_world import small_world
from tests.descriptions import description, problems
from tools.kit.connector import Connector
from tools.verbs import DocumentsRead, DocumentsSearch

DEMO, VENDOR = f"{BASE}/notion", "https://api.notion.com"
AUTH = {"Authorization": "Bearer demo-notion", "Notion-Version": "2025-09-03"}
Connect = Callable[..., Awaitable[Connector]]
Client = Callable[[str, Path], httpx.AsyncClient]
DemoOf = Callable[[Path], Demo]

PLANS = small_world(
    "plans",
    """
  - {id: doc-1, kind: document, at: -9d, title: Plan one, text: "One.\\n\\nSee doc-2."}
  - {id: doc-2, kind: document, at: -8d, title: Plan two, text: "Two."}
  - {id: doc-3, kind: document, at: -7d, title: Other, text: "Three."}
  - {id: doc-4, kind: document, at: +1d, title: Plan to come, text: "Not yet."}
""",
)


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    path = tmp_path / "plans.yaml"
    path.write_text(PLANS, encoding="utf-8")
    return path


async def test_every_exchange_with_the_connector_is_as_described(connect: Connect, shared: Path, plans: Path) -> None:
    spec = description(shared / "vendor" / "specs" / "notion" / "notion-openapi.json.gz")
    notion = await connect("notion", plans)
    exchanges = noted(notion)
    await notion.check()
    for document in await notion.call(DocumentsSearch(text="plan")):
        await notion.call(DocumentsRead(ref=document.ref))
    assert [line for one in exchanges for line in problems(spec, one.request, one, DEMO, VENDOR)] == []
    assert len(exchanges) >= 8


async def test_search_is_by_title_and_paged(vendor_client: Client, plans: Path) -> None:
    client = vendor_client("notion", plans)
    seen: list[str] = []
    body: dict[str, object] = {"query": "plan", "page_size": 1}
    while True:
        answer = (await client.post("v1/search", json=body, headers=AUTH)).json()
        seen += [page["properties"]["title"]["title"][0]["plain_text"] for page in answer["results"]]
        if not answer["has_more"]:
            break
        body["start_cursor"] = answer["next_cursor"]
    assert seen == ["Plan two", "Plan one"]
    nothing = await client.post("v1/search", json={"query": "Three"}, headers=AUTH)
    assert nothing.json()["results"] == []


async def test_prose_names_things_as_people_do(vendor_client: Client, plans: Path, demo: DemoOf) -> None:
    client, company = vendor_client("notion", plans), demo(plans).company
    answer = await client.get(f"v1/blocks/{company.ref('doc-1').ref}/children?page_size=1", headers=AUTH)
    assert answer.json()["has_more"]
    rest = await client.get(
        f"v1/blocks/{company.ref('doc-1').ref}/children?start_cursor={answer.json()['next_cursor']}", headers=AUTH
    )
    assert [b["paragraph"]["rich_text"][0]["plain_text"] for b in rest.json()["results"]] == ["See Plan two."]


async def test_failures_are_told_in_notion_s_words(vendor_client: Client, plans: Path) -> None:
    client = vendor_client("notion", plans)
    absent = "v1/pages/00000000-0000-4000-8000-000000000000"
    for asked, headers, status, code in (
        ("v1/users/me", {**AUTH, "Authorization": "Bearer other"}, 401, "unauthorized"),
        ("v1/users/me", {"Authorization": AUTH["Authorization"]}, 400, "missing_version"),
        (absent, AUTH, 404, "object_not_found"),
        ("v1/pages/none", AUTH, 400, "validation_error"),
        ("v1/users?page_size=1000", AUTH, 400, "validation_error"),
        ("v1/users?start_cursor=none", AUTH, 400, "validation_error"),
    ):
        answer = await client.get(asked, headers=headers)
        said = answer.json()
        assert (answer.status_code, said["object"], said["status"], said["code"]) == (status, "error", status, code)


async def test_every_document_has_its_page(vendor_client: Client, plans: Path, demo: DemoOf) -> None:
    client, company = vendor_client("notion", plans), demo(plans).company
    for ident in ("doc-1", "doc-2", "doc-3"):
        assert company.words(ident) in (await client.get(company.ref(ident).url)).text
    assert (await client.get(company.ref("doc-4").url)).status_code == 404
