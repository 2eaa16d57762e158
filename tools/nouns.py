"""The vendor-neutral records that verbs return. Every noun carries its source, ref, URL and times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Grain = Literal["minute", "hour", "day", "week", "month"]
Where = dict[str, str]


class Noun(BaseModel):
    """One record of one service.

    `ref` is what a person would quote and what verbs take back ("acme/portal#482", "ENG-311", "dpl_8f3…");
    `url` opens the record at its service; `at` is when it began or was created (aware, UTC). `issued` names the text
    fields that the service itself gives out and nobody can write words into; `by_members` says that only members of
    the company make such records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str] = "noun"
    issued: ClassVar[frozenset[str]] = frozenset({"service", "ref", "url"})
    by_members: ClassVar[bool] = False

    service: str
    ref: str
    url: str
    at: AwareDatetime
    title: str = ""

    def text(self) -> str:
        """All of the record's words, for search and for a reader."""
        return self.title


class Receipt(Noun):
    """What came of a write, in the service's own words. `ref`, `url` and `title` are the record's that was changed.

    `effect` is the write's key in the ledger, which `Undo that` takes; `before` and `after` hold the fields that it
    touched. `approved_by` said yes, or the rule `allowed_by` let it happen with nobody asked. `undo` says how it can be
    taken back, and is empty where it cannot.
    """

    kind: ClassVar[str] = "receipt"
    issued: ClassVar[frozenset[str]] = Noun.issued | {"effect"}
    by_members: ClassVar[bool] = True
    effect: str
    verb: str
    approved_by: tuple[str, ...] = ()
    allowed_by: str = ""
    said: str = ""
    before: dict[str, Any] = Field(default_factory=dict)
    after: dict[str, Any] = Field(default_factory=dict)
    undo: str = ""
    undo_until: AwareDatetime | None = None
    dry: bool = False

    def text(self) -> str:
        return f"{self.title}\n{self.said}"


class Person(Noun):
    """A member of the company as one service knows them. `at` is when the account was made, or the epoch if unknown."""

    kind: ClassVar[str] = "person"
    by_members: ClassVar[bool] = True
    name: str
    handle: str = ""
    email: str | None = None
    team: str | None = None
    role: str | None = None


class FileChange(BaseModel):
    """A file that a pull request or a commit touches, with its unified diff where the service gave one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    status: Literal["added", "modified", "removed", "renamed"] = "modified"
    patch: str | None = None


class Review(Noun):
    """One person's verdict on a pull request; `state` is in lower case."""

    kind: ClassVar[str] = "review"
    author: str
    state: Literal["approved", "changes_requested", "commented", "dismissed", "pending", "requested"]


class PullRequest(Noun):
    """A proposed change of code. `files` is empty until `pulls.get` or `pulls.diff` filled it."""

    kind: ClassVar[str] = "pull_request"
    issued: ClassVar[frozenset[str]] = Noun.issued | {"merge_sha"}
    number: int
    repo: str
    body: str = ""
    author: str = ""
    reviewers: tuple[str, ...] = ()
    review: Literal["none", "waiting", "approved", "changes_requested"] = "none"
    checks: Literal["none", "pending", "success", "failure"] = "none"
    state: Literal["open", "merged", "closed"]
    draft: bool = False
    labels: tuple[str, ...] = ()
    merged_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    merge_sha: str | None = None
    files: tuple[FileChange, ...] = ()

    def text(self) -> str:
        return f"{self.title}\n{self.body}"


class Commit(Noun):
    """One commit of the default branch; `title` is the message's first line. `ref` is the full SHA."""

    kind: ClassVar[str] = "commit"
    by_members: ClassVar[bool] = True
    repo: str
    author: str = ""
    message: str = ""
    files: tuple[FileChange, ...] = ()

    def text(self) -> str:
        return self.message


class Code(Noun):
    """A file of a repository, or the part of it that matched. `line` is the first line shown, counted from 1."""

    kind: ClassVar[str] = "code"
    repo: str
    path: str
    content: str
    line: int = 1

    def text(self) -> str:
        return f"{self.path}\n{self.content}"


class Deployment(Noun):
    """A release of one service (`component`: web, api, worker…) to one environment."""

    kind: ClassVar[str] = "deployment"
    issued: ClassVar[frozenset[str]] = Noun.issued | {"sha", "rollback_of"}
    by_members: ClassVar[bool] = True
    component: str
    environment: Literal["production", "preview", "staging"]
    state: Literal["success", "failed", "building", "cancelled"]
    sha: str | None = None
    pulls: tuple[str, ...] = ()
    author: str | None = None
    rollback_of: str | None = None
    ready_at: AwareDatetime | None = None


class ErrorGroup(Noun):
    """Errors of one kind. `at` is first seen; `count` is events since then, `recent` events an hour by hour (UTC)."""

    kind: ClassVar[str] = "error"
    culprit: str = ""
    function: str | None = None
    line: int | None = None
    level: Literal["fatal", "error", "warning", "info"] = "error"
    state: Literal["unresolved", "resolved", "ignored"] = "unresolved"
    count: int = 0
    users: int = 0
    last_seen: AwareDatetime
    release: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    recent: tuple[tuple[AwareDatetime, int], ...] = ()

    def text(self) -> str:
        return f"{self.title}\n{self.culprit} {self.function or ''}"


