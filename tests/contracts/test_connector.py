"""What every connector promises, whatever its vendor: run for each one that the catalog finds, on the demo company."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.vendors.vendor import Demo
from tests.companies import BASE, at_once, connector_over, demo_of, vendor_app
from tools.catalog import connectors
from tools.kit.connector import Connector, secret_fields
from tools.kit.errors import (
    DeusError,
    Malformed,
    NotFound,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
)
from tools.kit.tool import Verb, verbs
from tools.kit.wire import open_client, traced
from tools.nouns import Noun

SERVICES = sorted(connectors())
SERVED = [(service, name) for service in SERVICES for name in sorted(connectors()[service].verbs())]
CANARY = "canary-7f3a91"
ELSEWHERE = "https://elsewhere.test/steal?page=2"

Fault = Callable[[int, httpx.Request], httpx.Response | None]
Change = Callable[[httpx.Response], httpx.Response]

each_service = pytest.mark.parametrize("service", SERVICES)
each_verb = pytest.mark.parametrize(("service", "name"), SERVED)
each_limited_verb = pytest.mark.parametrize(
    ("service", "name"), [(service, name) for service, name in SERVED if "limit" in verbs(Verb)[name].model_fields]
)


class Between(httpx.AsyncBaseTransport):
    """Stands between a connector and the demo: answers in its place, changes what it says, or only listens."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, fault: Fault | None = None, change: Change | None = None
    ) -> None:
        self.inner, self.fault, self.change = inner, fault, change
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        said = self.fault(len(self.asked), request) if self.fault else None
        if said is not None:
            return said
        response = await self.inner.handle_async_request(request)
        await response.aread()
        return self.change(response) if self.change else response


@contextlib.asynccontextmanager
async def reading(
    service: str, world: Path, fault: Fault | None = None, change: Change | None = None, **settings: Any
) -> AsyncIterator[tuple[Connector, Between]]:
    """A connector that reads the demo, and what stands between."""
    between = Between(httpx.ASGITransport(vendor_app(service, world)), fault, change)
    async with open_client(between) as client:
        yield connector_over(client, service, demo_of(world).company.now, at_once, **settings), between


async def requests_for(connector: Connector, name: str, demo: Demo) -> list[Verb]:
    """Requests that the demo can answer: one, or one for every record where the verb takes a ref."""
    verb = verbs(Verb)[name]
    company, streams = demo.company, demo.history.streams
    files = [a["path"] for a in company.of_kind("document") if a["path"]]
    dims = next((tuple(s.dims)[:1] for s in streams.values() if s.dims), ("browser",))
    known: dict[str, Any] = {
        "since": company.now - timedelta(days=28),
        "metric": next(iter(streams)),
        "steps": tuple(streams)[:2],
        "by": dims,
        "path": files[0] if files else "README.md",
        "text": "",
    }
    needed = {field for field, spec in verb.model_fields.items() if spec.is_required()}
    if "ref" not in verb.model_fields:
        return [verb.model_validate({field: known[field] for field in needed} | _words(name, files))]
    # A verb of a ref takes the refs that its sister verbs list: pulls.get those of pulls.search.
    family = name.split(".")[0]
    refs: list[str] = []
    for sister in sorted(connector.verbs()):
        fields = verbs(Verb)[sister].model_fields
        if sister.split(".")[0] == family and not any(spec.is_required() for spec in fields.values()):
            refs += [noun.ref for noun in await connector.call(verbs(Verb)[sister]())]
    return [verb.model_validate({"ref": ref}) for ref in dict.fromkeys(refs)]


def _words(name: str, files: list[str]) -> dict[str, str]:
    return {"text": files[0].split("/")[-1].split(".")[0]} if name == "code.search" and files else {}


async def first_answer(connector: Connector, name: str, demo: Demo) -> list[Noun]:
    for request in await requests_for(connector, name, demo):
        if found := await connector.call(request):
            return list(found)
    return []


def plain_verb(service: str) -> Verb:
    """A request of this service that needs no record to be known."""
    for name in sorted(connectors()[service].verbs()):
        verb = verbs(Verb)[name]
        if all(not spec.is_required() for spec in verb.model_fields.values()):
            return verb()
    raise AssertionError(f"{service} lists nothing")


