"""Names that people use for Linear's teams, people, states, labels and milestones, and the ids that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tools.kit.choice import chosen, person
from tools.kit.errors import BadArgument
from tools.kit.words import means
from tools.linear.records import Record, State, state_of

if TYPE_CHECKING:
    from tools.linear import Linear

NOBODY = frozenset({"nobody", "none", "unassigned"})
USERS = """
query Accounts($first: Int, $after: String) {
  users(first: $first, after: $after) {
    nodes { id name displayName email active teams(first: 5) { nodes { id key name } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
PLACES = """
query Places {
  viewer { id name }
  teams(first: 100) { nodes { id key name } }
  issues(first: 100, orderBy: createdAt) { nodes { team { id } } }
}
"""
LABELS = """
query Labels($first: Int, $after: String) {
  issueLabels(first: $first, after: $after) {
    nodes { id name isGroup team { id } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
MILESTONES = """
query Milestones($first: Int, $after: String) {
  projectMilestones(first: $first, after: $after) {
    nodes { id name project { id name } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
PROJECTS = """
query Projects($first: Int, $after: String) {
  projects(first: $first, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
}
"""
ORDER: dict[State, str] = {
    "backlog": "backlog", "open": "unstarted", "in_progress": "started", "in_review": "started",
    "done": "completed", "cancelled": "canceled",
}  # fmt: skip


async def everything(linear: Linear, query: str, field: str) -> list[Record]:
    """All nodes of a connection of the workspace."""
    return [node async for node in linear.nodes(query, field, {"first": 100})]


async def account(linear: Linear, asked: str) -> Record | None:
    """The active account of a person; None for nobody. "me" is the one whose key is used."""
    if asked.strip().casefold() in NOBODY:
        return None
    users = [user for user in await everything(linear, USERS, "users") if user["active"]]
    if asked.strip().casefold() in ("me", "myself"):
        me = (await linear.ask(PLACES, {}))["viewer"]["id"]
        return next((user for user in users if user["id"] == me), None)
    return person(asked, users, lambda user: (user["name"], user["displayName"], user["email"]), service=linear.name)


async def team_of(linear: Linear, asked: str | None, assignee: Record | None) -> tuple[Record, str]:
    """The team that a new issue belongs to, and why, where nobody said it ("" if somebody did)."""
    places = await linear.ask(PLACES, {})
    teams: list[Record] = places["teams"]["nodes"]
    if asked or linear.settings.team:
        wanted = str(asked or linear.settings.team)
        bare = wanted.casefold().removeprefix("the ").removesuffix(" team").strip() or wanted
        return chosen(bare, teams, lambda team: (team["name"], team["key"]), what="team", service=linear.name), ""
    if len(teams) == 1:
        return teams[0], ""
    own = assignee["teams"]["nodes"] if assignee else []
    if assignee and len(own) == 1:
        return own[0], f"No team was named: {own[0]['name']} is {assignee['name']}'s."
    made = Counter(issue["team"]["id"] for issue in places["issues"]["nodes"])
    if not made:
        names = ", ".join(team["name"] for team in teams)
        raise BadArgument(f"Linear has several teams: name one of {names}.", service=linear.name)
    [(usual, count)] = made.most_common(1)
    team = next((team for team in teams if team["id"] == usual), None) or teams[0]
    return team, f"No team was named: {team['name']} got {count} of the last {made.total()} issues."


async def labels_of(linear: Linear, asked: Sequence[str], team: str) -> list[Record]:
    """The labels of these names that a team's issues can have."""
    if not asked:
        return []
    there = await everything(linear, LABELS, "issueLabels")
    usable = [one for one in there if not one["isGroup"] and (one["team"] is None or one["team"]["id"] == team)]
    return [chosen(name, usable, lambda one: (one["name"],), what="label", service=linear.name) for name in asked]


async def milestone_of(linear: Linear, asked: str) -> tuple[Record, Record | None]:
    """The project and, unless a project itself is meant, its milestone."""
    milestones = await everything(linear, MILESTONES, "projectMilestones")
    bare = asked.casefold().removeprefix("the ").removesuffix(" milestone").removesuffix(" project").strip() or asked
    if any(means(bare, one["name"]) for one in milestones):
        named = [one for one in milestones if one["name"].casefold() == bare] or milestones
        found = person(bare, named, lambda one: (one["name"],), service=linear.name)
        return found["project"], found
    projects = await everything(linear, PROJECTS, "projects")
    if any(one["name"].casefold() == bare for one in projects):
        return chosen(bare, projects, lambda one: (one["name"],), what="project", service=linear.name), None
    return chosen(bare, milestones, lambda one: (one["name"],), what="milestone", service=linear.name), None


def workflow_state(states: Sequence[Record], wanted: State, service: str) -> Record:
    """The first of a team's workflow states that means `wanted`. Raises BadArgument where the team has none."""
    ordered = sorted(states, key=lambda state: float(state["position"]))
    for state in ordered:
        if state["type"] == ORDER[wanted] and state_of(state) == wanted:
            return state
    names = ", ".join(state["name"] for state in ordered)
    raise BadArgument(f"This team has no state for {wanted!r}; it has {names}.", service=service)
