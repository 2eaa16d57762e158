"""GitHub: pull requests with their reviews, checks and files; commits; the repository's files; its people.

REST API 2022-11-28, github.com/github/rest-api-description. Works with GitHub Enterprise Server by its base URL.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from tools import verbs
from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, matches, serves, together
from tools.kit.errors import BadArgument, NotFound
from tools.kit.paging import all_by_link, by_link
from tools.kit.wire import Params, WireOptions
from tools.kit.words import hits, query_words
from tools.nouns import Code, Commit, Document, FileChange, Person, PullRequest, Review

Record = dict[str, Any]
DETAILED = 40
READ = 80
EXCERPT = 15
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PROSE = (".md", ".mdx", ".txt", ".rst")
FAILED = frozenset({"failure", "timed_out", "action_required", "startup_failure", "cancelled"})
PULL = re.compile(r"^(?:https?://[^/]+/(?:.*/)?)?(?:([\w.-]+/[\w.-]+)(?:#|/pull/))?#?(\d+)/?$")


class GitHubSettings(ServiceSettings):
    """How to reach one repository."""

    base_url: str = Field(
        default="https://api.github.com", description="the API's address; https://HOST/api/v3 for GitHub Enterprise"
    )
    token: SecretStr = Field(
        description="a fine-grained token (Settings → Developer settings) that may read the repository's contents, "
        "pull requests and checks, and the organization's members"
    )
    repo: str = Field(
        default="",
        pattern=r"^([\w.-]+/[\w.-]+)?$",
        description="the repository as owner/name; the one that was pushed to last if left out",
    )


class GitHub(Connector):
    """One repository of GitHub. `ref` of a file is owner/name/path, of a pull request owner/name#number."""

    name = "github"
    title = "GitHub"
    Settings = GitHubSettings
    _repo: str = ""

    @classmethod
    def wire_options(cls, settings: GitHubSettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url,
            auth=Token(settings.token),
            headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
            concurrency=10,
            pool=("x-ratelimit-resource", "core"),
        )

    async def check(self) -> Sight:
        repo = (await self.wire.get(f"repos/{await self._repository()}")).data
        return Sight(repo["full_name"], (f"repository {repo['full_name']}, branch {repo['default_branch']}",))

    @serves(verbs.PullsSearch)
    async def pulls_search(self, request: verbs.PullsSearch) -> Sequence[PullRequest]:
        logins = await self._logins(request.author) if request.author else None
        found: list[Record] = []
        async for record in self._searched(request) if query_words(request.text, 1) else self._listed(request):
            if _fits(record, request, logins):
                found.append(record)
            if len(found) >= request.limit:
                break
        detailed = await together(self._detailed(record) for record in found[:DETAILED])
        return [*detailed, *(_pull(record) for record in found[DETAILED:])]

    @serves(verbs.PullsGet)
    async def pulls_get(self, request: verbs.PullsGet) -> Sequence[PullRequest]:
        repo, number = await self._place(request.ref)
        record = (await self.wire.get(f"repos/{repo}/pulls/{number}")).data
        return [await self._detailed(record, every_file=True)]

    @serves(verbs.PullsDiff)
    async def pulls_diff(self, request: verbs.PullsDiff) -> Sequence[PullRequest]:
        return await self.pulls_get(verbs.PullsGet(ref=request.ref))

    @serves(verbs.PullsReviews)
    async def pulls_reviews(self, request: verbs.PullsReviews) -> Sequence[Review]:
        repo, number = await self._place(request.ref)
        path = f"repos/{repo}/pulls/{number}"
        pull = (await self.wire.get(path)).data
        given = await all_by_link(self.wire, f"{path}/reviews", 500)
        ref = f"{_full_name(pull)}#{number}"
        title = pull["title"]
        return [
            *(_review(record, ref, title, pull) for record in given),
            *(
                Review(service=self.name, ref=f"{ref}/requested/{person['login']}", url=pull["html_url"],
                       at=pull["updated_at"], title=title, author=person["login"], state="requested")
                for person in pull.get("requested_reviewers") or ()
            ),
        ]  # fmt: skip

    @serves(verbs.CommitsList)
    async def commits_list(self, request: verbs.CommitsList) -> Sequence[Commit]:
        repo = await self._repository()
        params: Params = {
            "since": _stamp(request.since),
            "until": _stamp(request.until),
            "path": request.path,
            "per_page": min(100, request.limit + 1),
        }
        found: list[Commit] = []
        async for page in by_link(self.wire, f"repos/{repo}/commits", params):
            commits = [_commit(record, repo) for record in page.data]
            found += [commit for commit in commits if request.until is None or commit.at < request.until]
            if len(found) >= request.limit:
                break
        return found[: request.limit]

    @serves(verbs.CodeSearch)
    async def code_search(self, request: verbs.CodeSearch) -> Sequence[Code]:
        repo = await self._repository()
        words = query_words(request.text, 8)
        found = await self._code_hits(repo, words, request.limit)
        if not found:
            # GitHub wants all words in one file. Its limit of ten code searches a minute allows few more questions.
            each = await together(self._code_hits(repo, [word], request.limit) for word in words[:4])
            found = list(dict.fromkeys(path for paths in each for path in paths))
        files = await together(self._code(repo, path, request.text) for path in found[:DETAILED])
        return sorted(files, key=lambda file: -hits(request.text, file.text()))[: request.limit]

    @serves(verbs.CodeRead)
    async def code_read(self, request: verbs.CodeRead) -> Sequence[Code]:
        repo, path = await self._file_place(request.path)
        return [await self._code(repo, path, revision=request.revision)]

    @serves(verbs.DocumentsSearch)
    async def documents_search(self, request: verbs.DocumentsSearch) -> Sequence[Document]:
        repo = await self._repository()
        tree = (await self.wire.get(f"repos/{repo}/git/trees/HEAD", {"recursive": "1"})).data["tree"]
        paths = [entry["path"] for entry in tree if entry["type"] == "blob" and entry["path"].lower().endswith(PROSE)]
        # Where there is more prose than can be read, the files whose path says it come first, then the shallow ones.
        paths.sort(key=lambda path: (not (request.text and matches(request.text, path)), path.count("/"), path))
        contents = await together(self._content(repo, path) for path in paths[:READ])
        kept = [record for record in contents if matches(request.text, record["path"], _decoded(record))]
        kept.sort(key=lambda record: -hits(request.text, f"{record['path']} {_decoded(record)}"))
        return await together(self._document(repo, record) for record in kept[: request.limit])

    @serves(verbs.DocumentsRead)
    async def documents_read(self, request: verbs.DocumentsRead) -> Sequence[Document]:
        repo, path = await self._file_place(request.ref)
        return [await self._document(repo, await self._content(repo, path))]

    @serves(verbs.PeopleFind)
    async def people_find(self, request: verbs.PeopleFind) -> Sequence[Person]:
        repo = await self._repository()
        try:
            accounts = await all_by_link(self.wire, f"orgs/{repo.split('/')[0]}/members", 500)
        except NotFound:
            # The owner is a person, not an organization.
            accounts = await all_by_link(self.wire, f"repos/{repo}/contributors", 500)
        logins = [account["login"] for account in accounts if account.get("login")]
        users = await together(self.wire.get(f"users/{quote(login)}") for login in logins)
        people = [_person(user.data) for user in users]
        found = [p for p in people if matches(request.text, p.name, p.handle, p.email)]
        return found[: request.limit]

    async def _repository(self) -> str:
        """The repository's full name: the setting, or the one that the token saw pushed to last."""
        if not self._repo:
            self._repo = self.settings.repo
        if not self._repo:
            seen = (await self.wire.get("user/repos", {"sort": "pushed", "per_page": 1})).data
            if not seen:
                raise NotFound("The GitHub token sees no repository.", service=self.name)
            self._repo = seen[0]["full_name"]
        return self._repo

    async def _place(self, ref: str) -> tuple[str, int]:
        parts = PULL.match(ref.strip())
        if not parts:
            raise BadArgument(f"{ref!r} is no pull request: write owner/repo#12.", service=self.name)
        return parts.group(1) or await self._repository(), int(parts.group(2))

    async def _file_place(self, ref: str) -> tuple[str, str]:
        repo = await self._repository()
        path = ref.strip().removeprefix(f"{repo}/").lstrip("/")
        if not path or ".." in path.split("/") or "://" in path:
            raise NotFound(f"{ref!r} is no file of {repo}: write owner/repo/path.", service=self.name)
        return repo, path

    async def _listed(self, request: verbs.PullsSearch) -> AsyncIterator[Record]:
        """The repository's pull requests by their last change, newest first, as far back as the period reaches."""
        state = {"open": "open", "merged": "closed", "closed": "closed"}.get(request.state, "all")
        params: Params = {"state": state, "sort": "updated", "direction": "desc", "per_page": 100}
        async for page in by_link(self.wire, f"repos/{await self._repository()}/pulls", params):
            for record in page.data:
                if request.since and _time(record["updated_at"]) < request.since:
                    return
                yield record

    async def _searched(self, request: verbs.PullsSearch) -> AsyncIterator[Record]:
        """What GitHub's search finds for any of the words, newest first. It takes five OR at most."""
        repo = await self._repository()
        state = {"open": " is:open", "merged": " is:merged", "closed": " is:closed"}.get(request.state, "")
        since = f" updated:>={_stamp(request.since)}" if request.since else ""
        words = " OR ".join(query_words(request.text, 6))
        params: Params = {
            "q": f"repo:{repo} is:pr{state}{since} ({words})", "sort": "updated", "order": "desc",
            "per_page": min(100, request.limit), "advanced_search": "true",
        }  # fmt: skip
        async for page in by_link(self.wire, "search/issues", params):
            for record in page.data["items"]:
                yield {**record, "merged_at": record["pull_request"].get("merged_at")}

    async def _detailed(self, record: Record, every_file: bool = False) -> PullRequest:
        path = f"repos/{_full_name(record)}/pulls/{record['number']}"
        if "head" not in record:
            record = (await self.wire.get(path)).data
        files, reviews, runs = await together(
            [
                all_by_link(self.wire, f"{path}/files", 3000 if every_file else 100),
                all_by_link(self.wire, f"{path}/reviews", 100),
                self._runs(f"repos/{_full_name(record)}/commits/{record['head']['sha']}"),
            ]
        )
        return _pull(record, files, reviews, runs)

    async def _runs(self, path: str) -> list[Record]:
        """Check runs, or, where nothing runs as a check, commit statuses in their form."""
        runs: list[Record] = (await self.wire.get(f"{path}/check-runs", {"per_page": 100})).data["check_runs"]
        if runs:
            return runs
        statuses = (await self.wire.get(f"{path}/status")).data["statuses"]
        done = {"success": "success", "failure": "failure", "error": "failure"}
        return [
            {"status": "completed" if s["state"] in done else "in_progress", "conclusion": done.get(s["state"])}
            for s in statuses
        ]

    async def _code_hits(self, repo: str, words: list[str], limit: int) -> list[str]:
        query = " ".join([*words, f"repo:{repo}"])
        answer = await self.wire.get("search/code", {"q": query, "per_page": min(100, limit)})
        return [item["path"] for item in answer.data["items"][:limit]]

    async def _content(self, repo: str, path: str, revision: str | None = None) -> Record:
        record = (await self.wire.get(f"repos/{repo}/contents/{quote(path)}", {"ref": revision})).data
        if isinstance(record, list) or record.get("type") != "file":
            raise NotFound(f"{path} is a folder of {repo}, not a file.", service=self.name)
        return dict(record)

    async def _code(self, repo: str, path: str, text: str = "", revision: str | None = None) -> Code:
        record, changed = await together([self._content(repo, path, revision), self._last_change(repo, path, revision)])
        lines = _decoded(record).splitlines()
        first, last = 1, len(lines)
        if text:
            line = next((n for n, content in enumerate(lines, 1) if hits(text, content)), 1)
            first, last = max(1, line - EXCERPT), line + EXCERPT
        return Code(
            service=self.name, ref=f"{repo}/{path}", url=record["html_url"], at=_committed(changed), title=path,
            repo=repo, path=path, content="\n".join(lines[first - 1 : last]), line=first,
        )  # fmt: skip

    async def _document(self, repo: str, record: Record) -> Document:
        at = _committed(await self._last_change(repo, record["path"]))
        content = _decoded(record)
        heading = re.search(r"^#\s+(.+)$", content, re.MULTILINE)
        return Document(
            service=self.name, ref=f"{repo}/{record['path']}", url=record["html_url"], at=at, updated_at=at,
            title=heading.group(1).strip() if heading else record["name"], path=record["path"], content=content,
        )  # fmt: skip

    async def _last_change(self, repo: str, path: str, revision: str | None = None) -> Record:
        asked: Params = {"path": path, "sha": revision, "per_page": 1}
        commits = (await self.wire.get(f"repos/{repo}/commits", asked)).data
        return dict(commits[0]) if commits else {}

    async def _logins(self, author: str) -> set[str]:
        """The logins that somebody may mean who writes a login, a name or an e-mail address."""
        asked = author.strip().lstrip("@").casefold()
        people = await self.people_find(verbs.PeopleFind())
        named = {
            p.handle
            for p in people
            if asked in ((p.email or "").casefold(), p.name.casefold(), p.name.casefold().split()[0])
        }
        return {login.casefold() for login in named} | {asked}


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