def always(status: int, body: Any = None, **headers: str) -> Fault:
    return lambda n, request: httpx.Response(status, json=body or {"message": "no"}, headers=headers, request=request)


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


@pytest.fixture
def world(service: str, shared: Path) -> Path:
    """A company that has something to show in this service: the default one, or else the first that has."""
    paths = sorted((shared / "worlds").glob("*.yaml"), key=lambda path: (path.stem != "acme", path.stem))
    return next(p for p in paths if any(ref.service == service for ref in demo_of(p).company.refs.values()))


@each_service
def test_settings_describe_themselves(service: str) -> None:
    kind = connectors()[service]
    assert kind.name == service
    assert kind.title
    assert str(kind.Settings.model_fields["base_url"].default).startswith("https://")
    assert all(spec.description for spec in kind.Settings.model_fields.values())
    assert secret_fields(kind.Settings)


@each_service
async def test_check_says_what_it_sees(service: str, world: Path) -> None:
    async with reading(service, world) as (connector, _):
        sight = await connector.check()
    assert sight.account
    assert sight.sees
    assert all(isinstance(seen, str) and seen for seen in sight.sees)
    assert not [seen for seen in sight.sees if re.match(r"1 (?:\w+ )*\w*[^s\W]s(?: of \w+)?$", seen)], sight.sees


@each_verb
async def test_a_verb_returns_its_nouns(service: str, name: str, world: Path) -> None:
    async with reading(service, world) as (connector, _):
        found = await first_answer(connector, name, demo_of(world))
    assert found, f"{service} answers {name} with nothing"
    for noun in found:
        assert type(noun) is verbs(Verb)[name].returns
        assert noun.service == service
        assert noun.ref
        assert noun.url.startswith(f"{BASE}/{service}")
        assert noun.at.utcoffset() is not None


@each_limited_verb
async def test_a_limit_holds(service: str, name: str, world: Path) -> None:
    async with reading(service, world) as (connector, _):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        assert len(await connector.call(request.model_copy(update={"limit": 1}))) == 1


@each_verb
async def test_what_is_asked_is_traced(service: str, name: str, world: Path) -> None:
    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.asked.clear()
        with traced() as asked:
            await connector.call(request)
    assert len(asked) == len(between.asked) >= 1
    assert all(one.service == service and one.status == 200 for one in asked)


@each_verb
async def test_refused_credentials(service: str, name: str, world: Path) -> None:
    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.fault = always(401)
        with pytest.raises(Refused) as caught:
            await connector.call(request)
    assert service in str(caught.value).lower()
    assert "deus connect" in str(caught.value)


@each_service
async def test_wrong_credentials_are_refused_by_the_vendor_and_never_repeated(service: str, world: Path) -> None:
    secrets: dict[str, Any] = dict.fromkeys(secret_fields(connectors()[service].Settings), CANARY)
    async with reading(service, world, **secrets) as (connector, _):
        assert CANARY not in f"{connector!r} {connector.settings!r} {connector.settings} {vars(connector.wire)!r}"
        with traced() as asked, pytest.raises(Refused) as caught:
            await connector.check()
    for error in chain(caught.value):
        assert CANARY not in f"{error} {error!r}"
    assert CANARY not in repr(asked)


@each_service
async def test_a_vendor_that_repeats_the_key_does_not_leak_it(service: str, world: Path) -> None:
    def echo(n: int, request: httpx.Request) -> httpx.Response:
        said = f"bad key in {dict(request.headers)} {request.url}"
        return httpx.Response(400, json={"message": said, "error": {"message": said}}, request=request)

    secrets: dict[str, Any] = dict.fromkeys(secret_fields(connectors()[service].Settings), CANARY)
    async with reading(service, world, echo, **secrets) as (connector, _):
        with traced() as asked, pytest.raises(DeusError) as caught:
            await connector.check()
    assert CANARY not in f"{caught.value} {caught.value!r} {asked!r}"


