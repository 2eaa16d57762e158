"""The demo company's repository as GitHub's REST API describes it: users, pull requests, commits, files.

Shapes: github.com/github/rest-api-description (api.github.com).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from app.demo.company import Company
from app.demo.git_objects import CommitObject
from app.demo.source import Source
from app.demo.vendors.github_pulls import State, file_changes, reviews, state_of
from app.demo.world import Artefact

Record = dict[str, Any]
REPOSITORY_LINKS = (
    "assignees", "branches", "collaborators", "comments", "commits", "compare", "contents", "contributors",
    "deployments", "downloads", "events", "forks", "hooks", "keys", "labels", "languages", "merges", "milestones",
    "notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams",
    "trees", "archive", "blobs", "git_commits", "git_refs", "git_tags", "issue_comment", "issue_events", "issues",
)  # fmt: skip


def stamp(moment: datetime | None) -> str | None:
    """A time as GitHub writes it: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def number_of(text: str) -> int:
    """A stable id for something that has only a name."""
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:7], 16)


def logins(company: Company) -> dict[str, str]:
    """Each person's GitHub login by the world file's id: first letter and last name, the id where that is taken."""
    found: dict[str, str] = {}
    for member in company.people:
        words = re.sub(r"[^a-z ]", "", member.name.lower()).split() or [member.id]
        login = (words[0][0] + words[-1]) if len(words) > 1 else words[0]
        found[member.id] = login if login not in found.values() else member.id
    return found


