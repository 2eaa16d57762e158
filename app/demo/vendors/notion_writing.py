"""How the demo's Notion takes new pages and changes to them, with Notion's own limits and refusals."""

from __future__ import annotations

import uuid
from typing import Any

Record = dict[str, Any]
MOST_BLOCKS, MOST_LETTERS = 100, 2000
KINDS = frozenset(
    {
        "paragraph", "heading_1", "heading_2", "heading_3", "bulleted_list_item", "numbered_list_item", "to_do",
        "quote", "code", "divider",
    }
)  # fmt: skip


class Failure(Exception):
    """An answer of Notion's that is not 200."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"object": "error", "status": status, "code": code, "message": message}


def invalid(message: str) -> Failure:
    """A 400 for a body that is not as it should be."""
    return Failure(400, "validation_error", f"body failed validation: {message}")


def create(
    sent: Record, ident: str, now: str | None, pages: dict[str, Record], blocks: dict[str, list[Record]],
    urls: dict[str, str], bot: str,
) -> Record:  # fmt: skip
    """Puts a new page among the pages, and a block for it below its parent."""
    parent = pages.get(_parent(sent))
    if parent is None or parent["in_trash"]:
        raise Failure(404, "object_not_found", f"Could not find page with ID: {_parent(sent)}.")
    title = ((sent.get("properties") or {}).get("title") or {}).get("title")
    if not isinstance(title, list):
        raise invalid("body.properties.title.title should be defined.")
    children = sent.get("children") or []
    if len(children) > MOST_BLOCKS:
        raise invalid(f"body.children.length should be ≤ `{MOST_BLOCKS}`, instead was `{len(children)}`.")
    by = {"object": "user", "id": bot}
    below = {"type": "page_id", "page_id": parent["id"]}
    record: Record = {
        "object": "page", "id": ident, "created_time": now, "last_edited_time": now, "created_by": by,
        "last_edited_by": by, "cover": None, "icon": None, "parent": below, "archived": False, "in_trash": False,
        "url": f"{parent['url'].rpartition('/')[0]}/{ident.replace('-', '')}", "public_url": None,
        "properties": {"title": {"id": "title", "type": "title", "title": [_rich(part) for part in title]}},
    }  # fmt: skip
    made = [_block(child, f"{ident}/{place}", ident, now) for place, child in enumerate(children)]
    pages[ident], blocks[ident] = record, made
    urls[record["url"].rpartition("/")[2]] = ident
    told = {"title": _title(record)}
    blocks[parent["id"]].append(
        {
            "object": "block", "id": ident, "parent": below, "created_time": now, "last_edited_time": now,
            "has_children": bool(made), "archived": False, "in_trash": False, "type": "child_page",
            "child_page": told, "created_by": by, "last_edited_by": by,
        }
    )  # fmt: skip
    return record


def update(record: Record, sent: Record, now: str | None, blocks: dict[str, list[Record]]) -> Record:
    """Changes a page's title, or moves it into the trash or out of it."""
    title = ((sent.get("properties") or {}).get("title") or {}).get("title")
    if title is not None:
        record["properties"]["title"]["title"] = [_rich(part) for part in title]
    if "in_trash" in sent:
        if not isinstance(sent["in_trash"], bool):
            raise invalid("body.in_trash should be a boolean.")
        record |= {"in_trash": sent["in_trash"], "archived": sent["in_trash"]}
    record["last_edited_time"] = now
    for block in blocks.get(record["parent"].get("page_id", ""), ()):
        if block["id"] == record["id"]:
            block |= {"in_trash": record["in_trash"], "archived": record["in_trash"]}
            block["child_page"] = {
                "title": "".join(part["plain_text"] for part in record["properties"]["title"]["title"])
            }
    return record


def words(block: Record) -> str:
    """What a person reads of a block."""
    content = block[block["type"]]
    return str(content.get("title") or "".join(part["plain_text"] for part in content.get("rich_text", ())))


def rich_text(content: str, link: str | None = None, **marks: bool) -> Record:
    """A piece of rich text as Notion gives it back."""
    style = dict.fromkeys(("bold", "italic", "strikethrough", "underline", "code"), False)
    return {
        "type": "text", "text": {"content": content, "link": {"url": link} if link else None},
        "plain_text": content, "href": link,
        "annotations": {**style, "color": "default", **marks},
    }  # fmt: skip


def _title(record: Record) -> str:
    return "".join(part["plain_text"] for part in record["properties"]["title"]["title"])


def _parent(sent: Record) -> str:
    parent = sent.get("parent")
    if not isinstance(parent, dict):
        raise invalid("body.parent should be defined.")
    if "page_id" not in parent:
        said = "Internal integrations aren't owned by a single user, so creating workspace-level private pages is not"
        raise Failure(400, "validation_error", f"{said} supported.")
    try:
        return str(uuid.UUID(str(parent["page_id"])))
    except ValueError:
        raise invalid("body.parent.page_id should be a valid uuid.") from None


def _rich(part: Record) -> Record:
    text = part.get("text")
    if not isinstance(text, dict) or not isinstance(text.get("content"), str):
        raise invalid("body.rich_text.text.content should be defined.")
    if len(text["content"]) > MOST_LETTERS:
        raise invalid(f"text.content.length should be ≤ `{MOST_LETTERS}`, instead was `{len(text['content'])}`.")
    marks = {name: bool(value) for name, value in (part.get("annotations") or {}).items() if name != "color"}
    return rich_text(text["content"], (text.get("link") or {}).get("url"), **marks)


def _block(child: Record, name: str, page: str, now: str | None) -> Record:
    kind = child.get("type")
    if kind not in KINDS or not isinstance(child.get(kind), dict):
        raise invalid("body.children[0] should be a block with its content.")
    content = {**child[kind]}
    if kind != "divider":
        content |= {"rich_text": [_rich(part) for part in content.get("rich_text") or ()], "color": "default"}
    return {
        "object": "block", "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"notion/{name}")), "created_time": now,
        "parent": {"type": "page_id", "page_id": page}, "last_edited_time": now, "has_children": False,
        "archived": False, "in_trash": False, "type": kind, kind: content,
    }  # fmt: skip
