"""Chromium, and the servers that it opens: the demo's whole stack, and scripted runs that are slow enough to stop."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
PASSWORD = "open-the-demo"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE = 120
# Two cores that do other things as well may take long; a test that passes waits for nothing.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server in a process of its own, which can be stopped and started again over the same data."""

    def __init__(self, port: int, command: Sequence[str], log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.site = ""
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once the chat is there."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DEUS_")}
        environment |= {"DEUS_PASSWORD": PASSWORD, "DEUS_USER": "founder"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + _PATIENCE
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                said = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
                self.stop()
                pytest.fail(f"The server did not come up:\n{said}")
            time.sleep(0.2)

    def _ready(self) -> bool:
        try:
            with urlopen(Request(self.url, headers={"Accept": "text/html"}), timeout=5) as answer:
                return b'id="root"' in answer.read()
        except (URLError, OSError):
            return False

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A headless Chromium from the system; without one the test is skipped, but on CI it fails.

    It ends with this package: an open Playwright runs an event loop, beside which no other test could have one.
    """
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "There is no Chromium. On Debian: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


def serving_demo(data: Path) -> Iterator[Server]:
    """`deus demo`: the demo company's tools and the product over them, kept in a folder."""
    port, tools = _free_port(), _free_port()
    run = "from app.cli import main; main()"
    command = ["-c", run, "demo", "--port", str(port), "--demo-port", str(tools), "--data-dir", str(data / "data")]
    server = Server(port, command, data / "server.log")
    server.site = f"http://127.0.0.1:{tools}"
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """The demo that is asked questions."""
    yield from serving_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="package")
def scripted(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """The real server over scripted runs of some five seconds."""
    data, port = tmp_path_factory.mktemp("scripted"), _free_port()
    command = ["-m", "tests.browser.scripted_server", str(port), str(data / "data"), PASSWORD]
    server = Server(port, command, data / "server.log")
    server.start()
    yield server
    server.stop()


class Visit:
    """A signed-in visitor, who notes every request to another host and every error of the page."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self.server = server
        self.context = context
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.foreign: list[str] = []
        self.errors: list[str] = []
        own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")
        context.on("request", lambda request: self._note(request.url, own))
        self.page.on("websocket", lambda opened: self._note(opened.url, own))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, url: str, own: tuple[str, ...]) -> None:
        if not url.startswith(own):
            self.foreign.append(url)

    def sign_in(self, password: str = PASSWORD) -> None:
        self.page.goto(self.server.url)
        self.page.fill("#email", "founder")
        self.page.fill("#password", password)
        self.page.click("button[type=submit]")

    def ask(self, question: str) -> None:
        """Types a question and sends it, once the page can take one."""
        self.page.fill("#chat-input", question)
        self.page.locator("#chat-submit:enabled").click()

    def answered(self) -> None:
        """Waits until the last plan says how the run ended."""
        self.page.wait_for_function(
            "() => { const all = document.querySelectorAll('.deus-plan');"
            " return all.length && all[all.length - 1].dataset.status !== 'running'; }",
            timeout=60_000,
        )


def visitor(chromium: Browser, server: Server, *, phone: bool = False, dark: bool = False) -> Visit:
    """Somebody at a desk or with a phone, by day or by night."""
    scheme = "dark" if dark else "light"
    if phone:
        size = {"width": 390, "height": 844}
        context = chromium.new_context(viewport=size, color_scheme=scheme, is_mobile=True, has_touch=True)  # type: ignore[arg-type]
    else:
        context = chromium.new_context(viewport={"width": 1280, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
    return Visit(context, server)


@pytest.fixture
def visit(chromium: Browser, demo: Server) -> Iterator[Visit]:
    """Somebody at the demo, on whose page nothing asks another host and nothing fails."""
    guest = visitor(chromium, demo)
    yield guest
    assert guest.foreign == []
    assert guest.errors == []
    guest.context.close()
