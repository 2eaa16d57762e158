"""The service on loopback, and a provider over it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.sandboxes.e2b import E2BSandboxes
from app.sandboxes.e2b_sandbox import E2BSandbox
from tests.e2b.service import KEY, LoopbackE2B, opened
from tests.sandboxes import SMALL


@pytest.fixture
async def service() -> AsyncIterator[LoopbackE2B]:
    loopback = LoopbackE2B()
    async with opened(loopback) as loopback.url:
        yield loopback


@pytest.fixture
async def provider(service: LoopbackE2B) -> AsyncIterator[E2BSandboxes]:
    made = provider_of(service)
    yield made
    await made.aclose()


@pytest.fixture
async def sandbox(provider: E2BSandboxes) -> E2BSandbox:
    return await provider.create(limits=SMALL, metadata={"run": "run_1"})


def provider_of(service: LoopbackE2B, key: str = KEY, **settings: object) -> E2BSandboxes:
    """Another provider over the same service, as another process has one."""
    return E2BSandboxes(key, api_url=service.url, sandbox_url=service.url, **settings)  # type: ignore[arg-type]
