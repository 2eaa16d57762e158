"""The computed verbs about a topic: what is known of it, whom it affects, what happened around a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field

from tools.analysis.links import join, key
from tools.analysis.relevance import Hit, find
from tools.analysis.words import words
from tools.kit.analysis import Analysis, Frame
from tools.nouns import (
    Alert,
    Annotation,
    Code,
    Customer,
    Deployment,
    Document,
    ErrorGroup,
    FlagChange,
    Incident,
    Issue,
    Message,
    Noun,
    Pick,
    PullRequest,
    Ticket,
    pick,
)

# So many telling words of a bug in a message that names a customer make it a report.
SHARED = 2
# Customers' own words for a thing are this near to the company's; words about other things are not half as near.
OTHER_WORDS = 0.2
AFTERMATH = timedelta(days=10)
GROUPS: dict[type[Noun], str] = {
    Incident: "incidents",
    ErrorGroup: "errors",
    Issue: "issues",
    PullRequest: "pull requests",
    Deployment: "deployments",
    Ticket: "tickets",
    Alert: "alerts",
    FlagChange: "flags",
    Annotation: "campaigns",
    Message: "messages",
    Document: "documents",
    Code: "documents",
}


class AnalyzeTopic(Analysis):
    """Find what bears on a topic among records of all services and join what belongs together.

    `open_only` leaves out what is over: closed issues, merged or closed pull requests, ignored and resolved errors.
    """

    name = "analyze.topic"
    returns = Pick
    topic: str
    records: tuple[Noun, ...] = ()
    refs: tuple[str, ...] = Field(default=(), description="records that were named outright")
    since: AwareDatetime | None = None
    period: dict[str, str] | None = Field(
        default=None, description="start and end of the time that was named, ISO 8601"
    )
    open_only: bool = False
    most: int = Field(default=9, ge=1, le=40)

    def compute(self, frame: Frame) -> Sequence[Noun]:
        records = [r for r in self.records if not (self.open_only and _over(r))]
        if self.since is not None:
            records = [r for r in records if _last(r) >= self.since]
        named = [r for r in records if _is_named(r, self.refs)]
        hits = [Hit(record, 1.0, "named in the question") for record in named]
        dated = [] if named else self._dated(records, frame)
        if named or dated:
            hits += [Hit(record, 1.0, "of the time that was named") for record in dated]
            hits += self._aftermath(named + dated, records, frame)
        else:
            hits = find(self.topic, records, frame, most=self.most)
        return in_order([*hits[: self.most], *self._tickets_like(hits, records, frame)])

    def _tickets_like(self, hits: Sequence[Hit], records: Sequence[Noun], frame: Frame) -> list[Hit]:
        """Open tickets in other words than the company's own, which mean what the found work and releases are about."""
        work = [hit.noun for hit in hits if isinstance(hit.noun, Issue | ErrorGroup | Deployment | PullRequest)]
        found = {key(hit.noun) for hit in hits}
        tickets = [r for r in records if isinstance(r, Ticket) and key(r) not in found]
        began = min((noun.at for noun in work), default=frame.now)
        tickets = [ticket for ticket in tickets if ticket.at >= began]
        if not (self.open_only and frame.likeness and work and tickets):
            return []
        told = "; ".join([self.topic, *(noun.title for noun in work)])[:400]
        alike = frame.likeness(told, [ticket.text()[:400] for ticket in tickets])
        return [
            Hit(ticket, score, "may be about it")
            for ticket, score in zip(tickets, alike, strict=True)
            if score >= OTHER_WORDS
        ]

    def _dated(self, records: Sequence[Noun], frame: Frame) -> list[Noun]:
        """Records of the kind that the topic names, from the period that was named: "Thursday's incident"."""
        if self.period is None:
            return []
        start, end = (datetime.fromisoformat(self.period[name]) for name in ("start", "end"))
        said = self.topic.lower()
        return [r for r in records if r.kind.replace("_", " ") in said and start <= r.at < end]

    def _aftermath(self, about: Sequence[Noun], records: Sequence[Noun], frame: Frame) -> list[Hit]:
        """What is tied to some records, and the later work that is labelled by their kind or names their day."""
        joined = join(records)
        later = [r for r in records if r not in about and any(self._follows(r, a, frame) for a in about)]
        near = {other for record in [*about, *later] for other in joined.get(key(record), ())}
        tied = [r for r in records if key(r) in near and r not in about and r not in later]
        return [Hit(r, 0.7, "came of it") for r in later] + [Hit(r, 0.6, "tied to it") for r in tied]

    def _follows(self, record: Noun, cause: Noun, frame: Frame) -> bool:
        if not cause.at < record.at <= cause.at + AFTERMATH:
            return False
        day = f"{cause.at.astimezone(frame.timezone):%A}".lower()
        labels = [label.lower() for label in getattr(record, "labels", ())]
        return cause.kind in labels or (isinstance(record, Issue) and day in record.text().lower())


