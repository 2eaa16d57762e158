"""A demo company on loopback and the product that reads it, asked over the HTTP API."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from agents.event import Event
from agents.record import Evidence
from app.api import approvals, files, problem, runs
from app.api.access import api_token
from app.bootstrap import open_product
from app.demo.company import PUBLIC_URL, open_company
from app.demo.history import generate
from app.demo.place import company_settings
from app.demo.server import build
from app.demo.world import World, read_world
from app.settings import load_settings
from tests.planted import Overheard, planted

# Every company's own secrets are planted, so that the search at the end of a session means all of its tests.
OWN = ("api_token", "password")
PATIENCE = 60.0


@dataclass(frozen=True)
class Said:
    """What a question got: the run's document and what its last message said besides."""

    document: Mapping[str, Any]
    suggestions: tuple[str, ...]
    artefacts: frozenset[str]

    @property
    def text(self) -> str:
        return str(self.document["answer"])

    @property
    def status(self) -> str:
        return str(self.document["status"])


class OpenCompany:
    """A company whose product is up; `ask` is a question over HTTP."""

    def __init__(self, world: World, base: str, token: str, services: Mapping[str, Mapping[str, str]]) -> None:
        self.world = world
        self.services = services
        refs = open_company(world, PUBLIC_URL).refs
        self._ids = {(ref.service, ref.ref): name for name, ref in refs.items()}
        self.refs = refs
        self.http = httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)

    def ask(self, question: str, conversation: str | None = None) -> Said:
        """Asks and waits for the answer, or for what is known until somebody says yes; a conversation goes on under its
        name."""
        asked = {"question": question} | ({"conversation": conversation} if conversation else {})
        answered = self.http.post("/api/runs", json=asked)
        assert answered.status_code == 200, answered.text
        document = answered.json()
        # The events of a run that waits have no end yet; what it can suggest stands in its document.
        waits = document["status"] == "awaiting_approval"
        ended = [] if waits else [e.data for e in self.events(document["run"]) if e.kind == "message.completed"]
        said = document if waits else ended[0]
        cited = {(item["service"], item["ref"]) for item in document["evidence"]}
        return Said(
            document=document,
            suggestions=tuple(said["suggestions"]),
            artefacts=frozenset(name for key, name in self._ids.items() if key in cited),
        )

    def events(self, run: str) -> list[Event]:
        """The stored events of a run."""
        text = self.http.get(f"/api/runs/{run}/events").text
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        return [Event.model_validate_json(line) for line in lines]

    def evidence(self, run: str, evidence: str) -> Evidence:
        """One piece of evidence, whole."""
        return Evidence.model_validate(self.http.get(f"/api/runs/{run}/evidence/{evidence}").json())


@contextlib.contextmanager
def company_of(path: Path, environment: Mapping[str, str] | None = None, **changes: Any) -> Iterator[OpenCompany]:
    """Serves a world file's company and the product over it, in a thread; `changes` replace fields of the world.

    `environment` are further settings of the product.
    """
    world = replace(read_world(path), **changes)
    with contextlib.ExitStack() as stack:
        vendors = Overheard("the demo's vendors", build(open_company(world, PUBLIC_URL), generate(world)))
        base = stack.enter_context(_served(vendors))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        nothing_more = folder / "deus.toml"
        nothing_more.touch()
        settings = load_settings(
            {
                **company_settings(open_company(world, base), base, folder),
                "DEUS_CONFIG": str(nothing_more),
                **{f"DEUS_{name}".upper(): planted(f"everyones-{name}") for name in OWN},
                **(environment or {}),
            }
        )

        @contextlib.asynccontextmanager
        async def lifespan(server: FastAPI) -> AsyncIterator[None]:
            async with open_product(settings) as product:
                server.state.product = product
                await product.ready()
                yield

        api = FastAPI(lifespan=lifespan)
        api.include_router(runs.router)
        api.include_router(approvals.router)
        api.include_router(files.router)
        problem.install(api)
        url = stack.enter_context(_served(api))
        opened = OpenCompany(world, url, api_token(settings), settings.services)
        stack.callback(opened.http.close)
        yield opened


@contextlib.contextmanager
def _served(application: Any) -> Iterator[str]:
    """Serves an application on a free port of loopback, on a thread of its own with its own event loop."""
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=2))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        # The socket takes the connection at once; the answer comes when the server has started.
        httpx.get(url, timeout=PATIENCE)
        yield url
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()
