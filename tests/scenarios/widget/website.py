"""A company's website with the widget, as its visitors' browsers use it: all over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from app.api import problem, runs
from app.api.access import api_token
from app.bootstrap import Product, open_product
from app.channels.widget import open_channel
from app.channels.widget_token import signed
from app.demo.company import PUBLIC_URL, open_company
from app.demo.customer_site import pages
from app.demo.history import generate
from app.demo.place import company_settings
from app.demo.server import build
from app.demo.world import read_world
from app.guard import Guard
from app.settings import Settings, load_settings
from tests.planted import Overheard, planted
from tests.scenarios.playbooks.company import PATIENCE, _served
from tests.scenarios.writes.office import until

ORIGIN = "https://www.acme.test"
SECRET = planted("widget-host")
HELP = "https://help.acme.test"
EXPORT = "I can't export my reports since this morning"


class Visitor:
    """One browser on a page: its token, and what it is shown."""

    def __init__(self, deus: httpx.Client, origin: str | None = ORIGIN, token: str = "") -> None:
        self.deus = deus
        self.headers = {"Origin": origin} if origin else {}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def begin(self, **body: Any) -> Visitor:
        answered = self.post("session", body)
        assert answered.status_code == 201, answered.text
        self.headers["Authorization"] = f"Bearer {answered.json()['token']}"
        self.conversation = answered.json()["conversation"]
        return self

    def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.deus.post(f"/widget/{path}", content=content, headers={**self.headers, **headers})

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.deus.get(f"/widget/{path}", headers={**self.headers, **headers})

    def say(self, text: str, mark: str | None = None) -> str:
        answered = self.post("messages", {"text": text, "id": mark or str(uuid.uuid4())})
        assert answered.status_code == 202, answered.text
        return str(answered.json()["run"])

    def shown(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("conversation").json()["messages"]
        return found

    def answer(self, run: str) -> dict[str, Any]:
        """What is shown of a run once it has ended."""

        def ended() -> dict[str, Any]:
            return next((one for one in self.shown() if one["run"] == run and one["state"] != "working"), {})

        return until(ended, PATIENCE)

    def ask(self, text: str) -> dict[str, Any]:
        return self.answer(self.say(text))

    @contextlib.contextmanager
    def listening(self, after: str = "0") -> Iterator[Iterator[dict[str, Any]]]:
        """The stream of events after a place, as {id, event, data}."""
        headers = {**self.headers, "Last-Event-ID": after}
        with self.deus.stream("GET", "/widget/events", headers=headers) as stream:
            assert stream.status_code == 200, stream.read()
            yield _frames(stream.iter_lines())


class Website:
    """The server as the company runs it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = ""
        self.product: Product | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        self.url = self._running.enter_context(_served(self._app()))
        self.deus = self._running.enter_context(httpx.Client(base_url=self.url, timeout=PATIENCE))
        headers = {"Authorization": f"Bearer {api_token(self.settings)}"}
        self.staff = self._running.enter_context(httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE))

    def stop(self) -> None:
        self._running.close()
        self._running = contextlib.ExitStack()

    def visitor(self, **body: Any) -> Visitor:
        return Visitor(self.deus).begin(**body)

    def signed(self, ident: str = "u1", *, at: float | None = None) -> Mapping[str, Any]:
        """What the company's own server says of somebody who is signed in."""
        fields = {"id": ident, "email": "ops@brightwater.test", "name": "Olga Petrova", "at": int(at or time.time())}
        return {**fields, "hmac": signed(fields, SECRET)}

    def runs(self, channel: str) -> list[dict[str, Any]]:
        return [one for one in self.staff.get("/api/runs", params={"limit": 200}).json() if one["channel"] == channel]

    def _app(self) -> FastAPI:
        @contextlib.asynccontextmanager
        async def lifespan(server: FastAPI) -> AsyncIterator[None]:
            async with open_product(self.settings) as product, open_channel(product, self.settings) as routes:
                server.router.routes.extend(routes)
                server.state.product = self.product = product
                self.loop = asyncio.get_running_loop()
                await product.ready()
                # As `deus ingest` before the start: a page of the company's own, and the public ones.
                await product.context.ingest(self.settings.data_dir / "private", "handbook")
                await product.context.ingest(pages(), "help", public=True, below=HELP)
                yield

        server = FastAPI(lifespan=lifespan)
        server.include_router(runs.router)
        problem.install(server)
        server.add_middleware(Guard, others={"/widget/": self.settings.widget_origins})
        return server


@contextlib.contextmanager
def website_of(path: Path, **environment: str) -> Iterator[Website]:
    """Serves a world's company and the product that answers on its website."""
    world = read_world(path)
    with contextlib.ExitStack() as stack:
        vendors = Overheard("the demo's vendors", build(open_company(world, PUBLIC_URL), generate(world)))
        base = stack.enter_context(_served(vendors))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        (folder / "deus.toml").touch()
        (folder / "private").mkdir()
        (folder / "private" / "exports.md").write_text(
            "# Exports, for us alone\n\nThe export of reports stops since this morning, as the worker is too small. "
            "Do not tell customers that we knew."
        )
        settings = load_settings(
            {
                **company_settings(open_company(world, base), base, folder),
                "DEUS_CONFIG": str(folder / "deus.toml"),
                "DEUS_WIDGET_ORIGINS": ORIGIN,
                "DEUS_WIDGET_SECRET": SECRET,
                "DEUS_WIDGET_MESSAGES_MINUTE": "12",
                "DEUS_WIDGET_ADDRESS_MINUTE": "1000",
                **environment,
            }
        )
        opened = Website(settings)
        stack.callback(opened.stop)
        opened.start()
        yield opened


def _frames(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    frame: dict[str, Any] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            frame[name] = json.loads(value) if name == "data" else value
        elif frame:
            yield frame
            frame = {}
