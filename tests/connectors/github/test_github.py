"""GitHub's connector on the demo's worlds, and on answers that the demo does not give."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tools.kit.connector import Connector
from tools.kit.errors import BadArgument, NotFound, RateLimited
from tools.kit.wire import traced
from tools.nouns import Code, Commit, Document, Person, PullRequest, Review
from tools.verbs import (
    CodeRead,
    CodeSearch,
    CommitsList,
    DocumentsRead,
    DocumentsSearch,
    PeopleFind,
    PullsDiff,
    PullsGet,
    PullsReviews,
    PullsSearch,
)

Connect = Callable[..., Awaitable[Connector]]
DemoOf = Callable[[Path], Demo]
Recorded = Callable[[str], Any]


async def pulls(connector: Connector, **asked: Any) -> list[PullRequest]:
    return [noun for noun in await connector.call(PullsSearch(**asked)) if isinstance(noun, PullRequest)]


async def numbers(connector: Connector, **asked: Any) -> list[int]:
    return [pull.number for pull in await pulls(connector, **asked)]


async def test_every_pull_request_is_there_as_the_world_has_it(
    connect: Connect, demo: DemoOf, each_world: Path
) -> None:
    company = demo(each_world).company
    found = {pull.ref: pull for pull in await pulls(await connect("github", each_world))}
    artefacts = company.of_kind("pull_request")
    assert found.keys() == {company.ref(a.id).ref for a in artefacts}
    for artefact in artefacts:
        pull = found[company.ref(artefact.id).ref]
        merged = artefact.time("merged")
        assert (pull.url, pull.at) == (company.ref(artefact.id).url, artefact.at)
        assert (pull.state, pull.merged_at) == ("merged" if merged else artefact["state"], merged)
        assert pull.merge_sha == (company.sha(artefact.id) if merged else None)
        assert pull.review == (artefact["review"] or "none")
        assert pull.checks == artefact["checks"]
        assert pull.draft == bool(artefact["draft"])
        assert {(f.path, f.patch) for f in pull.files} == {(f["path"], f.get("patch")) for f in artefact["files"]}


async def test_a_deployment_leads_to_its_pull_request_by_the_sha(
    connect: Connect, demo: DemoOf, each_world: Path
) -> None:
    company = demo(each_world).company
    by_sha = {pull.merge_sha: pull.ref for pull in await pulls(await connect("github", each_world), state="merged")}
    deployed = [d for d in company.of_kind("deployment") if d["prs"] and d["environment"] == "production"]
    assert deployed
    assert all(by_sha[company.sha(d.id)] == company.ref(d["prs"][-1]).ref for d in deployed)


async def test_pulls_are_chosen_by_words_author_state_and_period(connect: Connect, demo: DemoOf, acme: Path) -> None:
    github, now = await connect("github", acme), demo(acme).company.now
    assert set(await numbers(github, text="why is the signup webhook slow")) == {482, 488}
    for author in ("schen", "@schen", "Sarah Chen", "sarah", "sarah@acme.test"):
        assert set(await numbers(github, author=author)) == {482, 485}
    assert set(await numbers(github, state="open")) == {476, 479, 484, 485}
    assert await numbers(github, state="closed") == []
    since, until = now - timedelta(days=9), now - timedelta(days=8)
    assert set(await numbers(github, state="merged", since=since, until=until)) == {482, 483}
    assert set(await numbers(github, since=now - timedelta(days=1))) == {488}
    assert await numbers(github, until=now - timedelta(days=30)) == []


async def test_newest_first_and_no_more_than_asked(connect: Connect, acme: Path) -> None:
    github = await connect("github", acme)
    found = await pulls(github)
    changed = [pull.updated_at for pull in found if pull.updated_at]
    assert changed == sorted(changed, reverse=True)
    assert await numbers(github, limit=3) == [pull.number for pull in found[:3]]


async def test_a_search_asks_a_bounded_number_of_questions(connect: Connect, acme: Path) -> None:
    github = await connect("github", acme)
    with traced() as asked:
        found = await pulls(github)
    assert len(asked) <= 2 + 3 * len(found)


@pytest.mark.parametrize("ref", ["acme/portal#479", "#479", "479", "http://127.0.0.1:8001/github/acme/portal/pull/479"])
async def test_a_pull_request_by_any_way_of_writing_it(connect: Connect, acme: Path, ref: str) -> None:
    github = await connect("github", acme)
    [pull] = await github.call(PullsGet(ref=ref))
    assert isinstance(pull, PullRequest)
    assert (pull.number, pull.checks, pull.review, pull.reviewers) == (479, "failure", "changes_requested", ("praman",))
    assert [pull] == list(await github.call(PullsDiff(ref=ref)))


async def test_what_is_no_pull_request(connect: Connect, acme: Path) -> None:
    github = await connect("github", acme)
    for wrong in ("BACK-290", "acme/portal", "https://elsewhere.test/x"):
        with pytest.raises(BadArgument):
            await github.call(PullsGet(ref=wrong))
    with pytest.raises(NotFound):
        await github.call(PullsGet(ref="acme/portal#1"))


async def test_reviews_that_are_given_and_awaited(connect: Connect, acme: Path) -> None:
    github = await connect("github", acme)
    waiting = await github.call(PullsReviews(ref="acme/portal#476"))
    assert [(r.author, r.state) for r in waiting if isinstance(r, Review)] == [
        ("msilva", "requested"),
        ("jokoro", "requested"),
    ]
    [given] = await github.call(PullsReviews(ref="acme/portal#479"))
    assert isinstance(given, Review)
    assert (given.author, given.state) == ("praman", "changes_requested")


async def test_commits_are_the_merges_and_can_be_narrowed(connect: Connect, demo: DemoOf, acme: Path) -> None:
    github, company = await connect("github", acme), demo(acme).company
    merged = company.get("pr-482")
    assert merged
    at = merged.time("merged")
    assert at
    found = await github.call(CommitsList(path="web/src/signup"))
    assert [commit.ref for commit in found] == [company.sha("pr-482")]
    assert company.sha("pr-482") not in {c.ref for c in await github.call(CommitsList(until=at))}
    [first] = await github.call(CommitsList(since=at, until=at + timedelta(seconds=1)))
    assert isinstance(first, Commit)
    assert (first.author, first.title) == ("schen", "Validate the signup form while the browser is idle (#482)")
    assert len(await github.call(CommitsList(limit=2))) == 2


async def test_every_document_with_a_path_is_read_where_it_is(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    github, company = await connect("github", each_world), demo(each_world).company
    for artefact in company.of_kind("document"):
        if not artefact["path"]:
            continue
        ref = company.ref(artefact.id)
        [document] = await github.call(DocumentsRead(ref=ref.ref))
        [code] = await github.call(CodeRead(path=artefact["path"]))
        assert isinstance(document, Document)
        assert isinstance(code, Code)
        assert {(one.ref, one.url, one.at) for one in (document, code)} == {(ref.ref, ref.url, artefact.at)}
        assert document.path == artefact["path"]
        assert artefact["path"].endswith(".ts") or document.title == artefact["title"]


async def test_prose_is_found_by_its_words_and_source_is_code(connect: Connect, acme: Path) -> None:
    github = await connect("github", acme)
    found = await github.call(DocumentsSearch(text="How do we escalate a critical bug?"))
    assert found[0].ref == "acme/portal/docs/escalation.md"
    everything = await github.call(DocumentsSearch())
    assert {noun.ref.rpartition(".")[2] for noun in everything} == {"md"}
    codes = list(await github.call(CodeSearch(text="refreshSession expiresAt zebra")))
    assert {code.ref.rpartition(".")[2] for code in codes} == {"ts"}
    code = next(code for code in codes if code.ref.endswith("/session.ts"))
    assert isinstance(code, Code)
    assert (code.path, code.line) == ("api/src/auth/session.ts", 1)
    assert "refreshSession" in code.content
    assert await github.call(CodeSearch(text="zebra")) == []


@pytest.mark.parametrize("path", ["api/src/auth", "nowhere.md", "../../user", ""])
async def test_what_is_no_file(connect: Connect, acme: Path, path: str) -> None:
    with pytest.raises(NotFound):
        await (await connect("github", acme)).call(CodeRead(path=path))


async def test_people_have_their_addresses(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    github, company = await connect("github", each_world), demo(each_world).company
    found = await github.call(PeopleFind())
    people = {p.email: p.name for p in found if isinstance(p, Person)}
    assert people == {member.email: member.name for member in company.people}
    assert len({person.ref for person in found}) == len(found)


async def test_the_repository_is_the_one_pushed_to_last_unless_it_is_named(connect: Connect, acme: Path) -> None:
    named = await connect("github", acme, repo="acme/portal")
    with traced() as asked:
        assert (await named.check()).account == "acme/portal"
    assert len(asked) == 1
    with pytest.raises(NotFound):
        await (await connect("github", acme, repo="acme/other")).call(PullsSearch())


async def test_a_pull_request_with_gaps(answered: Connect, recorded: Recorded) -> None:
    wire = recorded("wire")

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        for end in ("reviews", "files", "status"):
            if path.endswith(end):
                return httpx.Response(200, json=wire[end])
        return httpx.Response(200, json={"check_runs": []} if path.endswith("check-runs") else wire["pull"])

    github = await answered("github", answer, repo="acme/portal")
    [pull] = await github.call(PullsGet(ref="#7"))
    assert isinstance(pull, PullRequest)
    assert (pull.ref, pull.author, pull.state, pull.merge_sha) == ("Acme/portal#7", "ghost", "closed", None)
    assert (pull.review, pull.checks, pull.reviewers) == ("approved", "failure", ("ann", "ghost"))
    assert [(file.status, file.patch) for file in pull.files] == [("renamed", None), ("modified", "@@ -1 +1 @@")]
    reviews = await github.call(PullsReviews(ref="#7"))
    assert [r.state for r in reviews if isinstance(r, Review)][-1] == "pending"


async def test_only_the_forty_newest_are_looked_at_closely(answered: Connect, recorded: Recorded) -> None:
    wire = recorded("wire")
    many = [{**wire["pull"], "number": number, "merged_at": None} for number in range(90)]

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/pulls"):
            return httpx.Response(200, json=many)
        named = next((end for end in ("reviews", "files", "status") if path.endswith(end)), "")
        return httpx.Response(200, json=wire[named] if named else {"check_runs": []})

    github = await answered("github", answer, repo="acme/portal")
    with traced() as asked:
        found = await pulls(github)
    assert len(found) == 90
    assert [bool(pull.files) for pull in found] == [True] * 40 + [False] * 50
    assert len(asked) == 1 + 4 * 40


async def test_a_used_up_budget_is_no_refusal(answered: Connect, recorded: Recorded) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(time.time() + 1800)}
    headers["x-ratelimit-resource"] = "core"
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(403, json=recorded("wire")["limited"], headers=headers)

    github = await answered("github", answer, repo="acme/portal")
    for _ in range(2):
        with pytest.raises(RateLimited):
            await github.call(CommitsList())
    assert len(asked) == 1


async def test_the_search_budget_does_not_stop_other_questions(answered: Connect) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(time.time() + 50)}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/github/search"):
            return httpx.Response(200, json={"items": []}, headers={**headers, "x-ratelimit-resource": "code_search"})
        return httpx.Response(200, json=[], headers={"x-ratelimit-remaining": "4000", "x-ratelimit-resource": "core"})

    github = await answered("github", answer, repo="acme/portal")
    assert await github.call(CodeSearch(text="one")) == []
    assert await github.call(CommitsList()) == []
