"""The ASGI entry: opens the product in its lifespan, serves the API and the web chat.

Run it with `uvicorn --factory app.main:create_app`, or with `deus up`, which also prints how to sign in.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fastapi import FastAPI

import app.api
import app.channels
from app.api import problem
from app.channels.sign_in import sign_in
from app.channels.sign_in_tries import Addressed
from app.channels.web_mount import ChatMount, Desk, content_policy, furnish, own_page
from app.channels.web_uploads import Capped
from app.guard import LOOPBACK, Guard
from tools.kit.errors import UserMustMend

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from app.bootstrap import Product
    from app.settings import Settings

Open = Callable[["Settings"], AbstractAsyncContextManager["Product"]]

STARTERS = (
    "Why did signups drop 20% last week?",
    "What's blocking the auth milestone?",
    "Which customers are affected by the export bug?",
    "Generate the weekly metrics report",
    "What's our churn rate trending?",
    "What features are we shipping this week?",
)


def create_app(
    settings: Settings | None = None, open_product: Open | None = None, tell: Callable[[str], None] | None = None
) -> FastAPI:
    """The whole server over one product, which `app.bootstrap` opens unless another way is given.

    The server listens and answers /api/health at once; the chat, which takes seconds to load, follows in a thread. With
    `tell` the sandboxes are looked at as soon as questions are taken, and told of in a line.
    """
    chosen = settings or _settings()

    @asynccontextmanager
    async def lifespan(server: FastAPI) -> AsyncIterator[None]:
        opening = open_product or _bootstrap()
        async with opening(chosen) as product, AsyncExitStack() as stack:
            server.state.product = product
            server.state.settings = chosen
            _without_other_bots()
            for open_channel in channels():
                server.router.routes.extend(await stack.enter_async_context(open_channel(product, product.settings)))
            desk = Desk(
                conversations=product.conversations,
                approvals=product.approvals,
                clock=product.clock,
                sign_in=sign_in(Path(chosen.data_dir), chosen.user, chosen.password),
                starters=getattr(product, "starters", None) or STARTERS,
                people=getattr(product, "people", None),
                files=getattr(product, "files", None),
            )
            chat = ChatMount(lambda: load_chat(desk, Path(chosen.data_dir) / "web"))
            server.state.chat = chat
            server.mount("/", chat, name="chat")
            tasks = [asyncio.create_task(chat.open(), name="load the web chat")]
            if tell is not None:
                tasks.append(asyncio.create_task(_look(product, tell), name="look at the sandboxes"))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    server = FastAPI(
        title="Deus",
        version="1",
        description="The teammate a startup asks, and tells what to do.",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        # Their pages load scripts from another host.
        docs_url=None,
        redoc_url=None,
    )
    for module in pkgutil.iter_modules(app.api.__path__):
        found = importlib.import_module(f"app.api.{module.name}")
        if hasattr(found, "router"):
            server.include_router(found.router)
    problem.install(server)
    server.add_middleware(Guard, hosts=_hosts(chosen), others={"/widget/": chosen.widget_origins})
    return server


async def _look(product: Product, tell: Callable[[str], None]) -> None:
    """Not before everything else has been loaded, so that it delays nothing."""
    with contextlib.suppress(UserMustMend):
        await product.ready()
    await product.workshop.bench.look(tell)


def load_chat(desk: Desk, root: Path) -> ASGIApp:
    """Chainlit with our callbacks, reading its settings and public files from `root`. Takes seconds."""
    furnish(root)
    os.environ["CHAINLIT_APP_ROOT"] = str(root)
    os.environ["CHAINLIT_AUTH_SECRET"] = desk.sign_in.secret
    _without_other_bots()
    _without_tracing()
    chainlit: Any = importlib.import_module("chainlit.server")
    importlib.import_module("app.chat").open_chat(desk)
    html = own_page(chainlit.get_html_template(""))
    chainlit.get_html_template = lambda root_path: html
    most = desk.files.largest if desk.files is not None else 0
    return Capped(Addressed(_with_policy(chainlit.app, content_policy(html))), most)


def channels() -> list[Callable[..., AbstractAsyncContextManager[Sequence[BaseRoute]]]]:
    """What opens each channel beside the web chat: `open_channel(product, settings)` in app/channels, found there."""
    names = [module.name for module in pkgutil.iter_modules(app.channels.__path__) if "_" not in module.name]
    modules = [importlib.import_module(f"app.channels.{name}") for name in names]
    return [module.open_channel for module in modules if hasattr(module, "open_channel")]


def _without_other_bots() -> None:
    """With these names Chainlit would start bots of its own, or keep threads elsewhere, and Bolt would be another's."""
    for name in list(os.environ):
        if name.startswith(("SLACK_", "TEAMS_", "DISCORD_", "LITERAL_")) or name == "DATABASE_URL":
            del os.environ[name]


def _without_tracing() -> None:
    """Stands in for the tracing SDK that Chainlit imports and does not use here; it takes half of the seconds."""
    if importlib.util.find_spec("traceloop") is None or "traceloop.sdk" in sys.modules:
        return
    package, module = ModuleType("traceloop"), ModuleType("traceloop.sdk")
    package.__path__ = []
    module.__dict__["Traceloop"] = type("Traceloop", (), {})
    sys.modules.update({"traceloop": package, "traceloop.sdk": module})


def _with_policy(chat: ASGIApp, policy: str) -> ASGIApp:
    async def served(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", policy.encode())]
            await send(message)

        await chat(scope, receive, sent if scope["type"] == "http" else send)

    return served


def _hosts(settings: Settings) -> tuple[str, ...]:
    """On loopback only loopback's names and our public one; elsewhere whatever leads here, for a proxy may stand before
    us."""
    public = urlsplit(settings.public_url or "").hostname
    own = (*LOOPBACK, public) if public else LOOPBACK
    return own if settings.host in ("127.0.0.1", "localhost", "::1") else ()


def _settings() -> Settings:
    from app.settings import load_settings

    return load_settings()


def _bootstrap() -> Open:
    from app.bootstrap import open_product

    return open_product
