"""Writes that the demo's Notion can take, for the contract suite of actions."""

from __future__ import annotations

from tests.actions import Sample
from tools.kit.action import Change, Landed
from tools.notion import Notion
from tools.notion.markdown import title_pieces
from tools.writes import DocumentsCreate

WORLD = "pondlight"
TEXT = """
# What happened

Signups fell on **Friday**, see [the deployment](https://deploys.test/1) and https://errors.test/812.
It was `validate()`.

- rolled back
- a test was added
1. one
2. two
- [ ] tell support
- [x] tell everyone

> Never again.

---
```
curl -s https://a.test
```
"""


async def renamed(notion: Notion, change: Change, landed: Landed) -> None:
    body = {"properties": {"title": {"title": title_pieces("Somebody else's title")}}}
    await notion.wire.request("PATCH", f"v1/pages/{landed.ref}", body=body)


async def trashed(notion: Notion, change: Change, landed: Landed) -> None:
    await notion.wire.request("PATCH", f"v1/pages/{landed.ref}", body={"in_trash": True})


SAMPLES = {
    "documents.create": Sample(
        DocumentsCreate(title="Why signups fell", content=TEXT, parent="Marketing plan, autumn"),
        renamed,
        (
            DocumentsCreate(title="A", content="", parent="00000000-0000-4000-8000-000000000000"),
            DocumentsCreate(title="A", content="", parent="No such page"),
            DocumentsCreate(title="A", content="\n\n".join(["One more."] * 101)),
        ),
        world=WORLD,
    ),
    "documents.create/anywhere": Sample(
        DocumentsCreate(title="Why signups fell", content="In short."),
        trashed,
        (DocumentsCreate(title="A", content="", parent="No such page"),),
        world=WORLD,
        given=(DocumentsCreate(title="Why signups fell", content="In short."),),
    ),
}
