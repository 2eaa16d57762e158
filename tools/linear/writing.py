"""What Deus does in Linear: creates, changes, comments on and links issues.

Every mutation may be sent twice: what is created has an id that is made from the write's key, and Linear refuses a
second record of the same id; an update sets the same values again.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.errors import BadArgument, NotFound, StepFailed
from tools.linear.naming import account, labels_of, milestone_of, team_of, workflow_state
from tools.linear.records import IDENTIFIER, OPEN, PRIORITIES, Record
from tools.writes import IssuesComment, IssuesCreate, IssuesUpdate

if TYPE_CHECKING:
    from tools.linear import Linear

TOUCHED = """
fragment Touched on Issue {
  id identifier title url description priority dueDate archivedAt trashed
  state { id name } assignee { id name } creator { name } project { id name } projectMilestone { id name }
  team { id key name states(first: 50) { nodes { id name type position } } }
  labels(first: 50) { nodes { id name } }
  subscribers(first: 25) { nodes { name } }
}
"""
TOUCHED_ISSUE = "query TouchedIssue($id: String!) { issue(id: $id) { ...Touched } }" + TOUCHED
ALIKE = "query Alike($filter: IssueFilter) { issues(filter: $filter, first: 3) { nodes { identifier } } }"
CREATE = (
    "mutation Create($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { ...Touched } } }"
    + TOUCHED
)
UPDATE = (
    "mutation Update($id: String!, $input: IssueUpdateInput!) "
    "{ issueUpdate(id: $id, input: $input) { success issue { ...Touched } } }" + TOUCHED
)
ARCHIVE = "mutation Archive($id: String!) { issueArchive(id: $id, trash: true) { success } }"
COMMENT = "query Comment($id: String!) { comment(id: $id) { id body url issue { identifier } } }"
CREATE_COMMENT = (
    "mutation CreateComment($input: CommentCreateInput!) "
    "{ commentCreate(input: $input) { success comment { id body url issue { identifier } } } }"
)
DELETE_COMMENT = "mutation DeleteComment($id: String!) { commentDelete(id: $id) { success } }"


def made_id(key: str) -> str:
    """The UUID (version 4 in form, as Linear asks) of what the write with this key creates."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"linear/{key}".encode()).digest()[:16], version=4))


def described(description: str, links: Sequence[str]) -> str:
    """A description with its links beneath, as Markdown."""
    return "\n\n".join(part for part in (description.strip(), "\n".join(f"- {link}" for link in links)) if part)


def fields_of(record: Record) -> dict[str, Any]:
    """An issue's fields in human words."""
    milestone = record["projectMilestone"] or record["project"]
    return {
        "title": record["title"],
        "description": record["description"] or "",
        "team": record["team"]["name"],
        "state": record["state"]["name"],
        "priority": PRIORITIES[int(record["priority"])],
        "assignee": record["assignee"]["name"] if record["assignee"] else None,
        "labels": sorted(label["name"] for label in record["labels"]["nodes"]),
        "milestone": milestone["name"] if milestone else None,
        "due": record["dueDate"],
    }


async def issue_at(linear: Linear, ref: str) -> Record:
    """The issue of an identifier, a URL or an id. Raises BadArgument for what is none, NotFound if it is not there."""
    identifier = IDENTIFIER.search(ref.strip())
    if not identifier:
        raise BadArgument(f"{ref!r} is no issue of Linear: write one like ENG-311.", service=linear.name)
    return await record_of(linear, identifier.group(1).upper())


async def record_of(linear: Linear, ident: str) -> Record:
    """The issue of an id or identifier; one in the trash is not found."""
    record = dict((await linear.ask(TOUCHED_ISSUE, {"id": ident}))["issue"])
    if record["archivedAt"]:
        raise NotFound(f"{record['identifier']} is archived.", service=linear.name)
    return record


async def made(linear: Linear, mutation: str, variables: Record, field: str, there: str, ident: str) -> Record:
    """What a creating mutation made, now or when it was sent before; `there` asks for it by its id."""
    result, _, kind = field.partition(".")
    try:
        answer = (await linear.ask(mutation, variables))[result]
    except BadArgument as refused:
        try:
            record = (await linear.ask(there, {"id": ident}))[kind]
        except NotFound:
            raise refused from None
        if record.get("archivedAt"):
            raise
        return dict(record)
    if not answer["success"] or not answer[kind]:
        raise StepFailed(f"Linear did not do it ({result}).", service=linear.name)
    return dict(answer[kind])


