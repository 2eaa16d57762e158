"""What Deus does with GitHub's pull requests but for merging: comments, reviews, opening one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from tools.github.issues import comment_change, comment_state, delete_comment, find_comment, put_comment
from tools.github.mark import Record, bearing, marked, unmarked
from tools.kit.action import Action, Change, Landed, Repeat, Target
from tools.kit.errors import BadArgument, NotFound
from tools.writes import PullsComment, PullsCreate, PullsReview

if TYPE_CHECKING:
    from tools.github import GitHub

EVENTS = {"approve": "APPROVE", "request_changes": "REQUEST_CHANGES", "comment": "COMMENT"}
VERDICTS = {"APPROVED": "approve", "CHANGES_REQUESTED": "request_changes", "COMMENTED": "comment"}


async def pull_at(github: GitHub, ref: str) -> tuple[str, Record]:
    """The API's path of a pull request, and the pull request."""
    repo, number = await github.place(ref)
    path = f"repos/{repo}/pulls/{number}"
    return path, dict((await github.wire.get(path)).data)


def target_of(record: Record) -> Target:
    ref = f"{record['base']['repo']['full_name']}#{record['number']}"
    return Target(service="github", kind="pull request", ref=ref, title=record["title"], url=record["html_url"])


class CommentOnPull(Action["GitHub", PullsComment]):
    """A comment beneath a pull request; its author, reviewers and earlier commenters are told."""

    connector: GitHub
    verb = PullsComment
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: PullsComment) -> Change:
        path, record = await pull_at(self.connector, request.ref)
        below = path.replace("/pulls/", "/issues/")
        return await comment_change(self.connector, below, target_of(record), [record], request.text)

    async def do(self, request: PullsComment, change: Change, key: str) -> Landed:
        return await put_comment(self.connector, change, request.text, key)

    async def find(self, request: PullsComment, change: Change, key: str) -> Landed | None:
        return await find_comment(self.connector, change, key)

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        return await comment_state(self.connector, landed)

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        await delete_comment(self.connector, landed)


class ReviewPull(Action["GitHub", PullsReview]):
    """A verdict on the commit that was the head when it was shown; a verdict is dismissed, a mere comment stays."""

    connector: GitHub
    verb = PullsReview
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: PullsReview) -> Change:
        github = self.connector
        path, record = await pull_at(github, request.ref)
        if request.verdict != "approve" and not request.text.strip():
            raise BadArgument("Say in `text` what the reviewer's words are.", service=github.name)
        if record["state"] != "open":
            raise BadArgument(f"{target_of(record).ref} is closed.", service=github.name)
        author = (record.get("user") or {}).get("login", "ghost")
        if request.verdict != "comment" and author == (await github.wire.get("user")).data["login"]:
            raise BadArgument(
                f"{author} opened this pull request, and GitHub takes no verdict from its author.", service=github.name
            )
        told = [author, *(one["login"] for one in record.get("requested_reviewers") or ())]
        final = request.verdict == "comment"
        return Change(
            target=target_of(record), after={"verdict": request.verdict, "text": request.text.strip()},
            bound={"path": path, "commit_id": record["head"]["sha"]}, people=tuple(dict.fromkeys(told)),
            undo="" if final else "The review is dismissed.",
            warnings=("A review that is only a comment cannot be taken back.",) if final else (),
        )  # fmt: skip

    async def do(self, request: PullsReview, change: Change, key: str) -> Landed:
        body = {
            "event": EVENTS[request.verdict],
            "body": marked(request.text, key),
            "commit_id": change.bound["commit_id"],
        }
        answer = await self.connector.wire.post(f"{change.bound['path']}/reviews", body, repeat=False)
        return self._landed(answer.data, change)

    async def find(self, request: PullsReview, change: Change, key: str) -> Landed | None:
        record = await bearing(self.connector, f"{change.bound['path']}/reviews", key)
        return self._landed(record, change) if record else None

    def _landed(self, record: Record, change: Change) -> Landed:
        return Landed(
            ref=change.target.ref, url=record.get("html_url") or change.target.url, title=change.target.title,
            state=self._words(record), undo={"path": f"{change.bound['path']}/reviews/{record['id']}"},
            said=f"GitHub put the review on {change.target.ref}.",
        )  # fmt: skip

    def _words(self, record: Record) -> dict[str, Any]:
        verdict = VERDICTS.get(record["state"], record["state"].lower())
        return {"verdict": verdict, "text": unmarked(record.get("body"))}

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            return self._words((await self.connector.wire.get(landed.undo["path"])).data)
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        now = await self.state(change, landed)
        if now is not None and now["verdict"] in ("approve", "request_changes"):
            told = {"message": "Taken back.", "event": "DISMISS"}
            await self.connector.wire.request("PUT", f"{landed.undo['path']}/dismissals", body=told)


