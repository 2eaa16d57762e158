"""What tests of every kind share: the data beside the checkout, worlds, and connectors that read a demo company."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.server import demo_settings
from app.demo.vendors.vendor import Demo
from tests.companies import BASE, at_once, connector_over, demo_of, vendor_app
from tests.planted import OUTSIDE, WITNESS
from tools.kit.connector import Connector
from tools.kit.wire import open_client

SHARED = Path(os.environ.get("DEUS_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `each_world` runs once for every world file of the shared data."""
    if "each_world" in metafunc.fixturenames:
        found = sorted((SHARED / "worlds").glob("*.yaml"))
        absent = pytest.param(None, marks=pytest.mark.skip(reason=f"no worlds below {SHARED}"), id="no-worlds")
        metafunc.parametrize("each_world", [pytest.param(p, id=p.stem) for p in found] or [absent])


CACHE = Path(os.environ.get("DEUS_CACHE_DIR", "~/.cache/deus")).expanduser()


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that the session wrote holds a secret that its tests planted.

    Looked at are: the tests' folders, all temporary files of this process and its children (those that are deleted
    earlier, before they are), the logs and outputs that were captured, the caches that were written to, and what went
    to scripted models and to the demo's vendors.
    """
    began = time.time()
    base = tmp_path_factory.getbasetemp()
    # The name is short: sockets below it have paths of a hundred characters at most.
    folder = base / "t"
    folder.mkdir(exist_ok=True)
    before, tempfile.tempdir = os.environ.get("TMPDIR"), str(folder)
    os.environ["TMPDIR"] = str(folder)
    sys.addaudithook(_before_deletion)
    yield
    tempfile.tempdir = None
    os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)
    WITNESS.search(base)
    for path in CACHE.glob("*.npz"):
        if path.stat().st_mtime >= began:
            WITNESS.look(str(path), path.read_bytes())
    assert not WITNESS.found, f"A planted secret was written.\n{WITNESS.told()}"


def _before_deletion(event: str, args: tuple[Any, ...]) -> None:
    """Looks at what is about to be deleted, whoever deletes it."""
    if event not in ("shutil.rmtree", "os.remove") or not isinstance(args[0], str | os.PathLike):
        return
    path = Path(args[0])
    # What is named relative to a folder is a part of a tree that was looked at as a whole.
    if not path.is_absolute() or path.is_symlink() or not str(path).startswith(str(Path(OUTSIDE).resolve())):
        return
    if event == "shutil.rmtree":
        WITNESS.search(path)
    elif path.is_file():
        WITNESS.look(str(path), path.read_bytes())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Looks at what a test printed and logged."""
    for name, text in report.sections:
        WITNESS.look(f"{report.nodeid}, {name}", text.encode())


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
