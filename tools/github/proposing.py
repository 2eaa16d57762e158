"""What Deus wrote and tried, shown to the team: one commit on a branch of its own, and a draft pull request for it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

from tools.github.mark import Record, bearing, marked, unmarked
from tools.github.pulls import target_of
from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.connector import numbered
from tools.kit.errors import BadArgument, ModelMayRetry, NotFound, StepFailed, UserMustMend
from tools.kit.git import Prepared, agent_branch
from tools.writes import PullsPropose

if TYPE_CHECKING:
    from tools.github import GitHub

T = TypeVar("T")
UNTRIED = "No sandbox has tried this commit."


class ProposePull(Action["GitHub", PullsPropose]):
    """A draft pull request of a commit that Deus prepared; undone by deleting its branch and closing it.

    The commit's hash is in the arguments, so what is pushed is what was shown. The branch is made if it is not there,
    and never moved: of a push whose answer was lost nothing is left open, for the next one finds it.
    """

    connector: GitHub
    verb = PullsPropose
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: PullsPropose) -> Change:
        github = self.connector
        remote = await self._git(github.remote(request.repo))
        branch, repo = self._branch(request.branch), remote.repo
        usual = (await github.wire.get(f"repos/{repo}")).data["default_branch"]
        if request.base not in (None, "", usual):
            raise BadArgument(
                f"{request.base!r} is not the branch that it was prepared for: that is {usual}.", service=github.name
            )
        prepared = await self._git(github.git.prepared(remote, request.commit))
        await self._free(repo, branch, prepared.commit)
        after = {"title": request.title.strip(), "description": _body(request, prepared)}
        return Change(
            target=Target(service=github.name, kind="pull request", title=request.title.strip()),
            after={
                **after, "branch": branch, "into": usual, "draft": request.draft, "state": "open",
                "commit": prepared.commit, "comments": "", "reviews": "", "tests": prepared.tests or UNTRIED,
                "changes": prepared.diff,
            },
            bound={"repo": repo, "branch": branch, "base": usual, "commit": prepared.commit, "draft": request.draft},
            people=(f"everybody who watches {repo}",),
            undo="The branch is deleted and the pull request closed.",
            warnings=(*prepared.attention, *_doubts(prepared)),
        )  # fmt: skip

    async def _free(self, repo: str, branch: str, commit: str) -> None:
        """Raises BadArgument for a branch that is somebody else's, or has been proposed already."""
        github = self.connector
        try:
            there = (await github.wire.get(f"repos/{repo}/branches/{quote(branch)}")).data
        except NotFound:
            return
        if there["commit"]["sha"] != commit:
            said = f"{repo} has a branch {branch} already, and it holds something else; name another."
            raise BadArgument(said, service=github.name)
        for pull in await self._pulls(repo, branch):
            said = f"{branch} has a pull request already: {pull['html_url']}."
            raise BadArgument(said, service=github.name)

    async def _pulls(self, repo: str, branch: str) -> list[Record]:
        """The open pull requests of a branch."""
        params = {"head": f"{repo.split('/')[0]}:{branch}"}
        return list((await self.connector.wire.get(f"repos/{repo}/pulls", params)).data)

    async def do(self, request: PullsPropose, change: Change, key: str) -> Landed:
        github, bound = self.connector, change.bound
        remote = await github.remote(bound["repo"])
        stood = await self._git(github.git.standing(remote, bound["branch"]))
        await self._git(github.git.push(remote, bound["commit"], bound["branch"]))
        body = {
            "title": change.after["title"], "body": marked(change.after["description"], key),
            "head": bound["branch"], "base": bound["base"], "draft": bound["draft"],
        }  # fmt: skip
        try:
            answer = await github.wire.post(f"repos/{bound['repo']}/pulls", body, repeat=False)
        except (ModelMayRetry, UserMustMend):
            if stood is None and not await self._pulls(bound["repo"], bound["branch"]):
                # It was refused, so the branch that was made for it stands for nothing.
                await self._git(github.git.delete(remote, bound["branch"], bound["commit"]))
            raise
        return self._landed(answer.data, change)

    async def find(self, request: PullsPropose, change: Change, key: str) -> Landed | None:
        repo = change.bound["repo"]
        params = {"state": "all", "head": f"{repo.split('/')[0]}:{change.bound['branch']}"}
        record = await bearing(self.connector, f"repos/{repo}/pulls", key, params)
        if record is None:
            return None
        return self._landed(await self._now(f"repos/{repo}/pulls/{record['number']}"), change)

    async def _now(self, path: str) -> Record:
        """A pull request with what was said of it: lists do not count comments, nor does it count reviews itself."""
        record = (await self.connector.wire.get(path)).data
        given = (await self.connector.wire.get(f"{path}/reviews", {"per_page": 100})).data
        return {**record, "reviews": sum(review["state"] != "PENDING" for review in given)}

    def _landed(self, record: Record, change: Change) -> Landed:
        target = target_of(record)
        repo = record["base"]["repo"]["full_name"]
        kind = "as a draft " if record.get("draft") else ""
        return Landed(
            ref=target.ref, url=target.url, title=target.title, state=_words(record, change),
            undo={"path": f"repos/{repo}/pulls/{record['number']}"},
            said=f"GitHub opened {target.ref} {kind}with the commit {record['head']['sha'][:10]}.",
        )  # fmt: skip

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            return _words(await self._now(landed.undo["path"]), change)
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        github, bound = self.connector, change.bound
        remote = await github.remote(bound["repo"])
        try:
            # The host compares before it deletes, so a push that came this moment is not lost.
            await github.git.delete(remote, bound["branch"], bound["commit"])
        except BadArgument as moved:
            said = f"{landed.ref} was left as it is: somebody pushed to {bound['branch']} meanwhile."
            raise StepFailed(said, service=github.name) from moved
        await github.wire.request("PATCH", landed.undo["path"], body={"state": "closed"})

    def _branch(self, name: str) -> str:
        try:
            return agent_branch(name)
        except BadArgument as error:
            raise BadArgument(error.message, service=self.connector.name) from error

    async def _git(self, work: Awaitable[T]) -> T:
        """What git answers; its refusals are told as GitHub's."""
        try:
            return await work
        except BadArgument as error:
            raise BadArgument(error.message, service=self.connector.name, remedy=error.remedy) from error


