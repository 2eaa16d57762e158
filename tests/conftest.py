"""What tests of every kind share: the data beside the checkout, worlds, and connectors that read a demo company."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.server import demo_settings
from app.demo.vendors.vendor import Demo
from tests.companies import BASE, at_once, connector_over, demo_of, vendor_app
from tests.planted import MARK, leaky_files
from tools.kit.connector import Connector
from tools.kit.wire import open_client

SHARED = Path(os.environ.get("DEUS_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `each_world` runs once for every world file of the shared data."""
    if "each_world" in metafunc.fixturenames:
        found = sorted((SHARED / "worlds").glob("*.yaml"))
        absent = pytest.param(None, marks=pytest.mark.skip(reason=f"no worlds below {SHARED}"), id="no-worlds")
        metafunc.parametrize("each_world", [pytest.param(p, id=p.stem) for p in found] or [absent])


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever the session's tests wrote below their folders holds none of the secrets that they planted."""
    yield
    assert leaky_files(tmp_path_factory.getbasetemp(), [MARK]) == {}, "a planted secret was written"


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
    """`demo(world_path)`: the demo of a world file."""
    return demo_of


@pytest.fixture
async def vendor_client() -> AsyncIterator[Callable[[str, Path], httpx.AsyncClient]]:
    """`vendor_client("github", world_path)`: raw HTTP to that vendor in this process, below the vendor's base URL."""
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
            return connector_over(client, service, demo_of(path).company.now, **settings)

        yield opened


@pytest.fixture
async def answered() -> AsyncIterator[Callable[..., Awaitable[Connector]]]:
    """`await answered("github", handler)`: a connector whose requests go to `handler` (httpx.Request → Response)."""
    async with AsyncExitStack() as stack:

        async def opened(service: str, handler: Callable[[httpx.Request], Any], **settings: Any) -> Connector:
            client = await stack.enter_async_context(open_client(httpx.MockTransport(handler)))
            return connector_over(client, service, sleep=at_once, **settings)

        yield opened
