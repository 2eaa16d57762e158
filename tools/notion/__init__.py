"""Notion: the company's pages, by words in their title and content.

API version 2025-09-03, github.com/makenotion/notion-mcp-server scripts/notion-openapi.json.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, numbered, serves, together
from tools.kit.errors import NotFound
from tools.kit.paging import by_cursor, first
from tools.kit.wire import Json, WireOptions
from tools.kit.words import hits, says
from tools.notion.records import IDENTIFIER, Record, following, plain, title_of
from tools.notion.writing import ACTIONS
from tools.nouns import Document
from tools.verbs import DocumentsRead, DocumentsSearch

VERSION = "2025-09-03"
READ, MOST_READ = 20, 50
LISTED = 300
DEPTH = 3
PREFIXES = {
    "heading_1": "# ",
    "heading_2": "## ",
    "heading_3": "### ",
    "bulleted_list_item": "- ",
    "numbered_list_item": "1. ",
    "to_do": "- [ ] ",
    "quote": "> ",
}


class NotionSettings(ServiceSettings):
    """How to reach the workspace."""

    base_url: str = Field(default="https://api.notion.com", description="the API's address")
    token: SecretStr = Field(
        description="the secret of an internal integration (notion.so/profile/integrations) that may read content, "
        "and to act may insert and update content; share with it the pages that Deus shall see"
    )
    parent: str = Field(default="", description="the page, by title, id or URL, that new documents go under")


class Notion(Connector):
    """The pages of one workspace which are shared with the integration. `ref` is the page's id."""

    name = "notion"
    title = "Notion"
    Settings = NotionSettings
    actions = ACTIONS

    @classmethod
    def wire_options(cls, settings: NotionSettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url,
            auth=Token(settings.token),
            headers={"Notion-Version": VERSION},
            concurrency=3,
        )

    async def check(self) -> Sight:
        bot = (await self.wire.get("v1/users/me")).data
        pages = await first(self.pages(""), 100)
        workspace = (bot.get("bot") or {}).get("workspace_name") or bot.get("name") or "a workspace"
        return Sight(workspace, ("100+ pages" if len(pages) == 100 else numbered(len(pages), "page"),))

    @serves(DocumentsSearch)
    async def documents_search(self, request: DocumentsSearch) -> Sequence[Document]:
        """Notion compares a question with titles only, so the best pages are also read and judged by their content."""
        queries = dict.fromkeys([request.text, ""])
        lists = await together(first(self.pages(query), LISTED) for query in queries)
        pages = {page["id"]: page for listed in lists for page in listed}
        best = sorted(pages.values(), key=lambda page: -hits(request.text, title_of(page)))
        best = best[: max(READ, min(request.limit, MOST_READ))]
        documents = await together(self._document(page) for page in best)
        found = [document for document in documents if says(request.text, document.text())]
        found.sort(key=lambda d: -(2 * hits(request.text, d.title) + hits(request.text, d.content)))
        return found[: request.limit]

    @serves(DocumentsRead)
    async def documents_read(self, request: DocumentsRead) -> Sequence[Document]:
        identifier = IDENTIFIER.search(request.ref.strip())
        if not identifier:
            raise NotFound(f"{request.ref!r} is no page of Notion.", service=self.name)
        page = (await self.wire.get(f"v1/pages/{uuid.UUID(identifier.group(1))}")).data
        return [await self._document(page)]

    async def pages(self, query: str) -> AsyncIterator[Record]:
        """Pages whose title Notion finds, all of them for no words; those edited last come first."""

        async def fetch(cursor: str | None) -> Json:
            body = {
                "filter": {"property": "object", "value": "page"},
                "sort": {"timestamp": "last_edited_time", "direction": "descending"},
                "page_size": 100,
                **({"query": query} if query else {}),
                **({"start_cursor": cursor} if cursor else {}),
            }
            return (await self.wire.post("v1/search", body)).data

        async for answer in by_cursor(fetch, following):
            for record in answer["results"]:
                if record["object"] == "page" and not record.get("in_trash"):
                    yield record

    async def _document(self, page: Record) -> Document:
        content = "\n".join(await self._lines(page["id"], DEPTH))
        return Document(
            service=self.name, ref=page["id"], url=page["url"], at=page["created_time"], title=title_of(page),
            content=content, updated_at=page["last_edited_time"],
        )  # fmt: skip

    async def children(self, block: str) -> list[Record]:
        """The blocks right below a block or a page."""

        async def fetch(cursor: str | None) -> Json:
            params = {"page_size": 100, "start_cursor": cursor}
            return (await self.wire.get(f"v1/blocks/{block}/children", params)).data

        return [record async for answer in by_cursor(fetch, following) for record in answer["results"]]

    async def _lines(self, block: str, depth: int) -> list[str]:
        """The text of a block's children as Markdown lines, down to `depth` levels."""

        blocks = await self.children(block)
        # A child page is a document of its own.
        deeper = [b for b in blocks if depth > 1 and b.get("has_children") and b["type"] != "child_page"]
        below = dict(
            zip((b["id"] for b in deeper), await together(self._lines(b["id"], depth - 1) for b in deeper), strict=True)
        )
        lines: list[str] = []
        for record in blocks:
            lines += [line for line in [_line(record)] if line]
            lines += [f"  {line}" for line in below.get(record["id"], ())]
        return lines


def _line(block: Record) -> str:
    """A block's own words; blocks without text (pictures, dividers) have none."""
    content = block.get(block["type"]) or {}
    if block["type"] == "code":
        return f"```\n{plain(content.get('rich_text') or ())}\n```"
    if block["type"] == "table_row":
        return " | ".join(plain(cell) for cell in content.get("cells") or ())
    if block["type"] == "child_page":
        return str(content.get("title", ""))
    text = plain(content.get("rich_text") or content.get("caption") or ())
    return f"{PREFIXES.get(block['type'], '')}{text}" if text else ""
