"""A prepared fix becomes a draft pull request of exactly the commit that was shown, once, and can be taken back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.repositories import Tried
from tests.connectors.github.actions import PULL_OF_THE_FIX
from tests.connectors.writing import KEY, Fresh
from tests.git.prepared import AT, BRANCH, RED, REPO, SESSION, commit, fix_prepared, patch
from tools.github import GitHub
from tools.github.proposing import ProposePull
from tools.kit.action import Change, Landed, drift
from tools.kit.errors import BadArgument, StepFailed, TimedOut
from tools.verbs import PullsGet, PullsSearch

API = f"repos/{REPO}"


class Stage:
    """The action on a demo of its own, with the fix prepared in `mirrors`."""

    def __init__(self, fresh: Fresh, github: GitHub, mirrors: Any) -> None:
        self.fresh, self.github, self.mirrors = fresh, github, mirrors
        self.action = ProposePull(github)

    async def shown(self, **changed: Any) -> Change:
        return await self.action.preview(PULL_OF_THE_FIX.model_copy(update=changed))

    async def done(self, change: Change) -> Landed:
        return await self.action.do(PULL_OF_THE_FIX, change, KEY)

    async def pulls(self) -> list[dict[str, Any]]:
        return list((await self.github.wire.get(f"{API}/pulls", {"state": "all", "head": f"acme:{BRANCH}"})).data)

    async def head(self) -> str | None:
        return await self.github.git.standing(await self.github.remote(REPO), BRANCH)


@contextlib.asynccontextmanager
async def opened(acme: Path, tried: Tried | None) -> AsyncIterator[Stage]:
    fresh = Fresh("github", acme)
    async with fresh.client:
        github = fresh.connector
        assert isinstance(github, GitHub)
        async with fix_prepared(github, fresh.app, tried) as mirrors:
            yield Stage(fresh, github, mirrors)


@pytest.fixture
async def stage(acme: Path) -> AsyncIterator[Stage]:
    async with opened(acme, Tried("confirmed", RED, RED.model_copy(update={"green": True, "failed": 0}))) as stage:
        yield stage


async def test_the_preview_shows_the_whole_change_and_what_was_tried(stage: Stage) -> None:
    change = await stage.shown()
    assert change.after["commit"] == commit()
    assert f"diff --git a/{SESSION} b/{SESSION}" in change.after["changes"]
    assert "+  if (session === null || session.expiresAt < new Date()) {" in change.after["changes"]
    assert change.after["tests"].startswith("Confirmed in a fresh sandbox")
    assert "1 failed" in change.after["tests"]
    assert "https://errors.test/PORTAL-2032" in change.after["description"]
    assert change.warnings == ()
    assert await stage.head() is None
    assert stage.fresh.sent() == []


async def test_what_is_pushed_is_what_was_shown(stage: Stage) -> None:
    change = await stage.shown()
    landed = await stage.done(change)
    assert await stage.head() == commit()
    [pull] = await stage.pulls()
    assert (pull["draft"], pull["head"]["sha"], pull["base"]["ref"]) == (True, commit(), "main")
    assert landed.said == f"GitHub opened {landed.ref} as a draft with the commit {commit()[:10]}."
    [noun] = await stage.github.call(PullsGet(ref=landed.ref))
    assert [file.path for file in noun.files] == [SESSION]  # type: ignore[attr-defined]
    assert landed.ref in {one.ref for one in await stage.github.call(PullsSearch(state="open"))}
    assert "demo-github" not in landed.model_dump_json() + change.model_dump_json()


async def test_a_push_without_its_pull_request_is_finished_and_not_repeated(stage: Stage) -> None:
    change = await stage.shown()
    await stage.github.git.push(await stage.github.remote(REPO), commit(), BRANCH)
    assert await stage.action.find(PULL_OF_THE_FIX, change, KEY) is None
    assert (await stage.shown()).after == change.after
    landed = await stage.done(change)
    found = await stage.action.find(PULL_OF_THE_FIX, change, KEY)
    assert found is not None
    assert (found.ref, found.state) == (landed.ref, landed.state)
    with pytest.raises(BadArgument, match="has a pull request already"):
        await stage.shown()
    assert len(await stage.pulls()) == 1


async def test_a_lost_answer_is_found_again(stage: Stage) -> None:
    change = await stage.shown()
    stage.fresh.lose_next = True
    with pytest.raises(TimedOut):
        await stage.done(change)
    found = await stage.action.find(PULL_OF_THE_FIX, change, KEY)
    assert found is not None
    assert drift(found.state, await stage.action.state(change, found)) == {}
    # Sent once more all the same, GitHub itself takes no second one, and the first keeps its branch.
    with pytest.raises(BadArgument):
        await stage.done(change)
    assert len(await stage.pulls()) == 1


async def test_a_refused_pull_request_leaves_no_branch(stage: Stage) -> None:
    change = await stage.shown()
    refused = {"message": "Draft pull requests are not supported in this repository."}
    stage.fresh.answer_next = httpx.Response(422, json=refused)
    with pytest.raises(BadArgument):
        await stage.done(change)
    assert await stage.head() is None
    assert await stage.pulls() == []


async def test_undo_deletes_the_branch_and_closes_it(stage: Stage) -> None:
    change = await stage.shown()
    landed = await stage.done(change)
    for _ in range(2):
        await stage.action.undo(change, landed, KEY)
        assert await stage.head() is None
        assert [pull["state"] for pull in await stage.pulls()] == ["closed"]


@pytest.mark.parametrize("who", ["comments", "approves", "merges", "retitles", "pushes"])
async def test_what_somebody_did_meanwhile_is_seen(stage: Stage, who: str) -> None:
    change = await stage.shown(draft=who != "merges")
    landed = await stage.done(change)
    path = landed.undo["path"]
    if who == "comments":
        await stage.github.wire.post(f"{path.replace('pulls', 'issues')}/comments", {"body": "Hm."}, repeat=False)
    elif who == "approves":
        await stage.github.wire.post(f"{path}/reviews", {"event": "COMMENT", "body": "Fine."}, repeat=False)
    elif who == "merges":
        await stage.github.wire.request("PUT", f"{path}/merge", body={"sha": commit()})
    elif who == "retitles":
        await stage.github.wire.request("PATCH", path, body={"title": "Mine"})
    else:
        theirs = await pushed_upon(stage)
        assert await stage.head() == theirs
    differs = drift(landed.state, await stage.action.state(change, landed))
    assert differs
    if who == "pushes":
        assert "commit" in differs
        with pytest.raises(StepFailed, match="somebody pushed"):
            await stage.action.undo(change, landed, KEY)
        assert await stage.head() == theirs
        assert [pull["state"] for pull in await stage.pulls()] == ["open"]


async def pushed_upon(stage: Stage) -> str:
    """Somebody's commit upon the branch."""
    remote = await stage.github.remote(REPO)
    mirror = stage.mirrors._mirror(remote)
    tree = (await mirror._git.run("rev-parse", f"{commit()}^{{tree}}", folder=mirror.folder)).decode().strip()
    theirs: str = await mirror.commit(commit(), tree, "Mine as well", AT)
    there = stage.github.git._there(remote)  # type: ignore[attr-defined]
    await mirror.push(there, BRANCH, theirs, commit())
    return theirs


