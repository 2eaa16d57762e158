"""What the contract of actions does not ask of Notion's: Markdown as blocks and back, databases as parents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.test_action import KEY
from tools.kit.connector import Connector
from tools.notion import Notion
from tools.notion.markdown import blocks_of, text_of
from tools.notion.writing import CreateDocument
from tools.writes import DocumentsCreate

Answered = Callable[..., Awaitable[Connector]]
DATABASE, SOURCE, PAGE, BOT = (f"{n:08d}-0000-4000-8000-000000000000" for n in range(4))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("# A\n## B\n#### C", ["heading_1", "heading_2", "heading_3"]),
        ("- a\n* b\n1) c", ["bulleted_list_item", "bulleted_list_item", "numbered_list_item"]),
        ("- [ ] a\n- [X] b", ["to_do", "to_do"]),
        ("> a\n---\nb\nc", ["quote", "divider", "paragraph"]),
        ("```sh\n# no heading\n```\nafter", ["code", "paragraph"]),
        ("```\nnever closed", ["code"]),
        ("", []),
    ],
)
def test_markdown_becomes_blocks(text: str, kinds: list[str]) -> None:
    assert [block["type"] for block in blocks_of(text)] == kinds


def test_links_and_style_stay() -> None:
    text = "See [the run](https://a.test/1), https://b.test/2 and **this** `code`."
    assert text_of(blocks_of(text)) == text


def test_long_text_is_cut_into_pieces_that_notion_takes() -> None:
    pieces = blocks_of("x" * 4500)[0]["paragraph"]["rich_text"]
    assert [len(piece["text"]["content"]) for piece in pieces] == [2000, 2000, 500]


@given(st.text(alphabet="ab *`[]()#->1.\n_:/", max_size=60))
def test_what_is_shown_is_what_is_read_back(text: str) -> None:
    shown = text_of(blocks_of(text))
    assert text_of(blocks_of(shown)) == shown


async def test_a_database_takes_a_page_by_its_own_title_property(answered: Answered) -> None:
    made: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        path, sent = request.url.path, json.loads(request.content or b"{}")
        page = {
            "object": "page", "id": PAGE, "url": "https://notion.test/p", "created_by": {"id": BOT}, "in_trash": False,
            "parent": {"type": "data_source_id", "data_source_id": SOURCE},
            "properties": {"Name": {"type": "title", "title": [{"plain_text": "A"}]}},
        }  # fmt: skip
        if path.endswith("/children"):
            blocks = [
                {**block, "id": "b", block["type"]: {"rich_text": [
                    {**piece, "plain_text": piece["text"]["content"]} for piece in block[block["type"]]["rich_text"]
                ]}}
                for block in (made[0]["children"] if made else [])
            ]  # fmt: skip
            return httpx.Response(200, json={"results": blocks, "has_more": False})
        if path.endswith(f"data_sources/{SOURCE}/query"):
            return httpx.Response(200, json={"results": [page] if made else [], "has_more": False})
        if path.endswith(f"data_sources/{SOURCE}"):
            return httpx.Response(200, json={"properties": {"Tags": {"type": "select"}, "Name": {"type": "title"}}})
        if path.endswith(f"databases/{DATABASE}"):
            found = {"id": DATABASE, "title": [{"plain_text": "Postmortems"}], "data_sources": [{"id": SOURCE}]}
            return httpx.Response(200, json=found)
        if path.endswith("v1/pages"):
            made.append(sent)
            return httpx.Response(200, json=page)
        return httpx.Response(200 if path.endswith(PAGE) else 404, json=page)

    connector = await answered("notion", handler)
    assert isinstance(connector, Notion)
    action, request = CreateDocument(connector), DocumentsCreate(title="A", content="Words.", parent=DATABASE)
    change = await action.preview(request)
    assert change.after["under"] == "Postmortems"
    assert await action.find(request, change, KEY) is None
    landed = await action.do(request, change, KEY)
    assert landed.state == change.after
    assert made[0]["parent"] == {"type": "data_source_id", "data_source_id": SOURCE}
    assert list(made[0]["properties"]) == ["Name"]
    assert await action.find(request, change, KEY) == landed
    assert await action.find(request, change, "0" * 40) is None
