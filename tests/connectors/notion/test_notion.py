"""Notion's connector on the demo's worlds, and on answers that the demo does not give."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tools.kit.connector import Connector
from tools.kit.errors import NotFound
from tools.kit.wire import traced
from tools.nouns import Document
from tools.verbs import DocumentsRead, DocumentsSearch

Connect = Callable[..., Awaitable[Connector]]
DemoOf = Callable[[Path], Demo]
Recorded = Callable[[str], Any]


async def test_every_document_without_a_path_is_there(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    notion, company = await connect("notion", each_world), demo(each_world).company
    found = {d.ref: d for d in await notion.call(DocumentsSearch()) if isinstance(d, Document)}
    artefacts = [d for d in company.of_kind("document") if not d["path"]]
    assert found.keys() == {company.ref(a.id).ref for a in artefacts}
    for artefact in artefacts:
        document, ref = found[company.ref(artefact.id).ref], company.ref(artefact.id)
        assert (document.url, document.at, document.title) == (ref.url, artefact.at, artefact["title"])
        assert document.content == company.words(artefact["text"])
        for way in (ref.ref, ref.url, ref.ref.replace("-", "").upper()):
            assert list(await notion.call(DocumentsRead(ref=way))) == [document]


@pytest.mark.parametrize(
    ("text", "found"),
    [("marketing", True), ("paid trials", True), ("what about winter", True), ("zebra", False)],
)
async def test_pages_are_found_by_words_of_title_or_content(
    connect: Connect, shared: Path, text: str, found: bool
) -> None:
    notion = await connect("notion", shared / "worlds" / "pondlight.yaml")
    documents = await notion.call(DocumentsSearch(text=text))
    assert bool(documents) == found


@pytest.mark.parametrize("ref", ["acme/portal/docs/a.md", "Marketing plan", "27939ae7-19da-4650-8ebd-c242ec997500"])
async def test_what_is_no_page(connect: Connect, acme: Path, ref: str) -> None:
    with pytest.raises(NotFound):
        await (await connect("notion", acme)).call(DocumentsRead(ref=ref))


async def test_blocks_become_markdown_over_pages_and_levels(answered: Connect, recorded: Recorded) -> None:
    wire = recorded("wire")

    def answer(request: httpx.Request) -> httpx.Response:
        parts = request.url.path.split("/")
        if "pages" in parts:
            return httpx.Response(200, json=wire["page"])
        return httpx.Response(200, json=wire["children"][parts[-2]][request.url.params.get("start_cursor", "")])

    notion = await answered("notion", answer)
    [document] = await notion.call(DocumentsRead(ref=wire["page"]["url"]))
    assert isinstance(document, Document)
    assert document.title == "Runbook"
    assert document.content == wire["content"]
    assert document.updated_at is not None
    assert document.updated_at > document.at


async def test_only_the_best_pages_are_read(answered: Connect, recorded: Recorded) -> None:
    page = recorded("wire")["page"]

    def named(number: int) -> Any:
        title = {"type": "title", "title": [{"plain_text": "Churn" if number == 77 else f"Note {number}"}]}
        return {**page, "id": f"59833787-2cf9-4fdf-8782-{number:012d}", "properties": {"title": title}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"results": [], "has_more": False, "next_cursor": None})
        sent = json.loads(request.content)
        start = int(sent.get("start_cursor", 0))
        results = [] if "query" in sent else [named(number) for number in range(start, start + 50)]
        more = bool(results) and start < 100
        return httpx.Response(
            200, json={"results": results, "has_more": more, "next_cursor": str(start + 50) if more else None}
        )

    notion = await answered("notion", answer)
    with traced() as asked:
        found = await notion.call(DocumentsSearch(text="churn", limit=5))
    assert [document.title for document in found] == ["Churn"]
    assert sum(one.method == "GET" for one in asked) == 20
