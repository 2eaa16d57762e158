"""Lists as Linear serves them: filtered by its comparators, ordered, cut into pages with cursors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from graphql import GraphQLError

Record = dict[str, Any]
PAGE, MOST = 50, 250

_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda there, asked: bool(there == asked),
    "neq": lambda there, asked: bool(there != asked),
    "in": lambda there, asked: there in asked,
    "nin": lambda there, asked: there not in asked,
    "gt": lambda there, asked: there is not None and there > asked,
    "gte": lambda there, asked: there is not None and there >= asked,
    "lt": lambda there, asked: there is not None and there < asked,
    "lte": lambda there, asked: there is not None and there <= asked,
    "null": lambda there, asked: (there is None) == asked,
    "startsWith": lambda there, asked: str(there or "").startswith(asked),
    "endsWith": lambda there, asked: str(there or "").endswith(asked),
    "contains": lambda there, asked: asked in str(there or ""),
    "notContains": lambda there, asked: asked not in str(there or ""),
}


class Connection:
    """A connection field: called by the executor with its arguments, it gives one page of its nodes."""

    def __init__(self, nodes: list[Record]) -> None:
        self.nodes = nodes

    def __call__(
        self,
        info: Any,
        first: int = PAGE,
        after: str | None = None,
        orderBy: str = "createdAt",
        filter: Mapping[str, Any] | None = None,
    ) -> Record:
        if not 1 <= first <= MOST:
            raise invalid_input(f"Argument Validation Error: first must be between 1 and {MOST}.")
        kept = [node for node in self.nodes if not node.get("archivedAt") and holds(node, filter or {})]
        kept.sort(key=lambda node: str(node.get(orderBy) or ""), reverse=True)
        start = 0
        if after is not None:
            places = [place for place, node in enumerate(kept) if node["id"] == after]
            if not places:
                raise invalid_input("Argument Validation Error: after is not a cursor of this list.")
            start = places[0] + 1
        shown = kept[start : start + first]
        return {
            "nodes": shown,
            "pageInfo": {
                "hasNextPage": start + first < len(kept),
                "hasPreviousPage": start > 0,
                "startCursor": shown[0]["id"] if shown else None,
                "endCursor": shown[-1]["id"] if shown else None,
            },
        }


def invalid_input(message: str) -> GraphQLError:
    """An error in the form that Linear gives to wrong arguments."""
    extensions = {
        "type": "invalid input",
        "code": "INPUT_ERROR",
        "statusCode": 400,
        "userError": True,
        "userPresentableMessage": message,
    }
    return GraphQLError(message, extensions=extensions)


def holds(record: Record | None, condition: Mapping[str, Any]) -> bool:
    """Whether a record meets a filter: all of its fields, all of `and`, any of `or`."""
    return all(_met(record, name, asked) for name, asked in condition.items() if asked is not None)


def _met(record: Record | None, name: str, asked: Any) -> bool:
    if name == "and":
        return all(holds(record, one) for one in asked)
    if name == "or":
        return any(holds(record, one) for one in asked)
    if name == "null":
        return bool((record is None) == asked)
    if record is None:
        return False
    value = record.get(name)
    if isinstance(value, Connection):
        return _collection(value, asked)
    if isinstance(value, dict) or (value is None and _is_filter(asked)):
        return holds(value, asked)
    return all(_compares(name, value, comparator, wanted, record) for comparator, wanted in asked.items())


def _collection(connection: Connection, asked: Mapping[str, Any]) -> bool:
    rest = {name: wanted for name, wanted in asked.items() if name not in ("some", "every", "and", "or")}
    conditions = [condition for condition in (asked.get("some"), rest) if condition]
    return (
        all(any(holds(node, condition) for node in connection.nodes) for condition in conditions)
        and all(holds(node, asked.get("every") or {}) for node in connection.nodes)
        and all(_collection(connection, one) for one in asked.get("and") or ())
        and (not asked.get("or") or any(_collection(connection, one) for one in asked["or"]))
    )


def _is_filter(asked: Mapping[str, Any]) -> bool:
    """Whether a condition is about a record's fields rather than about a value."""
    return any(isinstance(wanted, dict) or name in ("and", "or") for name, wanted in asked.items())


def _compares(name: str, value: Any, comparator: str, wanted: Any, record: Record) -> bool:
    if name == "id" and comparator in ("eq", "in") and "identifier" in record:
        # An issue is also known by its identifier.
        among = wanted if comparator == "in" else [wanted]
        return value in among or record["identifier"] in among
    if comparator.endswith("IgnoreCase"):
        lowered = str(value).casefold() if value is not None else None
        return _COMPARED[comparator.removesuffix("IgnoreCase")](lowered, str(wanted).casefold())
    if name.endswith("At") and comparator != "null":
        return _COMPARED[comparator](datetime.fromisoformat(value) if value else None, datetime.fromisoformat(wanted))
    return _COMPARED[comparator](value, wanted)
