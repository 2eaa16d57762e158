"""The one HTTP door: what it retries, waits for, raises, follows and remembers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tools.kit.auth import Basic, NoAuth, Token
from tools.kit.complaint import retry_after
from tools.kit.errors import (
    BadArgument,
    DeusError,
    Malformed,
    NotFound,
    RateLimited,
    Refused,
    StepFailed,
    TimedOut,
    Unavailable,
)
from tools.kit.paging import by_cursor, by_link, by_offset, first
from tools.kit.wire import Answer, Wire, WireOptions, open_client, traced

BASE = "https://api.vendor.test/v1"
Handler = Callable[[httpx.Request], httpx.Response]


class Waits:
    """A clock that passes at once and remembers for how long it was asked to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def wired(handler: Handler, **options: object) -> AsyncIterator[tuple[Wire, Waits]]:
    waits = Waits()
    async with open_client(httpx.MockTransport(handler)) as client:
        chosen = WireOptions(base_url=BASE, auth=Token(SecretStr("s3cret")), **options)  # type: ignore[arg-type]
        yield Wire(client, "vendor", chosen, sleep=waits), waits


def scripted(*answers: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """Answers one after the other, the last one for ever."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        said = answers[min(len(asked), len(answers)) - 1]
        if isinstance(said, Exception):
            raise said
        return httpx.Response(said.status_code, headers=said.headers, content=said.content)

    return answer, asked


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadArgument),
        (401, Refused),
        (403, Refused),
        (404, NotFound),
        (410, NotFound),
        (422, BadArgument),
        (302, Malformed),
    ],
)
async def test_a_final_status_is_asked_for_once(status: int, error: type[DeusError]) -> None:
    handler, asked = scripted(httpx.Response(status, json={"message": "no"}))
    async with wired(handler) as (wire, waits):
        with pytest.raises(error) as caught:
            await wire.get("things")
    assert (len(asked), waits.seconds, caught.value.service) == (1, [], "vendor")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_fault_is_asked_again_with_growing_waits_and_then_raised(status: int) -> None:
    handler, asked = scripted(httpx.Response(status))
    async with wired(handler) as (wire, waits):
        with pytest.raises(Unavailable):
            await wire.get("things")
    assert len(asked) == 3
    assert 0.1 <= waits.seconds[0] <= 0.2 <= waits.seconds[1] <= 0.4


async def test_what_must_not_happen_twice_is_sent_once() -> None:
    handler, asked = scripted(httpx.Response(503))
    async with wired(handler) as (wire, _):
        with pytest.raises(Unavailable):
            await wire.post("things", {"a": 1}, repeat=False)
    assert len(asked) == 1


async def test_a_lost_connection_is_tried_again() -> None:
    handler, asked = scripted(httpx.ConnectError("refused"), httpx.Response(200, json=[1]))
    async with wired(handler) as (wire, _):
        assert (await wire.get("things")).data == [1]
    assert len(asked) == 2


async def test_a_service_that_cannot_be_reached_is_named_with_its_address() -> None:
    handler, _ = scripted(httpx.ConnectError("refused"))
    async with wired(handler) as (wire, _):
        with pytest.raises(Unavailable, match=r"vendor could not be reached at https://api\.vendor\.test"):
            await wire.get("things")


async def test_an_answer_that_trickles_is_cut_off_as_a_whole() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    waits = Waits()
    async with open_client(httpx.MockTransport(hang)) as client:
        wire = Wire(client, "vendor", WireOptions(base_url=BASE, timeout=0.01), sleep=waits)
        with pytest.raises(TimedOut, match=r"0\.01 s"):
            await wire.get("things")
    assert waits.seconds == []


async def test_a_service_that_stays_silent_is_left_alone_until_it_answers() -> None:
    sent: list[str] = []

    async def hang(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        if request.url.path.endswith("/well"):
            return httpx.Response(200, json={})
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    async with open_client(httpx.MockTransport(hang)) as client:
        wire = Wire(client, "vendor", WireOptions(base_url=BASE, timeout=0.01))
        for _ in range(2):
            with pytest.raises(TimedOut):
                await wire.get("slow")
        await wire.get("well")
        for _ in range(5):
            with pytest.raises(TimedOut):
                await wire.get("slow")
    # Two, one that was answered and so counts anew, and then three before it is left alone.
    assert len(sent) == 6


async def test_a_stated_wait_is_kept_if_it_is_short_and_an_error_if_not() -> None:
    handler, _ = scripted(httpx.Response(429, headers={"retry-after": "3"}), httpx.Response(200, json={}))
    async with wired(handler) as (wire, waits):
        await wire.get("things")
    assert 3.0 <= waits.seconds[0] <= 3.1
    handler, asked = scripted(httpx.Response(429, headers={"retry-after": "61"}))
    async with wired(handler) as (wire, waits):
        with pytest.raises(RateLimited) as caught:
            await wire.get("things")
    assert (caught.value.retry_after, len(asked), waits.seconds) == (61.0, 1, [])


async def test_a_used_up_budget_is_waited_for_before_the_next_request() -> None:
    spent = httpx.Response(200, json={}, headers={"x-left": "0", "x-until": "5"})
    handler, asked = scripted(spent, httpx.Response(200, json={}))
    async with wired(handler, remaining="x-left", reset="x-until", reset_is_delta=True) as (wire, waits):
        await wire.get("things")
        assert waits.seconds == []
        await wire.get("things")
    assert len(asked) == 2
    assert 4.5 < waits.seconds[0] <= 5.0


async def test_a_budget_that_is_used_up_for_long_is_told_at_once() -> None:
    spent = httpx.Response(200, json={}, headers={"x-left": "0", "x-until": str(time.time() + 900)})
    handler, asked = scripted(spent)
    async with wired(handler, remaining="x-left", reset="x-until") as (wire, _):
        await wire.get("things")
        with pytest.raises(RateLimited) as caught:
            await wire.get("things")
    assert len(asked) == 1
    assert caught.value.retry_after is not None
    assert 800 < caught.value.retry_after <= 900


async def test_no_more_requests_than_slots_are_under_way_at_once() -> None:
    under_way, most = 0, 0
    gate = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            gate.set()
        await gate.wait()
        under_way -= 1
        return httpx.Response(200, json={})

    async with open_client(httpx.MockTransport(slow)) as client:
        wire = Wire(client, "vendor", WireOptions(base_url=BASE, concurrency=2))
        async with asyncio.TaskGroup() as group:
            for _ in range(7):
                group.create_task(wire.get("things"))
    assert most == 2


@pytest.mark.parametrize("body", [b'{"a": ', b"\xff\xfe", b"<html>"])
async def test_json_that_is_none_is_malformed(body: bytes) -> None:
    handler, _ = scripted(httpx.Response(200, content=body, headers={"content-type": "application/json"}))
    async with wired(handler) as (wire, _):
        with pytest.raises(Malformed):
            await wire.get("things")


async def test_a_body_that_cannot_be_unpacked_is_malformed() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.DecodingError("not gzip", request=request)

    async with wired(broken) as (wire, _):
        with pytest.raises(Malformed):
            await wire.get("things")


async def test_empty_and_plain_answers_are_what_they_are() -> None:
    handler, _ = scripted(httpx.Response(200, content=b"", headers={"content-type": "application/json"}))
    async with wired(handler) as (wire, _):
        assert (await wire.get("things")).data is None
    handler, _ = scripted(httpx.Response(200, text="plain"))
    async with wired(handler) as (wire, _):
        assert (await wire.get("things")).data == "plain"


async def test_parameters_that_are_none_are_left_out_and_lists_are_repeated() -> None:
    handler, asked = scripted(httpx.Response(200, json={}))
    async with wired(handler) as (wire, _):
        await wire.get("/things", {"a": None, "b": ["1", "2"], "c": 3})
    assert str(asked[0].url) == f"{BASE}/things?b=1&b=2&c=3"
    assert asked[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.test/v1/things",
        "http://api.vendor.test/v1/things",
        "https://api.vendor.test.evil.test/v1/things",
        "https://api.vendor.test/v12/things",
        "https://user@evil.test/v1/things",
    ],
)
async def test_an_address_outside_the_base_is_never_asked(elsewhere: str) -> None:
    handler, asked = scripted(httpx.Response(200, json={}))
    async with wired(handler) as (wire, _):
        with pytest.raises(Malformed):
            await wire.get(elsewhere)
    assert asked == []


async def test_the_trace_belongs_to_the_task_that_asked() -> None:
    handler, _ = scripted(httpx.Response(503), httpx.Response(200, json={}))
    async with wired(handler) as (wire, _):
        with traced() as mine:
            async with asyncio.TaskGroup() as group:
                group.create_task(wire.get("things?key=s3cret"))
        await wire.get("others")
    assert [(one.attempt, one.status, one.method) for one in mine] == [(1, 503, "GET"), (2, 200, "GET")]
    assert "s3cret" not in repr(mine)


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (NoAuth(), {}),
        (Token(SecretStr("s3cret")), {"Authorization": "Bearer s3cret"}),
        (Token(SecretStr("s3cret"), ""), {"Authorization": "s3cret"}),
        (Token(SecretStr("s3cret"), "Token token="), {"Authorization": "Token token=s3cret"}),
        (Basic("me", SecretStr("s3cret")), {"Authorization": "Basic bWU6czNjcmV0"}),
    ],
)
def test_schemes_write_their_header_and_hide_it(auth: Token, header: dict[str, str]) -> None:
    assert auth.headers() == header
    assert "s3cret" not in repr(auth)
    for value in header.values():
        assert any(secret in value for secret in auth.secrets())


def answer_with(link: str) -> Answer:
    return Answer(200, {"link": link}, None, BASE)


def test_links_are_read_as_github_and_sentry_write_them() -> None:
    github = '<https://a.test/?page=2,3>; rel="next", <https://a.test/?page=9>; rel="last"'
    assert answer_with(github).link("next") == "https://a.test/?page=2,3"
    assert answer_with(github).link("last") == "https://a.test/?page=9"
    assert answer_with(github).link("prev") is None
    ended = '<https://a.test/?c=1>; rel="previous"; results="true", <https://a.test/?c=2>; rel="next"; results="false"'
    assert answer_with(ended).link("next") is None
    assert Answer(200, {}, None, BASE).link("next") is None


@given(st.text(max_size=60))
def test_no_link_header_breaks_the_reader(text: str) -> None:
    found = answer_with(text).link("next")
    assert found is None or found in text


@given(st.one_of(st.text(max_size=40), st.floats(allow_nan=True).map(str)))
def test_no_retry_after_breaks_the_reader(text: str) -> None:
    stated = retry_after({"retry-after": text})
    assert stated is None or stated >= 0


def test_retry_after_may_be_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    stated = retry_after({"retry-after": format_datetime(soon, usegmt=True)})
    assert stated is not None
    assert 80 < stated <= 90
    assert retry_after({}) is None


async def test_pages_that_lead_in_a_circle_end() -> None:
    def circle(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json=[page], headers={"link": f'<{BASE}/things?page={page % 3 + 1}>; rel="next"'})

    async with wired(circle) as (wire, _):
        assert [page.data[0] async for page in by_link(wire, "things")] == [1, 2, 3, 1]

    async def fetch(cursor: str | None) -> dict[str, str]:
        return {"next": {"a": "b", "b": "a"}.get(cursor or "b", "a")}

    pages = [page["next"] async for page in by_cursor(fetch, lambda page: page["next"])]
    assert pages == ["a", "b", "a"]


async def test_only_the_pages_that_are_needed_are_fetched() -> None:
    fetched: list[int] = []

    async def fetch(offset: int) -> list[int]:
        fetched.append(offset)
        return [offset, offset + 1]

    async def records() -> AsyncIterator[int]:
        async for page in by_offset(fetch, lambda page: True, 2):
            for record in page:
                yield record

    assert await first(records(), 3) == [0, 1, 2]
    assert fetched == [0, 2]


def test_every_failure_of_a_service_belongs_to_one_family() -> None:
    for kind in (Unavailable, TimedOut, RateLimited, Malformed):
        assert issubclass(kind, StepFailed)
