"""Linear: issues with their relations and pull requests, what blocks them, the people of the workspace.

GraphQL API, github.com/linear/linear packages/sdk/src/schema.graphql.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence

from pydantic import Field, SecretStr

from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, matches, serves
from tools.kit.errors import BadArgument
from tools.kit.instants import stamp
from tools.kit.paging import by_cursor, first
from tools.kit.wire import Json, WireOptions
from tools.kit.words import query_words, says
from tools.linear.linking import LinkIssue
from tools.linear.records import IDENTIFIER, OPEN, PRIORITIES, Record, pull_of, state_of
from tools.linear.writing import ACTIONS
from tools.nouns import Issue, Person
from tools.verbs import IssuesBlockers, IssuesGet, IssuesSearch, PeopleFind

PAGE = 50
ROUNDS = 20

# A query may cost 10,000 points at most, and every list multiplies what is in it; hence the short lists within.
FIELDS = """
fragment Fields on Issue {
  id identifier title description url priority createdAt updatedAt completedAt canceledAt dueDate
  state { name type } assignee { name } creator { name } team { name key } project { name } projectMilestone { name }
  labels(first: 10) { nodes { name } }
  relations(first: $related) { nodes { type relatedIssue { identifier } } }
  inverseRelations(first: $related) { nodes { type issue { id identifier state { type } } } }
  attachments(first: 10) { nodes { url } }
}
"""
ISSUES = (
    """