class CreatePull(Action["GitHub", PullsCreate]):
    """A pull request from a branch that is there; undone by closing it."""

    connector: GitHub
    verb = PullsCreate
    repeat: ClassVar[Repeat] = "probe"

    async def preview(self, request: PullsCreate) -> Change:
        github = self.connector
        repository = (await github.wire.get(f"repos/{request.repo.strip()}")).data
        repo, usual = repository["full_name"], repository["default_branch"]
        for branch in (request.head, request.base):
            try:
                await github.wire.get(f"repos/{repo}/branches/{quote(branch)}")
            except NotFound as missing:
                hint = f"its default branch is {usual}" if branch == request.base else "push it first"
                raise BadArgument(f"{repo} has no branch {branch!r}; {hint}.", service=github.name) from missing
        if request.head == request.base:
            raise BadArgument(f"{request.head!r} cannot be merged into itself.", service=github.name)
        head = f"{repo.split('/')[0]}:{request.head}"
        there = (await github.wire.get(f"repos/{repo}/pulls", {"head": head, "base": request.base})).data
        if there:
            raise BadArgument(
                f"{request.head} has a pull request already: {there[0]['html_url']}.", service=github.name
            )
        return Change(
            target=Target(service=github.name, kind="pull request", title=request.title),
            after={
                "title": request.title.strip(), "description": request.description.strip(), "branch": request.head,
                "into": request.base, "draft": request.draft, "state": "open",
            },
            bound={"repo": repo, "head": request.head, "base": request.base, "draft": request.draft},
            people=(f"everybody who watches {repo}",), undo="The pull request is closed.",
        )  # fmt: skip

    async def do(self, request: PullsCreate, change: Change, key: str) -> Landed:
        given = {name: change.bound[name] for name in ("head", "base", "draft")}
        body = {"title": request.title.strip(), "body": marked(request.description, key), **given}
        answer = await self.connector.wire.post(f"repos/{change.bound['repo']}/pulls", body, repeat=False)
        return self._landed(answer.data)

    async def find(self, request: PullsCreate, change: Change, key: str) -> Landed | None:
        head = f"{change.bound['repo'].split('/')[0]}:{change.bound['head']}"
        params = {"state": "all", "head": head, "base": change.bound["base"]}
        record = await bearing(self.connector, f"repos/{change.bound['repo']}/pulls", key, params)
        return self._landed(record) if record else None

    def _landed(self, record: Record) -> Landed:
        target = target_of(record)
        repo = record["base"]["repo"]["full_name"]
        return Landed(
            ref=target.ref, url=target.url, title=target.title, state=self._words(record),
            undo={"path": f"repos/{repo}/pulls/{record['number']}"}, said=f"GitHub opened {target.ref}.",
        )  # fmt: skip

    def _words(self, record: Record) -> dict[str, Any]:
        return {
            "title": record["title"], "description": unmarked(record.get("body")), "branch": record["head"]["ref"],
            "into": record["base"]["ref"], "draft": bool(record.get("draft")),
            "state": "merged" if record.get("merged_at") else record["state"],
        }  # fmt: skip

    async def state(self, change: Change, landed: Landed) -> Mapping[str, Any] | None:
        try:
            return self._words((await self.connector.wire.get(landed.undo["path"])).data)
        except NotFound:
            return None

    async def undo(self, change: Change, landed: Landed, key: str) -> None:
        # Closed twice is closed once.
        await self.connector.wire.request("PATCH", landed.undo["path"], body={"state": "closed"})


PULL_ACTIONS = (CommentOnPull, ReviewPull, CreatePull)
