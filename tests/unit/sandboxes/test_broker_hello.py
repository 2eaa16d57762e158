"""The name in a TLS client's first message, read from what Python's own TLS sends."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandboxes.broker_hello import NoHello, server_name


def hello(host: str | None) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_the_name_is_read() -> None:
    assert server_name(hello("Files.Example.com")) == "files.example.com"


def test_a_hello_without_a_name_is_none() -> None:
    with pytest.raises(NoHello):
        server_name(hello(None))


def test_it_is_waited_for_until_it_is_there() -> None:
    whole = hello("example.com")
    assert {server_name(whole[:size]) for size in range(len(whole))} == {None}


def test_a_hello_in_several_records_is_put_together() -> None:
    body = hello("example.com")[5:]
    records = [body[at : at + 40] for at in range(0, len(body), 40)]
    split = b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in records)
    assert server_name(split) == "example.com"


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x00", b"\x17\x03\x03\x00\x01a"]
)
def test_what_is_no_hello_is_refused(data: bytes) -> None:
    with pytest.raises(NoHello):
        server_name(data)


@given(st.binary(max_size=200))
def test_nothing_else_goes_wrong(data: bytes) -> None:
    for given_bytes in (data, b"\x16\x03\x01" + data, b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c" + data):
        try:
            assert server_name(given_bytes) is None or isinstance(server_name(given_bytes), str)
        except NoHello:
            continue


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_hello_is_read_or_refused(place: int, value: int) -> None:
    data = bytearray(hello("example.com"))
    data[place % len(data)] = value
    try:
        server_name(bytes(data))
    except NoHello:
        return