query Issues($filter: IssueFilter, $first: Int, $after: String, $related: Int) {
  issues(filter: $filter, first: $first, after: $after, orderBy: updatedAt) {
    nodes { ...Fields }
    pageInfo { hasNextPage endCursor }
  }
}
"""
    + FIELDS
)
ISSUE = "query Issue($id: String!, $related: Int) { issue(id: $id) { ...Fields } }" + FIELDS
USERS = """
query Users($first: Int, $after: String) {
  users(first: $first, after: $after) {
    nodes { id name displayName email title url createdAt active teams(first: 5) { nodes { name } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
SIGHT = "query Sight { viewer { name } organization { name } teams(first: 50) { nodes { key name } } }"


class LinearSettings(ServiceSettings):
    """How to reach the workspace."""

    base_url: str = Field(default="https://api.linear.app", description="the API's address")
    token: SecretStr = Field(
        description="a personal API key (Settings → Security & access); the right to read is enough to ask, "
        "the right to write is needed to create, change and comment on issues"
    )
    team: str = Field(default="", description="the team, by name or key, that gets new issues which name none")


class Linear(Connector):
    """One workspace of Linear. `milestone` of an issue is its project's milestone, or the project if it has none."""

    name = "linear"
    title = "Linear"
    Settings = LinearSettings
    actions = (*ACTIONS, LinkIssue)

    @classmethod
    def wire_options(cls, settings: LinearSettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url,
            auth=Token(settings.token, scheme=""),
            remaining="x-ratelimit-requests-remaining",
            reset="x-ratelimit-requests-reset",
            reset_in_ms=True,
        )

    async def check(self) -> Sight:
        seen = await self.ask(SIGHT, {})
        teams = [f"team {team['name']} ({team['key']})" for team in seen["teams"]["nodes"]]
        return Sight(f"{seen['organization']['name']}, as {seen['viewer']['name']}", tuple(teams))

    @serves(IssuesSearch)
    async def issues_search(self, request: IssuesSearch) -> Sequence[Issue]:
        records = self._issues(_filter(request), min(PAGE, request.limit))
        chosen = (record async for record in records if _worded(request.text, record))
        return [_issue(record) for record in await first(chosen, request.limit)]

    @serves(IssuesGet)
    async def issues_get(self, request: IssuesGet) -> Sequence[Issue]:
        return [_issue(await self._record(request.ref))]

    @serves(IssuesBlockers)
    async def issues_blockers(self, request: IssuesBlockers) -> Sequence[Issue]:
        """What can be begun at once comes first; what waits for others of the list comes after them.

        Asked about neither an issue nor a milestone, it lists every open issue that another open one waits for.
        """
        found: dict[str, Record] = {}
        if request.ref:
            waiting = set(_blockers(await self._record(request.ref)))
        else:
            condition = [{"state": {"type": {"in": list(OPEN)}}}]
            condition += [_in_milestone(request.milestone)] if request.milestone else []
            among = {record["id"]: record async for record in self._issues(_all(condition))}
            waiting = {blocker for record in among.values() for blocker in _blockers(record)}
            found = among if request.milestone else {}
        for _ in range(ROUNDS):
            unseen = sorted(waiting - found.keys())
            if not unseen:
                break
            more = {record["id"]: record async for record in self._issues({"id": {"in": unseen}})}
            found |= more
            waiting = {blocker for record in more.values() for blocker in _blockers(record)}
        return [_issue(record) for record in _ready_first(found)]

    @serves(PeopleFind)
    async def people_find(self, request: PeopleFind) -> Sequence[Person]:
        people = (_person(record) async for record in self.nodes(USERS, "users", {"first": PAGE}))
        found = (p async for p in people if matches(request.text, p.name, p.handle, p.email))
        return await first(found, request.limit)

    async def ask(self, query: str, variables: Record) -> Record:
        """Sends a query or a mutation; all mutations of this connector may be sent twice (see `writing`)."""
        return dict(await self.wire.graphql("graphql", query, variables))

    async def _record(self, ref: str) -> Record:
        """The record of one issue, known to be whole."""
        identifier = IDENTIFIER.search(ref.strip())
        if not identifier:
            raise BadArgument(f"{ref!r} is no issue of Linear: write one like ENG-311.", service=self.name)
        record = dict((await self.ask(ISSUE, {"id": identifier.group(1).upper(), "related": 50}))["issue"])
        _issue(record)
        return record

    async def nodes(self, query: str, field: str, variables: Record) -> AsyncIterator[Record]:
        """Every node of a connection, page by page."""

        async def fetch(cursor: str | None) -> Json:
            return (await self.ask(query, {**variables, "after": cursor}))[field]

        def following(page: Json) -> str | None:
            return page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None

        async for page in by_cursor(fetch, following):
            for node in page["nodes"]:
                yield node

    def _issues(self, condition: Record, page: int = PAGE) -> AsyncIterator[Record]:
        return self.nodes(ISSUES, "issues", {"filter": condition, "first": page, "related": 12})


def _filter(request: IssuesSearch) -> Record:
    """The request as Linear's IssueFilter."""
    parts: list[Record] = [{"labels": {"some": {"name": {"eqIgnoreCase": label}}}} for label in request.labels]
    if request.text:
        parts.append({"or": [condition for word in query_words(request.text, 8) for condition in _says(word)]})
    if request.state != "all":
        parts.append({"state": {"type": {"in" if request.state == "open" else "nin": list(OPEN)}}})
    if request.priority:
        parts.append({"priority": {"eq": PRIORITIES.index(request.priority)}})
    if request.assignee:
        parts.append({"assignee": _who(request.assignee)})
    if request.team:
        team = re.sub(r"(?i)\b(the|team)\b", "", request.team).strip() or request.team
        parts.append({"team": {"or": [{key: {"eqIgnoreCase": team}} for key in ("name", "key")]}})
    if request.milestone:
        parts.append(_in_milestone(request.milestone))
    if request.since:
        parts.append({"updatedAt": {"gte": stamp(request.since)}})
    if request.until:
        parts.append({"updatedAt": {"lt": stamp(request.until)}})
    return _all(parts)


def _all(parts: list[Record]) -> Record:
    return {"and": parts} if parts else {}


def _says(word: str) -> list[Record]:
    said: list[Record] = [{field: {"containsIgnoreCase": word}} for field in ("title", "description")]
    if IDENTIFIER.fullmatch(word):
        said.append({"id": {"eq": word.upper()}})
    return said


def _who(person: str) -> Record:
    asked = person.strip().lstrip("@")
    if asked.casefold() in ("nobody", "none", "unassigned"):
        return {"null": True}
    exact: list[Record] = [{field: {"eqIgnoreCase": asked}} for field in ("name", "displayName", "email")]
    return {"or": [*exact, {"name": {"startsWithIgnoreCase": f"{asked} "}}]}


def _in_milestone(milestone: str) -> Record:
    name = re.sub(r"(?i)\b(the|milestone|project)\b", "", milestone).strip() or milestone
    return {"or": [{field: {"name": {"containsIgnoreCase": name}}} for field in ("projectMilestone", "project")]}


def _worded(text: str, record: Record) -> bool:
    """Linear finds parts of words too; only what begins with a word of the text is meant."""
    return says(text, record["title"], record.get("description"), record["identifier"])


def _related(record: Record, field: str, side: str) -> Iterable[Record]:
    return (node[side] for node in record[field]["nodes"] if node["type"] == "blocks")


def _blockers(record: Record) -> list[str]:
    """The ids of the open issues that block this one."""
    related = _related(record, "inverseRelations", "issue")
    return [blocker["id"] for blocker in related if blocker["state"]["type"] in OPEN]


def _ready_first(found: dict[str, Record]) -> list[Record]:
    """Issues in such an order that each comes after those that block it; rings come last, as they were found."""
    left, ordered = dict(found), list[Record]()
    while left:
        ready = [key for key, record in left.items() if not left.keys() & set(_blockers(record))] or list(left)
        ordered += [left.pop(key) for key in ready]
    return ordered


def _named(record: Record, *fields: str) -> str | None:
    return next((record[field]["name"] for field in fields if record.get(field)), None)


def _issue(record: Record) -> Issue:
    # A due date has no zone; noon keeps it on its day for nearly every reader.
    due = record.get("dueDate")
    return Issue(
        service="linear", ref=record["identifier"], url=record["url"], at=record["createdAt"], title=record["title"],
        body=record.get("description") or "", state=state_of(record["state"]),
        priority=PRIORITIES[int(record["priority"])],
        assignee=_named(record, "assignee"), creator=_named(record, "creator"), team=_named(record, "team"),
        milestone=_named(record, "projectMilestone", "project"), due=f"{due}T12:00:00Z" if due else None,
        labels=tuple(label["name"] for label in record["labels"]["nodes"]), updated_at=record.get("updatedAt"),
        closed_at=record.get("completedAt") or record.get("canceledAt"),
        blocks=tuple(issue["identifier"] for issue in _related(record, "relations", "relatedIssue")),
        blocked_by=tuple(issue["identifier"] for issue in _related(record, "inverseRelations", "issue")),
        pulls=tuple(ref for node in record["attachments"]["nodes"] if (ref := pull_of(node["url"]))),
    )  # fmt: skip


def _person(record: Record) -> Person:
    teams = (record.get("teams") or {}).get("nodes") or ()
    return Person(
        service="linear", ref=record["displayName"], url=record["url"], at=record["createdAt"], title=record["name"],
        name=record["name"], handle=record["displayName"], email=record.get("email"), role=record.get("title"),
        team=next((team["name"] for team in teams), None),
    )  # fmt: skip