class ErrorEvent(Noun):
    """One occurrence of an error, with its stack, innermost frame last."""

    kind: ClassVar[str] = "error_event"
    group: str
    message: str = ""
    frames: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)

    def text(self) -> str:
        return f"{self.title}\n{self.message}"


class Issue(Noun):
    """A piece of work in a tracker. `blocks` and `blocked_by` hold refs of the same tracker, `pulls` refs or URLs."""

    kind: ClassVar[str] = "issue"
    body: str = ""
    state: Literal["backlog", "open", "in_progress", "in_review", "done", "cancelled"]
    priority: Literal["urgent", "high", "medium", "low", "none"] = "none"
    assignee: str | None = None
    creator: str | None = None
    team: str | None = None
    labels: tuple[str, ...] = ()
    milestone: str | None = None
    due: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    blocks: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    pulls: tuple[str, ...] = ()

    def text(self) -> str:
        return f"{self.title}\n{self.body}"


class Message(Noun):
    """Something said in a chat channel. `thread` is the ref of the message that it answers."""

    kind: ClassVar[str] = "message"
    channel: str
    author: str
    body: str
    thread: str | None = None

    def text(self) -> str:
        return self.body


class Document(Noun):
    """A page or a file of prose; `content` is empty in search results of services that return only titles."""

    kind: ClassVar[str] = "document"
    by_members: ClassVar[bool] = True
    path: str | None = None
    content: str = ""
    updated_at: AwareDatetime | None = None

    def text(self) -> str:
        return f"{self.title}\n{self.content}"


class Alert(Noun):
    """A monitor that fired. `component` is the part of the company's own system that it watches."""

    kind: ClassVar[str] = "alert"
    by_members: ClassVar[bool] = True
    component: str = ""
    severity: Literal["critical", "warning", "info"] = "warning"
    resolved_at: AwareDatetime | None = None


class Incident(Noun):
    """Something that was broken and how it was mended."""

    kind: ClassVar[str] = "incident"
    by_members: ClassVar[bool] = True
    component: str = ""
    body: str = ""
    resolved_at: AwareDatetime | None = None

    def text(self) -> str:
        return f"{self.title}\n{self.body}"


class Flag(Noun):
    """A feature flag as it stands now; `rollout` is the percentage of those whom `where` selects."""

    kind: ClassVar[str] = "flag"
    by_members: ClassVar[bool] = True
    key: str
    rollout: float
    where: Where = Field(default_factory=dict)
    active: bool = True


class FlagChange(Noun):
    """A change of a feature flag: rollout percentage before and after, for those whom `where` selects."""

    kind: ClassVar[str] = "flag_change"
    by_members: ClassVar[bool] = True
    key: str
    before: float | None
    after: float | None
    where: Where = Field(default_factory=dict)
    author: str | None = None


class Annotation(Noun):
    """A remark on the time axis: a campaign, a launch. `until` is its end; None where it goes on or is a moment."""

    kind: ClassVar[str] = "annotation"
    body: str = ""
    until: AwareDatetime | None = None
    where: Where = Field(default_factory=dict)

    def text(self) -> str:
        return f"{self.title}\n{self.body}"


class Ticket(Noun):
    """A customer's question to support. `customer` is the customer's name or id at that service."""

    kind: ClassVar[str] = "ticket"
    body: str = ""
    state: Literal["open", "pending", "solved"]
    customer: str | None = None
    email: str | None = None
    plan: str | None = None
    issue: str | None = None
    updated_at: AwareDatetime | None = None

    def text(self) -> str:
        return f"{self.title}\n{self.body}"


class Customer(Noun):
    """A company or person who pays since `at`. `mrr` is monthly recurring revenue in `currency`'s major unit."""

    kind: ClassVar[str] = "customer"
    name: str
    email: str | None = None
    plan: str | None = None
    mrr: float | None = None
    currency: str | None = None
    cancelled_at: AwareDatetime | None = None

    def text(self) -> str:
        return f"{self.name} {self.email or ''} {self.plan or ''}"


class Metric(Noun):
    """A kind of event that analytics counts, with the properties that it can be broken down by."""

    kind: ClassVar[str] = "metric"
    name: str
    description: str = ""
    dims: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Point(BaseModel):
    """A bucket of a series: its start (aware, UTC) and value."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: AwareDatetime
    value: float


class Series(Noun):
    """Counts or amounts over time for one metric and one selection. `at` is the first bucket; buckets are gapless."""

    kind: ClassVar[str] = "series"
    metric: str
    unit: str = "events"
    grain: Grain
    timezone: str = "UTC"
    where: Where = Field(default_factory=dict)
    points: tuple[Point, ...] = ()

    def total(self) -> float:
        """The sum over all buckets."""
        return sum(point.value for point in self.points)


class FunnelStep(BaseModel):
    """A step of a funnel: how many reached it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    metric: str
    count: float


