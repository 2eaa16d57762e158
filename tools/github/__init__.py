"""GitHub: pull requests with their reviews, checks and files; commits; the repository's files; its people.

REST API 2022-11-28, github.com/github/rest-api-description. Works with GitHub Enterprise Server by its base URL.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import Field, SecretStr

from tools import verbs
from tools.github.issues import ISSUE_ACTIONS
from tools.github.merging import MergePull
from tools.github.proposing import PROPOSE_ACTIONS
from tools.github.pulls import PULL_ACTIONS
from tools.github.records import Record, commit_of, full_name_of, login_of, person_of, pull_of, verdict_of
from tools.kit.auth import Token
from tools.kit.connector import Connector, ServiceSettings, Sight, matches, scopes, serves, together
from tools.kit.errors import BadArgument, NotFound
from tools.kit.git import Git, NoGit, Remote
from tools.kit.instants import EPOCH, instant, stamp
from tools.kit.paging import all_by_link, by_link
from tools.kit.prose import decoded, excerpt, heading
from tools.kit.wire import Params, WireOptions
from tools.kit.words import hits, means, query_words, says
from tools.nouns import Code, Commit, Document, Person, PullRequest, Review

DETAILED = 40
READ = 80
LISTED = 1000
PROSE = (".md", ".mdx", ".txt", ".rst")
PULL = re.compile(r"^(?:https?://[^/]+/(?:.*/)?)?(?:([\w.-]+/[\w.-]+)(?:#|/pull/|/issues/))?#?(\d+)/?$")


class GitHubSettings(ServiceSettings):
    """How to reach one repository."""

    base_url: str = Field(
        default="https://api.github.com", description="the API's address; https://HOST/api/v3 for GitHub Enterprise"
    )
    token: SecretStr = Field(
        description="a fine-grained token (Settings → Developer settings) that may read contents, pull requests, "
        "checks and the organization's members; to act it must be allowed to write issues, pull requests and contents"
    )
    repo: str = Field(
        default="", pattern=r"^([\w.-]+/[\w.-]+)?$", description="owner/name; the one pushed to last if left out"
    )


class GitHub(Connector):
    """One repository of GitHub. `ref` of a file is owner/name/path, of a pull request owner/name#number."""

    name = "github"
    title = "GitHub"
    Settings = GitHubSettings
    actions = (*ISSUE_ACTIONS, *PULL_ACTIONS, MergePull, *PROPOSE_ACTIONS)
    git: Git = NoGit()
    _repo: str = ""

    @classmethod
    def wire_options(cls, settings: GitHubSettings) -> WireOptions:
        return WireOptions(
            base_url=settings.base_url, auth=Token(settings.token), concurrency=10,
            pool=("x-ratelimit-resource", "core"),
            headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
        )  # fmt: skip

    async def check(self) -> Sight:
        answer = await self.wire.get(f"repos/{await self.repository()}")
        seen = answer.data
        sees = (f"repository {seen['full_name']}, branch {seen['default_branch']}",)
        return Sight(seen["full_name"], sees, scopes(answer.headers))

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
        return [*detailed, *(pull_of(record) for record in found[DETAILED:])]

    @serves(verbs.PullsGet)
    async def pulls_get(self, request: verbs.PullsGet) -> Sequence[PullRequest]:
        repo, number = await self.place(request.ref)
        pull = (await self.wire.get(f"repos/{repo}/pulls/{number}")).data
        return [await self._detailed(pull, every_file=True)]

    @serves(verbs.PullsDiff)
    async def pulls_diff(self, request: verbs.PullsDiff) -> Sequence[PullRequest]:
        return await self.pulls_get(verbs.PullsGet(ref=request.ref))

    @serves(verbs.PullsReviews)
    async def pulls_reviews(self, request: verbs.PullsReviews) -> Sequence[Review]:
        repo, number = await self.place(request.ref)
        path = f"repos/{repo}/pulls/{number}"
        pull = (await self.wire.get(path)).data
        given = await all_by_link(self.wire, f"{path}/reviews", 500)
        waiting = pull.get("requested_reviewers") or ()
        asked = [{"id": f"of-{p['login']}", "user": p, "state": "requested"} for p in waiting]
        return [verdict_of(record, pull) for record in [*given, *asked]]

    @serves(verbs.CommitsList)
    async def commits_list(self, request: verbs.CommitsList) -> Sequence[Commit]:
        repo = await self.repository()
        period = {"since": stamp(request.since), "until": stamp(request.until), "path": request.path}
        params: Params = {**period, "per_page": min(100, request.limit + 1)}
        found: list[Commit] = []
        async for page in by_link(self.wire, f"repos/{repo}/commits", params):
            commits = [commit_of(record, repo) for record in page.data]
            found += [commit for commit in commits if request.until is None or commit.at < request.until]
            if len(found) >= request.limit:
                break
        return found[: request.limit]

    @serves(verbs.CodeSearch)
    async def code_search(self, request: verbs.CodeSearch) -> Sequence[Code]:
        repo = await self.repository()
        found = await self._code_hits(repo, words := query_words(request.text, 8), request.limit)
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
        repo = await self.repository()
        tree = (await self.wire.get(f"repos/{repo}/git/trees/HEAD", {"recursive": "1"})).data["tree"]
        paths = [entry["path"] for entry in tree if entry["type"] == "blob" and entry["path"].lower().endswith(PROSE)]
        # Where there is more prose than can be read, the files whose path says it come first, then the shallow ones.
        paths.sort(key=lambda path: (not hits(request.text, path), path.count("/"), path))
        contents = await together(self._content(repo, path) for path in paths[:READ])
        texts = [(f"{record['path']} {decoded(record.get('content'))}", record) for record in contents]
        texts.sort(key=lambda pair: -hits(request.text, pair[0]))
        kept = [record for text, record in texts if says(request.text, text)]
        return await together(self._document(repo, record) for record in kept[: request.limit])

    @serves(verbs.DocumentsRead)
    async def documents_read(self, request: verbs.DocumentsRead) -> Sequence[Document]:
        repo, path = await self._file_place(request.ref)
        return [await self._document(repo, await self._content(repo, path))]

    @serves(verbs.PeopleFind)
    async def people_find(self, request: verbs.PeopleFind) -> Sequence[Person]:
        repo = await self.repository()
        try:
            accounts = await all_by_link(self.wire, f"orgs/{repo.split('/')[0]}/members", 500)
        except NotFound:
            # The owner is a person, not an organization.
            accounts = await all_by_link(self.wire, f"repos/{repo}/contributors", 500)
        users = await together(self.wire.get(f"users/{quote(account['login'])}") for account in accounts)
        people = (person_of(user.data) for user in users)
        return [p for p in people if matches(request.text, p.name, p.handle, p.email)][: request.limit]

    async def repository(self) -> str:
        """The repository's full name: the setting, or the one that the token saw pushed to last."""
        self._repo = self._repo or self.settings.repo
        if not self._repo:
            seen = (await self.wire.get("user/repos", {"sort": "pushed", "per_page": 1})).data
            if not seen:
                raise NotFound("The GitHub token sees no repository.", service=self.name)
            self._repo = seen[0]["full_name"]
        return self._repo

    async def remote(self, repo: str) -> Remote:
        """Where git reaches the one repository that is served here. Raises NotFound for any other."""
        served = await self.repository()
        if repo.strip().lower() != served.lower():
            raise NotFound(f"{repo!r} is not the repository that is connected, {served}.", service=self.name)
        return Remote(served, f"{site_of(self.settings.base_url)}/{served}.git", self.settings.token)

    async def place(self, ref: str) -> tuple[str, int]:
        """The repository and the number that a ref of an issue or a pull request names."""
        parts = PULL.match(ref.strip())
        if not parts:
            raise BadArgument(f"{ref!r} is no issue or pull request: write owner/repo#12.", service=self.name)
        return parts.group(1) or await self.repository(), int(parts.group(2))

    async def _file_place(self, ref: str) -> tuple[str, str]:
        repo = await self.repository()
        path = ref.strip().removeprefix(f"{repo}/").lstrip("/")
        if not path or ".." in path.split("/") or "://" in path:
            raise NotFound(f"{ref!r} is no file of {repo}: write owner/repo/path.", service=self.name)
        return repo, path

    async def _listed(self, request: verbs.PullsSearch) -> AsyncIterator[Record]:
        """The repository's pull requests by their last change, newest first, as far back as the period reaches."""
        state = {"open": "open", "merged": "closed", "closed": "closed"}.get(request.state, "all")
        params: Params = {"state": state, "sort": "updated", "direction": "desc", "per_page": 100}
        seen = 0
        async for page in by_link(self.wire, f"repos/{await self.repository()}/pulls", params):
            seen += len(page.data)
            for record in page.data:
                if request.since and instant(record["updated_at"]) < request.since:
                    return
                yield record
            if seen >= LISTED:
                return

    async def _searched(self, request: verbs.PullsSearch) -> AsyncIterator[Record]:
        """What GitHub's search finds for any of the words, newest first. It takes five OR at most."""
        repo = await self.repository()
        state = {"open": " is:open", "merged": " is:merged", "closed": " is:closed"}.get(request.state, "")
        since = f" updated:>={stamp(request.since)}" if request.since else ""
        words = " OR ".join(query_words(request.text, 6))
        params: Params = {
            "q": f"repo:{repo} is:pr{state}{since} ({words})", "sort": "updated", "order": "desc",
            "per_page": min(100, request.limit), "advanced_search": "true",
        }  # fmt: skip
        async for page in by_link(self.wire, "search/issues", params):
            for item in page.data["items"]:
                yield {**item, "merged_at": item["pull_request"].get("merged_at")}

    async def _detailed(self, record: Record, every_file: bool = False) -> PullRequest:
        path = f"repos/{full_name_of(record)}/pulls/{record['number']}"
        if "head" not in record:
            record = (await self.wire.get(path)).data
        get_files = all_by_link(self.wire, f"{path}/files", 3000 if every_file else 100)
        get_reviews = all_by_link(self.wire, f"{path}/reviews", 100)
        get_checks = self.checks(f"repos/{full_name_of(record)}/commits/{record['head']['sha']}")
        found: list[Any] = await together([get_files, get_reviews, get_checks])
        files, reviews, checks = found
        return pull_of(record, files, reviews, [conclusion for _, conclusion in checks])

    async def checks(self, head: str) -> list[tuple[str, str | None]]:
        """Each check run, or each commit status where nothing runs as a check, with its conclusion: None until then."""
        runs = (await self.wire.get(f"{head}/check-runs", {"per_page": 100})).data["check_runs"]
        if runs:
            return [
                (run.get("name", "check"), run.get("conclusion") if run["status"] == "completed" else None)
                for run in runs
            ]
        statuses = (await self.wire.get(f"{head}/status")).data["statuses"]
        means = {"success": "success", "failure": "failure", "error": "failure"}
        return [(status.get("context", "status"), means.get(status["state"])) for status in statuses]

    async def _code_hits(self, repo: str, words: list[str], limit: int) -> list[str]:
        params: Params = {"q": " ".join([*words, f"repo:{repo}"]), "per_page": min(100, limit)}
        return [item["path"] for item in (await self.wire.get("search/code", params)).data["items"][:limit]]

    async def _content(self, repo: str, path: str, revision: str | None = None) -> Record:
        record = (await self.wire.get(f"repos/{repo}/contents/{quote(path)}", {"ref": revision})).data
        if isinstance(record, list) or record.get("type") != "file":
            raise NotFound(f"{path} is a folder of {repo}, not a file.", service=self.name)
        return dict(record)

    async def _code(self, repo: str, path: str, text: str = "", revision: str | None = None) -> Code:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._content(repo, path, revision))
            dating = group.create_task(self._changed(repo, path, revision))
        record, at = reading.result(), dating.result()
        line, content = excerpt(decoded(record.get("content")), text)
        return Code(
            service=self.name, ref=f"{repo}/{path}", url=record["html_url"], at=at, title=path,
            repo=repo, path=path, content=content, line=line,
        )  # fmt: skip

    async def _document(self, repo: str, record: Record) -> Document:
        at = await self._changed(repo, record["path"])
        content = decoded(record.get("content"))
        return Document(
            service=self.name, ref=f"{repo}/{record['path']}", url=record["html_url"], at=at, updated_at=at,
            title=heading(content, record["name"]), path=record["path"], content=content,
        )  # fmt: skip

    async def _changed(self, repo: str, path: str, revision: str | None = None) -> datetime:
        """When a file was changed last; GitHub's contents do not say so themselves."""
        params: Params = {"path": path, "sha": revision, "per_page": 1}
        commits = (await self.wire.get(f"repos/{repo}/commits", params)).data
        return instant(commits[0]["commit"]["committer"]["date"]) if commits else EPOCH

    async def _logins(self, author: str) -> set[str]:
        """The logins that somebody may mean who writes a login, a name or an e-mail address."""
        people = await self.people_find(verbs.PeopleFind())
        named = {p.handle.casefold() for p in people if means(author, p.name, p.email)}
        return named | {author.strip().lstrip("@").casefold()}


def site_of(base_url: str) -> str:
    """Where git and people find what the API at `base_url` tells of: github.com, or the Enterprise Server's host."""
    base = base_url.rstrip("/").removesuffix("/api/v3")
    return re.sub(r"^https://api\.(?=github\.com$|[\w-]+\.ghe\.com$)", "https://", base)


def _fits(record: Record, request: verbs.PullsSearch, logins: set[str] | None) -> bool:
    state = "merged" if record["merged_at"] else record["state"]
    if request.state not in ("all", state):
        return False
    if logins is not None and login_of(record).casefold() not in logins:
        return False
    if request.until is None:
        return request.since is None or instant(record["updated_at"]) >= request.since
    # The last change may lie after the period while the merge lies in it.
    moments = [record.get(name) for name in ("created_at", "merged_at", "closed_at", "updated_at")]
    start = request.since or EPOCH
    return any(start <= instant(moment) < request.until for moment in moments if moment)
