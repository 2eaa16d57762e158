"""Which addresses are of the open internet, and connections to those alone: the very address that was checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Open = Callable[[str, int], Awaitable[Streams]]
# What Python's table counts as global: IPv6 within which an IPv4 is hidden (translated, tunnelled, compatible), and of
# IPv4 the protocol assignments (Oracle's metadata service is there), old relays, and Azure's service for its machines.
_BARRED = tuple(
    map(
        ipaddress.ip_network,
        (
            *("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "::/96"),
            *("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"),
        ),
    )
)


class NotPublic(Exception):
    """A name leads to no address, or to one that is not of the open internet."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet, and hides no other; what cannot be read does not."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address):
        if read.ipv4_mapped is not None:
            return is_public(str(read.ipv4_mapped))
        if read.scope_id or read.is_site_local:
            return False
    special = read.is_multicast or read.is_reserved or read.is_private or read.is_loopback or read.is_link_local
    barred = any(read in network for network in _BARRED)
    return read.is_global and not special and not read.is_unspecified and not barred


class Dialer:
    """Connects to hosts by name. Names are resolved once for each connection, and all that a name leads to must be
    public: one that leads to both sides may be there to slip through."""

    def __init__(self, resolve: Resolve | None = None, open: Open | None = None) -> None:
        self._resolve, self._open = resolve or _resolved, open or _opened

    async def dial(self, host: str, port: int) -> Streams:
        """A connection to one of the host's addresses. Raises NotPublic, or OSError where nothing answers."""
        addresses = tuple(dict.fromkeys(await self._resolve(host, port)))
        if not addresses or not all(map(is_public, addresses)):
            raise NotPublic(host)
        refusal: OSError | None = None
        for address in addresses[:4]:
            try:
                return await self._open(address, port)
            except OSError as error:
                refusal = error
        assert refusal is not None
        raise refusal


async def _resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def _opened(address: str, port: int) -> Streams:
    async with asyncio.timeout(10):
        return await asyncio.open_connection(address, port)
