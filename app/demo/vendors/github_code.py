"""The demo company's code as GitHub shows it: commits, comparisons, branches, files at a revision, and git itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from app.demo.git_host import GitHost
from app.demo.git_objects import CommitObject
from app.demo.source import MAIN
from app.demo.vendors import github_files
from app.demo.vendors.github_failure import Failure
from app.demo.vendors.github_files import File
from app.demo.vendors.github_records import Record, Repository


class Code:
    """What of the repository is read by hash, path or branch."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._files: dict[str, dict[str, File]] = {}

    def reads(self) -> list[tuple[str, Callable[[Request], Any]]]:
        """Paths below the repository, and what answers them."""
        return [
            ("/commits/{ref}", self.commit),
            ("/contents/{path:path}", self.contents),
            ("/git/trees/{sha}", self.tree),
            ("/git/blobs/{sha}", self.blob),
            ("/branches", lambda r: [self._branch(name) for name in self.repository.source.heads]),
            ("/branches/{branch:path}", lambda r: self._branch(r.path_params["branch"])),
            ("/git/ref/heads/{branch:path}", self.ref),
            ("/compare/{ends:path}", self.compare),
            ("/pulls/{number:int}/commits", self.commits_of_pull),
        ]

    def git(self, token: str) -> list[BaseRoute]:
        """Where git fetches and pushes."""
        host = GitHost(self._folder, token, self.pushed)
        return [Route(f"/{self.repository.name}.git/{{rest:path}}", host.answer, methods=["GET", "POST"])]

    async def _folder(self) -> Path:
        return await anyio.to_thread.run_sync(self.repository.source.folder)

    @property
    def files(self) -> dict[str, File]:
        """The files of the default branch."""
        return self.files_at(self.repository.source.main)

    def files_at(self, commit: str) -> dict[str, File]:
        """The files of a commit."""
        if commit not in self._files:
            self._files[commit] = github_files.files(self.repository, commit)
        return self._files[commit]

    def pushed(self) -> None:
        """Tells the open pull requests where their branches stand now; without its branch one is closed."""
        repository, heads = self.repository, self.repository.source.heads
        for state in list(repository.states.values()):
            head = heads.get(repository.branch(state))
            if state.state != "open" or head == state.head_sha:
                continue
            at = repository.tick()
            if head is None:
                repository.states[state.number] = replace(state, state="closed", closed=at, updated=at)
                continue
            fields = {**state.artefact.fields, "files": self.changes(head)}
            artefact = replace(state.artefact, fields=fields)
            repository.states[state.number] = replace(
                state, artefact=artefact, head_sha=head, merge_sha=head, updated=at
            )

    def changes(self, head: str) -> list[Record]:
        """The files that a branch changes, since it left the default one."""
        source = self.repository.source
        return [dict(change) for change in github_files.changes(source, source.base(head), head)]

    def _found(self, name: str) -> str:
        sha = self.repository.source.find(name)
        if sha is None:
            raise Failure(404, "Not Found")
        return sha

    def _record(self, commit: CommitObject) -> Record:
        """A commit with its files."""
        told = next((one for one in self.repository.commits if one["sha"] == commit.sha), None)
        if told is not None:
            return told
        source = self.repository.source
        changed = github_files.changes(source, commit.parents[0], commit.sha) if commit.parents else []
        files = self.repository.changed([dict(change) for change in changed], commit.sha)
        return self.repository.commit(commit, files)

    def commit(self, request: Request) -> Record:
        ref = request.path_params["ref"]
        sha = self.repository.source.find(ref)
        if sha is None:
            raise Failure(422, f"No commit found for SHA: {ref}")
        commit = self._record(self.repository.source.objects.read_commit(sha))
        total = [sum(file[kind] for file in commit["files"]) for kind in ("additions", "deletions")]
        return {**commit, "stats": {"additions": total[0], "deletions": total[1], "total": sum(total)}}

    def commits_of_pull(self, request: Request) -> list[Record]:
        state = self.repository.states.get(int(request.path_params["number"]))
        if state is None:
            raise Failure(404, "Not Found")
        return [_bare(self._record(one)) for one in self.repository.source.ahead(state.head_sha)]

    def compare(self, request: Request) -> Record:
        """Two revisions, as base...head."""
        base, dots, head = request.path_params["ends"].partition("...")
        if not dots:
            raise Failure(404, "Not Found")
        source, api, html = self.repository.source, self.repository.api, self.repository.html
        ends = self._found(base), self._found(head.rpartition(":")[2])
        there = {one.sha for one in source.log(ends[0])}
        common = next(one.sha for one in source.log(ends[1]) if one.sha in there)
        ahead = [one for one in source.log(ends[1]) if one.sha not in there][::-1]
        mine = {one.sha for one in source.log(ends[1])}
        behind = sum(one.sha not in mine for one in source.log(ends[0]))
        changed = [dict(change) for change in github_files.changes(source, common, ends[1])]
        status = {(True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
        url = f"{api}/compare/{base}...{head}"
        return {
            "url": url, "html_url": f"{html}/compare/{base}...{head}", "permalink_url": url,
            "diff_url": f"{html}/compare/{base}...{head}.diff", "patch_url": f"{html}/compare/{base}...{head}.patch",
            "base_commit": self._record(source.objects.read_commit(ends[0])),
            "merge_base_commit": self._record(source.objects.read_commit(common)),
            "status": status.get((bool(ahead), bool(behind)), "identical"), "ahead_by": len(ahead),
            "behind_by": behind, "total_commits": len(ahead), "commits": [_bare(self._record(one)) for one in ahead],
            "files": self.repository.changed(changed, ends[1]),
        }  # fmt: skip

    def contents(self, request: Request) -> Any:
        path, ref = request.path_params["path"].strip("/"), request.query_params.get("ref", MAIN)
        files = self.files_at(self._found(ref))
        if path in files:
            return github_files.content(self.repository, files[path], ref)
        listed = github_files.folder(self.repository, files, path)
        if not listed:
            raise Failure(404, "Not Found")
        return listed

    def tree(self, request: Request) -> Record:
        sha = self._found(request.path_params["sha"])
        return github_files.tree(self.repository, self.files_at(sha), sha)

    def blob(self, request: Request) -> Record:
        for file in self.files.values():
            if file.sha == request.path_params["sha"]:
                return github_files.blob(self.repository, file)
        raise Failure(404, "Not Found")

    def ref(self, request: Request) -> Record:
        name = request.path_params["branch"]
        sha = self.repository.source.heads.get(name)
        if sha is None:
            raise Failure(404, "Not Found")
        api = self.repository.api
        return {
            "ref": f"refs/heads/{name}", "node_id": f"REF_{sha[:12]}", "url": f"{api}/git/refs/heads/{name}",
            "object": {"sha": sha, "type": "commit", "url": f"{api}/git/commits/{sha}"},
        }  # fmt: skip

    def _branch(self, name: str) -> Record:
        sha = self.repository.source.heads.get(name)
        if sha is None:
            raise Failure(404, "Branch not found")
        api = f"{self.repository.api}/branches/{name}"
        commit = _bare(self._record(self.repository.source.objects.read_commit(sha)))
        return {
            "name": name, "commit": commit, "protected": False, "protection_url": f"{api}/protection",
            "protection": {
                "enabled": False, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
            },
            "_links": {"self": api, "html": f"{self.repository.html}/tree/{name}"},
        }  # fmt: skip


def _bare(commit: Record) -> Record:
    """A commit as lists give it: without its files."""
    return {name: value for name, value in commit.items() if name != "files"}