class AnalyzeDocuments(Analysis):
    """Find documents and decisions about a topic: pages, files, and what was said."""

    name = "analyze.documents"
    returns = Pick
    topic: str
    documents: tuple[Noun, ...] = ()
    messages: tuple[Message, ...] = ()
    others: tuple[Noun, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        hits = find(self.topic, [*self.documents, *self.messages, *self.others], frame, most=5, ties=False)
        return [pick(hit.noun, GROUPS.get(type(hit.noun), "others"), hit.reason, hit.score) for hit in hits]


class AnalyzeAffected(Analysis):
    """Tell which customers a problem affects: by their tickets on it, by the issue, and by name in chat."""

    name = "analyze.affected"
    returns = Pick
    topic: str
    refs: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    messages: tuple[Message, ...] = ()
    customers: tuple[Customer, ...] = ()
    errors: tuple[ErrorGroup, ...] = ()

    def compute(self, frame: Frame) -> Sequence[Noun]:
        records: list[Noun] = [*self.issues, *self.errors]
        open_records = [r for r in records if not _over(r)]
        named = [Hit(r, 1.0, "named in the question") for r in records if _is_named(r, self.refs)]
        found = named or find(f"{self.topic} bug", open_records, frame, most=3, ties=False)
        bugs = [hit for hit in found if isinstance(hit.noun, Issue)][:1]
        errors = [hit for hit in found if isinstance(hit.noun, ErrorGroup)][:1]
        told = " ".join([self.topic, *(hit.noun.text() for hit in bugs)])
        tied = {key(b.noun) for b in bugs}
        joined = join([*self.issues, *self.tickets, *self.messages])
        asked = [t for t in self.tickets if t.state != "solved"]
        direct = [t for t in asked if tied & joined.get(key(t), set())]
        alike = [h.noun for h in find(told, asked, frame, most=8, ties=False)]
        alike += [h.noun for h in find(self.topic, asked, frame, most=8, ties=False)]
        tickets = list({key(t): t for t in [*direct, *alike]}.values())
        picks: list[Noun] = [pick(h.noun, "bug", h.reason, h.score) for h in [*bugs, *errors]]
        reached: set[tuple[str, str]] = set()
        for ticket in tickets:
            assert isinstance(ticket, Ticket)
            owner = _customer_of(ticket, self.customers)
            if owner is not None and key(owner) not in reached:
                reached.add(key(owner))
                picks.append(pick(owner, "customers", f"ticket “{ticket.title}”"))
            picks.append(pick(ticket, "tickets", ticket.customer or ""))
        told_words = set(words(told))
        for message in self.messages:
            if len(told_words & set(words(message.text()))) < SHARED:
                continue
            for customer in self.customers:
                if customer.name.lower() in message.text().lower():
                    picks.append(pick(message, "said", customer.name))
                    if key(customer) not in reached:
                        reached.add(key(customer))
                        picks.append(pick(customer, "customers", "named in chat, no ticket yet"))
        return picks


class AnalyzeAround(Analysis):
    """Order everything that happened around a time, over all services."""

    name = "analyze.around"
    returns = Pick
    since: AwareDatetime
    until: AwareDatetime
    records: tuple[Noun, ...] = ()
    component: str | None = None

    def compute(self, frame: Frame) -> Sequence[Noun]:
        happened: list[tuple[datetime, Noun, str]] = []
        for record in self.records:
            for moment, what in _moments(record):
                if self.since <= moment < self.until and self._concerns(record):
                    happened.append((moment, record, what))
        happened.sort(key=lambda entry: (entry[0], entry[1].ref))
        return [
            pick(record, GROUPS.get(type(record), "others"), what).model_copy(update={"at": moment})
            for moment, record, what in happened
        ]

    def _concerns(self, record: Noun) -> bool:
        component = getattr(record, "component", None)
        return not self.component or component is None or component == self.component


def in_order(hits: Sequence[Hit]) -> list[Pick]:
    """Hits as picks, problems before work before talk."""
    rank: dict[type[Noun], int] = {kind: number for number, kind in enumerate(GROUPS)}
    ordered = sorted(hits, key=lambda h: (rank.get(type(h.noun), 99), -h.score))
    return [pick(hit.noun, GROUPS.get(type(hit.noun), "others"), hit.reason, hit.score) for hit in ordered]


def _over(record: Noun) -> bool:
    match record:
        case Issue():
            return record.state in ("done", "cancelled")
        case PullRequest():
            return record.state != "open"
        case ErrorGroup():
            return record.state != "unresolved"
        case Ticket():
            return record.state == "solved"
        case _:
            return False


def _last(record: Noun) -> datetime:
    times: list[datetime | None] = [
        getattr(record, name, None) for name in ("last_seen", "merged_at", "closed_at", "updated_at", "until")
    ]
    return max([record.at, *(t for t in times if t is not None)])


def _is_named(record: Noun, refs: Sequence[str]) -> bool:
    own = {record.ref.lower(), record.ref.rpartition("#")[2].lower() if "#" in record.ref else record.ref.lower()}
    return any(ref.lower().lstrip("#") in own or ref.lower() in own for ref in refs)


def _customer_of(ticket: Ticket, customers: Sequence[Customer]) -> Customer | None:
    wanted = {(ticket.customer or "").lower(), (ticket.email or "").lower()} - {""}
    for customer in customers:
        if {customer.name.lower(), customer.ref.lower(), (customer.email or "").lower()} & wanted:
            return customer
    return None


def _moments(record: Noun) -> list[tuple[datetime, str]]:
    """The times of a record at which something happened, each with what it was."""
    match record:
        case PullRequest():
            merged = [(record.merged_at, "merged")] if record.merged_at else []
            return [(record.at, "opened"), *merged]
        case Deployment():
            return [(record.at, "deployed" if record.state == "success" else "deployment failed")]
        case ErrorGroup():
            return [(record.at, "first seen")]
        case Issue():
            closed = [(record.closed_at, "closed")] if record.closed_at else []
            return [(record.at, "filed"), *closed]
        case Alert() | Incident():
            resolved = [(record.resolved_at, "resolved")] if record.resolved_at else []
            return [(record.at, "began"), *resolved]
        case Annotation():
            ended = [(record.until, "ended")] if record.until else []
            return [(record.at, "began"), *ended]
        case FlagChange():
            return [(record.at, "flag changed")]
        case Ticket():
            return [(record.at, "ticket came in")]
        case Message():
            return [(record.at, "said")]
        case _:
            return []
