"""What the demo's Linear serves is a part of Linear's own schema, and what the connector asks is valid there."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    parse,
    validate,
)

from app.demo.vendors.linear import schema
from app.demo.vendors.vendor import Demo
from tools.linear import ISSUE, ISSUES, PAGE, SIGHT, USERS, linking, naming, writing

AUTH = {"Authorization": "demo-linear"}
WRITTEN = {
    f"{module.__name__}.{name}": text
    for module in (linking, naming, writing)
    for name, text in vars(module).items()
    if isinstance(text, str) and text.strip().startswith(("query", "mutation"))
}
DOCUMENTS = {"issues": ISSUES, "issue": ISSUE, "users": USERS, "sight": SIGHT, **WRITTEN}
Client = Callable[[str, Path], httpx.AsyncClient]
DemoOf = Callable[[Path], Demo]


@pytest.fixture(scope="module")
def vendor_schema(shared: Path) -> GraphQLSchema:
    """The SDL that Linear publishes."""
    packed = (shared / "vendor" / "specs" / "linear" / "schema.graphql.gz").read_bytes()
    return build_schema(gzip.decompress(packed).decode(), assume_valid_sdl=True)


def test_every_served_type_field_and_argument_is_linear_s(vendor_schema: GraphQLSchema) -> None:
    differing: list[str] = []
    for name, served in schema().type_map.items():
        if name.startswith("__"):
            continue
        published: Any = vendor_schema.type_map.get(name)
        if type(published) is not type(served):
            differing.append(name)
            continue
        for field, spec in getattr(served, "fields", {}).items():
            there = published.fields.get(field)
            if there is None or str(there.type) != str(spec.type):
                differing.append(f"{name}.{field}: {spec.type} is {there and there.type}")
                continue
            for argument, kind in getattr(spec, "args", {}).items():
                if argument not in there.args or str(there.args[argument].type) != str(kind.type):
                    differing.append(f"{name}.{field}({argument})")
        differing += [f"{name}.{value}" for value in getattr(served, "values", {}) if value not in published.values]
    assert differing == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_the_connector_asks_is_valid_at_linear(vendor_schema: GraphQLSchema, name: str) -> None:
    assert validate(vendor_schema, parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize(
    ("name", "variables"), [("issues", {"first": PAGE, "related": 12}), ("issue", {"related": 50})]
)
def test_no_question_costs_more_than_linear_allows(name: str, variables: dict[str, int]) -> None:
    # linear.app/developers/rate-limiting: a property costs 0.1, an object 1, a list multiplies; 10,000 at most.
    document = parse(DOCUMENTS[name])
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    [query] = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]

    def cost(selection: SelectionSetNode) -> float:
        total = 0.0
        for node in selection.selections:
            if isinstance(node, FragmentSpreadNode):
                total += cost(fragments[node.name.value].selection_set)
            elif isinstance(node, FieldNode):
                inner = 1 + cost(node.selection_set) if node.selection_set else 0.1
                total += inner * size(node)
        return total

    def size(node: FieldNode) -> int:
        for argument in node.arguments or ():
            if argument.name.value == "first" and isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if argument.name.value == "first" and isinstance(argument.value, VariableNode):
                return variables[argument.value.name.value]
        return 1

    assert 100 < cost(query.selection_set) <= 10_000


async def ask(client: httpx.AsyncClient, query: str, **variables: Any) -> httpx.Response:
    return await client.post("graphql", json={"query": query, "variables": variables}, headers=AUTH)


async def test_pages_are_walked_by_cursor(vendor_client: Client, demo: DemoOf, acme: Path) -> None:
    client = vendor_client("linear", acme)
    fields = "nodes { identifier } pageInfo { hasNextPage endCursor }"
    query = f"query Q($after: String) {{ issues(first: 3, after: $after) {{ {fields} }} }}"
    seen: list[str] = []
    after: str | None = None
    while True:
        found = (await ask(client, query, after=after)).json()["data"]["issues"]
        seen += [node["identifier"] for node in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    company = demo(acme).company
    assert sorted(seen) == sorted(company.ref(issue.id).ref for issue in company.of_kind("issue"))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"priority": {"in": [1, 2]}, "state": {"type": {"eq": "started"}}}, {290, 295}),
        ({"labels": {"some": {"name": {"eq": "export"}}}}, {312}),
        ({"labels": {"every": {"name": {"in": ["support"]}}}}, {311}),
        ({"labels": {"and": [{"name": {"eq": "bug"}}, {"name": {"eq": "export"}}]}}, {312}),
        ({"labels": {"or": [{"name": {"eq": "support"}}, {"name": {"eq": "export"}}]}}, {311, 312}),
        ({"assignee": {"null": True}, "team": {"name": {"neqIgnoreCase": "WEB"}}}, {303, 311}),
        ({"assignee": {"email": {"startsWith": "mateo"}}}, {301}),
        ({"or": [{"number": {"eq": 301}}, {"title": {"startsWith": "SCIM"}}]}, {301, 303}),
        ({"completedAt": {"null": False}}, {288, 294, 299}),
        ({"createdAt": {"gt": "2026-11-12T17:00:00Z"}}, {312}),
        ({"dueDate": {"lt": "2026-11-18"}}, {295, 299, 301}),
        ({"id": {"in": ["BACK-290"]}}, {290}),
        ({"id": {"nin": []}, "description": {"notContains": "e"}, "title": {"contains": "views"}}, set()),
    ],
)
async def test_filters_mean_what_linear_s_mean(
    vendor_client: Client, acme: Path, condition: dict[str, Any], expected: set[int]
) -> None:
    client = vendor_client("linear", acme)
    answer = await ask(client, "query Q($f: IssueFilter) { issues(filter: $f) { nodes { number } } }", f=condition)
    assert {int(node["number"]) for node in answer.json()["data"]["issues"]["nodes"]} == expected


async def test_failures_are_told_in_linear_s_words(vendor_client: Client, acme: Path) -> None:
    client = vendor_client("linear", acme)
    refused = await client.post("graphql", json={"query": SIGHT}, headers={"Authorization": "other"})
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "AUTHENTICATION_ERROR")
    for query, code in (("{ nothing }", "GRAPHQL_VALIDATION_FAILED"), ("{", "GRAPHQL_PARSE_FAILED")):
        answer = await ask(client, query)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, code)
    for query in (
        '{ issue(id: "X-1") { id } }',
        "{ issues(first: 500) { nodes { id } } }",
        '{ users(after: "x") { nodes { id } } }',
    ):
        answer = await ask(client, query)
        assert answer.json()["errors"][0]["extensions"]["code"] == "INPUT_ERROR"
    assert int(answer.headers["x-ratelimit-requests-remaining"]) > 0
    assert len(answer.headers["x-ratelimit-requests-reset"]) == 13


async def test_every_issue_and_person_has_a_page(vendor_client: Client, demo: DemoOf, each_world: Path) -> None:
    client, company = vendor_client("linear", each_world), demo(each_world).company
    for issue in company.of_kind("issue"):
        answer = await client.get(company.ref(issue.id).url)
        assert answer.status_code == 200
        assert company.ref(issue.id).ref in answer.text
    people = (await ask(client, "{ users { nodes { url name } } }")).json()["data"]["users"]["nodes"]
    for person in people:
        assert person["name"] in (await client.get(person["url"])).text
    assert (await client.get(f"{company.facts.name.lower()}/issue/NONE-1")).status_code == 404
