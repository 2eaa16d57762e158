"""The leave to send: asked when the connection stands, before the first byte, and good for a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from tools.kit import leave as leaving
from tools.kit.client import open_client
from tools.kit.errors import Unavailable
from tools.kit.leave import Leave, leave_of, sent_only_if
from tools.kit.wire import Wire, WireOptions

HEADERS, BODY = "http11.send_request_headers.started", "http11.send_request_body.started"


class Time:
    """Both clocks, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steady, self.wall = 100.0, 5000.0
        monkeypatch.setattr(leaving, "_clocks", lambda: (self.steady, self.wall))

    def pass_by(self, seconds: float) -> None:
        self.steady += seconds
        self.wall += seconds


@contextlib.asynccontextmanager
async def service() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A service on loopback, and the bytes that came."""
    came: list[bytes] = []
    callers: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(asyncio.current_task())
        while piece := await reader.read(4096):
            came.append(piece)
            if piece.endswith(b"}"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        server.close()
        if callers:
            await asyncio.wait([one for one in callers if one is not None], timeout=5)


async def test_it_is_asked_when_the_connection_stands_and_before_the_first_byte() -> None:
    asked: list[int] = []

    async def allowed() -> None:
        asked.append(len(came))

    async with service() as (url, came), open_client() as client:
        wire = Wire(client, "there", WireOptions(url))
        with sent_only_if(allowed):
            await wire.post("do", {"a": 1})
            await wire.post("do", {"a": 2})
    assert asked[0] == 0
    assert len(asked) == 2
    assert b"".join(came).count(b"POST /do") == 2


@pytest.mark.parametrize("network", [True, False])
async def test_the_time_that_the_leave_takes_is_not_the_services(network: bool) -> None:
    """A ledger that is slow for a moment is no silence of the service: else nothing would ever be sent."""

    async def slowly() -> None:
        await asyncio.sleep(0.6)

    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={})

    async with service() as (url, _), open_client(None if network else httpx.MockTransport(answer)) as client:
        wire = Wire(client, "there", WireOptions(url, timeout=0.5))
        with sent_only_if(slowly):
            assert (await wire.post("do", {"a": 1}, repeat=False)).status == 200


@pytest.mark.parametrize("network", [True, False])
async def test_who_is_refused_sends_not_one_byte(network: bool) -> None:
    async def refused() -> None:
        raise Unavailable("Another process has taken this over.")

    def answer(request: httpx.Request) -> httpx.Response:
        came.append(request.content)
        return httpx.Response(200)

    async with service() as (url, came), open_client(None if network else httpx.MockTransport(answer)) as client:
        wire = Wire(client, "there", WireOptions(url))
        await wire.post("before", {})
        came.clear()
        with sent_only_if(refused), pytest.raises(Unavailable, match="taken this over"):
            await wire.post("do", {"a": 1}, repeat=False)
    assert came == []


async def test_a_leave_that_grew_old_before_the_first_byte_is_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    time, asked = Time(monkeypatch), []

    async def slow_once() -> None:
        asked.append(time.wall)
        time.pass_by(600.0 if len(asked) == 1 else 0.1)

    leave = Leave(slow_once)
    await leave.at(HEADERS, {})
    assert len(asked) == 2
    await leave.at(BODY, {})


async def test_what_is_always_too_old_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)

    async def slow() -> None:
        time.pass_by(2.0)

    with pytest.raises(Unavailable, match="too busy"):
        await Leave(slow).take()


@pytest.mark.parametrize(("steady", "wall"), [(5.0, 5.0), (0.0, 5.0), (5.0, 0.0), (0.0, -5.0)])
async def test_who_lay_still_after_the_headers_keeps_the_body_back(
    monkeypatch: pytest.MonkeyPatch, steady: float, wall: float
) -> None:
    time = Time(monkeypatch)

    async def allowed() -> None:
        return

    leave = Leave(allowed)
    await leave.at(HEADERS, {})
    time.steady += steady
    time.wall += wall
    with pytest.raises(Unavailable, match="broken off"):
        await leave.at(BODY, {})


def test_reading_needs_no_leave() -> None:
    async def allowed() -> None:
        return

    assert leave_of("POST") is None
    with sent_only_if(allowed):
        assert leave_of("GET") is None
        assert leave_of("POST") is not None
