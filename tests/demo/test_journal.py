"""What was changed at the demo's tools is there again when the demo is started again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.journal import Journal, changes
from app.demo.process import running
from app.demo.server import build
from tests.companies import BASE, connector_over, demo_of
from tests.contracts.test_action import KEY
from tools.kit.connector import Connector
from tools.kit.tool import Write
from tools.kit.wire import open_client
from tools.verbs import IssuesSearch, PullsGet
from tools.writes import IssuesComment, IssuesCreate, IssuesUpdate, PullsMerge


async def done(connector: Connector, *requests: Write) -> list[str]:
    refs: list[str] = []
    for number, request in enumerate(requests):
        action = connector.writes()[request.name](connector)
        refs.append((await action.do(request, await action.preview(request), f"{KEY}{number}")).ref)
    return refs


def opened(world: Path, path: Path) -> Journal:
    demo = demo_of(world)
    return Journal(build(demo.company, demo.history), path)


def test_changes_come_back_in_their_order_and_questions_are_not_kept(acme: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "changes.jsonl"

    async def work() -> list[str]:
        async with open_client(httpx.ASGITransport(opened(acme, path))) as client:
            linear = connector_over(client, "linear", demo_of(acme).company.now)
            created = await done(linear, IssuesCreate(title="Kept over night"))
            await done(linear, IssuesUpdate(ref=created[0], title="Kept"), IssuesComment(ref=created[0], text="A"))
            await linear.call(IssuesSearch())
            await done(connector_over(client, "github", demo_of(acme).company.now), PullsMerge(ref="acme/portal#484"))
            return created

    [ref] = asyncio.run(work())
    with path.open("a") as file:
        file.write('{"method": "POST", "url": "/lin')
    again = opened(acme, path)
    assert again.replay() == 4

    async def look() -> tuple[Any, Any]:
        async with open_client(httpx.ASGITransport(again)) as client:
            issues = await connector_over(client, "linear").call(IssuesSearch(text="kept"))
            pulls = await connector_over(client, "github").call(PullsGet(ref="acme/portal#484"))
            return issues[0], pulls[0]

    issue, pull = asyncio.run(look())
    assert (issue.ref, issue.title, pull.state) == (ref, "Kept", "merged")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/github/user", b"", False),
        ("POST", "/linear/graphql", b'{"query": " query A { a }"}', False),
        ("POST", "/linear/graphql", b'{"query": "mutation A { a }"}', True),
        ("POST", "/notion/v1/search", b"{}", False),
        ("POST", "/notion/v1/pages", b"{}", True),
        ("POST", "/slack/chat.postMessage", b"channel=C1&text=a", True),
        ("DELETE", "/github/repos/a/b/issues/comments/1", b"", True),
    ],
)
def test_questions_are_told_from_changes(method: str, path: str, body: bytes, expected: bool) -> None:
    assert changes(method, path, body) is expected


async def test_a_process_that_is_started_again_in_the_same_folder_still_shows_it(acme: Path, tmp_path: Path) -> None:
    with running(acme, public_url=BASE, kept=tmp_path) as base:
        client = httpx.AsyncClient(base_url=base)
        body = {"query": 'mutation { issueUpdate(id: "BACK-290", input: {title: "Kept"}) { success } }'}
        answer = await client.post("/linear/graphql", json=body, headers={"Authorization": "demo-linear"})
        await client.aclose()
    assert answer.json() == {"data": {"issueUpdate": {"success": True}}}
    with running(acme, public_url=BASE, kept=tmp_path) as base:
        async with httpx.AsyncClient(base_url=base) as client:
            assert "Kept" in (await client.get("/linear/acme/issue/BACK-290")).text


def test_a_file_that_was_uploaded_comes_back_as_it_was_and_what_only_tells_deus_is_not_kept(
    acme: Path, tmp_path: Path
) -> None:
    path, content = tmp_path / "changes.jsonl", b"\x89PNG\r\n\x1a\n\xff\xfe"

    async def work() -> None:
        transport = httpx.ASGITransport(opened(acme, path))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            about = {"filename": "c.png", "length": str(len(content))}
            headers = {"Authorization": "Bearer demo-slack"}
            announced = await client.post("/slack/api/files.getUploadURLExternal", params=about, headers=headers)
            assert (await client.post(announced.json()["upload_url"], content=content)).status_code == 200
            await client.post("/slack/page/tell", json={})

    asyncio.run(work())
    assert "/slack/page/" not in path.read_text()
    again = opened(acme, path)
    assert again.replay() == 2

    async def seen() -> bytes:
        transport = httpx.ASGITransport(again)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return (await client.get("/slack/files/F0DEMO0001/c.png")).content

    assert asyncio.run(seen()) == content
