"""The computed verbs about work: what blocks, what ships, which bugs, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from tools.analysis.links import join, key
from tools.kit.analysis import Analysis, Frame
from tools.nouns import Deployment, ErrorGroup, Issue, Message, Noun, Person, Pick, PullRequest, pick

CLOSED = ("done", "cancelled")
RANK = {"urgent": 0, "high": 1, "medium": 2, "low": 3, "none": 4}


class AnalyzeBlockers(Analysis):
    """Join the open issues of a milestone, or around an issue, with what they wait for: issues, reviews, talk."""

    name = "analyze.blockers"
    returns = Pick
    issues: tuple[Issue, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    messages: tuple[Message, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        open_issues = [issue for issue in self.issues if issue.state not in CLOSED]
        by_ref = {issue.ref: issue for issue in open_issues}
        blocking = [i for i in open_issues if any(ref in by_ref for ref in i.blocks) or _overdue(i, frame.now)]
        roots = [i for i in blocking if not any(ref in by_ref for ref in i.blocked_by)]
        waiting = [i for i in open_issues if i not in roots]
        picks: list[Noun] = []
        for issue in sorted(roots, key=lambda i: (RANK[i.priority], i.at)):
            picks.append(pick(issue, "in the way", _why_blocking(issue, by_ref, frame.now)))
        for issue in sorted(waiting, key=lambda i: (RANK[i.priority], i.at)):
            held = [ref for ref in issue.blocked_by if ref in by_ref]
            picks.append(pick(issue, "behind", f"waits for {', '.join(held)}" if held else "not started or under way"))
        joined = join([*open_issues, *self.pulls, *self.messages])
        near = {other for issue in open_issues for other in joined.get(key(issue), ())}
        pulls = [p for p in self.pulls if p.state == "open" and key(p) in near]
        for pull in sorted(pulls, key=lambda p: p.at):
            picks.append(pick(pull, "pulls", _pull_state(pull, frame.now)))
        anchors = near | {key(issue) for issue in open_issues} | {key(pull) for pull in pulls}
        said = [m for m in self.messages if joined.get(key(m), set()) & anchors]
        threads = {m.thread or m.ref for m in said}
        for message in sorted(self.messages, key=lambda m: m.at):
            if (message.thread or message.ref) in threads and message.thread is not None:
                picks.append(pick(message, "said"))
        return picks


class AnalyzeShipping(Analysis):
    """Sort the features of a period: shipped, on their way, at risk, with their pull requests and deployments."""

    name = "analyze.shipping"
    returns = Pick
    issues: tuple[Issue, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    deploys: tuple[Deployment, ...] = ()
    since: AwareDatetime
    until: AwareDatetime
    team: str | None = Field(default=None, description="only this team's work")

    def compute(self, frame: Frame) -> Sequence[Noun]:
        chosen = [i for i in self.issues if self._is_due(i) and (not self.team or _same(i.team, self.team))]
        joined = join([*chosen, *self.pulls, *self.deploys])
        picks: list[Noun] = []
        for issue in sorted(chosen, key=lambda i: (i.state != "done", i.due or i.at)):
            pulls = [p for p in self.pulls if key(p) in joined.get(key(issue), ())]
            group = "shipped" if issue.state == "done" else _promise(issue, pulls, frame.now)
            picks.append(pick(issue, group, _progress(issue, pulls, frame.now)))
            for pull in pulls:
                if pull.state == "open":
                    picks.append(pick(pull, group, _pull_state(pull, frame.now)))
                deploys = [d for d in self.deploys if key(d) in joined.get(key(pull), ()) and d.state == "success"]
                for deploy in [d for d in deploys if d.environment == "production"][:1]:
                    picks.append(pick(deploy, group, "released"))
        return picks

    def _is_due(self, issue: Issue) -> bool:
        if issue.state == "cancelled" or "bug" in issue.labels or "chore" in issue.labels:
            return False
        if issue.state == "done":
            return issue.closed_at is not None and self.since <= issue.closed_at < self.until
        return issue.due is not None and self.since <= issue.due < self.until


class AnalyzeBugs(Analysis):
    """Choose the open bugs by priority (that or worse), team and person, each with the error that it is about."""

    name = "analyze.bugs"
    returns = Pick
    issues: tuple[Issue, ...] = ()
    errors: tuple[ErrorGroup, ...] = ()
    priority: str | None = None
    team: str | None = None
    assignee: str | None = None
    state: str = "open"

    def compute(self, frame: Frame) -> Sequence[Noun]:
        worst = RANK.get(self.priority or "none", 4)
        chosen = [
            issue
            for issue in self.issues
            if any("bug" in label.lower() for label in issue.labels)
            and (self.state == "all" or (issue.state in CLOSED) == (self.state == "closed"))
            and RANK[issue.priority] <= worst
            and (not self.team or _same(issue.team, self.team))
            and (not self.assignee or _same(issue.assignee, self.assignee))
        ]
        joined = join([*chosen, *self.errors])
        by_key = {key(error): error for error in self.errors}
        picks: list[Noun] = []
        for issue in sorted(chosen, key=lambda i: (RANK[i.priority], i.at)):
            picks.append(pick(issue, "bugs", _age(issue, frame.now)))
            for other in sorted(joined.get(key(issue), ())):
                if other in by_key:
                    picks.append(pick(by_key[other], "errors", f"the error of {issue.ref}"))
        return picks


class AnalyzeCritical(Analysis):
    """Choose what is critical: urgent open bugs, errors that many met, bugs that enterprise customers report."""

    name = "analyze.critical"
    returns = Pick
    issues: tuple[Issue, ...] = ()
    errors: tuple[ErrorGroup, ...] = ()
    tickets: tuple[Noun, ...] = ()
    documents: tuple[Noun, ...] = ()
    people: int = Field(default=500, description="an unresolved error that more people than this met is critical")

    def compute(self, frame: Frame) -> Sequence[Noun]:
        picks: list[Noun] = [pick(document, "rule", "how this company escalates") for document in self.documents[:1]]
        for issue in self.issues:
            if issue.state in CLOSED or not any("bug" in label.lower() for label in issue.labels):
                continue
            reporters = [t for t in self.tickets if getattr(t, "issue", None) == issue.ref]
            enterprise = [t for t in reporters if getattr(t, "plan", None) == "enterprise"]
            if issue.priority == "urgent":
                picks.append(pick(issue, "critical", "an urgent bug that is still open"))
            elif enterprise and issue.priority == "high":
                picks.append(pick(issue, "critical", "an enterprise customer reports it"))
        for error in self.errors:
            if error.state == "unresolved" and error.users > self.people:
                picks.append(pick(error, "critical", f"unresolved, {error.users:,} people met it"))
        return picks


class AnalyzeWorklist(Analysis):
    """Order what a person could do next: reviews others wait for, overdue and urgent issues, failing checks."""

    name = "analyze.worklist"
    returns = Pick
    issues: tuple[Issue, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    people: tuple[Person, ...] = Field(default=(), description="who is behind which login")
    person: str | None = None

    def compute(self, frame: Frame) -> Sequence[Noun]:
        picks: list[Noun] = []
        own_names = logins(self.person, self.people)
        by_ref = {issue.ref: issue for issue in self.issues if issue.state not in CLOSED}
        for pull in self.pulls:
            if pull.state != "open" or pull.draft:
                continue
            if pull.review == "waiting" and (not self.person or any(_is(r, own_names) for r in pull.reviewers)):
                picks.append(pick(pull, "review", _pull_state(pull, frame.now), 3.0))
            elif _is(pull.author, own_names) and (pull.checks == "failure" or pull.review == "changes_requested"):
                picks.append(pick(pull, "mend", _pull_state(pull, frame.now), 2.5))
        for issue in by_ref.values():
            if self.person and not _is(issue.assignee, own_names):
                continue
            unblocks = sum(ref in by_ref for ref in issue.blocks)
            score = 4 - RANK[issue.priority] + unblocks + (1.5 if _overdue(issue, frame.now) else 0.0)
            if not any(ref in by_ref for ref in issue.blocked_by) and issue.state != "backlog":
                picks.append(pick(issue, "do", _why_blocking(issue, by_ref, frame.now), score))
        ordered = sorted(picks, key=lambda p: -p.score if isinstance(p, Pick) else 0.0)
        return ordered[:8]


def logins(person: str | None, people: Sequence[Person]) -> frozenset[str]:
    """All the names by which the services know a person: accounts of that name, and those of the same address."""
    if not person:
        return frozenset()
    own = [p for p in people if _same(p.name, person) or person.lower() in (p.handle.lower(), p.ref.lower())]
    mails = {p.email.lower() for p in own if p.email}
    own += [p for p in people if p.email and p.email.lower() in mails]
    return frozenset({person, *(name for p in own for name in (p.name, p.handle, p.ref) if name)})


def week(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The running week, Monday to Monday, in local time."""
    local = now.astimezone(zone)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), time(), zone)
    return monday, monday + timedelta(days=7)