class Funnel(Noun):
    """How many went through an ordered list of steps in a period [at, until)."""

    kind: ClassVar[str] = "funnel"
    until: AwareDatetime
    where: Where = Field(default_factory=dict)
    steps: tuple[FunnelStep, ...] = ()


class TestRun(BaseModel):
    """One run of a repository's tests in a sandbox. `code` is the exit status; counts where the runner told them;
    `tail` is the end of what it wrote."""

    __test__: ClassVar[bool] = False
    model_config = ConfigDict(frozen=True, extra="forbid")
    command: str
    code: int
    green: bool
    passed: int | None = None
    failed: int | None = None
    seconds: float = 0.0
    tail: str = ""


class Workplace(Noun):
    """Where a bug would be mended, as far as facts go: repository, commit, file, line, code, the tests as they stand.

    `suspect` is the ref of the change that is suspected; `frame` the failing frame as the stack tells it.
    """

    kind: ClassVar[str] = "workplace"
    repo: str
    base: str
    path: str = ""
    line: int | None = None
    frame: str = ""
    snippet: str = ""
    suspect: str = ""
    error: str = ""
    tests: TestRun | None = None
    untested: str = ""

    def text(self) -> str:
        return f"{self.title}\n{self.repo} {self.path}\n{self.frame}\n{self.snippet}"


Verdict = Literal["confirmed", "refuted", "untested"]


class Patch(Noun):
    """What a code agent changed, and what a fresh sandbox says about it. `at` is when it was verified.

    `before` are the tests on the base's source, those of the patch among them; `after` the same on the patched source;
    `base_tests` the base's own tests on the patched source. `verdict` is confirmed where the first are red and the
    others green, refuted where the tests are not green after it, untested where no tests could tell. `attention` says
    why a person has to look closely; a patch that cannot be proposed, for it is refuted or `refused`, has no `commit`.
    `claimed` is what the agent said.
    """

    kind: ClassVar[str] = "patch"
    repo: str
    base: str
    commit: str | None = None
    tree: str = ""
    branch: str = ""
    diff: str = ""
    files: tuple[FileChange, ...] = ()
    agent: str = ""
    claimed: str = ""
    verdict: Verdict
    before: TestRun | None = None
    after: TestRun | None = None
    base_tests: TestRun | None = None
    attention: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    error: str = ""
    description: str = ""

    def text(self) -> str:
        return f"{self.title}\n{self.claimed}\n{self.diff}"


class Table(Noun):
    """Rows that were computed from data. Cells are text, numbers, booleans or nothing; `rows_in_all` counts all. `part`
    says which of its step's tables it is, where there are several kinds."""

    kind: ClassVar[str] = "table"
    part: str = ""
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | bool | None, ...], ...] = ()
    rows_in_all: int = 0

    def text(self) -> str:
        return "\n".join([self.title, ", ".join(self.columns), *(", ".join(map(str, row)) for row in self.rows)])


class Output(Noun):
    """What a program that Deus wrote printed, with the program itself."""

    kind: ClassVar[str] = "output"
    code: str
    printed: str = ""
    status: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        return self.printed


class Pick(Noun):
    """A record that a computation chose, with the reason. `group` says among what it belongs; `record` is its dump."""

    kind: ClassVar[str] = "pick"
    group: str
    reason: str = ""
    score: float = 1.0
    record: dict[str, Any]

    @property
    def noun(self) -> Noun:
        """The record itself."""
        return load(self.record)


def pick(noun: Noun, group: str, reason: str = "", score: float = 1.0) -> Pick:
    """Chooses a record for a group of an answer."""
    return Pick(
        service="deus",
        ref=f"{noun.service}:{noun.ref}",
        url=noun.url,
        at=noun.at,
        title=noun.title,
        group=group,
        reason=reason,
        score=score,
        record=dump(noun),
    )


def kinds(of: type[Noun] = Noun) -> dict[str, type[Noun]]:
    """Every kind of noun that has been defined, computed results included."""
    found = {} if of is Noun else {of.kind: of}
    for child in of.__subclasses__():
        found.update(kinds(child))
    return found


def dump(noun: Noun) -> dict[str, Any]:
    """A noun as JSON values, with its kind, to be stored as evidence."""
    return {"kind": noun.kind, **noun.model_dump(mode="json")}


def load(record: Mapping[str, Any]) -> Noun:
    """The noun that `dump` wrote. Raises ValueError for a record of an unknown kind or shape."""
    fields = dict(record)
    found = kinds().get(str(fields.pop("kind", "")))
    if found is None:
        raise ValueError(f"There is no noun of the kind {record.get('kind')!r}.")
    return found.model_validate(fields)


def utc(seconds: float) -> datetime:
    """Seconds since the epoch as an aware UTC time."""
    return datetime.fromtimestamp(seconds, tz=UTC)
