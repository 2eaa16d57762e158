"""The demo company's tools as one HTTP server: every vendor of `app/demo/vendors` below /<service>, on loopback."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

import app.demo.vendors
from app.demo import customer_site
from app.demo.company import Company, open_company
from app.demo.history import History
from app.demo.journal import Journal
from app.demo.outage import behind, outage_of
from app.demo.vendors.page import index
from app.demo.vendors.slack_doorbell import Doorbell
from app.demo.vendors.vendor import Demo, Handler, VendorModule
from app.demo.world import read_world
from tools.catalog import connectors
from tools.kit.connector import LinkedSettings

LOOPBACK = "127.0.0.1"
PORT = 8001


def vendors() -> dict[str, VendorModule]:
    """Every vendor of the demo by its service's name: the modules of the folder that have routes."""
    found: dict[str, VendorModule] = {}
    for module in pkgutil.iter_modules(app.demo.vendors.__path__):
        loaded = importlib.import_module(f"app.demo.vendors.{module.name}")
        if hasattr(loaded, "routes"):
            found[module.name] = cast(VendorModule, loaded)
    return found


def build(company: Company, history: History, doorbell: Doorbell | None = None) -> Starlette:
    """The application that serves a company's tools. An outage of the world stands in front of its vendor.

    Its Slack tells Deus by the `doorbell`, if there is one.
    """
    demo = Demo(company, history, doorbell)
    routes: list[BaseRoute] = [Route("/", _index(company))]
    for service, vendor in vendors().items():
        inner = Starlette(routes=list(vendor.routes(demo)))
        routes.append(Mount(f"/{service}", app=behind(inner, outage_of(service, company.outages, company.now))))
    if doorbell is not None:
        # Its customers' page shows the widget of the Deus that its Slack tells.
        routes += customer_site.routes(company, doorbell.deus, doorbell.secret)
    return Starlette(routes=routes)


def demo_settings(base: str, public_url: str | None = None) -> dict[str, dict[str, str]]:
    """The settings by which the connectors reach a demo that listens at `base`: service → field → value.

    `public_url` is what its records' URLs begin with, where that is not `base`.
    """
    settings: dict[str, dict[str, str]] = {}
    for service, connector in connectors().items():
        vendor = vendors().get(service)
        if vendor is None:
            continue
        vendor_url = str(connector.Settings.model_fields["base_url"].default)
        prefix = urlsplit(vendor_url).path.rstrip("/")
        settings[service] = {**vendor.CREDENTIALS, "base_url": f"{base.rstrip('/')}/{service}{prefix}"}
        if public_url and issubclass(connector.Settings, LinkedSettings):
            settings[service]["web_url"] = f"{public_url.rstrip('/')}/{service}"
    return settings


def demo_environment(base: str, public_url: str | None = None) -> dict[str, str]:
    """The same settings as environment variables: DEUS_<SERVICE>_<FIELD>."""
    return {
        f"DEUS_{service}_{field}".upper(): value
        for service, fields in demo_settings(base, public_url).items()
        for field, value in fields.items()
    }


def serve(
    world_path: Path,
    host: str = LOOPBACK,
    port: int = PORT,
    public_url: str | None = None,
    fd: int | None = None,
    kept: Path | None = None,
    doorbell: Doorbell | None = None,
) -> None:
    """Serves a world until it is stopped; records' URLs begin with `public_url`, the served address unless given.

    `fd` is a listening socket that was handed over, to be used in place of host and port. What is changed is kept in
    the folder `kept`, and is there again the next time. Raises ValueError for a host that is not loopback.
    """
    import uvicorn

    from app.demo.history import generate

    if host not in (LOOPBACK, "localhost", "::1"):
        raise ValueError(f"The demo company listens on loopback only, not on {host}.")
    world = read_world(world_path)
    company = open_company(world, public_url or f"http://{host}:{port}")
    application: ASGIApp = build(company, generate(world), doorbell)
    if kept is not None:
        journal = Journal(application, kept / f"changes-{world.name}-{world.seed}.jsonl")
        journal.replay()
        application = journal
    config = uvicorn.Config(application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd)] if fd is not None else None)


def _index(company: Company) -> Handler:
    by_service: dict[str, list[tuple[str, str]]] = {}
    for artefact in company.artefacts:
        if artefact.id not in company.refs or (artefact.at and artefact.at > company.now):
            continue
        ref = company.ref(artefact.id)
        title = str(artefact["title"] or artefact["name"] or artefact["text"] or artefact["flag"] or "")[:90]
        by_service.setdefault(ref.service, []).append((f"{ref.short} {company.words(title)}".strip(), ref.url))
    shown = index(company.facts.name, sorted(by_service.items()))

    def answer(request: Request) -> Response:
        return shown

    return answer


def main(arguments: list[str] | None = None) -> None:
    """Starts the demo from the command line: `python -m app.demo.server --world FILE --port 8001`."""
    parser = argparse.ArgumentParser(prog="python -m app.demo.server", description="Serve a demo company.")
    parser.add_argument("--world", type=Path, required=True, help="the company's world file")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--public-url", help="what the records' URLs begin with, if not the served address")
    parser.add_argument("--fd", type=int, help="a listening socket that this process was handed")
    parser.add_argument("--kept", type=Path, help="a folder in which what is changed is kept")
    parser.add_argument("--deus", help="where Deus listens to this Slack; its signing secret is read from the input")
    given: Mapping[str, object] = vars(parser.parse_args(arguments))
    deus = cast(str | None, given["deus"])
    serve(
        cast(Path, given["world"]),
        port=cast(int, given["port"]),
        public_url=cast(str | None, given["public_url"]),
        fd=cast(int | None, given["fd"]),
        kept=cast(Path | None, given["kept"]),
        doorbell=Doorbell(deus, sys.stdin.readline().strip()) if deus else None,
    )


if __name__ == "__main__":
    main()