def _stamp(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _decoded(record: Record) -> str:
    return base64.b64decode(record.get("content") or "").decode("utf-8", errors="replace")


def _full_name(record: Record) -> str:
    if "base" in record:
        return str(record["base"]["repo"]["full_name"])
    return "/".join(record["repository_url"].split("/")[-2:])


def _fits(record: Record, request: verbs.PullsSearch, logins: set[str] | None) -> bool:
    state = "merged" if record["merged_at"] else record["state"]
    if request.state not in ("all", state):
        return False
    if logins is not None and ((record.get("user") or {}).get("login", "")).casefold() not in logins:
        return False
    if request.until is None:
        return request.since is None or _time(record["updated_at"]) >= request.since
    # The last change may lie after the period while the merge lies in it.
    moments = [record.get(name) for name in ("created_at", "merged_at", "closed_at", "updated_at")]
    start = request.since or EPOCH
    return any(start <= _time(moment) < request.until for moment in moments if moment)


def _pull(
    record: Record, files: Sequence[Record] = (), reviews: Sequence[Record] = (), runs: Sequence[Record] = ()
) -> PullRequest:
    repo = _full_name(record)
    waiting = [person["login"] for person in record.get("requested_reviewers") or ()]
    given: dict[str, str] = {}
    for review in reviews:
        who, verdict = (review.get("user") or {}).get("login", "ghost"), review["state"].lower()
        if verdict in ("approved", "changes_requested", "dismissed") or who not in given:
            given[who] = verdict
    return PullRequest(
        service="github", ref=f"{repo}#{record['number']}", url=record["html_url"], at=record["created_at"],
        title=record["title"], number=record["number"], repo=repo, body=record.get("body") or "",
        author=(record.get("user") or {}).get("login", "ghost"), reviewers=tuple(dict.fromkeys([*given, *waiting])),
        review=_verdict(given, waiting), checks=_checks(runs), draft=bool(record.get("draft")),
        state="merged" if record["merged_at"] else record["state"], merged_at=record["merged_at"],
        closed_at=record["closed_at"], updated_at=record["updated_at"],
        merge_sha=record.get("merge_commit_sha") if record["merged_at"] else None,
        labels=tuple(label["name"] for label in record.get("labels") or ()),
        files=tuple(_file(file) for file in files),
    )  # fmt: skip


def _verdict(given: dict[str, str], waiting: list[str]) -> Literal["none", "waiting", "approved", "changes_requested"]:
    if "changes_requested" in given.values():
        return "changes_requested"
    if "approved" in given.values():
        return "approved"
    return "waiting" if waiting else "none"


def _checks(runs: Sequence[Record]) -> Literal["none", "pending", "success", "failure"]:
    if any(run.get("conclusion") in FAILED for run in runs):
        return "failure"
    if any(run["status"] != "completed" for run in runs):
        return "pending"
    return "success" if runs else "none"


def _file(record: Record) -> FileChange:
    status = record["status"]
    known = status if status in ("added", "removed", "renamed") else "modified"
    return FileChange(path=record["filename"], status=known, patch=record.get("patch"))


def _review(record: Record, ref: str, title: str, pull: Record) -> Review:
    return Review(
        service="github", ref=f"{ref}/review/{record['id']}", url=record["html_url"], title=title,
        at=record.get("submitted_at") or pull["updated_at"], author=(record.get("user") or {}).get("login", "ghost"),
        state=record["state"].lower(),
    )  # fmt: skip


def _commit(record: Record, repo: str) -> Commit:
    commit = record["commit"]
    return Commit(
        service="github", ref=record["sha"], url=record["html_url"], at=commit["committer"]["date"],
        title=commit["message"].partition("\n")[0], repo=repo, message=commit["message"],
        author=(record.get("author") or {}).get("login") or commit["author"]["name"],
    )  # fmt: skip


def _committed(record: Record) -> datetime:
    return _time(record["commit"]["committer"]["date"]) if record else EPOCH


def _person(record: Record) -> Person:
    return Person(
        service="github", ref=record["login"], url=record["html_url"], at=record.get("created_at") or EPOCH,
        title=record.get("name") or record["login"], name=record.get("name") or record["login"],
        handle=record["login"], email=record.get("email"),
    )  # fmt: skip
