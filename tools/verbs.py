"""The verbs that connectors serve: what can be asked of a company's tools, whatever the tool."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from tools.kit.tool import Verb
from tools.nouns import (
    Alert,
    Annotation,
    Code,
    Commit,
    Customer,
    Deployment,
    Document,
    ErrorEvent,
    ErrorGroup,
    Flag,
    FlagChange,
    Funnel,
    Grain,
    Incident,
    Issue,
    Message,
    Metric,
    Person,
    PullRequest,
    Review,
    Series,
    Ticket,
    Where,
)

Since = Field(default=None, description="start of the period, inclusive")
Until = Field(default=None, description="end of the period, exclusive; now if left out")
Text = Field(default="", description="words to look for; all records of the period if empty")
Limit = Field(default=200, ge=1, le=5000, description="at most this many records, newest first")


class MetricsList(Verb):
    """List the metrics that analytics counts, with the properties each can be broken down by."""

    name = "metrics.list"
    returns = Metric


class MetricsSeries(Verb):
    """Count one metric over time, one value per bucket. Buckets are gapless; days and weeks are the company's own."""

    name = "metrics.series"
    returns = Series
    metric: str = Field(description="the metric's name, as metrics.list gives it")
    since: AwareDatetime
    until: AwareDatetime | None = Until
    grain: Grain = "day"
    where: Where = Field(default_factory=dict, description="only events whose properties have these values")


class MetricsBreakdown(Verb):
    """Count one metric over time for every value of one or more properties: one series per combination."""

    name = "metrics.breakdown"
    returns = Series
    metric: str
    by: tuple[str, ...] = Field(min_length=1, max_length=6, description="the properties to break down by")
    since: AwareDatetime
    until: AwareDatetime | None = Until
    grain: Grain = "day"
    where: Where = Field(default_factory=dict)


class MetricsFunnel(Verb):
    """Count how many people went through an ordered list of metrics in a period."""

    name = "metrics.funnel"
    returns = Funnel
    steps: tuple[str, ...] = Field(min_length=2, max_length=10)
    since: AwareDatetime
    until: AwareDatetime | None = Until
    where: Where = Field(default_factory=dict)


class DeploysList(Verb):
    """List deployments of a period, newest first."""

    name = "deploys.list"
    returns = Deployment
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    environment: Literal["production", "preview", "staging"] | None = None
    limit: int = Limit


class DeploysGet(Verb):
    """Get one deployment by its ref."""

    name = "deploys.get"
    returns = Deployment
    ref: str


class PullsSearch(Verb):
    """Find pull requests by words, state, author and time of their last change, newest first."""

    name = "pulls.search"
    returns = PullRequest
    text: str = Text
    state: Literal["open", "merged", "closed", "all"] = "all"
    author: str | None = None
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class PullsGet(Verb):
    """Get one pull request with its reviews, checks and changed files."""

    name = "pulls.get"
    returns = PullRequest
    ref: str


class PullsDiff(Verb):
    """Get the files that a pull request changes, with their patches."""

    name = "pulls.diff"
    returns = PullRequest
    ref: str


class PullsReviews(Verb):
    """List the reviews of a pull request, and whose review is still awaited."""

    name = "pulls.reviews"
    returns = Review
    ref: str


class CommitsList(Verb):
    """List commits of the default branch, newest first."""

    name = "commits.list"
    returns = Commit
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    path: str | None = Field(default=None, description="only commits that touch this file or folder")
    limit: int = Limit


class CodeSearch(Verb):
    """Find files of the repository by words in their path or content."""

    name = "code.search"
    returns = Code
    text: str
    limit: int = Field(default=20, ge=1, le=100)


class CodeRead(Verb):
    """Read one file of the repository."""

    name = "code.read"
    returns = Code
    path: str
    revision: str | None = Field(default=None, description="a branch, tag or SHA; the default branch if left out")


class ErrorsSearch(Verb):
    """Find error groups that were seen in a period, those that concern most people first."""

    name = "errors.search"
    returns = ErrorGroup
    text: str = Text
    state: Literal["unresolved", "resolved", "ignored", "all"] = "all"
    level: Literal["fatal", "error", "warning", "info"] | None = None
    release: str | None = None
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class ErrorsGet(Verb):
    """Get one error group with its tags, release and hourly counts."""

    name = "errors.get"
    returns = ErrorGroup
    ref: str


