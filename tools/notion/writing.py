"""What Deus does in Notion: it writes new pages.

Notion has no key against repetition and no hidden place for a mark, so a page's last line says in grey that Deus wrote
it, with a number made from the write's key, by which the page is found again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.choice import chosen
from tools.kit.errors import BadArgument, NotFound
from tools.kit.paging import by_cursor
from tools.kit.wire import Json
from tools.notion.markdown import blocks_of, text_of, title_pieces
from tools.notion.records import IDENTIFIER, Record, following, plain, title_of
from tools.writes import DocumentsCreate

if TYPE_CHECKING:
    from tools.notion import Notion

MOST_BLOCKS = 100
SIGNED = "Written by Deus · "


class CreateDocument(Action["Notion", DocumentsCreate]):
    """A new page below a page or in a database; undone by moving it to the trash."""

    connector: Notion
    verb = DocumentsCreate
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: DocumentsCreate) -> Change:
        notion = self.connector
        parent, name, warning = await self._parent(request.parent or notion.settings.parent)
        blocks = blocks_of(request.content)
        if len(blocks) >= MOST_BLOCKS:
            raise BadArgument(
                f"Notion takes {MOST_BLOCKS - 1} paragraphs and list items at once; this text has {len(blocks)}.",
                service=notion.name,
            )
        title = request.title.strip()
        same = [page["id"] for page in await self._siblings(parent, title)]
        warnings = [*([warning] if warning else []), "The page's last line says that Deus wrote it."]
        warnings += [f"There is a page of that title under “{name}” already."] if same else []
        return Change(
            target=Target(service=notion.name, kind="page", title=title),
            after={"title": title, "content": text_of(blocks), "under": name},
            bound={"parent": parent, "under": name},
            people=(f"everybody who can read “{name}”",), undo="The page is moved to Notion's trash.",
            warnings=tuple(warnings),
        )  # fmt: skip

    async def _parent(self, asked: str) -> tuple[Record, str, str]:
        """The parent as Notion wants it, its title, and what a person should know of the choice."""
        notion = self.connector
        identifier = IDENTIFIER.search(asked.strip())
        if identifier:
            return *await self._place(str(uuid.UUID(identifier.group(1)))), ""
        pages = [page async for page in notion.pages(asked)]
        if asked:
            page = chosen(asked, pages, lambda one: (title_of(one),), what="page", service=notion.name)
            return {"type": "page_id", "page_id": page["id"]}, title_of(page), ""
        # An internal integration cannot write at the workspace's top.
        tops = [page for page in pages if page["parent"]["type"] == "workspace"] or pages
        if not tops:
            raise BadArgument("Share a page with the integration that documents can go under.", service=notion.name)
        page = min(tops, key=lambda one: (one["created_time"], one["id"]))
        warning = "" if len(tops) == 1 else f"No page was named: it goes under the oldest one, “{title_of(page)}”."
        return {"type": "page_id", "page_id": page["id"]}, title_of(page), warning

    async def _place(self, ident: str) -> tuple[Record, str]:
        """The page or the database of an id."""
        wire = self.connector.wire
        try:
            page = (await wire.get(f"v1/pages/{ident}")).data
            if page.get("in_trash"):
                raise NotFound(f"The page {ident} is in Notion's trash.", service=self.connector.name)
            return {"type": "page_id", "page_id": page["id"]}, title_of(page)
        except NotFound as missing:
            try:
                database = (await wire.get(f"v1/databases/{ident}")).data
            except NotFound:
                raise missing from None
        source = database["data_sources"][0]["id"]
        name = plain(database.get("title") or ()) or "Untitled"
        return {"type": "data_source_id", "data_source_id": source}, name

    async def _title_property(self, parent: Record) -> str:
        if parent["type"] == "page_id":
            return "title"
        source = (await self.connector.wire.get(f"v1/data_sources/{parent['data_source_id']}")).data
        return next(str(name) for name, spec in source["properties"].items() if spec["type"] == "title")

    async def _siblings(self, parent: Record, title: str) -> list[Record]:
        """The pages of this title right below a parent: whole pages, or the blocks that stand for them."""
        if parent["type"] == "page_id":
            below = await self.connector.children(parent["page_id"])
            return [one for one in below if one["type"] == "child_page" and one["child_page"]["title"] == title]
        named = {"property": await self._title_property(parent), "title": {"equals": title}}
        path = f"v1/data_sources/{parent['data_source_id']}/query"

        async def fetch(cursor: str | None) -> Json:
            return (await self.connector.wire.post(path, {"filter": named, "start_cursor": cursor} if cursor else
                                                   {"filter": named})).data  # fmt: skip

        return [page async for answer in by_cursor(fetch, following) for page in answer["results"]]

    async def do(self, request: DocumentsCreate, change: Change, key: str) -> Landed:
        parent = change.bound["parent"]
        body = {
            "parent": parent,
            "properties": {await self._title_property(parent): {"title": title_pieces(request.title.strip())}},
            "children": [*blocks_of(request.content), signature(key)],
        }
        record = (await self.connector.wire.post("v1/pages", body, repeat=False)).data
        return self._landed(*await self._read(record["id"], change), change)

    def _landed(self, record: Record, state: dict[str, Any], change: Change) -> Landed:
        return Landed(
            ref=record["id"], url=record["url"], title=state["title"], state=state,
            said=f"Notion put the page under “{change.bound['under']}”.", undo={"id": record["id"]},
        )  # fmt: skip

    async def find(self, request: DocumentsCreate, change: Change, key: str) -> Landed | None:
        for sibling in await self._siblings(change.bound["parent"], request.title.strip()):
            blocks = await self.connector.children(sibling["id"])
            if any(_words(block) == f"{SIGNED}{key[:16]}" for block in blocks):
                return self._landed(*await self._read(sibling["id"], change), change)
        return None

    async def _read(self, ident: str, change: Change) -> tuple[Record, dict[str, Any]]:
        """A page and its fields in human words."""
        page = (await self.connector.wire.get(f"v1/pages/{ident}")).data
        kind = change.bound["parent"]["type"]
        stayed = page["parent"].get(kind) == change.bound["parent"][kind]
        blocks = await self.connector.children(ident)
        content = text_of([block for block in blocks if not _words(block).startswith(SIGNED)])
        under = change.bound["under"] if stayed else "elsewhere"
        return page, {"title": title_of(page), "content": content, "under": under}

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            page, state = await self._read(landed.undo["id"], change)
        except NotFound:
            return None
        return None if page.get("in_trash") else state

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        if await self.state(change, landed) is not None:
            await self.connector.wire.request("PATCH", f"v1/pages/{landed.undo['id']}", body={"in_trash": True})


def signature(key: str) -> Record:
    """The last line of a page, by which it is found again."""
    piece = {"type": "text", "text": {"content": f"{SIGNED}{key[:16]}"}, "annotations": {"color": "gray"}}
    return {"object": "block", "type": "paragraph", "paragraph": {"rich_text": [piece]}}


def _words(block: Record) -> str:
    return plain(block["paragraph"].get("rich_text") or ()) if block["type"] == "paragraph" else ""


ACTIONS = (CreateDocument,)
