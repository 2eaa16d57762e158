"""What the contract of actions does not ask of GitHub's: what a merge waits for, what a preview warns of, marks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.test_action import KEY, staged
from tools.github import GitHub
from tools.github.issues import CreateIssue
from tools.github.mark import marked, unmarked
from tools.github.merging import MergePull
from tools.kit.action import Change, Target
from tools.kit.connector import Connector
from tools.kit.errors import BadArgument, StepFailed
from tools.writes import IssuesCreate, PullsMerge, PullsReview

Answered = Callable[..., Awaitable[Connector]]
HEAD = "a" * 40
CHANGE = Change(
    target=Target(service="github", kind="pull request", ref="acme/portal#7"),
    after={"state": "merged", "head": HEAD},
    bound={"path": "repos/acme/portal/pulls/7", "sha": HEAD, "method": "squash"},
)
REQUEST = PullsMerge(ref="acme/portal#7", when_green=True)
OPEN: dict[str, Any] = {
    "state": "open", "merged_at": None, "draft": False, "mergeable": True, "head": {"sha": HEAD},
    "base": {"ref": "main"}, "merge_commit_sha": None,
}  # fmt: skip


def host(pull: dict[str, Any], runs: dict[str, str | None], merge: tuple[int, Any] = (500, {})) -> Any:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(merge[0], json=merge[1])
        if request.url.path.endswith("/check-runs"):
            listed = [
                {"name": name, "status": "completed" if ended else "in_progress", "conclusion": ended}
                for name, ended in runs.items()
            ]
            return httpx.Response(200, json={"check_runs": listed})
        return httpx.Response(200, json=pull)

    return handler


async def merging(answered: Answered, *host_of: Any) -> MergePull:
    connector = await answered("github", host(*host_of))
    assert isinstance(connector, GitHub)
    return MergePull(connector)


async def test_a_merge_waits_for_what_runs_and_for_nothing_else(answered: Answered) -> None:
    running = await merging(answered, OPEN, {"lint": "success", "ci": None})
    assert await running.blocked(REQUEST, CHANGE) == "Checks are running: ci."
    assert await running.blocked(REQUEST.model_copy(update={"when_green": False}), CHANGE) is None
    green = await merging(answered, OPEN, {"lint": "success", "ci": "success"})
    assert await green.blocked(REQUEST, CHANGE) is None
    done = await merging(answered, {**OPEN, "state": "closed", "merged_at": "2026-11-18T15:00:00Z"}, {})
    assert await done.blocked(REQUEST, CHANGE) is None


@pytest.mark.parametrize(
    ("pull", "runs", "said"),
    [
        ({}, {"ci": "failure", "lint": None}, "the check ci failed"),
        ({"mergeable": False}, {}, "conflicts with main"),
        ({"draft": True}, {}, "draft"),
        ({"state": "closed"}, {}, "closed without being merged"),
        ({"head": {"sha": "b" * 40}}, {}, "new commits"),
    ],
)
async def test_what_waiting_does_not_mend_ends_the_waiting(
    answered: Answered, pull: dict[str, Any], runs: dict[str, str | None], said: str
) -> None:
    with pytest.raises(StepFailed, match=said):
        await (await merging(answered, {**OPEN, **pull}, runs)).blocked(REQUEST, CHANGE)


async def test_a_merge_that_github_refuses_is_looked_up(answered: Answered) -> None:
    merged = {**OPEN, "state": "closed", "merged_at": "2026-11-18T15:00:00Z", "merge_commit_sha": "c" * 40}
    refusal = (405, {"message": "Pull Request is not mergeable"})
    landed = await (await merging(answered, merged, {}, refusal)).do(REQUEST, CHANGE, KEY)
    assert landed.said == "GitHub merged acme/portal#7 as ccccccc."
    with pytest.raises(StepFailed, match="other commits"):
        await (await merging(answered, {**merged, "head": {"sha": "b" * 40}}, {}, refusal)).do(REQUEST, CHANGE, KEY)
    with pytest.raises(StepFailed, match="not mergeable"):
        await (await merging(answered, OPEN, {}, refusal)).do(REQUEST, CHANGE, KEY)
    moved = (409, {"message": "Head branch was modified."})
    with pytest.raises(StepFailed, match="new commits"):
        await (await merging(answered, {**OPEN, "head": {"sha": "b" * 40}}, {}, moved)).do(REQUEST, CHANGE, KEY)


async def test_a_preview_of_a_merge_warns_of_red_checks_and_of_reviews(shared: Path) -> None:
    async with staged("github", "pulls.merge", shared) as stage:
        contested = await stage.action.preview(PullsMerge(ref="acme/portal#479"))
        draft = await stage.action.preview(PullsMerge(ref="acme/portal#485"))
    assert "Checks are red: ci." in contested.warnings
    assert any(warning.startswith("1 review asks for changes: ") for warning in contested.warnings)
    assert "Nobody has approved it." in contested.warnings
    assert "It is a draft." in draft.warnings
    assert not contested.undo


async def test_an_author_gives_no_verdict_on_their_own(shared: Path) -> None:
    async with staged("github", "pulls.create", shared) as stage:
        landed = await stage.do(await stage.preview())
        review = stage.connector.writes()["pulls.review"](stage.connector)
        with pytest.raises(BadArgument, match="takes no verdict from its author"):
            await review.preview(PullsReview(ref=landed.ref, verdict="approve"))


async def test_a_title_that_is_there_already_is_pointed_out(shared: Path) -> None:
    async with staged("github", "issues.create/least", shared) as stage:
        assert isinstance(stage.action, CreateIssue)
        landed = await stage.do(await stage.preview())
        again = await stage.action.preview(IssuesCreate(title="only a TITLE", priority="urgent"))
    assert f"There is an open issue with the same title: {landed.ref}." in again.warnings
    assert any("no label for the priority urgent" in warning for warning in again.warnings)


def test_a_mark_is_not_part_of_the_text() -> None:
    assert marked("Hello.\n", KEY) == f"Hello.\n\n<!-- deus:{KEY} -->"
    assert unmarked(marked("Hello.", KEY)) == "Hello."
    assert unmarked(f"Hello.\r\n\r\n<!-- deus:{KEY} -->") == "Hello."
    assert unmarked(marked("", KEY)) == unmarked(None) == ""


async def test_a_list_too_long_to_be_searched_leaves_the_outcome_open(answered: Answered) -> None:
    def endless(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        following = request.url.copy_merge_params({"page": page + 1})
        link = {"link": f'<{following}>; rel="next"'}
        return httpx.Response(200, json=[{"body": f"{page}/{n}"} for n in range(100)], headers=link)

    connector = await answered("github", endless, repo="acme/portal")
    assert isinstance(connector, GitHub)
    change = CHANGE.model_copy(update={"bound": {"repo": "acme/portal"}})
    with pytest.raises(StepFailed, match="could not be found out"):
        await CreateIssue(connector).find(IssuesCreate(title="A"), change, KEY)
