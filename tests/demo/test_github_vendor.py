"""What the demo's GitHub serves is what GitHub's own description publishes, and pages and fails as GitHub does."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from app.demo.vendors.vendor import Demo
from tests.companies import BASE
from tests.demo.exchanges import noted
from tests.demo.small_world import small_world
from tests.descriptions import description, problems
from tools.kit.connector import Connector
from tools.verbs import (
    CodeSearch,
    CommitsList,
    DocumentsSearch,
    PeopleFind,
    PullsGet,
    PullsReviews,
    PullsSearch,
)

DEMO, VENDOR = f"{BASE}/github", "https://api.github.com"
AUTH = {"Authorization": "Bearer demo-github"}
Connect = Callable[..., Awaitable[Connector]]
Client = Callable[[str, Path], httpx.AsyncClient]
DemoOf = Callable[[Path], Demo]

FUTURE = small_world(
    "future",
    """
  - {id: pr-1, kind: pull_request, at: -2d, merged: +1d, author: sarah, reviewers: [], review: null, checks: success,
     state: merged, title: Not merged yet, body: "", files: [{path: a.ts, patch: "@@ -1,1 +1,1 @@"}]}
  - {id: pr-2, kind: pull_request, at: +1h, merged: null, author: sarah, reviewers: [], review: null, checks: pending,
     state: open, title: Not opened yet, body: "", files: []}
""",
)


async def test_every_exchange_with_the_connector_is_as_described(
    connect: Connect, shared: Path, each_world: Path
) -> None:
    spec = description(shared / "vendor" / "specs" / "github" / "rest.api.github.com.json.gz")
    github = await connect("github", each_world)
    exchanges = noted(github)
    await github.check()
    found = await github.call(PullsSearch())
    await github.call(PullsSearch(text="form page", author="sarah"))
    await github.call(PullsGet(ref=found[0].ref))
    await github.call(PullsReviews(ref=found[-1].ref))
    for request in (CommitsList(), CodeSearch(text="the week"), DocumentsSearch(), PeopleFind()):
        await github.call(request)
    # One of each kind of question is enough; validating all takes long.
    kinds = {re.sub(r"\d+|[0-9a-f]{40}|users/.*|contents/.*", "N", one.request.url.path): one for one in exchanges}
    differing = [line for one in kinds.values() for line in problems(spec, one.request, one, DEMO, VENDOR)]
    # A path template of OpenAPI ends at the next slash, but a file's path may hold some; and the description lets
    # `conclusion` be null without listing null among its values.
    allowed = re.compile(r"unpublished .*/contents/.*/.*|.*'conclusion'\]: None is not one of .*", re.DOTALL)
    assert [line for line in differing if not allowed.fullmatch(line)] == []
    assert len(kinds) >= 14


async def test_code_by_branch_and_hash_is_as_described(vendor_client: Client, shared: Path, acme: Path) -> None:
    spec = description(shared / "vendor" / "specs" / "github" / "rest.api.github.com.json.gz")
    client = vendor_client("github", acme)
    found: list[str] = []
    for path in (
        "commits/main", "compare/main...change-484", "branches/main", "branches", "git/ref/heads/change-476",
        "pulls/484/commits", "contents/package.json?ref=change-484",
    ):  # fmt: skip
        answer = await client.get(f"repos/acme/portal/{path}", headers=AUTH)
        assert answer.status_code == 200, path
        found += problems(spec, answer.request, answer, DEMO, VENDOR)
    for path in ("branches/none", "git/ref/heads/none", "compare/main", "compare/main...none", "contents/api?ref=none"):
        answer = await client.get(f"repos/acme/portal/{path}", headers=AUTH)
        assert answer.status_code == 404, path
    assert [line for line in found if not line.startswith("unpublished")] == []


async def test_pages_are_walked_by_the_link_header(vendor_client: Client, acme: Path, demo: DemoOf) -> None:
    client = vendor_client("github", acme)
    url: str | None = "repos/acme/portal/pulls?state=all&per_page=4"
    seen: list[int] = []
    while url:
        answer = await client.get(url, headers=AUTH)
        seen += [pull["number"] for pull in answer.json()]
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers["link"])
        url = following[1] if following else None
    assert len(seen) == len(set(seen)) == len(demo(acme).company.of_kind("pull_request"))


async def test_failures_are_told_in_github_s_words(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("github", acme)
    refused = await client.get("user", headers={"Authorization": "Bearer other"})
    assert (refused.status_code, refused.json()["message"]) == (401, "Bad credentials")
    for absent in (
        "repos/acme/other/pulls",
        "repos/acme/portal/pulls/1",
        "users/nobody",
        "repos/acme/portal/contents/x",
    ):
        answer = await client.get(absent, headers=AUTH)
        assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")
    for wrong in ("repos/acme/portal/pulls?state=new", "search/issues?q=", "search/code?q=x+repo:other/one"):
        answer = await client.get(wrong, headers=AUTH)
        assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
    assert answer.headers["x-ratelimit-resource"] == "search"
    assert int(answer.headers["x-ratelimit-remaining"]) > 0


async def test_what_is_yet_to_come_is_not_served(vendor_client: Client, tmp_path: Path) -> None:
    path = tmp_path / "future.yaml"
    path.write_text(FUTURE, encoding="utf-8")
    client = vendor_client("github", path)
    [pull] = (await client.get("repos/acme/portal/pulls?state=all", headers=AUTH)).json()
    assert (pull["number"], pull["state"], pull["merged_at"], pull["closed_at"]) == (1, "open", None, None)
    [only] = (await client.get("repos/acme/portal/commits", headers=AUTH)).json()
    assert (only["commit"]["message"], only["parents"]) == ("Begin Acme", [])
    assert (await client.get("acme/portal/pull/2")).status_code == 404


async def test_every_record_has_its_page(vendor_client: Client, demo: DemoOf, each_world: Path) -> None:
    client, company = vendor_client("github", each_world), demo(each_world).company
    for artefact in [*company.of_kind("pull_request"), *company.of_kind("document")]:
        if company.ref(artefact.id).service == "github":
            answer = await client.get(company.ref(artefact.id).url)
            assert answer.status_code == 200
            assert "text/html" in answer.headers["content-type"]
