"""Writes that the demo's GitHub can take, for the contract suite of actions."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.actions import Sample
from tests.git.prepared import BRANCH, REPO, commit, fix_prepared, source
from tools.github import GitHub
from tools.kit.action import Change, Landed
from tools.writes import (
    IssuesComment,
    IssuesCreate,
    IssuesUpdate,
    PullsComment,
    PullsCreate,
    PullsMerge,
    PullsPropose,
    PullsReview,
)

PULL, RED, CONTESTED, DRAFT = "acme/portal#484", "acme/portal#479", "acme/portal#479", "acme/portal#485"

ISSUE = "acme/portal#489"
GIVEN = (IssuesCreate(title="There before", description="As it was.", assignee="Yusuf", labels=("bug",)),)


async def renamed(github: GitHub, change: Change, landed: Landed) -> None:
    await github.wire.request("PATCH", landed.undo["path"], body={"title": "Somebody else's title"})


async def deleted(github: GitHub, change: Change, landed: Landed) -> None:
    await github.wire.request("DELETE", landed.undo["path"])


async def dismissed(github: GitHub, change: Change, landed: Landed) -> None:
    await github.wire.request("PUT", f"{landed.undo['path']}/dismissals", body={"message": "No longer."})


async def set_back(github: GitHub, change: Change, landed: Landed) -> None:
    await github.wire.request("PATCH", landed.undo["path"], body={"title": "Theirs", "body": "Somebody else's words."})


async def commented(github: GitHub, change: Change, landed: Landed) -> None:
    path = landed.undo["path"].replace("/pulls/", "/issues/")
    await github.wire.post(f"{path}/comments", {"body": "Does this hold for two tabs?"}, repeat=False)


PULL_OF_THE_FIX = PullsPropose(
    repo=REPO, commit=commit(), branch=BRANCH, title="Answer 401 for a session that is gone",
    description="Mends PORTAL-2032.", links=("https://errors.test/PORTAL-2032",),
)  # fmt: skip

SAMPLES = {
    "issues.create": Sample(
        IssuesCreate(
            title="Signup fails on Safari 19", description="Since Friday.", team="acme/portal", assignee="Sarah",
            priority="high", labels=("Bug",), milestone="auth", links=("https://errors.test/WEB-812",),
        ),
        renamed,
        (
            IssuesCreate(title="A", assignee="Zebediah"),
            IssuesCreate(title="A", team="marketing"),
            IssuesCreate(title="A", team="acme/none"),
            IssuesCreate(title="A", labels=("no-such-label",)),
            IssuesCreate(title="A", milestone="no such milestone"),
        ),
    ),
    "issues.create/least": Sample(
        IssuesCreate(title="Only a title"), renamed, (IssuesCreate(title="A", team="a/b/c"),)
    ),
    "issues.update": Sample(
        IssuesUpdate(
            ref=ISSUE, title="A better title", description="More words.", state="cancelled", priority="low",
            assignee="Sarah", labels=("enhancement",), milestone="auth",
        ),
        set_back,
        (
            IssuesUpdate(ref=ISSUE),
            IssuesUpdate(ref=ISSUE, assignee="Zebediah"),
            IssuesUpdate(ref=ISSUE, priority="medium"),
            IssuesUpdate(ref=ISSUE, due=datetime(2026, 12, 1, tzinfo=UTC)),
            IssuesUpdate(ref=PULL, title="A"),
            IssuesUpdate(ref="acme/portal#99999", title="A"),
        ),
        given=GIVEN,
    ),
    "issues.update/text": Sample(
        IssuesUpdate(ref=ISSUE, description="More words."), set_back, (IssuesUpdate(ref="no", title="A"),), given=GIVEN
    ),
    "issues.comment": Sample(
        IssuesComment(ref=ISSUE, text="It began with **the deployment** of Friday."),
        deleted,
        (IssuesComment(ref="acme/portal#99999", text="A"), IssuesComment(ref=PULL, text="A")),
        given=GIVEN,
    ),
    "pulls.comment": Sample(
        PullsComment(ref=PULL, text="It **works** here."),
        deleted,
        (PullsComment(ref="acme/portal#99999", text="A"), PullsComment(ref="the one of Yusuf", text="A")),
    ),
    "pulls.review": Sample(
        PullsReview(ref=PULL, verdict="approve"),
        dismissed,
        (PullsReview(ref=PULL, verdict="request_changes"), PullsReview(ref="acme/portal#482", verdict="approve")),
    ),
    "pulls.review/changes": Sample(
        PullsReview(ref=CONTESTED, verdict="request_changes", text="The clock skew is still there."),
        dismissed,
        (PullsReview(ref="acme/portal#99999", verdict="approve"),),
    ),
    "pulls.review/comment": Sample(
        PullsReview(ref=PULL, verdict="comment", text="Looks fine."), None, (PullsReview(ref="no", verdict="approve"),)
    ),
    "pulls.merge": Sample(
        PullsMerge(ref=PULL), None, (PullsMerge(ref="acme/portal#482"), PullsMerge(ref="acme/portal#99999"))
    ),
    "pulls.propose": Sample(
        PULL_OF_THE_FIX,
        commented,
        (
            PULL_OF_THE_FIX.model_copy(update={"repo": "acme/other"}),
            PULL_OF_THE_FIX.model_copy(update={"branch": "main"}),
            PULL_OF_THE_FIX.model_copy(update={"branch": "agent/../main"}),
            PULL_OF_THE_FIX.model_copy(update={"branch": "change-484"}),
            PULL_OF_THE_FIX.model_copy(update={"base": "change-484"}),
            PULL_OF_THE_FIX.model_copy(update={"commit": source().main}),
            PULL_OF_THE_FIX.model_copy(update={"commit": "HEAD"}),
        ),
        prepare=fix_prepared,
    ),
    "pulls.create": Sample(
        PullsCreate(repo="acme/portal", head="change-482", title="Put the form back", description="Reverts #482."),
        renamed,
        (
            PullsCreate(repo="acme/portal", head="no-such-branch", title="A"),
            PullsCreate(repo="acme/portal", head="change-482", base="master", title="A"),
            PullsCreate(repo="acme/portal", head="change-484", title="A"),
            PullsCreate(repo="acme/other", head="change-484", title="A"),
        ),
    ),
}  # fmt: skip
