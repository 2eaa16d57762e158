"""Vendors' own descriptions of their APIs, to check requests and answers against."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathNotFound
from openapi_core.testing import MockResponse
from openapi_core.validation.exceptions import ValidationError
from werkzeug.datastructures import Headers, ImmutableMultiDict


@cache
def description(path: Path) -> Any:
    """A gzip'd OpenAPI description, ready to validate with."""
    return OpenAPI.from_dict(json.loads(gzip.decompress(path.read_bytes())), config=Config(spec_validator_cls=None))


class Asked:
    """An httpx request as openapi-core wants it, at the vendor's address in place of the demo's."""

    def __init__(self, request: httpx.Request, demo: str, vendor: str) -> None:
        url = str(request.url.copy_with(query=None)).replace(demo, vendor, 1)
        parts = httpx.URL(url)
        self.host_url = f"{parts.scheme}://{parts.host}"
        self.path = parts.path
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "application/json").split(";")[0]
        self.body = request.content or None
        query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
        self.parameters = RequestParameters(query=ImmutableMultiDict(query), header=Headers(dict(request.headers)))


def problems(spec: Any, request: httpx.Request, response: httpx.Response, demo: str, vendor: str) -> list[str]:
    """What in an exchange differs from the vendor's description; a path that it does not publish is one problem."""
    asked: Any = Asked(request, demo, vendor)
    said: Any = MockResponse(response.content, response.status_code, content_type="application/json")
    found: list[str] = []
    checks: tuple[Callable[[], Any], ...] = (
        lambda: spec.validate_request(asked),
        lambda: spec.validate_response(asked, said),
    )
    for check in checks:
        try:
            check()
        except PathNotFound:
            return [f"unpublished {asked.path}"]
        except (OpenAPIError, ValidationError) as error:
            cause = error.__cause__
            inner = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in getattr(cause, "schema_errors", ())]
            found.append(f"{asked.path}: {type(error).__name__} {error} {inner or cause or ''}")
    return found
