"""The Sentry connector on the demo company, and on answers that Sentry documents and the demo does not give."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.companies import NOW, demo_of
from tools.kit.connector import Connector
from tools.kit.errors import NotFound
from tools.kit.wire import traced
from tools.nouns import ErrorEvent, ErrorGroup
from tools.verbs import ErrorsEvents, ErrorsGet, ErrorsSearch

Connect = Callable[..., Awaitable[Connector]]
Recorded = Callable[[str], Any]


async def groups(connector: Connector, **asked: Any) -> list[ErrorGroup]:
    return [noun for noun in await connector.call(ErrorsSearch(**asked)) if isinstance(noun, ErrorGroup)]


async def test_every_error_of_a_world_is_found_as_it_is(connect: Connect, each_world: Path) -> None:
    company = demo_of(each_world).company
    found = {group.ref: group for group in await groups(await connect("sentry", each_world))}
    assert len(found) == len(company.of_kind("error"))
    for error in company.of_kind("error"):
        ref, group = company.ref(error.id), found[company.ref(error.id).ref]
        assert group.url == ref.url
        assert group.at == error.at
        assert group.last_seen == error.time("last_seen")
        assert group.title == error["title"]
        assert (group.culprit, group.function, group.users) == (error["culprit"], error["function"], error["users"])
        assert (group.level, group.state) == (error["level"], error["state"] or "unresolved")
        assert group.release == (company.sha(error["release"]) if error["release"] else None)
        assert group.tags == {key: str(value) for key, value in error["tags"].items()}


async def test_those_that_concern_most_people_come_first(connect: Connect, acme: Path) -> None:
    users = [group.users for group in await groups(await connect("sentry", acme))]
    assert users == sorted(users, reverse=True)


async def test_hours_are_gapless_and_belong_to_the_period(connect: Connect, acme: Path) -> None:
    connector = await connect("sentry", acme)
    since, until = connector.now() - timedelta(days=10), connector.now() - timedelta(days=8)
    [signup] = [g for g in await groups(connector, since=since, until=until) if g.function == "onSubmit"]
    starts = [start for start, _ in signup.recent]
    assert all(later - earlier == timedelta(hours=1) for earlier, later in itertools.pairwise(starts))
    assert starts[0] == since
    assert starts[-1] < until
    assert sum(count for start, count in signup.recent if start < signup.at - timedelta(hours=1)) == 0
    assert 110 < sum(count for _, count in signup.recent) < 210  # twenty-three hours at seven an hour
    assert signup.count > 1000


async def test_words_state_level_release_and_period_narrow_the_search(connect: Connect, acme: Path) -> None:
    connector, company = await connect("sentry", acme), demo_of(acme).company
    by_words = await groups(connector, text="signup export")
    assert {group.function for group in by_words} == {"onSubmit", "writeRows"}
    assert {group.state for group in await groups(connector, state="ignored")} == {"ignored"}
    assert {group.level for group in await groups(connector, level="warning")} == {"warning"}
    released = await groups(connector, release=company.sha("dep-871"))
    assert [group.ref for group in released] == [company.ref("err-2041").ref]
    long_ago = company.now - timedelta(days=20)
    assert [group.function for group in await groups(connector, until=long_ago)] == [None]
    assert len(await groups(connector, limit=2)) == 2


async def test_one_error_by_its_short_id_or_number(connect: Connect, acme: Path) -> None:
    connector = await connect("sentry", acme)
    for ref in ("PORTAL-2032", "portal-2032", "2032"):
        [found] = await connector.call(ErrorsGet(ref=ref))
        assert isinstance(found, ErrorGroup)
        assert (found.ref, found.line, found.function) == ("PORTAL-2032", 12, "refreshSession")
        assert found.tags["route"] == "POST /v1/session/refresh"
        assert len(found.recent) >= 14 * 24
    with pytest.raises(NotFound):
        await connector.call(ErrorsGet(ref="PORTAL-1"))


async def test_events_carry_their_stack(connect: Connect, acme: Path) -> None:
    connector = await connect("sentry", acme)
    events = [e for e in await connector.call(ErrorsEvents(ref="PORTAL-2041", limit=3)) if isinstance(e, ErrorEvent)]
    assert len(events) == 3
    assert events[0].at > events[1].at > events[2].at
    assert events[0].frames[-1] == "web/src/signup/SignupForm.tsx:82 in onSubmit"
    assert events[0].message == "Can't find variable: requestIdleCallback"
    assert events[0].tags["browser"] == "Safari"
    assert events[0].url.endswith(f"/issues/2041/events/{events[0].ref}/")


async def test_the_organization_may_be_named(connect: Connect, acme: Path) -> None:
    connector = await connect("sentry", acme, organization="acme")
    with traced() as asked:
        await groups(connector)
    assert not [one for one in asked if one.url.endswith("/organizations/")]


def sentry_like(issues: list[Any], seen: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers with these issues, each without tags, release and events."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        seen.append(f"{path}?{request.url.query.decode()}")
        if path.endswith("/organizations/"):
            return httpx.Response(200, json=[{"slug": "acme"}])
        if path.endswith("/events-timeseries/"):
            return httpx.Response(200, json={"timeSeries": []})
        if path.endswith("/tags/"):
            return httpx.Response(200, json=[])
        if path.endswith("/issues/"):
            page = int(request.url.params.get("cursor", "0:0:0").split(":")[1])
            following = request.url.copy_merge_params({"cursor": f"0:{page + 1}:0"})
            more = "true" if page + 1 < len(issues) else "false"
            link = f'<{request.url}>; rel="previous"; results="false", <{following}>; rel="next"; results="{more}"'
            return httpx.Response(200, json=issues[page : page + 1], headers={"link": link})
        number = path.rstrip("/").rsplit("/", 1)[-1]
        return httpx.Response(200, json=next(issue for issue in issues if issue["id"] == number))

    return answer


async def test_an_issue_with_only_what_sentry_must_send(answered: Connect, recorded: Recorded) -> None:
    [group] = await groups(await answered("sentry", sentry_like([recorded("sparse_issue")], [])))
    assert group.culprit == ""
    assert group.function is None
    assert group.release is None
    assert (group.level, group.state) == ("info", "unresolved")
    assert group.recent == ()
    assert group.tags == {}


async def test_pages_end_where_sentry_says_so_and_hours_are_asked_for_ten_at_a_time(
    answered: Connect, recorded: Recorded
) -> None:
    sparse = recorded("sparse_issue")
    issues = [{**sparse, "id": str(n), "shortId": f"APP-{n}"} for n in range(1, 13)]
    seen: list[str] = []
    found = await groups(await answered("sentry", sentry_like(issues, seen)), since=NOW - timedelta(days=2))
    assert [group.ref for group in found] == [f"APP-{n}" for n in range(1, 13)]
    assert len([path for path in seen if "/events-timeseries/" in path]) == 2
    assert len([path for path in seen if "/issues/?" in path]) == 12


async def test_a_tag_speaks_for_an_issue_only_if_most_events_have_it(answered: Connect, recorded: Recorded) -> None:
    plain = sentry_like([recorded("sparse_issue")], [])

    def answer(request: httpx.Request) -> httpx.Response:
        tags = request.url.path.endswith("/tags/")
        return httpx.Response(200, json=recorded("tags")) if tags else plain(request)

    [group] = await groups(await answered("sentry", answer))
    assert group.tags == {"browser.name": "Safari"}