class Repository:
    """Every record of the one repository that the demo company has, as it stands at the world's now."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.base = f"{company.public_url}/github"
        self.name = company.facts.repo
        self.owner = self.name.split("/")[0]
        self.logins = logins(company)
        self.issues: dict[int, Record] = {}
        self.comments: dict[int, list[Record]] = {}
        self.given: dict[int, list[Record]] = {}
        self.source = Source(company.story)
        self.made = 0

    def tick(self) -> datetime:
        """The time of what is made next: the world's now, a second later each time."""
        self.made += 1
        return self.company.now + timedelta(seconds=self.made)

    @property
    def api(self) -> str:
        return f"{self.base}/repos/{self.name}"

    @property
    def html(self) -> str:
        return f"{self.base}/{self.name}"

    def login(self, person: str | None) -> str:
        return self.logins.get(person or "", person or "ghost")

    def account(self, login: str, kind: str = "User") -> Record:
        """A simple user: what GitHub puts beside everything that somebody did."""
        url = f"{self.base}/users/{login}"
        links = (
            "followers",
            "following",
            "gists",
            "starred",
            "subscriptions",
            "organizations",
            "repos",
            "events",
            "received_events",
        )
        return {
            "login": login, "id": number_of(login), "node_id": f"U_{number_of(login)}", "gravatar_id": "",
            "avatar_url": f"{self.base}/avatars/{login}", "url": url, "html_url": f"{self.base}/{login}",
            **{f"{link}_url": f"{url}/{link}" for link in links}, "type": kind, "site_admin": False,
            "user_view_type": "public",
        }  # fmt: skip

    @cached_property
    def users(self) -> dict[str, Record]:
        """Full public users by login, of everybody in the company."""
        since = stamp(self.company.now - timedelta(days=900))
        empty = dict.fromkeys(("bio", "hireable", "location", "twitter_username"))
        return {
            self.logins[member.id]: {
                **self.account(self.logins[member.id]), **empty, "name": member.name, "email": member.email,
                "company": f"@{self.owner}", "blog": "", "followers": 0, "following": 0, "public_gists": 0,
                "public_repos": 0, "created_at": since, "updated_at": since,
            }
            for member in self.company.people
        }  # fmt: skip

    @cached_property
    def repository(self) -> Record:
        now = stamp(self.company.now)
        links = {f"{link}_url": f"{self.api}/{link}" for link in REPOSITORY_LINKS}
        zero = ("forks", "forks_count", "open_issues", "open_issues_count", "stargazers_count", "watchers")
        yes = ("private", "has_issues", "has_projects", "has_downloads")
        no = ("fork", "has_wiki", "has_pages", "has_discussions", "archived", "disabled", "is_template")
        return {
            "id": number_of(self.name), "node_id": f"R_{number_of(self.name)}", "name": self.name.split("/")[1],
            "full_name": self.name, "owner": self.account(self.owner, "Organization"), "html_url": self.html,
            "description": None, "url": self.api, **links, "git_url": f"git:{self.name}.git",
            "ssh_url": f"git@github.com:{self.name}.git", "clone_url": f"{self.html}.git", "svn_url": self.html,
            "mirror_url": None, "homepage": None, "language": None, "license": None, "default_branch": "main",
            **dict.fromkeys(zero, 0), "watchers_count": 0, "size": 0, "network_count": 0, "subscribers_count": 0,
            **dict.fromkeys(yes, True), **dict.fromkeys(no, False), "topics": [], "visibility": "private",
            "allow_forking": False, "web_commit_signoff_required": False,
            "created_at": stamp(self.company.now - timedelta(days=900)), "updated_at": now, "pushed_at": now,
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }  # fmt: skip

    @cached_property
    def states(self) -> dict[int, State]:
        """What is true by now of each pull request, by number; the newest first."""
        found = [state_of(self.company, artefact) for artefact in self.company.of_kind("pull_request")]
        return {state.number: state for state in sorted(found, key=lambda s: s.number, reverse=True)}

    def pull(self, number: int, full: bool = False) -> Record:
        """A pull request as the list gives it, or in full."""
        state = self.states[number]
        url, html = f"{self.api}/pulls/{number}", f"{self.html}/pull/{number}"
        issue = f"{self.api}/issues/{number}"
        author = self.account(self.login(state.artefact["author"]))
        waiting = [self.account(self.login(person)) for person in state.awaited]
        end = {
            "label": f"{self.owner}:main",
            "ref": "main",
            "sha": self.source.main,
            "user": author,
            "repo": self.repository,
        }
        links = {
            "self": url, "html": html, "issue": issue, "comments": f"{issue}/comments",
            "review_comments": f"{url}/comments", "review_comment": f"{self.api}/pulls/comments{{/number}}",
            "commits": f"{url}/commits", "statuses": f"{self.api}/statuses/{state.head_sha}",
        }  # fmt: skip
        branch = self.branch(state)
        open_now = state.state == "open"
        record: Record = {
            "url": url, "id": number_of(url), "node_id": f"PR_{number_of(url)}", "html_url": html,
            "diff_url": f"{html}.diff", "patch_url": f"{html}.patch", "issue_url": issue,
            "commits_url": links["commits"], "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"], "comments_url": links["comments"],
            "statuses_url": links["statuses"], "number": number, "locked": False, "user": author,
            "state": "open" if state.state == "open" else "closed",
            "title": self.company.words(state.artefact["title"]),
            "body": self.company.words(state.artefact["body"]) or None, "labels": [], "milestone": None,
            "draft": bool(state.artefact["draft"]), "created_at": stamp(state.artefact.at),
            "updated_at": stamp(state.updated), "closed_at": stamp(state.closed), "merged_at": stamp(state.merged),
            "merge_commit_sha": state.merge_sha if state.merged else None, "assignee": None, "assignees": [],
            "requested_reviewers": waiting, "requested_teams": [],
            "head": {**end, "label": f"{self.owner}:{branch}", "ref": branch, "sha": state.head_sha}, "base": end,
            "_links": {name: {"href": link} for name, link in links.items()}, "author_association": "MEMBER",
            "auto_merge": None,
        }  # fmt: skip
        if full:
            changes = file_changes(state.artefact)
            record |= {
                "merged": state.merged is not None, "mergeable": True if open_now else None,
                "mergeable_state": self._mergeable(state) if open_now else "unknown",
                "merged_by": author if state.merged else None, "comments": len(self.comments.get(number, ())),
                "maintainer_can_modify": False, "review_comments": len(self.given.get(number, ())), "commits": 1,
                "changed_files": len(changes),
                "additions": sum(change["additions"] for change in changes),
                "deletions": sum(change["deletions"] for change in changes),
            }  # fmt: skip
        return record

    def branch(self, state: State) -> str:
        """The branch that a pull request was opened from."""
        return str(state.artefact["branch"] or f"change-{state.number}")

    def _mergeable(self, state: State) -> str:
        if state.artefact["draft"]:
            return "draft"
        return "clean" if state.artefact["checks"] in ("success", None) else "unstable"

    def said(self, number: int) -> list[str]:
        """The comments and reviews beneath an issue or a pull request, as people read them."""
        records = [*self.comments.get(number, ()), *self.given.get(number, ())]
        return [f"{record['user']['login']}: {record['body']}" for record in records]

    def issue(self, number: int) -> Record:
        """A pull request as issue search gives it."""
        pull = self.pull(number)
        url = pull["issue_url"]
        same = (
            "html_url", "number", "title", "user", "labels", "state", "locked", "assignee", "assignees", "milestone",
            "created_at", "updated_at", "closed_at", "author_association", "body", "draft",
        )  # fmt: skip
        links = {name: pull[name] for name in ("url", "html_url", "diff_url", "patch_url", "merged_at")}
        return {
            "url": url, "repository_url": self.api, "labels_url": f"{url}/labels{{/name}}", "comments": 0,
            "comments_url": f"{url}/comments", "events_url": f"{url}/events", "id": number_of(url),
            "node_id": pull["node_id"], "score": 1.0, "pull_request": links, **{name: pull[name] for name in same},
        }  # fmt: skip

    def reviews(self, number: int) -> list[Record]:
        """The reviews that were given, oldest first."""
        pull = self.pull(number)
        found: list[Record] = []
        for person, verdict, at in reviews(self.states[number]):
            ident = number_of(f"{number}/{person}")
            html = f"{pull['html_url']}#pullrequestreview-{ident}"
            found.append(
                {
                    "id": ident, "node_id": f"PRR_{ident}", "user": self.account(self.login(person)), "body": "",
                    "state": verdict, "html_url": html, "pull_request_url": pull["url"], "submitted_at": stamp(at),
                    "_links": {"html": {"href": html}, "pull_request": {"href": pull["url"]}},
                    "commit_id": pull["head"]["sha"], "author_association": "MEMBER",
                }
            )  # fmt: skip
        return [*found, *self.given.get(number, ())]

    def files(self, number: int) -> list[Record]:
        """The files that a pull request changes, with their patches."""
        sha = self.states[number].head_sha
        return [self._changed(change, sha) for change in file_changes(self.states[number].artefact)]

    def _changed(self, change: Mapping[str, Any], sha: str) -> Record:
        path = change["filename"]
        return {
            **change, "sha": hashlib.sha1(str(change.get("patch")).encode(), usedforsecurity=False).hexdigest(),
            "blob_url": f"{self.html}/blob/{sha}/{path}", "raw_url": f"{self.html}/raw/{sha}/{path}",
            "contents_url": f"{self.api}/contents/{path}?ref={sha}",
        }  # fmt: skip

    def check_run(self, state: State) -> Record:
        """What continuous integration says of a pull request's head."""
        verdict = str(state.artefact["checks"])
        done = verdict in ("success", "failure")
        ident, started = number_of(state.head_sha), state.artefact.at
        url = f"{self.api}/check-runs/{ident}"
        return {
            "id": ident, "node_id": f"CR_{ident}", "head_sha": state.head_sha, "name": "ci", "external_id": "",
            "url": url, "html_url": f"{self.html}/runs/{ident}", "details_url": f"{self.html}/runs/{ident}",
            "status": "completed" if done else "in_progress", "conclusion": verdict if done else None,
            "started_at": stamp(started), "check_suite": {"id": ident}, "app": None, "pull_requests": [],
            "completed_at": stamp(min(started + timedelta(minutes=9), self.company.now)) if done and started else None,
            "output": {
                "title": None, "summary": None, "text": None, "annotations_count": 0,
                "annotations_url": f"{url}/annotations",
            },
        }  # fmt: skip

    @cached_property
    def commits(self) -> list[Record]:
        """Every commit of the default branch with its files, newest first: merges, and documents being added."""
        told = dict(self.source.story.commits)
        by_merge = {state.merge_sha: state for state in self.states.values() if state.merged}
        return [
            self.commit(commit, self._files_of(commit, told.get(commit.sha, ""), by_merge.get(commit.sha)))
            for commit in self.source.log(self.source.main)
        ]

    def _files_of(self, commit: CommitObject, artefact_id: str, merged: State | None) -> list[Record]:
        if merged is not None:
            changed = file_changes(merged.artefact)
        else:
            artefact = self.company.get(artefact_id)
            paths = [str(artefact["path"])] if artefact else sorted(self.source.files(commit.sha))
            changed = [self._added(commit.sha, path) for path in paths]
        return [self._changed(change, commit.sha) for change in changed]

    def _added(self, sha: str, path: str) -> Record:
        size = len(self.source.objects.read(self.source.files(sha)[path].sha)[1].splitlines())
        return {"filename": path, "status": "added", "additions": size, "deletions": 0, "changes": size}

    def changed(self, changes: list[Record], sha: str) -> list[Record]:
        """Files with their patches, as a commit or a comparison shows them."""
        return [self._changed(change, sha) for change in file_changes(Artefact("", "", None, {"files": changes}))]

    def commit(self, commit: CommitObject, files: list[Record]) -> Record:
        """A commit with its files."""
        url = f"{self.api}/commits/{commit.sha}"
        at = datetime.fromtimestamp(commit.at, UTC)
        signed = {"name": commit.name, "email": commit.email, "date": stamp(at)}
        member = next((member for member in self.company.people if member.email == commit.email), None)
        account = self.account(self.logins[member.id]) if member else None
        return {
            "url": url, "sha": commit.sha, "node_id": f"C_{commit.sha[:12]}",
            "html_url": f"{self.html}/commit/{commit.sha}", "comments_url": f"{url}/comments", "author": account,
            "committer": account,
            "commit": {
                "url": f"{self.api}/git/commits/{commit.sha}", "author": signed, "committer": signed,
                "message": commit.message, "comment_count": 0,
                "tree": {"url": f"{self.api}/git/trees/{commit.tree}", "sha": commit.tree},
            },
            "parents": [
                {"sha": parent, "url": f"{self.api}/commits/{parent}", "html_url": f"{self.html}/commit/{parent}"}
                for parent in commit.parents
            ],
            "files": files,
        }  # fmt: skip
