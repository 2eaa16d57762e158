"""What can be changed in the demo company's repository: issues, comments, reviews and pull requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from starlette.requests import Request

from app.demo.vendors.github_code import Code
from app.demo.vendors.github_failure import Failure, Write, unprocessable
from app.demo.vendors.github_pulls import State
from app.demo.vendors.github_records import Record, Repository, number_of, stamp
from app.demo.world import Artefact

LABELS = (
    "bug", "documentation", "duplicate", "enhancement", "good first issue", "help wanted", "invalid", "question",
    "wontfix", "priority: high", "priority: low",
)  # fmt: skip
VERDICTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


class Writing:
    """Changes the repository's records. What is made is dated by the world's now, a second apart."""

    def __init__(self, repository: Repository, code: Code) -> None:
        self.repository = repository
        self.code = code

    def table(self) -> list[tuple[str, str, Write]]:
        """Method and path below the repository, and what answers them."""
        return [
            ("POST", "/issues", self.create_issue),
            ("PATCH", "/issues/{number:int}", self.update_issue),
            ("POST", "/issues/{number:int}/comments", self.create_comment),
            ("DELETE", "/issues/comments/{ident:int}", self.delete_comment),
            ("POST", "/pulls", self.create_pull),
            ("PATCH", "/pulls/{number:int}", self.update_pull),
            ("PUT", "/pulls/{number:int}/merge", self.merge),
            ("POST", "/pulls/{number:int}/reviews", self.create_review),
            ("PUT", "/pulls/{number:int}/reviews/{ident:int}/dismissals", self.dismiss),
        ]

    def reads(self) -> list[tuple[str, Callable[[Request], Any]]]:
        """Paths below the repository that show what can be changed, and what answers them."""
        return [
            ("/issues", self.list_issues),
            ("/issues/{number:int}", lambda r: self.issue(r)),
            ("/issues/{number:int}/comments", lambda r: self.repository.comments.get(self.known(r), [])),
            ("/issues/comments/{ident:int}", lambda r: self.comment(r)),
            ("/pulls/{number:int}/reviews/{ident:int}", self.review),
            ("/labels", lambda r: list(self.labels.values())),
            ("/milestones", lambda r: list(self.milestones.values())),
        ]

    @property
    def me(self) -> Record:
        return self.repository.account(next(iter(self.repository.users)))

    @cached_property
    def labels(self) -> dict[str, Record]:
        return {
            name: {
                "id": number_of(f"label/{name}"), "node_id": f"LA_{number_of(name)}", "name": name, "color": "ededed",
                "url": f"{self.repository.api}/labels/{name.replace(' ', '%20')}", "description": None, "default": True,
            }
            for name in LABELS
        }  # fmt: skip

    @cached_property
    def milestones(self) -> dict[int, Record]:
        issues = self.repository.company.of_kind("issue")
        names = dict.fromkeys(str(issue["milestone"]) for issue in issues if issue["milestone"])
        since = stamp(self.repository.company.now - timedelta(days=90))
        return {
            number: {
                "id": number_of(f"milestone/{name}"), "node_id": f"MI_{number_of(name)}", "number": number,
                "title": name, "description": None, "state": "open", "open_issues": 0, "closed_issues": 0,
                "url": f"{self.repository.api}/milestones/{number}", "creator": self.me, "due_on": None,
                "html_url": f"{self.repository.html}/milestone/{number}", "closed_at": None, "created_at": since,
                "labels_url": f"{self.repository.api}/milestones/{number}/labels", "updated_at": since,
            }
            for number, name in enumerate(names, 1)
        }  # fmt: skip

    def known(self, request: Request) -> int:
        """The number of an issue or pull request that is there."""
        number = int(request.path_params["number"])
        if number not in self.repository.issues and number not in self.repository.states:
            raise Failure(404, "Not Found")
        return number

    def issue(self, request: Request) -> Record:
        number = self.known(request)
        return self.repository.issues.get(number) or self.repository.issue(number)

    def list_issues(self, request: Request) -> list[Record]:
        """Issues, the newest first; GitHub lists pull requests among them."""
        state = request.query_params.get("state", "open")
        numbers = sorted([*self.repository.issues, *self.repository.states], reverse=True)
        records = [self.repository.issues.get(n) or self.repository.issue(n) for n in numbers]
        records.sort(key=lambda record: str(record["created_at"]), reverse=True)
        return [record for record in records if state in ("all", record["state"])]

    def comment(self, request: Request) -> Record:
        ident = int(request.path_params["ident"])
        for comments in self.repository.comments.values():
            for comment in comments:
                if comment["id"] == ident:
                    return comment
        raise Failure(404, "Not Found")

    def create_issue(self, request: Request, sent: Record) -> tuple[int, Any]:
        title = _title("Issue", sent.get("title"))
        number = max([*self.repository.issues, *self.repository.states, 0]) + 1
        moment, api = stamp(self.repository.tick()), f"{self.repository.api}/issues/{number}"
        record: Record = {
            "url": api, "repository_url": self.repository.api, "labels_url": f"{api}/labels{{/name}}",
            "comments_url": f"{api}/comments", "events_url": f"{api}/events", "id": number_of(api),
            "html_url": f"{self.repository.html}/issues/{number}", "node_id": f"I_{number_of(api)}", "number": number,
            "title": title, "user": self.me, "labels": [], "state": "open", "locked": False,
            "assignee": None, "assignees": [], "milestone": None, "comments": 0, "created_at": moment,
            "updated_at": moment, "closed_at": None, "author_association": "MEMBER", "body": None, "closed_by": None,
        }  # fmt: skip
        self._apply(record, {name: value for name, value in sent.items() if name != "title"}, moment)
        self.repository.issues[number] = record
        return 201, record

    def update_issue(self, request: Request, sent: Record) -> tuple[int, Any]:
        number = self.known(request)
        if number not in self.repository.issues:
            raise Failure(403, "Resource not accessible by personal access token")
        record = self.repository.issues[number]
        self._apply(record, sent, stamp(self.repository.tick()))
        return 200, record

    def _apply(self, record: Record, sent: Record, moment: str | None) -> None:
        """Sets an issue's fields; nothing is set where one of the values is refused."""
        new: Record = {}
        if "title" in sent:
            new["title"] = _title("Issue", sent["title"])
        if "body" in sent:
            new["body"] = str(sent["body"]) if sent["body"] else None
        if "assignees" in sent:
            if strangers := [login for login in sent["assignees"] if login not in self.repository.users]:
                raise Failure(422, "Validation Failed", errors=[
                    {"value": login, "resource": "Issue", "field": "assignees", "code": "invalid"}
                    for login in strangers
                ])  # fmt: skip
            new["assignees"] = [self.repository.account(login) for login in sent["assignees"]]
            new["assignee"] = next(iter(new["assignees"]), None)
        if "labels" in sent:
            new["labels"] = [self.labels[name] for name in sent["labels"] if name in self.labels]
        if "milestone" in sent:
            if sent["milestone"] is not None and sent["milestone"] not in self.milestones:
                raise unprocessable("Issue", "milestone")
            new["milestone"] = self.milestones.get(sent["milestone"])
        if "state" in sent and sent["state"] not in ("open", "closed"):
            raise unprocessable("Issue", "state")
        if "state" in sent and (sent["state"], sent.get("state_reason")) != (
            record["state"],
            record.get("state_reason"),
        ):
            closed = sent["state"] == "closed"
            reason = sent.get("state_reason") or ("completed" if closed else "reopened")
            new |= {"state": sent["state"], "state_reason": reason, "closed_at": moment if closed else None}
        record.update({**new, "updated_at": moment})

    def create_comment(self, request: Request, sent: Record) -> tuple[int, Any]:
        number = self.known(request)
        if not str(sent.get("body") or "").strip():
            raise unprocessable("IssueComment", "body", "missing_field")
        moment = stamp(self.repository.tick())
        ident = number_of(f"{number}/comment/{self.repository.made}")
        kind = "issues" if number in self.repository.issues else "pull"
        comment = {
            "id": ident, "node_id": f"IC_{ident}", "url": f"{self.repository.api}/issues/comments/{ident}",
            "html_url": f"{self.repository.html}/{kind}/{number}#issuecomment-{ident}", "body": str(sent["body"]),
            "issue_url": f"{self.repository.api}/issues/{number}", "user": self.me, "created_at": moment,
            "updated_at": moment, "author_association": "MEMBER", "performed_via_github_app": None,
        }  # fmt: skip
        self.repository.comments.setdefault(number, []).append(comment)
        if number in self.repository.issues:
            self.repository.issues[number]["comments"] += 1
        return 201, comment

    def delete_comment(self, request: Request, sent: Record) -> tuple[int, Any]:
        comment = self.comment(request)
        self.repository.tick()
        for number, comments in self.repository.comments.items():
            if comment in comments:
                comments.remove(comment)
                if number in self.repository.issues:
                    self.repository.issues[number]["comments"] -= 1
        return 204, None

    def _pull(self, request: Request) -> State:
        number = int(request.path_params["number"])
        if number not in self.repository.states:
            raise Failure(404, "Not Found")
        return self.repository.states[number]

    def create_pull(self, request: Request, sent: Record) -> tuple[int, Any]:
        title, repository = _title("PullRequest", sent.get("title")), self.repository
        head = str(sent.get("head") or "").removeprefix(f"{repository.owner}:")
        tip = repository.source.heads.get(head)
        if tip is None:
            raise unprocessable("PullRequest", "head")
        if sent.get("base") != "main":
            raise unprocessable("PullRequest", "base")
        from_branch = [state for state in repository.states.values() if repository.branch(state) == head]
        if any(state.state == "open" for state in from_branch):
            said = f"A pull request already exists for {repository.owner}:{head}."
            raise unprocessable("PullRequest", "", "custom", said)
        if not repository.source.ahead(tip):
            said = f"No commits between main and {head}"
            raise unprocessable("PullRequest", "", "custom", said)
        # What the world only tells of a change is more than what its branch holds.
        told = next((state.artefact["files"] for state in from_branch if state.head_sha == tip), None)
        at, number = self.repository.tick(), max([*repository.issues, *repository.states, 0]) + 1
        author = next(iter(repository.logins))
        fields = {
            "title": title, "body": str(sent.get("body") or ""), "author": author, "draft": bool(sent.get("draft")),
            "files": self.code.changes(tip) if told is None else told, "checks": "pending", "branch": head,
            "state": "open",
        }  # fmt: skip
        repository.states[number] = State(
            artefact=Artefact(f"made-{number}", "pull_request", at, fields), number=number, state="open",
            merged=None, closed=None, updated=at, awaited=(), reviewed_at=at, merge_sha=tip, head_sha=tip,
        )  # fmt: skip
        return 201, repository.pull(number, full=True)

    def update_pull(self, request: Request, sent: Record) -> tuple[int, Any]:
        state = self._pull(request)
        wanted = sent.get("state", "open" if state.state == "open" else "closed")
        if wanted not in ("open", "closed") or (wanted == "open" and state.state == "merged"):
            raise unprocessable("PullRequest", "state")
        at = self.repository.tick()
        named: Record = {name: sent[name] for name in ("title", "body") if name in sent}
        artefact = replace(state.artefact, fields={**state.artefact.fields, **named})
        state = replace(state, artefact=artefact, updated=at)
        if wanted == "closed" and state.state == "open":
            state = replace(state, state="closed", closed=at)
        elif wanted == "open" and state.state == "closed":
            state = replace(state, state="open", closed=None)
        self.repository.states[state.number] = state
        return 200, self.repository.pull(state.number, full=True)

    def merge(self, request: Request, sent: Record) -> tuple[int, Any]:
        state = self._pull(request)
        if state.state != "open" or state.artefact["draft"]:
            raise Failure(
                405, "Pull Request is still a draft" if state.state == "open" else "Pull Request is not mergeable"
            )
        if sent.get("merge_method", "merge") not in ("merge", "squash", "rebase"):
            raise unprocessable("PullRequest", "merge_method")
        if sent.get("sha", state.head_sha) != state.head_sha:
            raise Failure(409, "Head branch was modified. Review and try the merge again.")
        at = self.repository.tick()
        pull, me = self.repository.pull(state.number), next(iter(self.repository.users.values()))
        message = f"{pull['title']} (#{state.number})\n\n{pull['body'] or ''}".strip()
        sha = self.repository.source.merge(state.head_sha, me["name"], me["email"], at, message)
        self.repository.states[state.number] = replace(
            state, state="merged", merged=at, closed=at, updated=at, awaited=(), merge_sha=sha
        )
        self.repository.__dict__.pop("commits", None)
        return 200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}

    def create_review(self, request: Request, sent: Record) -> tuple[int, Any]:
        state = self._pull(request)
        verdict, body = VERDICTS.get(str(sent.get("event"))), str(sent.get("body") or "")
        if verdict is None:
            raise unprocessable("PullRequestReview", "event")
        mine = self.repository.login(state.artefact["author"]) == self.me["login"]
        if mine and verdict != "COMMENTED":
            said = (
                "Can not approve your own pull request"
                if verdict == "APPROVED"
                else ("Can not request changes on your own pull request")
            )
            raise Failure(422, "Unprocessable Entity", errors=[said])
        if verdict != "APPROVED" and not body.strip():
            raise Failure(422, "Unprocessable Entity", errors=["Body can't be blank"])
        ident = number_of(f"{state.number}/review/{self.repository.made}")
        pull, moment = self.repository.pull(state.number), stamp(self.repository.tick())
        html = f"{pull['html_url']}#pullrequestreview-{ident}"
        review = {
            "id": ident, "node_id": f"PRR_{ident}", "user": self.me, "body": body, "state": verdict, "html_url": html,
            "pull_request_url": pull["url"], "submitted_at": moment, "author_association": "MEMBER",
            "_links": {"html": {"href": html}, "pull_request": {"href": pull["url"]}}, "commit_id": state.head_sha,
        }  # fmt: skip
        self.repository.given.setdefault(state.number, []).append(review)
        return 200, review

    def review(self, request: Request) -> Record:
        number, ident = int(request.path_params["number"]), int(request.path_params["ident"])
        for review in self.repository.reviews(self._pull(request).number):
            if review["id"] == ident:
                return review
        raise Failure(404, f"Not Found: review {ident} of {number}")

    def dismiss(self, request: Request, sent: Record) -> tuple[int, Any]:
        review = self.review(request)
        if not sent.get("message"):
            raise unprocessable("PullRequestReview", "message", "missing_field")
        if review["state"] not in ("APPROVED", "CHANGES_REQUESTED"):
            raise Failure(422, "Validation Failed", errors=["Can not dismiss a commented pull request review"])
        self.repository.tick()
        review["state"] = "DISMISSED"
        return 200, review


def _title(resource: str, title: Any) -> str:
    if not str(title or "").strip():
        raise unprocessable(resource, "title", "missing_field")
    return str(title).strip()