def target_of(record: Record) -> Target:
    return Target(
        service="linear", kind="issue", ref=record["identifier"], title=record["title"], url=record["url"]
    )  # fmt: skip


def landed_issue(record: Record, names: Mapping[str, Any], said: str) -> Landed:
    words = fields_of(record)
    return Landed(
        ref=record["identifier"], url=record["url"], title=record["title"], said=said,
        state={name: words[name] for name in names}, undo={"id": record["id"]},
    )  # fmt: skip


class OnIssue:
    """What creating and changing an issue have in common: the issue is read back by its id."""

    connector: Linear

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            words = fields_of(await record_of(self.connector, landed.undo["id"]))
        except NotFound:
            return None
        return {name: words[name] for name in landed.state}


class CreateIssue(OnIssue, Action["Linear", IssuesCreate]):
    """A new issue. Its links stand beneath the description, so that all of it is one mutation."""

    verb = IssuesCreate
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: IssuesCreate) -> Change:
        linear = self.connector
        assignee = await account(linear, request.assignee) if request.assignee else None
        team, why = await team_of(linear, request.team, assignee)
        bound: dict[str, Any] = {"teamId": team["id"]}
        after: dict[str, Any] = {
            "title": request.title.strip(),
            "description": described(request.description, request.links),
            "team": team["name"],
        }
        if request.assignee:
            bound["assigneeId"] = assignee["id"] if assignee else None
            after["assignee"] = assignee["name"] if assignee else None
        if request.priority:
            bound["priority"], after["priority"] = PRIORITIES.index(request.priority), request.priority
        if request.labels:
            labels = await labels_of(linear, request.labels, team["id"])
            bound["labelIds"] = [label["id"] for label in labels]
            after["labels"] = sorted(label["name"] for label in labels)
        if request.milestone:
            project, milestone = await milestone_of(linear, request.milestone)
            bound["projectId"] = project["id"]
            bound |= {"projectMilestoneId": milestone["id"]} if milestone else {}
            after["milestone"] = (milestone or project)["name"]
        return Change(
            target=Target(service=linear.name, kind="issue", title=request.title),
            after=after, bound=bound, people=(assignee["name"],) if assignee else (),
            undo="The issue is moved to Linear's trash.",
            warnings=tuple(part for part in (why, await self._alike(request.title)) if part),
        )  # fmt: skip

    async def _alike(self, title: str) -> str:
        condition = {"title": {"eqIgnoreCase": title.strip()}, "state": {"type": {"in": list(OPEN)}}}
        found = (await self.connector.ask(ALIKE, {"filter": condition}))["issues"]["nodes"]
        refs = ", ".join(issue["identifier"] for issue in found)
        return f"There is an open issue with the same title: {refs}." if found else ""

    async def do(self, request: IssuesCreate, change: Change, key: str) -> Landed:
        ident = made_id(key)
        written = {"title": request.title, "description": described(request.description, request.links)}
        variables = {"input": {"id": ident, **change.bound, **written}}
        record = await made(self.connector, CREATE, variables, "issueCreate.issue", TOUCHED_ISSUE, ident)
        return landed_issue(record, change.after, f"Linear created {record['identifier']}.")

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        try:
            await record_of(self.connector, landed.undo["id"])
        except NotFound:
            return
        await self.connector.ask(ARCHIVE, {"id": landed.undo["id"]})


