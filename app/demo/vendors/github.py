"""GitHub as the demo company has it: the REST API's paths, paging, headers and errors over one repository."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.demo.vendors import github_files
from app.demo.vendors.github_code import Code
from app.demo.vendors.github_failure import Failure, Write, invalid, sent
from app.demo.vendors.github_records import Record, Repository, stamp
from app.demo.vendors.github_search import matching, words_of
from app.demo.vendors.github_writing import Writing
from app.demo.vendors.page import page
from app.demo.vendors.vendor import Demo

CREDENTIALS = {"token": "demo-github"}

Body = Record | list[Record] | list[Any]
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(demo: Demo) -> Sequence[BaseRoute]:
    """GitHub's API paths and the pages that people open."""
    repository = Repository(demo.company)
    code = Code(repository)
    return [*_Api(repository, code).routes(), *code.git(CREDENTIALS["token"]), *_Pages(repository, code).routes()]


class _Api:
    def __init__(self, repository: Repository, code: Code) -> None:
        self.repository = repository
        self.code = code
        self.asked = 0

    def routes(self) -> list[BaseRoute]:
        repo = "/repos/{owner}/{repo}"
        table: list[tuple[str, Callable[[Request], Body]]] = [
            ("/user", lambda r: next(iter(self.repository.users.values()))),
            ("/user/repos", lambda r: [self.repository.repository]),
            ("/users/{login}", self.user),
            ("/orgs/{org}/members", self.members),
            ("/search/issues", self.search_issues),
            ("/search/code", self.search_code),
            (repo, lambda r: self.here(r).repository),
            (f"{repo}/pulls", self.pulls),
            (f"{repo}/pulls/{{number:int}}", lambda r: self.repository.pull(self.number(r), full=True)),
            (f"{repo}/pulls/{{number:int}}/files", lambda r: self.repository.files(self.number(r))),
            (f"{repo}/pulls/{{number:int}}/reviews", lambda r: self.repository.reviews(self.number(r))),
            (f"{repo}/commits", self.commits),
            (f"{repo}/commits/{{ref}}/check-runs", self.check_runs),
            (f"{repo}/commits/{{ref}}/status", self.status),
            (f"{repo}/commits/{{ref}}/pulls", self.pulls_of_commit),
        ]
        reads = [Route(path, self._endpoint(answer), methods=["GET"]) for path, answer in table]
        writing = Writing(self.repository, self.code)
        writes = [
            Route(f"{repo}{path}", self._writing(answer), methods=[method]) for method, path, answer in writing.table()
        ]
        shown = [*self.code.reads(), *writing.reads()]
        listed = [Route(f"{repo}{path}", self._endpoint(self._seen(answer)), methods=["GET"]) for path, answer in shown]
        return [*reads, *listed, *writes]

    def _writing(self, answer: Write) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            headers = self._budget("core", 5000)
            try:
                self._admit(request)
                self.here(request)
                status, body = answer(request, await sent(request))
            except Failure as failure:
                return JSONResponse(failure.body, failure.status, headers)
            return Response(status_code=204, headers=headers) if status == 204 else JSONResponse(body, status, headers)

        return endpoint

    def _admit(self, request: Request) -> None:
        self.asked += 1
        if request.headers.get("authorization") not in ("Bearer demo-github", "token demo-github"):
            raise Failure(401, "Bad credentials")

    def _endpoint(self, answer: Callable[[Request], Body]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            search = request.url.path.startswith("/github/search/")
            headers = self._budget("search" if search else "core", 30 if search else 5000)
            try:
                self._admit(request)
                body = answer(request)
                if isinstance(body, list):
                    body, headers["link"] = _page(request, body)
                    if not headers["link"]:
                        del headers["link"]
            except Failure as failure:
                return JSONResponse(failure.body, failure.status, headers)
            return JSONResponse(body, headers=headers)

        return endpoint

    def _seen(self, answer: Callable[[Request], Body]) -> Callable[[Request], Body]:
        """An answer about the repository, if the path names it."""

        def seen(request: Request) -> Body:
            self.here(request)
            return answer(request)

        return seen

    def _budget(self, resource: str, limit: int) -> dict[str, str]:
        used = self.asked % (limit - 1)
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - used),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(int(time.time()) + 3600),
            "x-ratelimit-resource": resource,
            "x-github-media-type": "github.v3; format=json",
            "x-oauth-scopes": "repo, workflow",
        }

    def here(self, request: Request) -> Repository:
        """The repository, if the path names it."""
        asked = f"{request.path_params['owner']}/{request.path_params['repo']}"
        if asked.lower() != self.repository.name.lower():
            raise Failure(404, "Not Found")
        return self.repository

    def number(self, request: Request) -> int:
        number = int(request.path_params["number"])
        if number not in self.here(request).states:
            raise Failure(404, "Not Found")
        return number

    def user(self, request: Request) -> Record:
        found = self.repository.users.get(request.path_params["login"])
        if found is None:
            raise Failure(404, "Not Found")
        return found

    def members(self, request: Request) -> list[Record]:
        if request.path_params["org"].lower() != self.repository.owner.lower():
            raise Failure(404, "Not Found")
        return [self.repository.account(login) for login in self.repository.users]

    def pulls(self, request: Request) -> list[Record]:
        repository, asked = self.here(request), request.query_params
        state, sort = asked.get("state", "open"), asked.get("sort", "created")
        if state not in ("open", "closed", "all"):
            raise Failure(422, "Validation Failed", errors=[invalid("PullRequest", "state", state)])
        chosen = [s for s in repository.states.values() if state == "all" or (s.state == "open") == (state == "open")]
        if head := asked.get("head"):
            chosen = [s for s in chosen if f"{repository.owner}:{repository.branch(s)}" == head]
        newest_first = asked.get("direction", "desc" if sort == "created" else "asc") == "desc"
        chosen.sort(key=lambda s: s.updated if sort == "updated" else s.artefact.at or s.updated, reverse=newest_first)
        return [repository.pull(s.number) for s in chosen]

    def commits(self, request: Request) -> list[Record]:
        asked = request.query_params
        since, until = _moment(asked.get("since")), _moment(asked.get("until"))
        path = asked.get("path", "").strip("/")
        found: list[Record] = []
        for commit in self.here(request).commits:
            at = _moment(commit["commit"]["committer"]["date"])
            assert at is not None
            touches = [f for f in commit["files"] if f["filename"] == path or f["filename"].startswith(f"{path}/")]
            if (since is None or at >= since) and (until is None or at <= until) and (touches or not path):
                found.append({name: value for name, value in commit.items() if name != "files"})
        return found

    def pulls_of_commit(self, request: Request) -> list[Record]:
        repository, ref = self.here(request), request.path_params["ref"]
        return [repository.pull(s.number) for s in repository.states.values() if ref in (s.merge_sha, s.head_sha)]

    def check_runs(self, request: Request) -> Record:
        repository, ref = self.here(request), request.path_params["ref"]
        runs = [
            repository.check_run(state)
            for state in repository.states.values()
            if ref in (state.head_sha, state.merge_sha) and state.artefact["checks"]
        ]
        return {"total_count": len(runs), "check_runs": runs}

    def status(self, request: Request) -> Record:
        repository, ref = self.here(request), request.path_params["ref"]
        url = f"{repository.api}/commits/{ref}"
        return {
            "state": "pending", "statuses": [], "sha": ref, "total_count": 0, "repository": repository.repository,
            "commit_url": url, "url": f"{url}/status",
        }  # fmt: skip

    def search_issues(self, request: Request) -> Record:
        states = matching(self.repository, self._query(request))
        if request.query_params.get("sort") in ("created", "updated"):
            by_change = request.query_params["sort"] == "updated"
            newest_first = request.query_params.get("order", "desc") == "desc"
            states.sort(key=lambda s: s.updated if by_change else s.artefact.at or s.updated, reverse=newest_first)
        return _found(request, [self.repository.issue(state.number) for state in states])

    def search_code(self, request: Request) -> Record:
        query = self._query(request)
        return _found(request, github_files.search(self.repository, self.code.files, words_of(query)))

    def _query(self, request: Request) -> str:
        query = request.query_params.get("q", "")
        if not query.strip():
            raise Failure(422, "Validation Failed", errors=[{"resource": "Search", "field": "q", "code": "missing"}])
        if f"repo:{self.repository.name}".lower() not in query.lower():
            message = "The listed users and repositories cannot be searched either because the resources do not exist"
            problem = {"resource": "Search", "field": "q", "code": "invalid", "message": message}
            raise Failure(422, "Validation Failed", errors=[problem])
        return query


