"""Demo companies in this process: their vendors, and connectors that read them over any transport."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from app.demo.company import open_company
from app.demo.history import generate
from app.demo.server import demo_settings, vendors
from app.demo.vendors.vendor import Demo
from app.demo.world import read_world
from tools.catalog import connectors
from tools.kit.connector import Connector
from tools.kit.wire import Wire

BASE = "http://127.0.0.1:8001"
NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
Sleep = Callable[[float], Awaitable[None]]


@cache
def demo_of(path: Path) -> Demo:
    """A world's demo with its history, generated once for all tests."""
    world = read_world(path)
    return Demo(open_company(world, BASE), generate(world))


@cache
def vendor_app(service: str, path: Path) -> Starlette:
    """One vendor of a world's demo, mounted below /<service> as the demo server does it."""
    return Starlette(routes=[Mount(f"/{service}", routes=list(vendors()[service].routes(demo_of(path))))])


def connector_over(
    client: httpx.AsyncClient,
    service: str,
    now: datetime = NOW,
    sleep: Sleep = asyncio.sleep,
    **settings: Any,
) -> Connector:
    """A connector with the demo's settings (and others, if given) whose requests leave by `client`."""
    kind = connectors()[service]
    chosen = kind.Settings.model_validate({**demo_settings(BASE)[service], **settings})
    return kind(chosen, Wire(client, service, kind.wire_options(chosen), sleep=sleep), lambda: now)


async def at_once(seconds: float) -> None:
    """Waits for nothing, in place of asyncio.sleep."""