def _overdue(issue: Issue, now: datetime) -> bool:
    return issue.due is not None and issue.due < now


def _why_blocking(issue: Issue, open_issues: dict[str, Issue], now: datetime) -> str:
    parts = []
    held = [ref for ref in issue.blocks if ref in open_issues]
    if held:
        parts.append(f"holds up {', '.join(held)}")
    if issue.due is not None and issue.due < now:
        parts.append(f"{_days(now - issue.due)} overdue")
    return ", ".join(parts) or _age(issue, now)


def _age(issue: Issue, now: datetime) -> str:
    return f"open for {_days(now - issue.at)}"


def _pull_state(pull: PullRequest, now: datetime) -> str:
    if pull.state == "merged":
        return "merged"
    parts = ["draft"] if pull.draft else []
    waited = _days(now - pull.at)
    if pull.review == "waiting":
        parts.append(f"waiting for a review for {waited}")
    elif pull.review == "changes_requested":
        parts.append("changes were requested")
    elif pull.review == "approved":
        parts.append("approved")
    if pull.checks == "failure":
        parts.append("checks fail")
    return ", ".join(parts) or f"open for {waited}"


def _promise(issue: Issue, pulls: Sequence[PullRequest], now: datetime) -> str:
    ready = any(p.state == "merged" or (p.review == "approved" and p.checks == "success") for p in pulls)
    troubled = any(p.draft or p.checks == "failure" or p.review == "changes_requested" for p in pulls)
    if _overdue(issue, now) or troubled or not pulls:
        return "at risk"
    return "on its way" if ready or issue.state == "in_review" else "at risk"


def _progress(issue: Issue, pulls: Sequence[PullRequest], now: datetime) -> str:
    if issue.state == "done":
        return "done"
    states = {_pull_state(pull, now) for pull in pulls}
    return "; ".join(sorted(states)) if states else "no pull request yet"


def _days(delta: timedelta) -> str:
    days = round(delta / timedelta(days=1))
    return "less than a day" if days < 1 else f"{days} day{'' if days == 1 else 's'}"


def _is(value: str | None, names: frozenset[str]) -> bool:
    return any(_same(value, name) for name in names)


def _same(value: str | None, wanted: str | None) -> bool:
    """Whether a name of a tool is the one that was asked for: equal, or its first or last word, in any case."""
    if not value or not wanted:
        return False
    one, other = value.lower(), wanted.lower()
    return one == other or other in one.split() or one in other.split()
