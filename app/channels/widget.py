"""The web widget as a channel: a script for the company's own pages, and the HTTP behind it."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tools.kit.errors import DeusError, UserMustMend

if TYPE_CHECKING:
    from app.bootstrap import Product
    from app.settings import Settings

log = logging.getLogger(__name__)

PREFIX = "/widget/"
SOURCE = "the widget's help pages"


@contextlib.asynccontextmanager
async def open_channel(product: Product, settings: Settings) -> AsyncIterator[Sequence[BaseRoute]]:
    """The widget's routes; none unless some page may show it. Raises UserMustMend for a theme that cannot be used."""
    if not settings.widget_origins:
        yield ()
        return
    from app.channels.widget_door import Door
    from app.channels.widget_theme import read_theme
    from app.channels.widget_token import kept_secret

    if settings.widget_documents is not None and not settings.widget_documents.is_dir():
        raise UserMustMend(f"DEUS_WIDGET_DOCUMENTS names {settings.widget_documents}, which is no folder.")
    theme = await asyncio.to_thread(read_theme, settings.widget_theme)
    secret = await asyncio.to_thread(kept_secret, settings.data_dir)
    door = Door(product, settings, theme, secret)
    reading = asyncio.create_task(_read_documents(product, settings), name="read the widget's help pages")
    asks = {"theme.json": door.theme, "conversation": door.conversation, "events": door.events}
    tells = {"session": door.session, "messages": door.say, "person": door.person, "ticket": door.ticket}
    try:
        yield [
            Route("/widget.js", script, methods=["GET"]),
            Route(PREFIX + "documents/{document}", door.document, methods=["GET"]),
            *(Route(PREFIX + name, answer, methods=["GET", "OPTIONS"]) for name, answer in asks.items()),
            *(Route(PREFIX + name, answer, methods=["POST", "OPTIONS"]) for name, answer in tells.items()),
        ]
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def script(request: Request) -> Response:
    """The widget's script, packed where the browser takes it so."""
    plain, packed, mark = _script()
    takes = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=300",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "ETag": f'"{mark}{"-gzip" if takes else ""}"',
        "Vary": "Accept-Encoding",
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if takes:
        headers["Content-Encoding"] = "gzip"
    return Response(packed if takes else plain, media_type="text/javascript; charset=utf-8", headers=headers)


@cache
def _script() -> tuple[bytes, bytes, str]:
    plain = resources.files("app.channels").joinpath("widget", "widget.js").read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:16]


async def _read_documents(product: Product, settings: Settings) -> None:
    """Reads the folder of public pages, as `deus ingest --public` does."""
    if settings.widget_documents is None:
        return
    try:
        await product.ready()
        report = await product.context.ingest(
            settings.widget_documents, SOURCE, public=True, below=settings.widget_documents_url
        )
        log.info("%s", report)
    except DeusError as error:
        log.warning("The widget's help pages could not be read. %s", error)
    except Exception:  # a background task's top
        log.exception("The widget's help pages could not be read")
