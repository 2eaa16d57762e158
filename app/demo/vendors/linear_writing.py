"""What can be changed in the demo company's Linear: the mutations of its schema, with Linear's own checks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from graphql import GraphQLError

from app.demo.vendors.linear_connection import Connection, Record, invalid_input
from app.demo.vendors.linear_records import LABELS, Tracker, stamp


class Desk:
    """Changes a tracker's records. What it makes is dated by the world's now, a millisecond apart."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.made = 0

    def mutations(self) -> dict[str, Any]:
        """The root fields of a mutation."""
        return {
            "issueCreate": self.issue_create,
            "issueUpdate": self.issue_update,
            "issueArchive": self.issue_archive,
            "commentCreate": self.comment_create,
            "commentDelete": self.comment_delete,
            "attachmentCreate": self.attachment_create,
            "attachmentDelete": self.attachment_delete,
            "issueRelationCreate": self.relation_create,
            "issueRelationDelete": self.relation_delete,
        }

    def lookups(self) -> dict[str, Any]:
        """The root fields of a query that find one record by its id."""
        return {
            "issue": lambda info, id: self.issue(id),
            "comment": lambda info, id: _found("Comment", self.tracker.comments, id),
            "attachment": lambda info, id: _found("Attachment", self._of_issues("attachments"), id),
            "issueRelation": lambda info, id: _found("IssueRelation", self._of_issues("relations"), id),
        }

    def issue(self, ident: str) -> Record:
        """An issue by its id or identifier, archived ones too."""
        for record in self.tracker.issues:
            if ident in (record["id"], record["identifier"]):
                return record
        raise _not_found("Issue")

    def _of_issues(self, field: str) -> list[Record]:
        return [node for issue in self.tracker.issues for node in issue[field].nodes]

    def _tick(self) -> datetime:
        self.made += 1
        return self.tracker.company.now + timedelta(milliseconds=self.made)

    def _done(self, **more: Any) -> Record:
        return {"success": True, "lastSyncId": float(self.made), **more}

    def issue_create(self, info: Any, input: Record) -> Record:
        team = _found("Team", list(self.tracker.teams.values()), input["teamId"])
        title = _title(input.get("title"))
        taken = [issue["id"] for issue in self.tracker.issues]
        ident = _new_id("Issue", input.get("id"), taken, f"issue/{self.made}")
        number = max((int(issue["number"]) for issue in self.tracker.issues), default=0) + 1
        identifier = f"{team['key']}-{number}"
        moment = stamp(self._tick())
        me = self.tracker.root["viewer"]
        record: Record = {
            "id": ident, "identifier": identifier, "number": float(number), "branchName": identifier.lower(),
            "url": f"{self.tracker.base}/{self.tracker.slug}/issue/{identifier}", "title": title, "description": None,
            "priority": 0.0, "priorityLabel": LABELS[0], "createdAt": moment, "updatedAt": moment, "startedAt": None,
            "completedAt": None, "canceledAt": None, "archivedAt": None, "trashed": None, "dueDate": None,
            "state": team["defaultIssueState"], "assignee": None, "creator": me, "team": team, "project": None,
            "projectMilestone": None, "labels": Connection([]), "attachments": Connection([]),
            "comments": Connection([]), "relations": Connection([]), "inverseRelations": Connection([]),
            "subscribers": Connection([me]),
        }  # fmt: skip
        self._apply(record, {name: value for name, value in input.items() if name not in ("id", "teamId")})
        self.tracker.issues.append(record)
        team["issueCount"] += 1
        return self._done(issue=record)

    def issue_update(self, info: Any, id: str, input: Record) -> Record:
        record = self.issue(id)
        moment = stamp(self._tick())
        self._apply(record, input)
        record["updatedAt"] = moment
        return self._done(issue=record)

    def _apply(self, record: Record, given: Mapping[str, Any]) -> None:
        """Sets an issue's fields; nothing is set where one of the values is refused."""
        tracker, new = self.tracker, dict[str, Any]()
        moment = stamp(tracker.company.now + timedelta(milliseconds=self.made))
        for name, value in given.items():
            match name:
                case "title":
                    new["title"] = _title(value)
                case "description":
                    new["description"] = value.strip() or None if value is not None else None
                case "dueDate":
                    new["dueDate"] = value
                case "teamId":
                    new["team"] = _found("Team", list(tracker.teams.values()), value)
                case "assigneeId":
                    new["assignee"] = _found("User", list(tracker.users.values()), value) if value else None
                case "projectId":
                    projects = tracker.root["projects"].nodes
                    new["project"] = _found("Project", projects, value) if value else None
                case "projectMilestoneId":
                    milestones = list(tracker.milestones.values())
                    new["projectMilestone"] = _found("ProjectMilestone", milestones, value) if value else None
                case "labelIds":
                    labels = list(tracker.labels.values())
                    new["labels"] = Connection([_found("IssueLabel", labels, label) for label in value or ()])
                case "priority":
                    if value not in range(len(LABELS)):
                        raise invalid_input("Argument Validation Error: priority must not be greater than 4")
                    new |= {"priority": float(value), "priorityLabel": LABELS[value]}
                case "stateId":
                    state = _found("WorkflowState", record["team"]["states"].nodes, value)
                    new |= _moved(record, state, moment)
        record.update(new)
        assignee = record["assignee"]
        if assignee and assignee not in record["subscribers"].nodes:
            record["subscribers"].nodes.append(assignee)

    def issue_archive(self, info: Any, id: str, trash: bool | None = None) -> Record:
        record = self.issue(id)
        record |= {"archivedAt": stamp(self._tick()), "trashed": trash or None}
        return self._done(entity=record)

    def comment_create(self, info: Any, input: Record) -> Record:
        issue = self.issue(str(input.get("issueId")))
        body = str(input.get("body") or "").strip()
        if not body:
            raise invalid_input("Argument Validation Error: body should not be empty")
        taken = [comment["id"] for comment in self.tracker.comments]
        ident = _new_id("Comment", input.get("id"), taken, f"comment/{self.made}")
        moment = stamp(self._tick())
        comment: Record = {
            "id": ident, "body": body, "url": f"{issue['url']}#comment-{ident[:8]}", "createdAt": moment,
            "updatedAt": moment, "user": self.tracker.root["viewer"], "issue": issue,
        }  # fmt: skip
        self.tracker.comments.append(comment)
        issue["comments"].nodes.append(comment)
        issue["updatedAt"] = moment
        return self._done(comment=comment)

    def comment_delete(self, info: Any, id: str) -> Record:
        comment = _found("Comment", self.tracker.comments, id)
        self._tick()
        self.tracker.comments.remove(comment)
        comment["issue"]["comments"].nodes.remove(comment)
        return self._done(entityId=id)

    def attachment_create(self, info: Any, input: Record) -> Record:
        issue = self.issue(input["issueId"])
        if not input["url"].startswith(("http://", "https://")):
            raise invalid_input("Argument Validation Error: url must be a URL address")
        moment = stamp(self._tick())
        there = next((one for one in issue["attachments"].nodes if one["url"] == input["url"]), None)
        if there is None:
            taken = [one["id"] for one in self._of_issues("attachments")]
            ident = _new_id("Attachment", input.get("id"), taken, f"attachment/{self.made}")
            there = {"id": ident, "url": input["url"], "issue": issue, "sourceType": "api", "createdAt": moment}
            issue["attachments"].nodes.append(there)
        # Linear knows an attachment by its URL: a second one changes the first.
        there |= {"title": input["title"], "subtitle": input.get("subtitle"), "updatedAt": moment}
        return self._done(attachment=there)

    def attachment_delete(self, info: Any, id: str) -> Record:
        for issue in self.tracker.issues:
            for attachment in issue["attachments"].nodes:
                if attachment["id"] == id:
                    self._tick()
                    issue["attachments"].nodes.remove(attachment)
                    return self._done(entityId=id)
        raise _not_found("Attachment")

    def relation_create(self, info: Any, input: Record) -> Record:
        one, other = self.issue(input["issueId"]), self.issue(input["relatedIssueId"])
        if one is other:
            raise invalid_input("Argument Validation Error: an issue cannot be related to itself")
        taken = [relation["id"] for relation in self._of_issues("relations")]
        ident = _new_id("IssueRelation", input.get("id"), taken, f"relation/{self.made}")
        moment = stamp(self._tick())
        relation: Record = {
            "id": ident, "type": input["type"], "issue": one, "relatedIssue": other, "createdAt": moment,
            "updatedAt": moment,
        }  # fmt: skip
        one["relations"].nodes.append(relation)
        other["inverseRelations"].nodes.append(relation)
        return self._done(issueRelation=relation)

    def relation_delete(self, info: Any, id: str) -> Record:
        relation = _found("IssueRelation", self._of_issues("relations"), id)
        self._tick()
        relation["issue"]["relations"].nodes.remove(relation)
        relation["relatedIssue"]["inverseRelations"].nodes.remove(relation)
        return self._done(entityId=id)


