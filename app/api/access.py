"""Who may ask the API: the bearer of the token, or somebody who is signed in to the web chat."""

from __future__ import annotations

import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.datastructures import Headers

from agents.errors import Forbidden
from agents.identity import Identity
from agents.rights import administers
from app.api.problem import Problem
from app.bootstrap import Product
from app.channels.sign_in import sign_in
from app.channels.sign_in_session import Sessions, token_in
from app.settings import Settings

PROGRAM = "api"
SAFE = ("GET", "HEAD", "OPTIONS")
bearer = HTTPBearer(auto_error=False, description="DEUS_API_TOKEN, or what the first start left in the data folder.")


def api_token(settings: Settings) -> str:
    """The token that is set, or the one in the data folder, made on the first start and readable by its owner alone."""
    if settings.api_token is not None:
        return settings.api_token.get_secret_value()
    return _kept(settings.data_dir / "api-token")


def product(request: Request) -> Product:
    """The product behind this server."""
    return cast(Product, request.app.state.product)


async def actor(
    request: Request,
    opened: Annotated[Product, Depends(product)],
    given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> str:
    """Who asks: whose session it is, or "api" for the token. Raises a 401 problem otherwise."""
    if given is not None:
        if hmac.compare_digest(given.credentials.encode(), api_token(opened.settings).encode()):
            return PROGRAM
        raise Problem(401, "The token is not the right one.", remedy=REMEDY)
    user = await _sessions(opened).of(token_in(request.cookies))
    if user is None:
        raise Problem(401, "This needs a token, or that you are signed in.", remedy=REMEDY)
    if request.method not in SAFE and not _from_our_page(request.headers):
        raise Problem(403, "This did not come from a page of this server.", remedy="Open Deus and do it there.")
    return user


def _from_our_page(headers: Headers) -> bool:
    """Whether the browser says that a page of ours sent this: cookies come along whoever has it send something."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return urlsplit(origin).netloc.casefold() == headers.get("host", "").casefold()


REMEDY = "Send `Authorization: Bearer …` with DEUS_API_TOKEN, or with the content of api-token in the data folder."

Actor = Annotated[str, Depends(actor)]
Opened = Annotated[Product, Depends(product)]


async def spoken_for(opened: Product, caller: str, named: str | None) -> str:
    """On whose behalf something is done: a person who is signed in speaks for themselves, the token for anybody; whom
    it names and nobody knows yet is taken in as one of the company's own."""
    if named is None or caller != PROGRAM or opened.people is None or await opened.people.get(named) is not None:
        return (named or caller) if caller == PROGRAM else caller
    service = "email" if "@" in named else PROGRAM
    return (await opened.people.recognise(Identity(service=service, ident=named), name=named)).id


async def admin_only(opened: Product, caller: str) -> None:
    """Raises Forbidden for everybody but admins."""
    person = await opened.people.get(caller) if opened.people is not None else None
    if opened.people is not None and (person is None or not administers(person.role)):
        raise Forbidden("Only an admin of this workspace may see this.")


def _sessions(opened: Product) -> Sessions:
    settings = opened.settings
    return Sessions(sign_in(settings.data_dir, settings.user, settings.password), opened.people)


@lru_cache(maxsize=4)
def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(32)
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(token + "\n")
        return token
