"""The connection pool that all wires of a product share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import httpx


class Network(httpx.AsyncClient):
    """A client whose transport tells when it begins to send headers and body, as httpx's own does."""


@contextlib.asynccontextmanager
async def open_client(transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """The connection pool that all wires of a product share; `transport` replaces the network in tests."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    kind = Network if transport is None else httpx.AsyncClient
    async with kind(transport=transport, limits=limits, follow_redirects=False) as client:
        yield client
