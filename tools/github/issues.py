"""What Deus does with GitHub's issues: creates them, changes them, comments on them.

GitHub has no key against repetition, so what is created bears a mark (see `mark`) and is looked for by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tools.github.mark import Record, bearing, mark_of, marked, unmarked
from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.choice import chosen, person
from tools.kit.errors import BadArgument, NotFound
from tools.kit.paging import all_by_link
from tools.verbs import PeopleFind
from tools.writes import IssuesComment, IssuesCreate, IssuesUpdate

if TYPE_CHECKING:
    from tools.github import GitHub

NOBODY = frozenset({"nobody", "none", "unassigned"})
RANKS = {"p0": "urgent", "p1": "high", "p2": "medium", "p3": "low", "critical": "urgent"}
PRIORITY = re.compile(r"(?:prio(?:rity)?[ :/-]+)?(urgent|critical|high|medium|low|p[0-3])")
STATES: Mapping[str, tuple[str, str | None]] = {
    "done": ("closed", "completed"), "cancelled": ("closed", "not_planned"),
    "backlog": ("open", None), "open": ("open", None), "in_progress": ("open", None), "in_review": ("open", None),
}  # fmt: skip


async def login_of(github: GitHub, asked: str) -> str | None:
    """The login of a person; None for nobody."""
    wanted = asked.strip().lstrip("@").casefold()
    if wanted in NOBODY:
        return None
    if wanted in ("me", "myself"):
        return str((await github.wire.get("user")).data["login"])
    people = await github.people_find(PeopleFind(limit=200))
    return person(asked, people, lambda one: (one.name, one.handle, one.email), service=github.name).handle


async def labels_of(github: GitHub, repo: str, asked: Sequence[str]) -> list[str]:
    """The repository's labels of these names; GitHub would make unknown ones, which nobody asked for."""
    there = await _label_names(github, repo)
    return [chosen(one, there, lambda name: (name,), what="label", service=github.name) for one in asked]


async def priority_labels(github: GitHub, repo: str, priority: str) -> tuple[str | None, list[str]]:
    """The label that stands for a priority in this repository, and all labels that stand for one."""
    ranked = [(PRIORITY.fullmatch(name.casefold()), name) for name in await _label_names(github, repo)]
    of_priority = [(RANKS.get(match.group(1), match.group(1)), name) for match, name in ranked if match]
    return next((name for rank, name in of_priority if rank == priority), None), [name for _, name in of_priority]


async def _label_names(github: GitHub, repo: str) -> list[str]:
    there: list[Record] = await all_by_link(github.wire, f"repos/{repo}/labels", 500)
    return [str(label["name"]) for label in there]


async def milestone_of(github: GitHub, repo: str, asked: str) -> Record:
    """The open milestone of this title."""
    there: list[Record] = await all_by_link(github.wire, f"repos/{repo}/milestones", 200)
    return chosen(asked, there, lambda one: (one["title"],), what="milestone", service=github.name)


async def repository_of(github: GitHub, asked: str | None) -> str:
    """The repository that is asked for, or the usual one. Raises BadArgument for a team: GitHub's issues have none."""
    usual = await github.repository()
    if not asked or asked.strip().casefold() in (usual.casefold(), usual.split("/")[-1].casefold()):
        return usual
    if asked.count("/") == 1:
        return str((await github.wire.get(f"repos/{asked.strip()}")).data["full_name"])
    raise BadArgument(
        f"{asked!r} is no repository: write owner/name, or leave it out for {usual}.", service=github.name
    )


def fields_of(record: Record) -> dict[str, Any]:
    """An issue's fields in human words."""
    reason = record.get("state_reason") if record["state"] == "closed" else None
    return {
        "title": record["title"],
        "description": unmarked(record.get("body")),
        "repository": "/".join(record["repository_url"].split("/")[-2:]),
        "state": f"closed as {reason.replace('_', ' ')}" if reason else record["state"],
        "assignee": ", ".join(sorted(one["login"] for one in record.get("assignees") or ())) or None,
        "labels": sorted(label["name"] for label in record["labels"]),
        "milestone": record["milestone"]["title"] if record.get("milestone") else None,
    }


async def issue_at(github: GitHub, ref: str) -> tuple[str, Record]:
    """The API's path of an issue, and the issue. A pull request is none."""
    repo, number = await github.place(ref)
    path = f"repos/{repo}/issues/{number}"
    record = dict((await github.wire.get(path)).data)
    if "pull_request" in record:
        raise BadArgument(f"{repo}#{number} is a pull request, not an issue.", service=github.name)
    return path, record


def ref_of(record: Record) -> str:
    return f"{'/'.join(record['repository_url'].split('/')[-2:])}#{record['number']}"


def target_of(record: Record) -> Target:
    return Target(service="github", kind="issue", ref=ref_of(record), title=record["title"], url=record["html_url"])


