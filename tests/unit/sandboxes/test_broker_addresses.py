"""Which addresses a tunnel may lead to, and that it leads to the one that was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandboxes.broker_addresses import Dialer, NotPublic, Streams, is_public


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "", "example.com", "1.2.3", "0x7f000001",
    ],
)  # fmt: skip
def test_addresses_of_elsewhere(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4).filter(lambda address: address.is_private or address.is_loopback or address.is_multicast))
def test_an_address_of_elsewhere_stays_one_within_another(address: object) -> None:
    assert not is_public(str(address))
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{address}")


async def nobody(address: str, port: int) -> Streams:
    raise AssertionError(f"{address}:{port} must not be connected to")


@pytest.mark.parametrize("addresses", [[], ["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_inside_is_not_followed(addresses: Sequence[str]) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    with pytest.raises(NotPublic):
        await Dialer(resolve, nobody).dial("example.com", 443)


async def test_a_name_that_turns_inwards_after_it_was_looked_at_is_connected_where_it_was_looked_at() -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    async def connect(address: str, port: int) -> Streams:
        connected.append(address)
        return asyncio.StreamReader(), None  # type: ignore[return-value]

    dialer = Dialer(resolve, connect)
    await dialer.dial("rebound.example.com", 443)
    with pytest.raises(NotPublic):
        await dialer.dial("rebound.example.com", 443)
    assert connected == ["8.8.8.8"]


async def test_the_next_address_is_tried_and_the_last_failure_told() -> None:
    tried: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8", "9.9.9.9", "8.8.8.8"]

    async def refuse(address: str, port: int) -> Streams:
        tried.append(address)
        raise ConnectionRefusedError(address)

    with pytest.raises(ConnectionRefusedError, match=r"9\.9\.9\.9"):
        await Dialer(resolve, refuse).dial("example.com", 443)
    assert tried == ["8.8.8.8", "9.9.9.9"]