@each_verb
async def test_what_is_not_there(service: str, name: str, world: Path) -> None:
    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.fault = always(404)
        with pytest.raises(NotFound):
            await connector.call(request)


@each_verb
async def test_a_short_rate_limit_is_waited_for(service: str, name: str, world: Path) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        calm = await connector.call(request)
        limited = always(429, None, **{"retry-after": "2"})
        between.asked.clear()
        between.fault = lambda n, asked: limited(n, asked) if n == 1 else None
        connector.wire._sleep = sleep
        assert await connector.call(request) == calm
    assert [wait for wait in waited if wait >= 2]


@each_service
async def test_a_long_rate_limit_ends_at_once(service: str, world: Path) -> None:
    async with reading(service, world, always(429, None, **{"retry-after": "3600"})) as (connector, between):
        with pytest.raises(RateLimited) as caught:
            await connector.call(plain_verb(service))
    assert caught.value.retry_after == 3600
    assert len({str(one.url) for one in between.asked}) == len(between.asked)


@each_verb
async def test_a_service_that_is_down(service: str, name: str, world: Path) -> None:
    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.asked.clear()
        between.fault = always(503)
        with pytest.raises(Unavailable):
            await connector.call(request)
    first = between.asked[0]
    same = [one for one in between.asked if (one.url, one.content) == (first.url, first.content)]
    assert len(same) == connector.wire.options.attempts


@each_verb
async def test_a_service_that_does_not_answer(service: str, name: str, world: Path) -> None:
    def late(n: int, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.fault = late
        with pytest.raises(TimedOut):
            await connector.call(request)


@each_verb
async def test_an_answer_that_is_cut_off(service: str, name: str, world: Path) -> None:
    def cut(n: int, request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "application/json"}
        return httpx.Response(200, content=b'{"data": [{"id": 1, "na', headers=headers, request=request)

    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.fault = cut
        with pytest.raises(Malformed):
            await connector.call(request)


@each_verb
async def test_a_record_without_its_fields(service: str, name: str, world: Path) -> None:
    def emptied(value: Any, listed: bool = False) -> Any:
        if isinstance(value, dict):
            return {} if listed else {key: emptied(inner) for key, inner in value.items()}
        return [emptied(inner, True) for inner in value] if isinstance(value, list) else value

    def empty(response: httpx.Response) -> httpx.Response:
        data = json.loads(response.content)
        # A record that stands alone loses everything, one in a list too.
        bare = emptied(data) if _holds_list(data) else {}
        return httpx.Response(response.status_code, json=bare)

    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.change = empty
        with pytest.raises((Malformed, NotFound)):
            await connector.call(request)


def _holds_list(data: Any) -> bool:
    if isinstance(data, dict):
        return any(_holds_list(inner) for inner in data.values())
    return isinstance(data, list) and any(isinstance(inner, dict) for inner in data)


@each_verb
async def test_a_next_page_elsewhere_is_not_followed(service: str, name: str, world: Path) -> None:
    def redirected(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: ELSEWHERE
                if key in ("next", "next_url", "next_page") and not isinstance(inner, dict)
                else redirected(inner)
                for key, inner in value.items()
            }
        return [redirected(inner) for inner in value] if isinstance(value, list) else value

    def lure(response: httpx.Response) -> httpx.Response:
        link = {"link": f'<{ELSEWHERE}>; rel="next"; results="true"; cursor="0:100:0"'}
        data = redirected(json.loads(response.content))
        return httpx.Response(response.status_code, json=data, headers=link)

    async with reading(service, world) as (connector, between):
        request = (await requests_for(connector, name, demo_of(world)))[0]
        between.asked.clear()
        between.change = lure
        with contextlib.suppress(DeusError):
            async with asyncio.timeout(5):
                await connector.call(request)
    assert {one.url.host for one in between.asked} == {"127.0.0.1"}


@each_service
async def test_a_redirect_is_not_followed(service: str, world: Path) -> None:
    async with reading(service, world, always(302, None, location=ELSEWHERE)) as (connector, between):
        with pytest.raises(Malformed):
            await connector.call(plain_verb(service))
    assert {one.url.host for one in between.asked} == {"127.0.0.1"}
