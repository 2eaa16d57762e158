"""The provider of E2B for tests: against the service on loopback, and against the real one where there is a key."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator

import pytest

from app.sandboxes.e2b import E2BSandboxes
from tests.e2b.service import KEY, LoopbackE2B, opened

REAL_KEY = os.environ.get("DEUS_E2B_API_KEY", "")
needs_key = pytest.mark.skipif(
    not REAL_KEY, reason="DEUS_E2B_API_KEY is not set, so nothing is made at the real E2B, where it costs money"
)


@contextlib.asynccontextmanager
async def on_loopback() -> AsyncIterator[E2BSandboxes]:
    """A provider and, behind it, a service of its own."""
    async with opened(LoopbackE2B()) as url:
        provider = E2BSandboxes(KEY, api_url=url, sandbox_url=url)
        yield provider
        await provider.aclose()


@contextlib.asynccontextmanager
async def at_e2b() -> AsyncIterator[E2BSandboxes]:
    """A provider at the real E2B; what its tests leave there is ended."""
    provider = E2BSandboxes(
        REAL_KEY, template=os.environ.get("DEUS_E2B_TEMPLATE"), owner=f"deus-tests-{secrets.token_hex(4)}"
    )
    yield provider
    for info in await provider.list():
        await (await provider.connect(info.id)).kill()
    await provider.aclose()
