"""What tests of every kind share: the data beside the checkout, worlds, and connectors that read a demo company."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from app.demo.company import open_company
from app.demo.history import generate
from app.demo.server import demo_settings, vendors
from app.demo.vendors.vendor import Demo
from app.demo.world import read_world
from tools.catalog import connectors
from tools.kit.connector import Connector
from tools.kit.wire import Wire, open_client

BASE = "http://127.0.0.1:8001"
SHARED = Path(os.environ.get("DEUS_SHARED", Path(__file__).resolve().parents[2] / "shared"))
WORLDS = SHARED / "worlds"

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


async def _at_once(seconds: float) -> None:
    """Waits for nothing, in place of asyncio.sleep."""


@cache
def demo_of(path: Path) -> Demo:
    """A world's demo with its history, generated once for all tests."""
    world = read_world(path)
    return Demo(open_company(world, BASE), generate(world))


@cache
def vendor_app(service: str, path: Path) -> Starlette:
    """One vendor of a world's demo, mounted below /<service> as the demo server does it."""
    return Starlette(routes=[Mount(f"/{service}", routes=list(vendors()[service].routes(demo_of(path))))])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `each_world` runs once for every world file of the shared data."""
    if "each_world" in metafunc.fixturenames:
        found = sorted(WORLDS.glob("*.yaml"))
        absent = pytest.param(None, marks=pytest.mark.skip(reason=f"no worlds at {WORLDS}"), id="no-worlds")
        metafunc.parametrize("each_world", [pytest.param(p, id=p.stem) for p in found] or [absent])


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of vendors' descriptions, worlds and reference data beside the checkout, or DEUS_SHARED."""
    if not SHARED.is_dir():
        pytest.skip(f"There is no shared data at {SHARED}; set DEUS_SHARED.")
    return SHARED


@pytest.fixture(scope="session")
def acme(shared: Path) -> Path:
    """The world file of the default demo company."""
    return shared / "worlds" / "acme.yaml"


@pytest.fixture
def demo() -> Callable[[Path], Demo]:
    """The demo of a world file."""
    return demo_of


@pytest.fixture
async def vendor_client() -> AsyncIterator[Callable[[str, Path], httpx.AsyncClient]]:
    """Raw HTTP clients to one vendor of a world's demo, in this process; the base URL is the vendor's own."""
    async with AsyncExitStack() as stack:

        def client(service: str, path: Path) -> httpx.AsyncClient:
            transport = httpx.ASGITransport(vendor_app(service, path))
            opened = httpx.AsyncClient(transport=transport, base_url=demo_settings(BASE)[service]["base_url"])
            stack.push_async_callback(opened.aclose)
            return opened

        yield client


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Connector]]]:
    """`await connect("github", world_path)`: that connector, reading that world's demo in this process."""
    async with AsyncExitStack() as stack:

        async def opened(service: str, path: Path, **settings: Any) -> Connector:
            client = await stack.enter_async_context(open_client(httpx.ASGITransport(vendor_app(service, path))))
            kind = connectors()[service]
            chosen = kind.Settings.model_validate({**demo_settings(BASE)[service], **settings})
            now = demo_of(path).company.now
            return kind(chosen, Wire(client, service, kind.wire_options(chosen)), lambda: now)

        yield opened


@pytest.fixture
async def answered() -> AsyncIterator[Callable[..., Awaitable[Connector]]]:
    """`await answered("github", handler)`: a connector whose requests go to `handler` (httpx.Request → Response)."""
    async with AsyncExitStack() as stack:

        async def opened(service: str, handler: Callable[[httpx.Request], Any], **settings: Any) -> Connector:
            client = await stack.enter_async_context(open_client(httpx.MockTransport(handler)))
            kind = connectors()[service]
            chosen = kind.Settings.model_validate({**demo_settings(BASE)[service], **settings})
            wire = Wire(client, service, kind.wire_options(chosen), sleep=_at_once)
            return kind(chosen, wire, lambda: NOW)

        yield opened
