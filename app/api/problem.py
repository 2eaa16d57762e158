"""Errors of the HTTP API as problem documents (RFC 9457)."""

from __future__ import annotations

import http
import itertools
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from agents.errors import Forbidden
from tools.kit.errors import DeusError, ModelMayRetry, NotFound, PersonMustDecide, UserMustMend

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOWHERE = "nothing here"


class Problem(Exception):
    """An error to answer with: HTTP status, what happened, and what would mend it."""

    def __init__(
        self, status: int, detail: str, *, remedy: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.headers = dict(headers or {})


def install(server: FastAPI) -> None:
    """Makes every error of the API a problem document, that of a path which is not there included.

    Call it after all routers: it adds a route for the rest of /api.
    """
    server.add_exception_handler(Problem, _problem)
    server.add_exception_handler(RequestValidationError, _invalid)
    server.add_exception_handler(HTTPException, _http)
    server.add_exception_handler(LookupError, _absent)
    server.add_exception_handler(DeusError, _expected)
    server.add_exception_handler(Exception, _unexpected)
    server.add_api_route("/api/{rest:path}", _nowhere, methods=list(METHODS), include_in_schema=False, name=NOWHERE)


# What OpenAPI says of every route's errors.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "A problem document (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "instance": {"type": "string"},
                        "remedy": {"type": "string"},
                    },
                }
            }
        },
    }
}


def document(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem document as a response; members without a value are left out."""
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **{name: value for name, value in more.items() if value is not None},
    }
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    headers = {**({"WWW-Authenticate": "Bearer"} if error.status == 401 else {}), **error.headers}
    return document(request, error.status, error.detail, headers, remedy=error.remedy)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"detail": found["msg"], "pointer": "/" + "/".join(str(part) for part in found["loc"])}
        for found in error.errors()
    ]
    first = errors[0]
    return document(request, 422, f"{first['pointer']}: {first['detail']}.", errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return document(request, error.status_code, str(error.detail), error.headers)


async def _absent(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, KeyError | IndexError):
        return await _unexpected(request, error)
    return document(request, 404, str(error))


async def _expected(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DeusError)
    return document(request, status_of(error), error.message, remedy=error.remedy, drift=getattr(error, "drift", None))


def status_of(error: DeusError) -> int:
    """The HTTP status of an error that was expected."""
    if isinstance(error, Forbidden):
        return 403
    if isinstance(error, PersonMustDecide):
        return 409
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, ModelMayRetry):
        return 422
    return 503 if isinstance(error, UserMustMend) else 502 if error.service else 500


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    mark = secrets.token_hex(4)
    log.error("%s %s failed, error %s", request.method, request.url.path, mark, exc_info=error)
    return document(request, 500, f"Something inside Deus went wrong. The log has it as error {mark}.", error=mark)


async def _nowhere(request: Request, rest: str) -> JSONResponse:
    allowed = _allowed(request)
    if allowed:
        listed = ", ".join(allowed)
        return document(
            request, 405, f"/api/{rest} does not take {request.method}, but {' and '.join(allowed)}.", {"Allow": listed}
        )
    return document(request, 404, f"There is nothing at /api/{rest}.", remedy="/api/openapi.json lists what there is.")


def _allowed(request: Request) -> list[str]:
    """The methods that some route of the API would take at this path."""
    before = itertools.takewhile(lambda route: getattr(route, "name", "") != NOWHERE, request.app.router.routes)
    routes = list(before)
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    return [name for name, scope in scopes.items() if any(one.matches(scope)[0] is Match.FULL for one in routes)]