class UpdateIssue(OnIssue, Action["Linear", IssuesUpdate]):
    """Changed fields of an issue; undone by setting the former values."""

    verb = IssuesUpdate
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: IssuesUpdate) -> Change:
        linear = self.connector
        record = await issue_at(linear, request.ref)
        now = fields_of(record)
        after: dict[str, Any] = {}
        new: dict[str, Any] = {}
        former: dict[str, Any] = {}
        people = [record["assignee"]["name"]] if record["assignee"] else []
        if request.title is not None:
            after["title"] = request.title.strip()
        if request.description is not None:
            after["description"] = request.description.strip()
        if request.state:
            state = workflow_state(record["team"]["states"]["nodes"], request.state, linear.name)
            after["state"], new["stateId"], former["stateId"] = state["name"], state["id"], record["state"]["id"]
        if request.priority:
            after["priority"], new["priority"] = request.priority, PRIORITIES.index(request.priority)
            former["priority"] = int(record["priority"])
        if request.assignee:
            assignee = await account(linear, request.assignee)
            after["assignee"] = assignee["name"] if assignee else None
            new["assigneeId"] = assignee["id"] if assignee else None
            former["assigneeId"] = record["assignee"]["id"] if record["assignee"] else None
            people += [assignee["name"]] if assignee else []
        if request.labels is not None:
            labels = await labels_of(linear, request.labels, record["team"]["id"])
            after["labels"] = sorted(label["name"] for label in labels)
            new["labelIds"] = [label["id"] for label in labels]
            former["labelIds"] = [label["id"] for label in record["labels"]["nodes"]]
        if request.milestone:
            project, milestone = await milestone_of(linear, request.milestone)
            after["milestone"] = (milestone or project)["name"]
            new |= {"projectId": project["id"], "projectMilestoneId": milestone["id"] if milestone else None}
            former["projectId"] = record["project"]["id"] if record["project"] else None
            former["projectMilestoneId"] = record["projectMilestone"]["id"] if record["projectMilestone"] else None
        if request.due:
            after["due"] = new["dueDate"] = request.due.date().isoformat()
            former["dueDate"] = record["dueDate"]
        if not after:
            raise BadArgument("Say which field of the issue shall change.", service=linear.name)
        before = {name: now[name] for name in after}
        return Change(
            target=target_of(record), before=before, after=after, people=tuple(dict.fromkeys(people)),
            bound={"id": record["id"], "new": new, "former": former}, undo="The former values are set again.",
            warnings=(f"{record['identifier']} is like that already.",) if before == after else (),
        )  # fmt: skip

    async def do(self, request: IssuesUpdate, change: Change, key: str) -> Landed:
        new = dict(change.bound["new"])
        new |= {"title": request.title} if request.title is not None else {}
        new |= {"description": request.description} if request.description is not None else {}
        record = await self._set(change.bound["id"], new)
        return landed_issue(record, change.after, f"Linear changed {record['identifier']}.")

    async def _set(self, ident: str, values: Record) -> Record:
        answer = (await self.connector.ask(UPDATE, {"id": ident, "input": values}))["issueUpdate"]
        if not answer["success"]:
            raise StepFailed("Linear did not change the issue.", service=self.connector.name)
        return dict(answer["issue"])

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        former: Record = dict(change.bound["former"])
        former |= {name: change.before[name] for name in ("title", "description") if name in change.before}
        await self._set(change.bound["id"], former)


class CommentOnIssue(Action["Linear", IssuesComment]):
    """A comment beneath an issue; its subscribers are told."""

    verb = IssuesComment
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: IssuesComment) -> Change:
        record = await issue_at(self.connector, request.ref)
        named = [record[role]["name"] for role in ("assignee", "creator") if record[role]]
        told = dict.fromkeys([*named, *(user["name"] for user in record["subscribers"]["nodes"])])
        return Change(
            target=target_of(record), after={"text": request.text.strip()}, bound={"issueId": record["id"]},
            people=tuple(told), undo="The comment is deleted.",
        )  # fmt: skip

    async def do(self, request: IssuesComment, change: Change, key: str) -> Landed:
        ident = made_id(key)
        variables = {"input": {"id": ident, "issueId": change.bound["issueId"], "body": request.text}}
        record = await made(self.connector, CREATE_COMMENT, variables, "commentCreate.comment", COMMENT, ident)
        return Landed(
            ref=record["issue"]["identifier"], url=record["url"], title=change.target.title,
            state={"text": record["body"]}, undo={"id": record["id"]},
            said=f"Linear put the comment beneath {record['issue']['identifier']}.",
        )  # fmt: skip

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            return {"text": (await self.connector.ask(COMMENT, {"id": landed.undo["id"]}))["comment"]["body"]}
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        if await self.state(change, landed) is not None:
            await self.connector.ask(DELETE_COMMENT, {"id": landed.undo["id"]})


ACTIONS = (CreateIssue, UpdateIssue, CommentOnIssue)
