"""Writes that the demo's Linear can take, for the contract suite of actions."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.actions import Sample
from tools.kit.action import Change, Landed
from tools.linear import Linear
from tools.linear.linking import DETACH, UNRELATE
from tools.linear.writing import ARCHIVE, DELETE_COMMENT, UPDATE
from tools.writes import IssuesComment, IssuesCreate, IssuesLink, IssuesUpdate

NO_ISSUE = "WEB-99999"


async def renamed(linear: Linear, change: Change, landed: Landed) -> None:
    await linear.ask(UPDATE, {"id": landed.ref, "input": {"title": "Somebody else's title"}})


async def archived(linear: Linear, change: Change, landed: Landed) -> None:
    await linear.ask(ARCHIVE, {"id": landed.ref})


async def comment_deleted(linear: Linear, change: Change, landed: Landed) -> None:
    await linear.ask(DELETE_COMMENT, {"id": landed.undo["id"]})


async def unrelated(linear: Linear, change: Change, landed: Landed) -> None:
    await linear.ask(UNRELATE, {"id": landed.undo["id"]})


async def detached(linear: Linear, change: Change, landed: Landed) -> None:
    await linear.ask(DETACH, {"id": landed.undo["id"]})


SAMPLES = {
    "issues.create": Sample(
        IssuesCreate(
            title="Signup fails on Safari 19", description="Since Friday.\n\n- 214 people", assignee="Sarah",
            priority="urgent", labels=("Support",), team="web", milestone="auth",
            links=("https://errors.test/WEB-812", "$create[0].url"),
        ),
        renamed,
        (
            IssuesCreate(title="A", assignee="Zebediah"),
            IssuesCreate(title="A", team="marketing"),
            IssuesCreate(title="A", labels=("no-such-label",)),
            IssuesCreate(title="A", milestone="no such milestone"),
        ),
    ),
    "issues.create/least": Sample(IssuesCreate(title="Only a title"), archived, (IssuesCreate(title="A", team="zz"),)),
    "issues.update": Sample(
        IssuesUpdate(
            ref="BACK-290", title="A better title", description="More words.", state="in_review", priority="low",
            assignee="mateo", labels=("support",), milestone="auth", due=datetime(2026, 12, 1, 12, tzinfo=UTC),
        ),
        renamed,
        (
            IssuesUpdate(ref=NO_ISSUE, title="A"),
            IssuesUpdate(ref="not an issue", title="A"),
            IssuesUpdate(ref="BACK-290", assignee="Zebediah"),
            IssuesUpdate(ref="BACK-290"),
        ),
    ),
    "issues.update/unassign": Sample(
        IssuesUpdate(ref="BACK-290", assignee="nobody", state="done"), archived, (IssuesUpdate(ref="BACK-290"),)
    ),
    "issues.comment": Sample(
        IssuesComment(ref="BACK-290", text="It began with **the deployment** of Friday."),
        comment_deleted,
        (IssuesComment(ref=NO_ISSUE, text="A"), IssuesComment(ref="https://elsewhere.test/1", text="A")),
    ),
    "issues.link": Sample(
        IssuesLink(ref="BACK-290", to="WEB-309", relation="blocks"),
        unrelated,
        (
            IssuesLink(ref="BACK-290", to="BACK-290"),
            IssuesLink(ref="BACK-290", to=NO_ISSUE),
            IssuesLink(ref="BACK-290", to="the other one"),
        ),
    ),
    "issues.link/url": Sample(
        IssuesLink(ref="BACK-290", to="https://errors.test/WEB-812", title="The error"),
        detached,
        (IssuesLink(ref=NO_ISSUE, to="https://errors.test/1"),),
    ),
}  # fmt: skip