def _body(request: PullsPropose, prepared: Prepared) -> str:
    """The description as it will stand there: the words, the links, and what is kept of the commit's tests."""
    links = "\n".join(f"- {link}" for link in request.links if link not in request.description)
    tried = (prepared.tests or UNTRIED).partition("\n")[0]
    foot = f"---\n{tried} Commit {prepared.commit[:10]}, prepared by Deus and opened with a person's yes."
    return "\n\n".join(part for part in (request.description.strip(), links, foot) if part)


def _doubts(prepared: Prepared) -> tuple[str, ...]:
    """Warnings for what the tests do not show."""
    if not prepared.tests:
        return ("It was not tried: nothing is known of its tests.",)
    return () if prepared.tests.startswith("Confirmed") else ("Its tests do not confirm it.",)


def _words(record: Record, change: Change) -> dict[str, Any]:
    """The pull request in the words of the preview. A commit's tests and changes are known by its hash."""
    head = record["head"]["sha"]
    same = head == change.bound["commit"]
    said = int(record.get("comments") or 0) + int(record.get("review_comments") or 0)
    given = int(record.get("reviews") or 0)
    return {
        "title": record["title"], "description": unmarked(record.get("body")), "branch": record["head"]["ref"],
        "into": record["base"]["ref"], "draft": bool(record.get("draft")),
        "state": "merged" if record.get("merged_at") else record["state"], "commit": head,
        "comments": numbered(said, "comment") if said else "",
        "reviews": numbered(given, "review") if given else "",
        "tests": change.after["tests"] if same else UNTRIED,
        "changes": change.after["changes"] if same else "other commits than were shown",
    }  # fmt: skip


PROPOSE_ACTIONS = (ProposePull,)
