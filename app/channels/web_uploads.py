"""Files that come with a message of the web chat, and how much may be sent at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.files import FileDoor
from agents.record import Attachment
from tools.kit.errors import UserMustMend

if TYPE_CHECKING:
    from chainlit.config import FeaturesSettings

MIB = 1024 * 1024
# What surrounds a file in the form in which a browser sends it.
FORM = 64 * 1024
UPLOADS = "/project/file"
# What is asked of files that come without a word.
UNSAID = "What is in this file?"


def allow(features: FeaturesSettings, files: FileDoor | None) -> None:
    """Sets Chainlit's own limits to the product's."""
    upload = features.spontaneous_file_upload
    if upload is not None:
        upload.enabled = files is not None
        upload.max_size_mb = files.largest // MIB if files is not None else 0


async def brought(files: FileDoor | None, elements: Sequence[Any], actor: str) -> tuple[Attachment, ...]:
    """The files of a message, kept. Raises UserMustMend and Forbidden where one is not taken; none is kept halfway
    without its question, for what nobody speaks of goes."""
    given = [one for one in elements if getattr(one, "path", None)]
    if not given:
        return ()
    if files is None:
        raise UserMustMend("Files are not taken here.", remedy="Ask without them.")
    kept = []
    for one in given:
        content = await asyncio.to_thread(Path(one.path).read_bytes)
        kept.append((await files.bring(content, name=str(one.name), actor=actor)).attachment)
    return tuple(kept)


class Capped:
    """ASGI middleware: an upload of more than `most` bytes is refused before it is read to its end."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most + FORM

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(UPLOADS) or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        told = dict(scope["headers"]).get(b"content-length", b"")
        if told.isdigit() and int(told) > self._most:
            await _too_large(self._most)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # A sender that says nothing of its length is cut off as one that went away.
            return {"type": "http.disconnect"} if taken > self._most else message

        refused = False

        async def answered(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 500:
                refused = True
                # Chainlit breaks on a file of no bytes, and on little else.
                said = JSONResponse({"detail": "The file could not be taken. Look whether it is empty."}, 422)
                await said(scope, receive, send)
            elif not refused:
                await send(message)

        try:
            await self._app(scope, counted, answered)
        except ValueError:
            if not refused:
                raise


def _too_large(most: int) -> JSONResponse:
    return JSONResponse({"detail": f"A file may have {most // MIB} MB."}, 413)