class ErrorsEvents(Verb):
    """List recent occurrences of an error, with their stacks."""

    name = "errors.events"
    returns = ErrorEvent
    ref: str
    limit: int = Field(default=20, ge=1, le=100)


class IssuesSearch(Verb):
    """Find issues in the trackers by words, state, priority, assignee, team, labels, milestone and due date."""

    name = "issues.search"
    returns = Issue
    text: str = Text
    state: Literal["open", "closed", "all"] = Field(default="all", description="open: neither done nor cancelled")
    priority: Literal["urgent", "high", "medium", "low", "none"] | None = None
    assignee: str | None = None
    team: str | None = None
    labels: tuple[str, ...] = ()
    milestone: str | None = None
    since: AwareDatetime | None = Field(default=None, description="changed since")
    until: AwareDatetime | None = Until
    limit: int = Limit


class IssuesGet(Verb):
    """Get one issue with its relations."""

    name = "issues.get"
    returns = Issue
    ref: str


class IssuesBlockers(Verb):
    """List the open issues that stand in the way of an issue or a milestone, the whole chain of them."""

    name = "issues.blockers"
    returns = Issue
    ref: str | None = None
    milestone: str | None = None


class MessagesSearch(Verb):
    """Find what was said in chat, newest first."""

    name = "messages.search"
    returns = Message
    text: str = Text
    channel: str | None = None
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class MessagesThread(Verb):
    """Read a whole thread, oldest first, by the ref of any of its messages."""

    name = "messages.thread"
    returns = Message
    ref: str


class AlertsList(Verb):
    """List alerts that fired in a period, newest first."""

    name = "alerts.list"
    returns = Alert
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class IncidentsSearch(Verb):
    """Find incidents, past ones too: what it was and how it was fixed."""

    name = "incidents.search"
    returns = Incident
    text: str = Text
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class FlagsList(Verb):
    """List feature flags as they stand now."""

    name = "flags.list"
    returns = Flag
    text: str = Text
    limit: int = Limit


class FlagsHistory(Verb):
    """List changes of feature flags in a period, newest first."""

    name = "flags.history"
    returns = FlagChange
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    key: str | None = None
    limit: int = Limit


class AnnotationsList(Verb):
    """List remarks on the time axis (campaigns, launches) that touch a period."""

    name = "annotations.list"
    returns = Annotation
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class TicketsSearch(Verb):
    """Find customers' tickets by words, state and time, newest first."""

    name = "tickets.search"
    returns = Ticket
    text: str = Text
    state: Literal["open", "pending", "solved", "all"] = "all"
    since: AwareDatetime | None = Since
    until: AwareDatetime | None = Until
    limit: int = Limit


class CustomersFind(Verb):
    """Find customers by name, e-mail or plan."""

    name = "customers.find"
    returns = Customer
    text: str = Text
    limit: int = Limit


class CustomersGet(Verb):
    """Get one customer by ref."""

    name = "customers.get"
    returns = Customer
    ref: str


class PaymentsSeries(Verb):
    """Count payments over time, or sum their amounts."""

    name = "payments.series"
    returns = Series
    since: AwareDatetime
    until: AwareDatetime | None = Until
    grain: Grain = "day"
    status: Literal["succeeded", "failed", "all"] = "succeeded"
    measure: Literal["count", "amount"] = "count"


class SubscriptionsSeries(Verb):
    """Count the subscriptions that were active at the end of each bucket."""

    name = "subscriptions.series"
    returns = Series
    since: AwareDatetime
    until: AwareDatetime | None = Until
    grain: Grain = "week"


class DocumentsSearch(Verb):
    """Find documents, wherever the company keeps them, by meaning of title and content."""

    name = "documents.search"
    returns = Document
    text: str = Text
    limit: int = Field(default=50, ge=1, le=500)


class DocumentsRead(Verb):
    """Read one document in full."""

    name = "documents.read"
    returns = Document
    ref: str


class PeopleFind(Verb):
    """Find members of the company by name, handle or e-mail; all of them if no text is given."""

    name = "people.find"
    returns = Person
    text: str = Text
    limit: int = Limit
