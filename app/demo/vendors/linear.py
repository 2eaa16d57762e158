"""Linear as the demo company has it: one GraphQL endpoint, executed against the vendor's types."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, execute_sync, parse, validate
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors.linear_records import Tracker
from app.demo.vendors.linear_writing import resolvers
from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo

CREDENTIALS = {"token": "demo-linear"}
SCHEMA = Path(__file__).with_name("linear.graphql")


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """The GraphQL endpoint and the page of each issue."""
    tracker = Tracker(demo.company)
    issue = _issue_page(tracker)
    return [
        Route("/graphql", _endpoint(tracker), methods=["POST"]),
        Route(f"/{tracker.slug}/issue/{{identifier}}", issue),
        Route(f"/{tracker.slug}/issue/{{identifier}}/{{slug}}", issue),
        Route(f"/{tracker.slug}/profiles/{{handle}}", _profile_page(tracker)),
    ]


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The served part of Linear's schema."""
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def _checked(query: str) -> tuple[Any, tuple[GraphQLError, ...]]:
    document = parse(query)
    return document, tuple(validate(schema(), document))


def _endpoint(tracker: Tracker) -> Any:
    root = resolvers(tracker)
    asked = 0

    async def endpoint(request: Request) -> Response:
        nonlocal asked
        asked += 1
        headers = _limits(asked)
        if request.headers.get("authorization") not in ("demo-linear", "Bearer demo-linear"):
            return _failed(401, "AUTHENTICATION_ERROR", "Authentication required, not authenticated", headers)
        try:
            sent = await request.json()
            query, variables = str(sent["query"]), sent.get("variables") or {}
            document, problems = _checked(query)
        except (ValueError, KeyError, TypeError, AttributeError):
            return _failed(400, "INPUT_ERROR", "The body must be JSON with a query.", headers)
        except GraphQLError as error:
            return _failed(400, "GRAPHQL_PARSE_FAILED", error.message, headers)
        if problems:
            return _failed(400, "GRAPHQL_VALIDATION_FAILED", problems[0].message, headers)
        result = execute_sync(schema(), document, root, variable_values=variables)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [error.formatted for error in result.errors]
        return JSONResponse(body, headers=headers)

    return endpoint


def _failed(status: int, code: str, message: str, headers: dict[str, str]) -> Response:
    kind = code.lower().replace("_", " ")
    extensions = {"type": kind, "code": code, "statusCode": status, "userError": True}
    extensions["userPresentableMessage"] = message
    return JSONResponse({"errors": [{"message": message, "extensions": extensions}]}, status, headers)


def _limits(asked: int) -> dict[str, str]:
    """Linear's rate-limit headers; resets are in milliseconds since the epoch."""
    reset = str(int((time.time() + 3600) * 1000))
    return {
        "x-ratelimit-requests-limit": "2500",
        "x-ratelimit-requests-remaining": str(2500 - asked % 2400),
        "x-ratelimit-requests-reset": reset,
        "x-complexity": "100",
        "x-ratelimit-complexity-limit": "3000000",
        "x-ratelimit-complexity-remaining": str(3000000 - (asked % 2400) * 100),
        "x-ratelimit-complexity-reset": reset,
    }


def _issue_page(tracker: Tracker) -> Any:
    async def shown(request: Request) -> Response:
        for issue in tracker.issues:
            if issue["identifier"] == request.path_params["identifier"]:
                facts = [
                    ("State", issue["state"]["name"]), ("Priority", issue["priorityLabel"]),
                    ("Assignee", (issue["assignee"] or {}).get("name", "")), ("Team", issue["team"]["name"]),
                    ("Milestone", (issue["projectMilestone"] or {}).get("name", "")), ("Due", issue["dueDate"] or ""),
                    ("Blocked by", _listed(issue["inverseRelations"].nodes, "issue")),
                    ("Blocks", _listed(issue["relations"].nodes, "relatedIssue")),
                    ("Links", ", ".join(link["url"] for link in issue["attachments"].nodes)),
                    ("Archived", issue["archivedAt"] or ""),
                    ("Created", issue["createdAt"]), ("Completed", issue["completedAt"] or ""),
                ]  # fmt: skip
                title = f"{issue['identifier']} {issue['title']}"
                said = [f"{comment['user']['name']}: {comment['body']}" for comment in issue["comments"].nodes]
                return page(title, "Linear", facts, "\n\n".join([issue["description"] or "", *said]).strip())
        return _no_page()

    return shown


def _listed(relations: Sequence[dict[str, Any]], side: str) -> str:
    return ", ".join(str(relation[side]["identifier"]) for relation in relations)


def _profile_page(tracker: Tracker) -> Any:
    async def shown(request: Request) -> Response:
        for user in tracker.users.values():
            if user["displayName"] == request.path_params["handle"]:
                return page(user["name"], "Linear", [("E-mail", user["email"]), ("Role", user["title"] or "")], "")
        return _no_page()

    return shown


def _no_page() -> Response:
    shown = page("Page not found", "Linear", [], "There is nothing here.")
    shown.status_code = 404
    return shown
