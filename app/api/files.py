"""/api/files: bring a file to ask about, and fetch one."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message

from agents.files import UNKNOWN, FileDoor
from app.api.access import Actor, Opened, spoken_for
from app.api.problem import RESPONSES, Problem
from app.bootstrap import Product

router = APIRouter(prefix="/api/files", tags=["files"], responses=RESPONSES)

# What surrounds a file in a form.
FORM = 64 * 1024
HOW = "Send it so: curl -F file=@sales.csv …"
# Nothing of these runs or is drawn as a page, whatever is in them; everything else is bytes.
PLAIN = frozenset({"text/csv", "text/tab-separated-values", "text/plain", "application/json", "image/png"})


class Kept(BaseModel):
    """A file that is kept; its id goes with a question (`files` of POST /api/runs)."""

    id: str
    name: str
    size: int
    type: str


_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "contentMediaType": UNKNOWN},
        "actor": {"type": "string", "description": "on whose behalf a program asks"},
    },
}


@router.post(
    "",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
)
async def bring_file(request: Request, product: Opened, caller: Actor) -> Kept:
    """Keeps a file, sent as a form (`curl -F file=@sales.csv`). What is never asked about goes after two days."""
    door = _door(product)
    form = await _form(request, door.largest)
    try:
        file, actor = form.get("file"), form.get("actor")
        if not isinstance(file, UploadFile):
            raise Problem(422, "The form has no file in its field “file”.", remedy=HOW)
        who = await spoken_for(product, caller, actor[:256] if isinstance(actor, str) and actor else None)
        kept = await door.bring(await file.read(), name=file.filename or "file", actor=who)
    finally:
        await form.close()
    return Kept(id=kept.id, name=kept.name, size=kept.size, type=kept.media)


async def _form(request: Request, largest: int) -> FormData:
    """The form that was sent, read no further than a file may be large."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Problem(415, "A file is sent as a form.", remedy=HOW)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > largest + FORM:
            raise Problem(413, f"A file may have {largest // 1024 // 1024} MB.", remedy="Send a part of it.")

    async def again() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return await Request(request.scope, again).form(max_files=1, max_fields=4)


@router.get("/{file}", response_class=Response, responses={200: {"content": {UNKNOWN: {}}}})
async def fetch_file(file: str, product: Opened, caller: Actor) -> Response:
    """A file, to save. Nobody gets it but whoever uploaded it and whoever may see the run that it is part of."""
    found, content = await _door(product).see(file, caller)
    media = found.media if found.media in PLAIN else UNKNOWN
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=media, headers=headers)


def _door(product: Product) -> FileDoor:
    if product.files is None:
        raise Problem(404, "Files are not taken here.")
    return product.files