class _Pages:
    """What a person sees at the public URLs of pull requests, files and people."""

    def __init__(self, repository: Repository, code: Code) -> None:
        self.repository = repository
        self.code = code

    def routes(self) -> list[BaseRoute]:
        name = self.repository.name
        return [
            Route(f"/{name}/pull/{{number:int}}", self.pull),
            Route(f"/{name}/issues/{{number:int}}", self.issue),
            Route(f"/{name}/blob/main/{{path:path}}", self.file),
            Route(f"/{name}/tree/{{branch:path}}", self.branch),
            Route(f"/{name}/commit/{{sha}}", self.commit),
            Route("/{login}", self.person),
        ]

    async def pull(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        if number not in self.repository.states:
            return _no_page()
        pull, state = self.repository.pull(number), self.repository.states[number]
        facts = [
            ("State", state.state), ("Author", pull["user"]["login"]), ("Opened", pull["created_at"]),
            ("Merged", pull["merged_at"] or ""), ("Merge commit", pull["merge_commit_sha"] or ""),
            ("Checks", str(state.artefact["checks"] or "")),
        ]  # fmt: skip
        changes = [f"{file['filename']}\n{file.get('patch', '')}" for file in self.repository.files(number)]
        body = "\n\n".join([pull["body"] or "", *changes, *self.repository.said(number)])
        return page(f"{pull['title']} #{number}", "GitHub", facts, body)

    async def issue(self, request: Request) -> Response:
        number = int(request.path_params["number"])
        issue = self.repository.issues.get(number)
        if issue is None:
            return _no_page()
        facts = [
            ("State", issue["state"]), ("Author", issue["user"]["login"]), ("Opened", issue["created_at"]),
            ("Assignees", ", ".join(person["login"] for person in issue["assignees"])),
            ("Labels", ", ".join(label["name"] for label in issue["labels"])),
        ]  # fmt: skip
        body = "\n\n".join([issue["body"] or "", *self.repository.said(number)])
        return page(f"{issue['title']} #{number}", "GitHub", facts, body)

    async def file(self, request: Request) -> Response:
        found = self.code.files.get(request.path_params["path"])
        return page(found.path, "GitHub", [], found.content) if found else _no_page()

    async def branch(self, request: Request) -> Response:
        head = self.repository.source.heads.get(request.path_params["branch"])
        if head is None:
            return _no_page()
        files = "\n".join(sorted(self.code.files_at(head)))
        return page(request.path_params["branch"], "GitHub", [("Commit", head)], files)

    async def commit(self, request: Request) -> Response:
        source = self.repository.source
        sha = source.find(request.path_params["sha"])
        if sha is None:
            return _no_page()
        commit = source.objects.read_commit(sha)
        facts = [("Author", commit.name), ("Date", str(stamp(datetime.fromtimestamp(commit.at, UTC))))]
        return page(sha[:10], "GitHub", facts, commit.message)

    async def person(self, request: Request) -> Response:
        found = self.repository.users.get(request.path_params["login"])
        if found is None:
            return _no_page()
        return page(found["name"], "GitHub", [("Login", found["login"]), ("E-mail", found["email"])], "")


def _no_page() -> Response:
    shown = page("Page not found", "GitHub", [], "This is not the page you are looking for.")
    shown.status_code = 404
    return shown


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Failure(422, "Validation Failed", errors=[invalid("Search", "since", text)]) from None


def _bounds(request: Request) -> tuple[int, int]:
    try:
        per_page = int(request.query_params.get("per_page", 30))
        number = int(request.query_params.get("page", 1))
    except ValueError:
        raise Failure(422, "Validation Failed", errors=[invalid("Page", "page", "")]) from None
    return min(max(per_page, 1), 100), max(number, 1)


def _page(request: Request, records: list[Any]) -> tuple[list[Any], str]:
    """One page of a list, and the Link header that leads to the others."""
    per_page, number = _bounds(request)
    last = max(1, -(-len(records) // per_page))
    places = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
    links = [
        f'<{request.url.include_query_params(page=place)}>; rel="{name}"'
        for name, place in places.items()
        if 1 <= place <= last and place != number and not (name == "first" and number == 1)
    ]
    return records[(number - 1) * per_page : number * per_page], ", ".join(links)


def _found(request: Request, items: list[Record]) -> Record:
    per_page, number = _bounds(request)
    shown = items[(number - 1) * per_page : number * per_page]
    return {"total_count": len(items), "incomplete_results": False, "items": shown, "search_type": "lexical"}