def landed_issue(record: Record, names: Mapping[str, Any], said: str) -> Landed:
    words = fields_of(record)
    path = f"repos/{words['repository']}/issues/{record['number']}"
    return Landed(
        ref=ref_of(record), url=record["html_url"], title=record["title"], said=said,
        state={name: words[name] for name in names}, undo={"path": path},
    )  # fmt: skip


class OnIssue:
    """What creating and changing an issue have in common: it is read back by its path."""

    connector: GitHub

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            words = fields_of((await self.connector.wire.get(landed.undo["path"])).data)
        except NotFound:
            return None
        return {name: words[name] for name in landed.state}

    async def _set(self, path: str, values: Record) -> Record:
        # The same values set twice are the same issue, so the wire may repeat it.
        return dict((await self.connector.wire.request("PATCH", path, body=values)).data)


class CreateIssue(OnIssue, Action["GitHub", IssuesCreate]):
    """A new issue of the repository; its links stand beneath the description."""

    verb = IssuesCreate
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: IssuesCreate) -> Change:
        github = self.connector
        repo = await repository_of(github, request.team)
        labels = await labels_of(github, repo, request.labels)
        warnings: list[str] = []
        if request.priority and request.priority != "none":
            label, _ = await priority_labels(github, repo, request.priority)
            labels += [label] if label and label not in labels else []
            warnings += [] if label else [f"{repo} has no label for the priority {request.priority}; it is left out."]
        bound: dict[str, Any] = {"repo": repo, "labels": labels}
        after: dict[str, Any] = {
            "title": request.title.strip(),
            "description": _described(request),
            "repository": repo,
            "state": "open",
        }
        if labels:
            after["labels"] = sorted(labels)
        login = await login_of(github, request.assignee) if request.assignee else None
        if request.assignee:
            bound["assignees"] = [login] if login else []
            after["assignee"] = login
        if request.milestone:
            milestone = await milestone_of(github, repo, request.milestone)
            bound["milestone"], after["milestone"] = milestone["number"], milestone["title"]
        listed: list[Record] = await all_by_link(github.wire, f"repos/{repo}/issues", 300)
        same = [ref_of(one) for one in listed if one["title"].casefold() == request.title.strip().casefold()]
        warnings += [f"There is an open issue with the same title: {', '.join(same)}."] if same else []
        return Change(
            target=Target(service=github.name, kind="issue", title=request.title), after=after, bound=bound,
            people=(login,) if login else (), undo="The issue is closed as not planned.", warnings=tuple(warnings),
        )  # fmt: skip

    async def do(self, request: IssuesCreate, change: Change, key: str) -> Landed:
        given = {name: value for name, value in change.bound.items() if name != "repo"}
        body = {"title": request.title.strip(), "body": marked(_described(request), key), **given}
        record = (await self.connector.wire.post(f"repos/{change.bound['repo']}/issues", body, repeat=False)).data
        return landed_issue(record, change.after, f"GitHub created {ref_of(record)}.")

    async def find(self, request: IssuesCreate, change: Change, key: str) -> Landed | None:
        newest_first = {"state": "all", "sort": "created", "direction": "desc"}
        record = await bearing(self.connector, f"repos/{change.bound['repo']}/issues", key, newest_first)
        return landed_issue(record, change.after, f"GitHub created {ref_of(record)}.") if record else None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await self._set(landed.undo["path"], {"state": "closed", "state_reason": "not_planned"})


