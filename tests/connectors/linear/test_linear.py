"""Linear's connector on the demo's worlds, and on answers that the demo does not give."""

from __future__ import annotations

import json
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
from tools.nouns import Issue, Person
from tools.verbs import IssuesBlockers, IssuesGet, IssuesSearch, PeopleFind

Connect = Callable[..., Awaitable[Connector]]
DemoOf = Callable[[Path], Demo]
Recorded = Callable[[str], Any]


async def issues(connector: Connector, **asked: Any) -> list[Issue]:
    return [noun for noun in await connector.call(IssuesSearch(**asked)) if isinstance(noun, Issue)]


async def ids(connector: Connector, **asked: Any) -> set[int]:
    return {int(issue.ref.split("-")[1]) for issue in await issues(connector, **asked)}


async def test_every_issue_is_there_as_the_world_has_it(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    company = demo(each_world).company
    found = {issue.ref: issue for issue in await issues(await connect("linear", each_world))}
    artefacts = company.of_kind("issue")
    assert found.keys() == {company.ref(a.id).ref for a in artefacts}
    for artefact in artefacts:
        issue = found[company.ref(artefact.id).ref]
        member = company.member(artefact["assignee"])
        assert (issue.url, issue.at) == (company.ref(artefact.id).url, artefact.at)
        assert (issue.state, issue.priority) == (artefact["state"], artefact["priority"])
        assert issue.assignee == (member.name if member else None)
        assert issue.milestone == artefact["milestone"]
        assert issue.closed_at == artefact.time("closed")
        assert set(issue.labels) == set(artefact["labels"] or ())
        assert set(issue.blocked_by) >= {company.ref(other).ref for other in artefact["blocked_by"] or ()}
        assert set(issue.blocks) >= {company.ref(other).ref for other in artefact["blocks"] or ()}
        assert set(issue.pulls) == {company.ref(pull).ref for pull in artefact["prs"] or ()}
        due = artefact.time("due")
        zone = company.facts.timezone
        assert (issue.due and issue.due.date()) == (due and due.astimezone(zone).date())


async def test_issues_are_chosen_by_every_filter(connect: Connect, demo: DemoOf, acme: Path) -> None:
    linear, now = await connect("linear", acme), demo(acme).company.now
    assert await ids(linear, team="the Backend team", labels=("bug",), state="open") == {295, 298, 312}
    assert await ids(linear, team="BACK", labels=("BUG", "export")) == {312}
    assert await ids(linear, state="closed") == {288, 294, 299}
    assert await ids(linear, priority="urgent") == {295}
    for who in ("Sarah Chen", "sarah", "@sarah", "sarah@acme.test", "Sarah"):
        assert await ids(linear, assignee=who) == {306}
    assert await ids(linear, assignee="nobody", state="open") == {303, 309, 311}
    assert await ids(linear, milestone="the auth milestone") == {288, 290, 295, 301, 303}
    assert await ids(linear, text="which bugs are about dragging or SCIM") == {303, 307}
    assert await ids(linear, text="BACK-298") == {298}
    assert await ids(linear, text="zebra") == set()
    assert await ids(linear, since=now - timedelta(days=1)) == {299}
    assert await ids(linear, until=now - timedelta(days=15), state="closed") == set()


async def test_parts_of_words_are_not_meant(connect: Connect, acme: Path) -> None:
    assert 312 not in await ids(await connect("linear", acme), text="age")


async def test_newest_first_and_no_more_than_asked(connect: Connect, acme: Path) -> None:
    linear = await connect("linear", acme)
    found = await issues(linear)
    changed = [issue.updated_at for issue in found if issue.updated_at]
    assert changed == sorted(changed, reverse=True)
    with traced() as asked:
        assert await issues(linear, limit=3) == found[:3]
    assert len(asked) == 1


async def test_the_whole_chain_of_blockers_comes_ready_first(connect: Connect, acme: Path) -> None:
    linear = await connect("linear", acme)
    chain = await linear.call(IssuesBlockers(ref="BACK-303"))
    assert {issue.ref for issue in chain} == {"BACK-295", "PLAT-301", "BACK-290"}
    assert chain[-1].ref == "BACK-290"
    milestone = await linear.call(IssuesBlockers(milestone="auth"))
    assert [issue.ref for issue in milestone][2:] == ["BACK-290", "BACK-303"]
    anything = await linear.call(IssuesBlockers())
    assert {issue.ref for issue in anything} == {"BACK-295", "PLAT-301", "BACK-290"}
    assert await linear.call(IssuesBlockers(ref="BACK-295")) == []


@pytest.mark.parametrize("ref", ["back-290", " BACK-290 ", "https://linear.app/acme-2/issue/BACK-290/single-sign-on"])
async def test_an_issue_by_any_way_of_writing_it(connect: Connect, acme: Path, ref: str) -> None:
    [issue] = await (await connect("linear", acme)).call(IssuesGet(ref=ref))
    assert issue.ref == "BACK-290"


async def test_what_is_no_issue(connect: Connect, acme: Path) -> None:
    linear = await connect("linear", acme)
    with pytest.raises(BadArgument):
        await linear.call(IssuesGet(ref="acme/portal#476"))
    with pytest.raises(NotFound):
        await linear.call(IssuesGet(ref="BACK-99999"))


async def test_people_have_teams_and_roles(connect: Connect, demo: DemoOf, each_world: Path) -> None:
    linear, company = await connect("linear", each_world), demo(each_world).company
    people = [p for p in await linear.call(PeopleFind()) if isinstance(p, Person)]
    assert {(p.email, p.name, p.team, p.role) for p in people} == {
        (m.email, m.name, m.team, m.role) for m in company.people
    }
    [one] = await linear.call(PeopleFind(text=company.people[0].email.split("@")[0]))
    assert one.title == company.people[0].name


async def test_pages_are_walked_to_the_end(answered: Connect, recorded: Recorded) -> None:
    bare = recorded("wire")["bare"]
    cursors: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        variables = json.loads(request.content)["variables"]
        cursors.append(variables["after"])
        start = int(variables["after"] or 0)
        nodes = [{**bare, "identifier": f"ENG-{start + place}"} for place in range(variables["first"])]
        info = {"hasNextPage": start < 100, "endCursor": str(start + variables["first"])}
        return httpx.Response(200, json={"data": {"issues": {"nodes": nodes, "pageInfo": info}}})

    found = await issues(await answered("linear", answer))
    assert cursors == [None, "50", "100"]
    assert len({issue.ref for issue in found}) == 150


async def test_an_issue_with_gaps(answered: Connect, recorded: Recorded) -> None:
    data = {"data": {"issue": recorded("wire")["bare"]}}
    linear = await answered("linear", lambda request: httpx.Response(200, json=data))
    [issue] = await linear.call(IssuesGet(ref="ENG-7"))
    assert isinstance(issue, Issue)
    assert (issue.state, issue.priority, issue.milestone, issue.assignee) == ("cancelled", "none", "Mobile", None)
    assert (issue.blocks, issue.blocked_by, issue.pulls) == ((), (), ("acme/portal#12",))
    assert issue.closed_at is not None


async def test_a_used_up_budget_comes_as_400(answered: Connect, recorded: Recorded) -> None:
    linear = await answered("linear", lambda request: httpx.Response(400, json=recorded("wire")["limited"]))
    with pytest.raises(RateLimited):
        await linear.call(IssuesSearch())


async def test_resets_are_in_milliseconds(answered: Connect, recorded: Recorded) -> None:
    asked: list[httpx.Request] = []
    reset = str(int((time.time() + 900) * 1000))
    headers = {"x-ratelimit-requests-remaining": "0", "x-ratelimit-requests-reset": reset}
    data = {"data": {"issue": recorded("wire")["bare"]}}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=data, headers=headers)

    linear = await answered("linear", answer)
    await linear.call(IssuesGet(ref="ENG-7"))
    with pytest.raises(RateLimited) as caught:
        await linear.call(IssuesGet(ref="ENG-7"))
    assert len(asked) == 1
    assert caught.value.retry_after == pytest.approx(900, abs=30)


async def test_an_absent_issue_is_not_found(answered: Connect, recorded: Recorded) -> None:
    linear = await answered("linear", lambda request: httpx.Response(200, json=recorded("wire")["absent"]))
    with pytest.raises(NotFound):
        await linear.call(IssuesGet(ref="ENG-7"))
