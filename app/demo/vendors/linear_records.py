"""The demo company's tracker as records with the field names of Linear's schema."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from functools import cached_property

from app.demo.company import Company
from app.demo.refs import team_key
from app.demo.vendors.linear_connection import Connection, Record
from app.demo.world import Artefact

PRIORITIES = {"none": 0, "urgent": 1, "high": 2, "medium": 3, "low": 4}
LABELS = ("No priority", "Urgent", "High", "Medium", "Low")
STATES = {
    "backlog": ("Backlog", "backlog"),
    "open": ("Todo", "unstarted"),
    "in_progress": ("In Progress", "started"),
    "in_review": ("In Review", "started"),
    "done": ("Done", "completed"),
    "cancelled": ("Canceled", "canceled"),
}


def stamp(moment: datetime | None) -> str | None:
    """A time as Linear writes it: UTC with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z" if moment else None


class Tracker:
    """All records of the company's Linear workspace at the world's now."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.base = f"{company.public_url}/linear"
        self.slug = next(
            (company.ref(issue.id).url.removeprefix(self.base).split("/")[1] for issue in company.of_kind("issue")),
            company.facts.name.lower(),
        )
        self._since = stamp(company.now - timedelta(days=900))
        self.labels: dict[str, Record] = {}
        self.issues = [self._issue(artefact) for artefact in company.of_kind("issue")]
        self.comments: list[Record] = []
        self._relate()

    @cached_property
    def root(self) -> Record:
        """What the query type resolves."""
        return {
            "viewer": next(iter(self.users.values())),
            "organization": {
                "id": _ident("organization", self.slug), "name": self.company.facts.name, "urlKey": self.slug,
                "userCount": len(self.users), "createdIssueCount": len(self.issues),
            },
            "issues": Connection(self.issues),
            "users": Connection(list(self.users.values())),
            "teams": Connection(list(self.teams.values())),
            "projectMilestones": Connection(list(self.milestones.values())),
            "projects": Connection(list({m["project"]["id"]: m["project"] for m in self.milestones.values()}.values())),
            "issueLabels": Connection(list(self.labels.values())),
        }  # fmt: skip

    @cached_property
    def teams(self) -> dict[str, Record]:
        """Every team by name; issues without one belong to the company's own."""
        named = [member.team for member in self.company.people]
        named += [issue["team"] for issue in self.company.of_kind("issue")]
        names = dict.fromkeys([self.company.facts.name, *(name for name in named if name)])
        return {name: self._team(name) for name in names}

    def _team(self, name: str) -> Record:
        own = name == self.company.facts.name
        states = [_state(name, *state, position) for position, state in enumerate(STATES.values())]
        count = sum((issue["team"] or self.company.facts.name) == name for issue in self.company.of_kind("issue"))
        return {
            "id": _ident("team", name), "key": team_key(self.company.facts.name, None if own else name), "name": name,
            "displayName": name, "createdAt": self._since, "updatedAt": self._since, "issueCount": count,
            "states": Connection(states), "defaultIssueState": states[0],
        }  # fmt: skip

    @cached_property
    def users(self) -> dict[str, Record]:
        """Everybody of the company by the world file's id."""
        return {
            member.id: {
                "id": _ident("user", member.id), "name": member.name, "displayName": member.email.split("@")[0],
                "email": member.email, "title": member.role or None, "active": True, "admin": False,
                "url": f"{self.base}/{self.slug}/profiles/{member.email.split('@')[0]}",
                "createdAt": self._since, "updatedAt": self._since,
                "teams": Connection([self.teams[member.team]] if member.team else []),
            }
            for member in self.company.people
        }  # fmt: skip

    @cached_property
    def milestones(self) -> dict[str, Record]:
        """Milestones by name; all belong to the company's one project. A milestone is due with its last issue."""
        issues = self.company.of_kind("issue")
        found: dict[str, Record] = {}
        for name in dict.fromkeys(str(issue["milestone"]) for issue in issues if issue["milestone"]):
            due = [issue.time("due") for issue in issues if issue["milestone"] == name]
            found[name] = {
                "id": _ident("milestone", name), "name": name, "createdAt": self._since, "updatedAt": self._since,
                "targetDate": max((day for at in due if (day := self._day(at))), default=None),
                "project": {
                    "id": _ident("project", "roadmap"), "name": "Roadmap", "slugId": "roadmap",
                    "url": f"{self.base}/{self.slug}/project/roadmap",
                },
            }  # fmt: skip
        return found

    def _day(self, moment: datetime | None) -> str | None:
        return moment.astimezone(self.company.facts.timezone).date().isoformat() if moment else None

    def _issue(self, artefact: Artefact) -> Record:
        assert artefact.at is not None
        ref, state = self.company.ref(artefact.id), self._state(artefact)
        name, kind = STATES[state]
        team = self.teams[artefact["team"] or self.company.facts.name]
        closed = artefact.time("closed") if state in ("done", "cancelled") else None
        milestone = self.milestones.get(str(artefact["milestone"]))
        pulls = [
            pull
            for name_of_pull in artefact["prs"] or ()
            if (pull := self.company.get(str(name_of_pull))) and pull.at and pull.at <= self.company.now
        ]
        moments = [artefact.at, closed, *(moment for pull in pulls for moment in (pull.at, pull.time("merged")))]
        priority = PRIORITIES[str(artefact["priority"] or "none")]
        started = artefact.at + timedelta(hours=1) if kind in ("started", "completed") else None
        return {
            "id": _ident("issue", artefact.id), "identifier": ref.ref, "number": float(ref.number), "url": ref.url,
            "title": self.company.words(artefact["title"]), "description": self.company.words(artefact["body"]) or None,
            "branchName": ref.ref.lower(), "priority": float(priority), "priorityLabel": LABELS[priority],
            "createdAt": stamp(artefact.at),
            "updatedAt": stamp(max(moment for moment in moments if moment and moment <= self.company.now)),
            "startedAt": stamp(started and min(started, self.company.now)),
            "completedAt": stamp(closed) if state == "done" else None,
            "canceledAt": stamp(closed) if state == "cancelled" else None, "dueDate": self._day(artefact.time("due")),
            "archivedAt": None, "trashed": None,
            "state": next(one for one in team["states"].nodes if one["name"] == name),
            "assignee": (assignee := self.users.get(str(artefact["assignee"]))),
            "creator": (creator := self.users.get(str(artefact["author"]))),
            "team": team,
            "project": milestone["project"] if milestone else None, "projectMilestone": milestone,
            "labels": Connection([self._label(str(label)) for label in artefact["labels"] or ()]),
            "attachments": Connection([self._attachment(pull) for pull in pulls]), "comments": Connection([]),
            "subscribers": Connection(list({u["id"]: u for u in (creator, assignee) if u}.values())),
        }  # fmt: skip

    def _state(self, artefact: Artefact) -> str:
        state, closed = str(artefact["state"]), artefact.time("closed")
        if state in ("done", "cancelled") and closed and closed > self.company.now:
            return "in_progress"
        return state

    def _label(self, name: str) -> Record:
        made = {"id": _ident("label", name), "name": name, "color": "#95a2b3", "isGroup": False, "team": None}
        return self.labels.setdefault(name, {**made, "createdAt": self._since})

    def _attachment(self, pull: Artefact) -> Record:
        ref, at = self.company.ref(pull.id), stamp(pull.at)
        return {
            "id": _ident("attachment", pull.id), "title": self.company.words(pull["title"]), "subtitle": ref.short,
            "url": ref.url, "sourceType": "github", "createdAt": at, "updatedAt": at,
        }  # fmt: skip

    def _relate(self) -> None:
        """Gives every issue its relations in both directions, from `blocks` and `blocked_by` alike."""
        artefacts = self.company.of_kind("issue")
        by_id = {artefact.id: record for artefact, record in zip(artefacts, self.issues, strict=True)}
        pairs: dict[tuple[str, str], None] = {}
        for artefact in artefacts:
            pairs |= {(artefact.id, str(other)): None for other in artefact["blocks"] or ()}
            pairs |= {(str(other), artefact.id): None for other in artefact["blocked_by"] or ()}
        relations: list[Record] = [
            {
                "id": _ident("relation", f"{first}/{second}"), "type": "blocks", "issue": by_id[first],
                "relatedIssue": by_id[second], "createdAt": by_id[second]["createdAt"],
                "updatedAt": by_id[second]["createdAt"],
            }
            for first, second in pairs
            if first in by_id and second in by_id
        ]  # fmt: skip
        for record in self.issues:
            for attachment in record["attachments"].nodes:
                attachment["issue"] = record
            record["relations"] = Connection([r for r in relations if r["issue"] is record])
            record["inverseRelations"] = Connection([r for r in relations if r["relatedIssue"] is record])


def _state(team: str, name: str, kind: str, position: int) -> Record:
    """A workflow state; every team has its own."""
    return {
        "id": _ident("state", f"{team}/{name}"), "name": name, "type": kind, "color": "#5e6ad2",
        "position": float(position),
    }  # fmt: skip


def _ident(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"linear/{kind}/{name}"))