class UpdateIssue(OnIssue, Action["GitHub", IssuesUpdate]):
    """Changed fields of an issue; undone by setting the former values."""

    verb = IssuesUpdate
    repeat: ClassVar[Repeat] = "idempotent"

    async def preview(self, request: IssuesUpdate) -> Change:
        github = self.connector
        path, record = await issue_at(github, request.ref)
        repo, now = path.removeprefix("repos/").partition("/issues/")[0], fields_of(record)
        after: dict[str, Any] = {}
        new: Record = {}
        former: Record = {}
        warnings: list[str] = []
        if request.due:
            raise BadArgument("GitHub's issues have no due date; a milestone has one.", service=github.name)
        if request.title is not None:
            after["title"], former["title"] = request.title.strip(), record["title"]
        if request.description is not None:
            after["description"], former["body"] = request.description.strip(), record.get("body") or ""
        if request.state:
            state, reason = STATES[request.state]
            after["state"] = f"closed as {str(reason).replace('_', ' ')}" if state == "closed" else state
            new |= {"state": state, "state_reason": reason} if reason else {"state": state}
            former["state"] = record["state"]
            former |= {"state_reason": record["state_reason"]} if record.get("state_reason") else {}
            if request.state in ("backlog", "in_progress", "in_review"):
                warnings.append("GitHub's issues are open or closed, nothing between.")
        if request.assignee:
            login = await login_of(github, request.assignee)
            after["assignee"], new["assignees"] = login, [login] if login else []
            former["assignees"] = [one["login"] for one in record.get("assignees") or ()]
        labels = None if request.labels is None else await labels_of(github, repo, request.labels)
        if request.priority:
            label, of_priority = await priority_labels(github, repo, request.priority)
            if not label and request.priority != "none":
                raise BadArgument(f"{repo} has no label for the priority {request.priority}.", service=github.name)
            kept = now["labels"] if labels is None else labels
            labels = [name for name in kept if name not in of_priority] + ([label] if label else [])
        if labels is not None:
            after["labels"], new["labels"] = sorted(labels), labels
            former["labels"] = now["labels"]
        if request.milestone:
            milestone = await milestone_of(github, repo, request.milestone)
            after["milestone"], new["milestone"] = milestone["title"], milestone["number"]
            former["milestone"] = record["milestone"]["number"] if record.get("milestone") else None
        if not after:
            raise BadArgument("Say which field of the issue shall change.", service=github.name)
        before = {name: now[name] for name in after}
        warnings += [f"{ref_of(record)} is like that already."] if before == after else []
        told = [
            *(one["login"] for one in record.get("assignees") or ()),
            *([after["assignee"]] if after.get("assignee") else []),
        ]
        return Change(
            target=target_of(record), before=before, after=after, people=tuple(dict.fromkeys(told)),
            bound={"path": path, "new": new, "former": former, "mark": mark_of(record.get("body"))},
            undo="The former values are set again.", warnings=tuple(warnings),
        )  # fmt: skip

    async def do(self, request: IssuesUpdate, change: Change, key: str) -> Landed:
        new: Record = dict(change.bound["new"])
        if request.title is not None:
            new["title"] = request.title.strip()
        if request.description is not None:
            new["body"] = request.description.strip() + change.bound["mark"]
        record = await self._set(change.bound["path"], new)
        return landed_issue(record, change.after, f"GitHub changed {ref_of(record)}.")

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await self._set(change.bound["path"], change.bound["former"])


class CommentOnIssue(Action["GitHub", IssuesComment]):
    """A comment beneath an issue; those who take part in it are told."""

    verb = IssuesComment
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: IssuesComment) -> Change:
        path, record = await issue_at(self.connector, request.ref)
        return await comment_change(self.connector, path, target_of(record), [record], request.text)

    async def do(self, request: IssuesComment, change: Change, key: str) -> Landed:
        return await put_comment(self.connector, change, request.text, key)

    async def find(self, request: IssuesComment, change: Change, key: str) -> Landed | None:
        return await find_comment(self.connector, change, key)

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        return await comment_state(self.connector, landed)

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await delete_comment(self.connector, landed)


async def comment_change(github: GitHub, path: str, target: Target, records: Sequence[Record], text: str) -> Change:
    """What a comment beneath an issue or a pull request would do; GitHub tells everybody who took part."""
    earlier: list[Record] = await all_by_link(github.wire, f"{path}/comments", 100)
    accounts = [one.get("user") for one in (*records, *earlier)]
    for record in records:
        accounts += [*(record.get("assignees") or ()), *(record.get("requested_reviewers") or ())]
    return Change(
        target=target, after={"text": text.strip()}, bound={"path": path}, undo="The comment is deleted.",
        people=tuple(dict.fromkeys(account["login"] for account in accounts if account)),
    )  # fmt: skip


async def put_comment(github: GitHub, change: Change, text: str, key: str) -> Landed:
    body = {"body": marked(text, key)}
    return _landed_comment(
        (await github.wire.post(f"{change.bound['path']}/comments", body, repeat=False)).data, change
    )


async def find_comment(github: GitHub, change: Change, key: str) -> Landed | None:
    record = await bearing(github, f"{change.bound['path']}/comments", key)
    return _landed_comment(record, change) if record else None


async def comment_state(github: GitHub, landed: Landed) -> Mapping[str, Any] | None:
    try:
        return {"text": unmarked((await github.wire.get(landed.undo["path"])).data["body"])}
    except NotFound:
        return None


async def delete_comment(github: GitHub, landed: Landed) -> None:
    if await comment_state(github, landed) is not None:
        await github.wire.request("DELETE", landed.undo["path"])


def _landed_comment(record: Record, change: Change) -> Landed:
    repo = change.bound["path"].removeprefix("repos/").partition("/issues/")[0]
    return Landed(
        ref=change.target.ref, url=record["html_url"], title=change.target.title,
        state={"text": unmarked(record["body"])}, undo={"path": f"repos/{repo}/issues/comments/{record['id']}"},
        said=f"GitHub put the comment beneath {change.target.ref}.",
    )  # fmt: skip


def _described(request: IssuesCreate) -> str:
    links = "\n".join(f"- {link}" for link in request.links)
    return "\n\n".join(part for part in (request.description.strip(), links) if part)


ISSUE_ACTIONS = (CreateIssue, UpdateIssue, CommentOnIssue)
