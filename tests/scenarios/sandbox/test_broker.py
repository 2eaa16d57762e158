"""The broker at its socket: what it lets out, and what it does not, whatever is said to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import stat
from pathlib import Path

import pytest

from agents.audit_facts import entry_of
from agents.event import Event
from agents.sandbox import Network, NetworkRefused, Route, Traffic
from app.sandboxes.broker_routes import Cut, Spotter
from app.sandboxes.brokers import Brokers
from app.sandboxes.gate import SOCKET
from tests.scenarios.sandbox.outside import KEY, Service, certificate, knock, leading_to, service, way_out
from tools.kit.wire import open_client

HOST = b"host: 127.0.0.1:3128\r\n"
POST = b"POST /model/v1/messages HTTP/1.1\r\n" + HOST


def routes(to: Service, **traffic: float) -> Network:
    """One route to a service, with a key."""
    route = Route("model", to.url, frozenset({"POST", "GET"}), "/v1/.*", "key", "x-api-key", "{}")
    return Network(routes=(route,), traffic=Traffic(**traffic))  # type: ignore[arg-type]


async def test_a_request_of_a_route_goes_out_with_the_key_and_is_told_without_it() -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        said = POST + b"x-api-key: mine\r\nauthorization: Bearer mine\r\ncookie: a=b\r\ncontent-length: 5\r\n\r\nhello"
        answer = await way.say(said.replace(b"/messages", b"/messages?secret=no"))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"ok")
        head, body = outside.asked[0]
        assert head.startswith("POST /base/v1/messages?secret=no HTTP/1.1\r\n")
        assert f"\r\nx-api-key: {KEY}\r\n" in head
        assert "mine" not in head
        assert "cookie" not in head
        assert f"host: {outside.url.split('/')[2]}\r\n" in head.lower()
        assert body == b"hello"
        told = await way.noted()
        assert {name: told[name] for name in ("method", "path", "verdict", "status", "sent", "received", "task")} == {
            "method": "POST", "path": "/model/v1/messages", "verdict": "allowed", "status": 200, "sent": 5,
            "received": 2, "task": "t1",
        }  # fmt: skip
        assert KEY not in repr(way.told) + repr(way.broker) + repr(routes(outside))
        assert "secret=no" not in repr(way.told)


async def test_a_chunked_body_goes_out_whole_with_one_length() -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        body = b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n"
        await way.say(POST + b"transfer-encoding: chunked\r\n\r\n" + body)
        head, got = outside.asked[0]
        assert got == b"hello world"
        assert "content-length: 11" in head.lower()
        assert "chunked" not in head.lower()
        assert "trailer" not in head.lower()


async def test_a_body_that_is_waited_for_is_asked_for() -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        answer = await way.say(POST + b"expect: 100-continue\r\ncontent-length: 2\r\n\r\nhi")
        assert answer.startswith(b"HTTP/1.1 100")
        assert b"HTTP/1.1 200" in answer
        assert "expect" not in outside.asked[0][0].lower()


NOT_LET_OUT = {
    "two lengths": POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "length and chunks": POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and more": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": POST + b"content-length : 5\r\n\r\nhello",
    "a minus length": POST + b"content-length: -5\r\n\r\nhello",
    "a plus length": POST + b"content-length: +5\r\n\r\nhello",
    "a hex length": POST + b"content-length: 0x5\r\n\r\nhello",
    "a chunk of no size": POST + b"transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "two hosts": POST + b"host: api.example.com\r\ncontent-length: 0\r\n\r\n",
    "no host": b"POST /model/v1/messages HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
    "another host": b"POST /model/v1/messages HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: 0\r\n\r\n",
    "a bare CR in a header": POST + b"x-a: b\rx-api-key: c\r\ncontent-length: 0\r\n\r\n",
    "a NUL in a header": POST + b"x-a: b\x00c\r\ncontent-length: 0\r\n\r\n",
    "a line feed in the path": b"POST /model/v1/a\nb HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank in the path": b"POST /model/v1/a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "an encoded line end": b"POST /model/v1/a%0d%0ax HTTP/1.1\r\n" + HOST + b"\r\n",
    "dots": b"POST /model/v1/../admin HTTP/1.1\r\n" + HOST + b"\r\n",
    "encoded dots": b"POST /model/v1/%2e%2e/admin HTTP/1.1\r\n" + HOST + b"\r\n",
    "twice encoded dots": b"POST /model/v1/%252e%252e/admin HTTP/1.1\r\n" + HOST + b"\r\n",
    "two slashes": b"POST /model//v1/messages HTTP/1.1\r\n" + HOST + b"\r\n",
    "a host after two slashes": b"POST //api.example.com/v1/messages HTTP/1.1\r\n" + HOST + b"\r\n",
    "the whole address": b"POST http://127.0.0.1:3128/model/v1/messages HTTP/1.1\r\n" + HOST + b"\r\n",
    "the whole address of another": b"GET http://api.example.com/ HTTP/1.1\r\nhost: api.example.com\r\n\r\n",
    "a fragment": b"POST /model/v1/messages#x HTTP/1.1\r\n" + HOST + b"\r\n",
    "another method": b"DELETE /model/v1/messages HTTP/1.1\r\n" + HOST + b"\r\n",
    "another route": b"POST /other/v1/messages HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT api.example.com:443 HTTP/1.1\r\nhost: api.example.com:443\r\n\r\n",
    "a tunnel here": b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nhost: 127.0.0.1:443\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /model/v1/x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\x05hello" + b"\r\n\r\n",
    "SOCKS": b"\x05\x01\x00\r\n\r\n",
    "a long head": POST + b"x-a: " + b"a" * 70_000 + b"\r\n\r\n",
    "a long path": b"POST /model/v1/" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "many headers": POST + b"".join(b"x-%d: a\r\n" % n for n in range(150)) + b"\r\n",
    "nothing": b"\r\n\r\n\r\n",
}


@pytest.mark.parametrize("name", NOT_LET_OUT)
async def test_what_can_be_read_in_two_ways_goes_nowhere(name: str) -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        reader, writer = await way.connect()
        writer.write(NOT_LET_OUT[name])
        writer.write_eof()
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(20):
                answer = await reader.read()
        writer.close()
        assert not answer.startswith(b"HTTP/1.1 2")
        assert outside.asked == []
        assert (await way.noted())["verdict"] == "refused"


async def test_what_comes_after_a_request_is_not_answered() -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        answer = await way.say(POST + b"content-length: 2\r\n\r\nhi" + POST + b"content-length: 0\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200") == 1
        assert len(outside.asked) == 1


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n"
    async with service(moved) as outside, way_out(routes(outside)) as way:
        answer = await way.say(POST + b"content-length: 0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 307")
        assert len(outside.asked) == 1


async def test_nobodys_cookies_are_kept() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nset-cookie: a=theirs; path=/\r\ncontent-length: 0\r\n\r\n"
    async with service(cookie) as outside, way_out(routes(outside)) as way:
        answers = [await way.say(POST + b"content-length: 0\r\n\r\n") for _ in range(2)]
        assert not any(b"theirs" in answer for answer in answers)
        assert not any("theirs" in head for head, _ in outside.asked)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n" + f"your key is {KEY}......".encode().ljust(40, b"."),
        f"HTTP/1.1 401 No\r\nx-echo: {KEY}\r\ncontent-length: 0\r\n\r\n".encode(),
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nsk-canar\r\ne\r\ny-9f8e7d6c5b4a\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_with_the_key_in_it_does_not_come_in(answer: bytes) -> None:
    async with service(answer) as outside, way_out(routes(outside)) as way:
        got = await way.say(POST + b"content-length: 0\r\n\r\n")
        assert KEY.encode() not in got
        assert b"9f8e7d" not in got
        assert (await way.noted())["verdict"] in ("refused", "cut")


async def test_too_much_is_not_sent_and_not_taken() -> None:
    long = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + b"a" * 5000
    async with service(long) as outside, way_out(routes(outside, sent=1000, received=1000)) as way:
        assert (await way.say(POST + b"content-length: 1001\r\n\r\n" + b"a" * 1001)).startswith(b"HTTP/1.1 413")
        assert outside.asked == []
        got = await way.say(POST + b"content-length: 1000\r\n\r\n" + b"a" * 1000)
        assert got.count(b"a") < 2000
        assert (await way.noted(2))["why"] == "too much"


async def test_bodies_are_not_held_without_end() -> None:
    async with service() as outside, way_out(routes(outside, sent=1000, quiet=5)) as way:
        held = []
        for _ in range(2):
            reader, writer = await way.connect()
            writer.write(POST + b"content-length: 1000\r\n\r\n" + b"a" * 999)
            await writer.drain()
            held.append((reader, writer))
        await asyncio.sleep(0.05)
        answer = await way.say(POST + b"content-length: 100\r\n\r\n" + b"a" * 100)
        assert answer.startswith(b"HTTP/1.1 503")
        for reader, writer in held:
            writer.write(b"a")
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
        assert (await way.say(POST + b"content-length: 100\r\n\r\n" + b"a" * 100)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("said", [b"", b"POST /model", POST, POST + b"content-length: 5\r\n\r\nhe"])
async def test_who_says_nothing_more_is_not_waited_for(said: bytes) -> None:
    async with service() as outside, way_out(routes(outside, quiet=0.2)) as way:
        assert not (await way.say(said)).startswith(b"HTTP/1.1 2")
        assert (await way.noted())["verdict"] == "refused"
        assert outside.asked == []


async def test_one_byte_after_the_other_takes_no_longer() -> None:
    async with service() as outside, way_out(routes(outside, quiet=0.3)) as way:
        reader, writer = await way.connect()

        async def drip() -> None:
            for byte in POST * 50:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert b"408" in await reader.read()
        dripping.cancel()
        writer.close()
        assert outside.asked == []


async def test_a_service_that_does_not_answer_is_not_waited_for() -> None:
    async with service(silent=True) as outside, way_out(routes(outside, quiet=0.2)) as way:
        assert (await way.say(POST + b"content-length: 0\r\n\r\n")).startswith(b"HTTP/1.1 502")
        assert (await way.noted())["why"] == "not reached"


async def test_no_more_requests_than_allowed_and_no_more_told() -> None:
    async with service() as outside, way_out(routes(outside, requests=3)) as way:
        for _ in range(3):
            assert (await way.say(POST + b"content-length: 0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert (await way.say(POST + b"content-length: 0\r\n\r\n")).startswith(b"HTTP/1.1 429")
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                await way.connect()
        assert len(outside.asked) == 3
        await way.noted(4)
        assert [told["verdict"] for told in way.told] == ["allowed"] * 3 + ["refused"]


async def test_no_more_at_once_than_allowed() -> None:
    async with service() as outside, way_out(routes(outside, at_once=2, quiet=5)) as way:
        held = [await way.connect() for _ in range(2)]
        await asyncio.sleep(0.05)
        assert (await way.say(POST + b"content-length: 0\r\n\r\n")).startswith(b"HTTP/1.1 503")
        for _, writer in held:
            writer.close()
        await way.noted(3)
        assert (await way.say(POST + b"content-length: 0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_tunnel_carries_tls_to_the_host_that_it_was_asked_for(tmp_path: Path) -> None:
    server_side, client_side = certificate(tmp_path, "files.example.com")

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    async with way_out(Network(frozenset({"*.example.com"})), leading_to(port)) as way:
        reader, writer = await way.connect()
        writer.write(b"CONNECT files.example.com:443 HTTP/1.1\r\nhost: files.example.com:443\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await writer.start_tls(client_side, server_hostname="files.example.com")
        writer.write(b"hello")
        assert await reader.read() == b"HELLO"
        writer.close()
        told = await way.noted()
        assert (told["verdict"], told["host"], told["path"]) == ("allowed", "files.example.com:443", "")
        assert told["sent"] > 200
        assert told["received"] > 500
    server.close()


@pytest.mark.parametrize("first", ["another name", "no name", "no TLS", "nothing"])
async def test_a_tunnel_to_one_host_leads_to_no_other_behind_it(first: str, tmp_path: Path) -> None:
    async with service() as outside:
        port = int(outside.url.split(":")[2].split("/")[0])
        network = Network(frozenset({"example.com"}), traffic=Traffic(quiet=0.5))
        async with way_out(network, leading_to(port)) as way:
            reader, writer = await way.connect()
            writer.write(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            if first in ("another name", "no name"):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                name = "evil.org" if first == "another name" else None
                with pytest.raises(ssl.SSLWantReadError):
                    context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
                writer.write(outgoing.read())
            elif first == "no TLS":
                writer.write(b"GET / HTTP/1.1\r\nhost: evil.org\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            told = await way.noted()
            assert (told["verdict"], told["why"]) == ("cut", "no TLS, or for another host")
            assert outside.asked == []


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:169.254.169.254"], []])
async def test_an_allowed_name_that_leads_inside_is_not_followed(addresses: list[str]) -> None:
    async with way_out(Network(frozenset({"example.com"})), leading_to(1, addresses)) as way:
        answer = await way.say(b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com:443\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403")
        assert (await way.noted())["why"] == "no public address"


async def test_the_socket_is_the_sandboxs_users_alone() -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        assert stat.S_IMODE(way.broker.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((way.broker.folder / SOCKET).stat().st_mode) == 0o600
        assert way.broker.folder.stat().st_uid == os.geteuid()
        folder = way.broker.folder
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_stranger_on_the_host_gets_nothing() -> None:
    async with service() as outside, way_out(routes(outside), user=61001) as way:
        path = way.broker.folder / SOCKET
        assert (path.stat().st_uid, way.broker.folder.stat().st_uid) == (61001, 61001)
        assert await asyncio.to_thread(knock, str(path), 61002) == b"PermissionError"
        # The folder keeps others out; were it open, whoever knocks is known by the kernel all the same.
        way.broker.folder.chmod(0o777)
        path.chmod(0o777)
        assert b"HTTP/1.1 200" not in await asyncio.to_thread(knock, str(path), 61002)
        assert (await way.noted())["why"] == "a stranger at the socket"
        assert outside.asked == []
        assert b"HTTP/1.1 200" in await asyncio.to_thread(knock, str(path), 61001)


async def test_a_network_that_cannot_be_kept_to_opens_nothing() -> None:
    async with open_client() as client:
        with pytest.raises(NetworkRefused, match="No run"):
            await Brokers(client).open(Network(frozenset({"example.com"})), None, {})
    route = Route("model", "https://api.example.com", frozenset({"POST"}), "/", "another key")
    for network in (Network(frozenset({"*"})), Network(routes=(route,))):
        with pytest.raises(NetworkRefused):
            async with way_out(network):
                pass


async def test_what_is_told_becomes_an_entry_of_the_audit_log() -> None:
    async with service() as outside, way_out(routes(outside)) as way:
        await way.say(POST + b"content-length: 0\r\n\r\n")
        await way.say(b"CONNECT evil.org:443 HTTP/1.1\r\nhost: evil.org\r\n\r\n")
        await way.noted(2)
        events = [
            Event.model_validate(
                {"run": "r1", "seq": n, "at": "2026-01-01T00:00:00Z", "kind": "egress.requested", "data": told}
            )
            for n, told in enumerate(way.told, 1)
        ]
    entries = [entry_of(event, "sarah") for event in events]
    assert [entry and (entry.kind, entry.run, entry.data["verdict"]) for entry in entries] == [
        ("egress", "r1", "allowed"),
        ("egress.refused", "r1", "refused"),
    ]
    assert entries[1] is not None
    assert entries[1].data["host"] == "evil.org:443"
    assert entries[1].data["why"]
    assert KEY not in repr(entries)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_key_is_found_wherever_it_is_cut(size: int) -> None:
    spotter = Spotter(KEY)
    clean = b"sk-canary-9f8e sk-sk-canary " * 5
    got = b"".join(spotter.passes(clean[at : at + size]) for at in range(0, len(clean), size)) + spotter.rest()
    assert got == clean
    spotter = Spotter(KEY)
    dirty = clean + KEY.encode() + clean
    passed: list[bytes] = []
    with pytest.raises(Cut):
        passed.extend(spotter.passes(dirty[at : at + size]) for at in range(0, len(dirty), size))
    assert KEY[:-1].encode() not in b"".join(passed)
