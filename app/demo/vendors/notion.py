"""Notion as the demo company has it: search by title, pages, blocks in pages of a hundred, users."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.company import Company
from app.demo.vendors import notion_writing
from app.demo.vendors.notion_writing import Failure, Record, rich_text
from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo
from app.demo.world import Artefact

CREDENTIALS = {"token": "demo-notion"}
MOST = 100
KNOWN_VERSIONS = frozenset({"2022-06-28", "2025-09-03"})


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """Notion's API paths and the page of each document."""
    return _Wiki(demo.company).routes()


class _Wiki:
    def __init__(self, company: Company) -> None:
        self.company = company
        documents = [d for d in company.of_kind("document") if not d["path"]]
        self.pages = {company.ref(d.id).ref: self._page(d) for d in documents}
        self.blocks = {company.ref(d.id).ref: self._blocks(d) for d in documents}
        self.made = 0
        self.urls = {record["url"].rpartition("/")[2]: ident for ident, record in self.pages.items()}

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v1/search", self._endpoint(self.search), methods=["POST"]),
            Route("/v1/pages", self._endpoint(self.create), methods=["POST"]),
            Route("/v1/pages/{ident}", self._endpoint(self.page), methods=["GET"]),
            Route("/v1/pages/{ident}", self._endpoint(self.update), methods=["PATCH"]),
            Route("/v1/blocks/{ident}/children", self._endpoint(self.children)),
            Route("/v1/users", self._endpoint(self.users)),
            Route("/v1/users/me", self._endpoint(self.me)),
            Route("/{name}", self.shown),
        ]

    def _endpoint(self, answer: Callable[[Request, Record], Record]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            ident = str(uuid.uuid4())
            try:
                if request.headers.get("authorization") != "Bearer demo-notion":
                    raise Failure(401, "unauthorized", "API token is invalid.")
                if request.headers.get("notion-version") not in KNOWN_VERSIONS:
                    message = "Notion-Version header failed validation: it should be defined and a known version."
                    raise Failure(400, "missing_version", message)
                body = answer(request, await _sent(request))
            except Failure as failure:
                return JSONResponse({**failure.body, "request_id": ident}, failure.status)
            return JSONResponse({**body, "request_id": ident})

        return endpoint

    def search(self, request: Request, sent: Record) -> Record:
        kind = (sent.get("filter") or {}).get("value", "page")
        if kind not in ("page", "data_source", "database"):
            raise Failure(400, "validation_error", 'body failed validation: body.filter.value should be "page".')
        query = str(sent.get("query") or "").casefold()
        there = [record for record in self.pages.values() if kind == "page" and not record["in_trash"]]
        found = [record for record in there if query in _title(record).casefold()]
        newest_first = (sent.get("sort") or {}).get("direction", "descending") == "descending"
        found.sort(key=lambda record: str(record["last_edited_time"]), reverse=newest_first)
        return _listed(found, "page_or_data_source", sent)

    def page(self, request: Request, sent: Record) -> Record:
        return self.pages[self._ident(request)]

    def children(self, request: Request, sent: Record) -> Record:
        blocks = [block for block in self.blocks[self._ident(request)] if not block["in_trash"]]
        return _listed(blocks, "block", dict(request.query_params))

    def create(self, request: Request, sent: Record) -> Record:
        """A page below another one; an internal integration cannot put one at the workspace's top."""
        self.made += 1
        now = _stamp(self.company.now + timedelta(minutes=self.made))
        ident = _named(f"made/{self.made}")
        return notion_writing.create(sent, ident, now, self.pages, self.blocks, self.urls, _named("bot"))

    def update(self, request: Request, sent: Record) -> Record:
        self.made += 1
        now = _stamp(self.company.now + timedelta(minutes=self.made))
        return notion_writing.update(self.pages[self._ident(request)], sent, now, self.blocks)

    def users(self, request: Request, sent: Record) -> Record:
        return _listed([_user(member.id, member.name, member.email) for member in self.company.people], "user",
                       dict(request.query_params))  # fmt: skip

    def me(self, request: Request, sent: Record) -> Record:
        name = self.company.facts.name
        bot = {"owner": {"type": "workspace", "workspace": True}, "workspace_name": name}
        return {"object": "user", "id": _named("bot"), "type": "bot", "name": "Deus", "avatar_url": None, "bot": bot}

    def _ident(self, request: Request) -> str:
        given = request.path_params["ident"]
        try:
            ident = str(uuid.UUID(given))
        except ValueError:
            message = f'path failed validation: path.page_id should be a valid uuid, instead was `"{given}"`.'
            raise Failure(400, "validation_error", message) from None
        if ident not in self.pages:
            message = f"Could not find page with ID: {ident}. Make sure it is shared with your integration."
            raise Failure(404, "object_not_found", message)
        return ident

    def _page(self, document: Artefact) -> Record:
        ref, at = self.company.ref(document.id), _stamp(document.at)
        by = {"object": "user", "id": _named(str(document["author"] or self.company.people[0].id))}
        title = [rich_text(self.company.words(document["title"]))]
        return {
            "object": "page", "id": ref.ref, "created_time": at, "last_edited_time": at, "created_by": by,
            "last_edited_by": by, "cover": None, "icon": None, "parent": {"type": "workspace", "workspace": True},
            "archived": False, "in_trash": False, "url": ref.url, "public_url": None,
            "properties": {"title": {"id": "title", "type": "title", "title": title}},
        }  # fmt: skip

    def _blocks(self, document: Artefact) -> list[Record]:
        ref, at = self.company.ref(document.id), _stamp(document.at)
        paragraphs = [part for part in self.company.words(document["text"]).split("\n") if part.strip()]
        return [
            {
                "object": "block", "id": _named(f"{ref.ref}/{place}"),
                "parent": {"type": "page_id", "page_id": ref.ref},
                "created_time": at, "last_edited_time": at, "has_children": False, "archived": False,
                "in_trash": False, "type": "paragraph",
                "paragraph": {"rich_text": [rich_text(part)], "color": "default"},
            }
            for place, part in enumerate(paragraphs)
        ]  # fmt: skip

    async def shown(self, request: Request) -> Response:
        ident = self.urls.get(request.path_params["name"])
        if ident is None:
            missing = page("Page not found", "Notion", [], "This page does not exist.")
            missing.status_code = 404
            return missing
        record = self.pages[ident]
        text = "\n\n".join(notion_writing.words(block) for block in self.blocks[ident] if not block["in_trash"])
        return page(_title(record), "Notion", [("Last edited", record["last_edited_time"])], text)


async def _sent(request: Request) -> Record:
    if request.method not in ("POST", "PATCH"):
        return {}
    try:
        sent = await request.json()
    except ValueError:
        raise Failure(400, "invalid_json", "Error parsing JSON body.") from None
    if not isinstance(sent, dict):
        raise Failure(400, "validation_error", "body failed validation: body should be an object.")
    return sent


def _listed(records: list[Record], kind: str, asked: Record) -> Record:
    """One page of a list; the cursor is the id of the next page's first record."""
    try:
        size = int(asked.get("page_size") or MOST)
    except ValueError:
        size = 0
    if not 1 <= size <= MOST:
        message = f"body failed validation: body.page_size should be between 1 and {MOST}."
        raise Failure(400, "validation_error", message)
    start, cursor = 0, asked.get("start_cursor")
    if cursor:
        places = [place for place, record in enumerate(records) if record["id"] == cursor]
        if not places:
            raise Failure(400, "validation_error", "The start_cursor provided is invalid.")
        start = places[0]
    following = records[start + size]["id"] if start + size < len(records) else None
    return {
        "object": "list", "results": records[start : start + size], "next_cursor": following,
        "has_more": following is not None, "type": kind, kind: {},
    }  # fmt: skip


def _stamp(moment: datetime | None) -> str | None:
    """A time as Notion writes it: UTC, rounded down to the minute."""
    return (moment - timedelta(seconds=moment.second)).strftime("%Y-%m-%dT%H:%M:00.000Z") if moment else None


def _title(record: Record) -> str:
    return "".join(part["plain_text"] for part in record["properties"]["title"]["title"])


def _user(ident: str, name: str, email: str) -> Record:
    person = {"email": email}
    return {
        "object": "user", "id": _named(ident), "name": name, "avatar_url": None, "type": "person", "person": person
    }  # fmt: skip


def _named(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"notion/{name}"))
