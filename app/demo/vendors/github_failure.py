"""How the demo's GitHub takes what is sent to it, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

DOCUMENTATION = "https://docs.github.com/rest"
Record = dict[str, Any]
Write = Callable[[Request, Record], tuple[int, Any]]


class Failure(Exception):
    """An answer of GitHub's that is not 200."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status), **more}


def invalid(resource: str, field: str, value: str) -> Record:
    """One problem of a 422: a field with a value that it cannot have."""
    return {"resource": resource, "field": field, "code": "invalid", "value": value}


def unprocessable(resource: str, field: str, code: str = "invalid", message: str | None = None) -> Failure:
    """A 422 with its one problem."""
    problem = {"resource": resource, "field": field, "code": code}
    return Failure(422, "Validation Failed", errors=[problem | ({"message": message} if message else {})])


async def sent(request: Request) -> Record:
    """The JSON object that was sent; nothing counts as an empty one."""
    body = await request.body()
    if not body:
        return {}
    try:
        data = await request.json()
    except ValueError:
        raise Failure(400, "Problems parsing JSON") from None
    if not isinstance(data, dict):
        raise Failure(400, "Body should be a JSON object")
    return data