def resolvers(tracker: Tracker) -> dict[str, Any]:
    """The root value of queries and mutations."""
    desk = Desk(tracker)
    return {**tracker.root, **desk.lookups(), **desk.mutations()}


def _found(kind: str, records: list[Record], ident: Any) -> Record:
    for record in records:
        if record["id"] == ident:
            return record
    raise _not_found(kind)


def _not_found(kind: str) -> GraphQLError:
    return invalid_input(f"Entity not found: {kind} - Could not find referenced {kind}.")


def _title(title: Any) -> str:
    if not str(title or "").strip():
        raise invalid_input("Argument Validation Error: title should not be empty")
    return str(title).strip()


def _new_id(kind: str, given: str | None, taken: list[str], otherwise: str) -> str:
    """The id that the caller gave, which must be a fresh UUID of version 4, or one of the desk's own."""
    if given is None:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"linear/made/{otherwise}"))
    try:
        valid = uuid.UUID(given).version == 4
    except ValueError:
        valid = False
    if not valid:
        raise invalid_input("Argument Validation Error: id must be a UUID")
    if given in taken:
        raise invalid_input(f"Entity {kind} with id {given} already exists.")
    return given


def _moved(record: Record, state: Record, moment: str | None) -> Record:
    """An issue's state, and when it was begun and ended, after it came into that state."""
    if state is record["state"]:
        return {}
    kind = state["type"]
    return {
        "state": state,
        "startedAt": record["startedAt"] or moment if kind in ("started", "completed") else None,
        "completedAt": moment if kind == "completed" else None,
        "canceledAt": moment if kind == "canceled" else None,
    }
