"""The write verbs: what can be done with a company's tools, whatever the tool. None happens before it was shown."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from tools.kit.tool import Stakes, Write
from tools.nouns import Where

Priority = Literal["urgent", "high", "medium", "low", "none"]
IssueState = Literal["backlog", "open", "in_progress", "in_review", "done", "cancelled"]
Links = Field(default=(), description="URLs to put beneath it, such as the error's or the issue's own")
Assignee = Field(default=None, description="who shall own it: a name, an email address or a handle")


class IssuesCreate(Write):
    """Create an issue in the team's tracker. Search first whether there is one like it."""

    name = "issues.create"
    body = frozenset({"title", "description", "links"})
    stakes: ClassVar[Stakes] = "low"
    title: str = Field(min_length=1, max_length=255)
    description: str = Field(default="", description="Markdown; what happens, since when, whom it concerns, evidence")
    team: str | None = Field(default=None, description="the team or repository that it belongs to")
    assignee: str | None = Assignee
    priority: Priority | None = None
    labels: tuple[str, ...] = ()
    milestone: str | None = None
    links: tuple[str, ...] = Links


class IssuesUpdate(Write):
    """Change fields of an issue; what is left out stays as it is."""

    name = "issues.update"
    body = frozenset({"title", "description"})
    stakes: ClassVar[Stakes] = "low"
    ref: str
    title: str | None = Field(default=None, min_length=1, max_length=255)
    description: str | None = None
    state: IssueState | None = None
    priority: Priority | None = None
    assignee: str | None = Assignee
    labels: tuple[str, ...] | None = None
    milestone: str | None = None
    due: AwareDatetime | None = None


class IssuesComment(Write):
    """Say something beneath an issue."""

    name = "issues.comment"
    body = frozenset({"text"})
    stakes: ClassVar[Stakes] = "low"
    reaches_people: ClassVar[bool] = True
    ref: str
    text: str = Field(min_length=1, description="Markdown")


class IssuesLink(Write):
    """Tie an issue to another one, or to a page elsewhere such as an error or a pull request."""

    name = "issues.link"
    body = frozenset({"title"})
    stakes: ClassVar[Stakes] = "low"
    ref: str
    to: str = Field(description="the other issue's ref, or a URL")
    relation: Literal["related", "blocks", "duplicate"] = "related"
    title: str = ""


class PullsComment(Write):
    """Say something beneath a pull request."""

    name = "pulls.comment"
    body = frozenset({"text"})
    stakes: ClassVar[Stakes] = "low"
    reaches_people: ClassVar[bool] = True
    ref: str
    text: str = Field(min_length=1, description="Markdown")


class PullsReview(Write):
    """Give a verdict on a pull request."""

    name = "pulls.review"
    body = frozenset({"text"})
    stakes: ClassVar[Stakes] = "medium"
    reaches_people: ClassVar[bool] = True
    ref: str
    verdict: Literal["approve", "request_changes", "comment"]
    text: str = ""


class PullsMerge(Write):
    """Merge a pull request, at once or as soon as its checks are green."""

    name = "pulls.merge"
    stakes: ClassVar[Stakes] = "high"
    ref: str
    method: Literal["merge", "squash", "rebase"] = "squash"
    when_green: bool = Field(default=False, description="wait for the checks; a failed one ends the waiting")


class PullsCreate(Write):
    """Open a pull request from a branch that is there."""

    name = "pulls.create"
    body = frozenset({"title", "description"})
    stakes: ClassVar[Stakes] = "medium"
    reaches_people: ClassVar[bool] = True
    repo: str = Field(description="owner/name")
    head: str
    base: str = "main"
    title: str = Field(min_length=1, max_length=255)
    description: str = ""
    draft: bool = False


class PullsPropose(Write):
    """Open a draft pull request of a fix that Deus prepared and tried; `code.fix` says which commit and branch."""

    name = "pulls.propose"
    body = frozenset({"title", "description", "links"})
    stakes: ClassVar[Stakes] = "medium"
    reaches_people: ClassVar[bool] = True
    repo: str = Field(description="owner/name")
    commit: str = Field(description="the full hash of the prepared commit")
    branch: str = Field(description="where it is pushed: a new branch below agent/")
    base: str | None = Field(default=None, description="the branch that it goes into; the default one if left out")
    title: str = Field(min_length=1, max_length=255)
    description: str = Field(default="", max_length=60000, description="Markdown")
    links: tuple[str, ...] = Links
    draft: bool = True


class MessagesSend(Write):
    """Send a message to a channel, a person or a thread of the team's chat."""

    name = "messages.send"
    body = frozenset({"text", "links"})
    stakes: ClassVar[Stakes] = "medium"
    reaches_people: ClassVar[bool] = True
    to: str = Field(description="#channel, a person's name or email address")
    text: str = Field(min_length=1, max_length=12000, description="Markdown")
    thread: str | None = Field(default=None, description="the ref of the message to answer")
    links: tuple[str, ...] = Links


class DeploysRollback(Write):
    """Put the deployment back that served production before a faulty one."""

    name = "deploys.rollback"
    stakes: ClassVar[Stakes] = "high"
    component: str = Field(description="the project: web, api …")
    to: str | None = Field(default=None, description="the ref to go back to; the one before if left out")
    bad: str | None = Field(default=None, description="the ref of the deployment that is at fault")


class DeploysPromote(Write):
    """Let a finished deployment serve production."""

    name = "deploys.promote"
    stakes: ClassVar[Stakes] = "high"
    ref: str


class DeploysRedeploy(Write):
    """Build and deploy the same commit again, to the same environment."""

    name = "deploys.redeploy"
    stakes: ClassVar[Stakes] = "medium"
    ref: str


class FlagsSet(Write):
    """Turn a feature flag on or off, for everybody or only where properties have given values, or set its share."""

    name = "flags.set"
    stakes: ClassVar[Stakes] = "high"
    ref: str = Field(description="the flag's key")
    on: bool | None = Field(default=None, description="on or off")
    share: float | None = Field(default=None, ge=0, le=100, description="per cent of those concerned who get it")
    where: Where = Field(default_factory=dict, description="only for these, such as {country: DE}; all if empty")


class ErrorsResolve(Write):
    """Mark an error as resolved; it comes back by itself if it happens again."""

    name = "errors.resolve"
    stakes: ClassVar[Stakes] = "low"
    ref: str
    in_next_release: bool = False


class ErrorsAssign(Write):
    """Give an error to a person or a team."""

    name = "errors.assign"
    stakes: ClassVar[Stakes] = "low"
    ref: str
    assignee: str


class DocumentsCreate(Write):
    """Write a page among the team's documents."""

    name = "documents.create"
    body = frozenset({"title", "content"})
    stakes: ClassVar[Stakes] = "low"
    reaches_people: ClassVar[bool] = True
    title: str = Field(min_length=1, max_length=255)
    content: str = Field(description="Markdown")
    parent: str | None = Field(default=None, description="the ref of the page or database that it goes under")