async def test_a_branch_of_somebody_else_is_left_alone(stage: Stage) -> None:
    change = await stage.shown()
    remote = await stage.github.remote(REPO)
    await stage.github.git.push(remote, commit(), BRANCH)
    theirs = await pushed_upon(stage)
    with pytest.raises(BadArgument, match="name another"):
        await stage.shown()
    with pytest.raises(BadArgument):
        await stage.done(change)
    assert await stage.head() == theirs
    assert await stage.pulls() == []


async def test_what_was_not_tried_says_so(acme: Path) -> None:
    for tried, said in (
        (None, "It was not tried"),
        (Tried("untested"), "do not confirm"),
        (Tried("refuted"), "do not"),
    ):
        async with opened(acme, tried) as stage:
            change = await stage.shown(description="All tests are green, I promise.")
            assert [warning for warning in change.warnings if said in warning]
            assert not change.after["tests"].startswith("Confirmed")


async def test_a_change_that_a_person_must_look_at_comes_with_its_reasons(stage: Stage) -> None:
    made = await another(stage, patch().decode() + NEW_WORKFLOW)
    change = await stage.shown(commit=made)
    assert [warning for warning in change.warnings if ".github/workflows/ci.yml" in warning]


async def test_a_change_that_must_not_leave_is_never_shown_nor_pushed(stage: Stage) -> None:
    made = await another(stage, NEW_KEY)
    with pytest.raises(BadArgument, match="must not be pushed"):
        await stage.shown(commit=made)


async def another(stage: Stage, text: str) -> str:
    head = await stage.mirrors.fetch(REPO)
    applied = await stage.mirrors.apply(REPO, head.commit, text.encode())
    made: str = await stage.mirrors.commit(REPO, head.commit, applied.tree, "Another", AT)
    return made


NEW_WORKFLOW = """\
diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml
new file mode 100644
--- /dev/null
+++ b/.github/workflows/ci.yml
@@ -0,0 +1 @@
+on: push
"""
NEW_KEY = """\
diff --git a/api/src/key.ts b/api/src/key.ts
new file mode 100644
--- /dev/null
+++ b/api/src/key.ts
@@ -0,0 +1 @@
+export const key = 'AKIA0123456789ABCDEF';
"""
