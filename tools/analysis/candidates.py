"""What could have caused a change: deployments, flags, campaigns, incidents, announcements, each with its time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tools.analysis.announcement import announces, effective
from tools.analysis.subject import commands
from tools.nouns import (
    Annotation,
    Deployment,
    ErrorGroup,
    FlagChange,
    Incident,
    Message,
    Noun,
    PullRequest,
)

_AT_ONCE = timedelta(minutes=20)


@dataclass(frozen=True)
class Candidate:
    """A record that may be the cause. `moments` are (time, how much later it may have taken effect).

    `text` is all that it and its pull requests say, `paths` the files they touch, `where` the segment that it names
    itself (a flag's, a campaign's), None where it names none. `until` is when it was over.
    """

    noun: Noun
    moments: tuple[tuple[datetime, timedelta], ...]
    text: str
    paths: tuple[str, ...] = ()
    pulls: tuple[PullRequest, ...] = ()
    errors: tuple[ErrorGroup, ...] = ()
    where: Mapping[str, str] | None = None
    until: datetime | None = None
    rollback: Deployment | None = None
    peers: int = 1
    prior: float = 0.0
    notes: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> str:
        """The kind of record."""
        return self.noun.kind


def gather(nouns: Iterable[Noun], begin: datetime, now: datetime, sign: int, tz: ZoneInfo) -> list[Candidate]:
    """Every candidate from `begin` to `now`; for a fall the ends of campaigns count, for a rise their starts."""
    records = list(nouns)
    window = now - begin
    pulls = [noun for noun in records if isinstance(noun, PullRequest)]
    deployments = [noun for noun in records if isinstance(noun, Deployment)]
    errors = [noun for noun in records if isinstance(noun, ErrorGroup)]
    found = [
        *_deployments(deployments, pulls, errors, begin, now),
        *_merged(deployments, pulls, errors, begin, now),
        *_flags(records, begin, now),
        *_campaigns(records, begin, now, sign),
        *_incidents(records, begin, now),
        *_messages(records, begin - timedelta(days=8), now, tz),
    ]
    return found if window else []


def shipped(deployment: Deployment, pulls: Sequence[PullRequest]) -> tuple[PullRequest, ...]:
    """The pull requests that a deployment brought."""
    named = [p for p in pulls if p.ref in deployment.pulls or p.url in deployment.pulls]
    by_sha = [p for p in pulls if p.merge_sha and p.merge_sha == deployment.sha and p not in named]
    return (*named, *by_sha)


def belongs(error: ErrorGroup, deployment: Deployment) -> bool:
    """Whether an error's release is the deployment."""
    release = error.release or ""
    sha = deployment.sha or ""
    return bool(release) and (release in (deployment.ref, sha) or (len(release) >= 7 and sha.startswith(release)))


def _deployments(
    deployments: Sequence[Deployment],
    pulls: Sequence[PullRequest],
    errors: Sequence[ErrorGroup],
    begin: datetime,
    now: datetime,
) -> list[Candidate]:
    live = [d for d in deployments if d.environment == "production" and d.state == "success" and begin <= d.at <= now]
    back = {d.rollback_of: d for d in live if d.rollback_of}
    live = [d for d in live if not d.rollback_of]
    found = []
    for deployment in live:
        ours = shipped(deployment, pulls)
        own = tuple(error for error in errors if belongs(error, deployment))
        texts = [deployment.title, *(f"{p.title}\n{p.body}" for p in ours if not commands(p.body))]
        rolled = back.get(deployment.ref) or back.get(deployment.sha or "-")
        found.append(
            Candidate(
                deployment, ((deployment.ready_at or deployment.at, _AT_ONCE), (deployment.at, _AT_ONCE)),
                "\n".join(texts), tuple(f.path for p in ours for f in p.files), ours, own, rollback=rolled,
                peers=max(4, len(live)), prior=1.8,
            )
        )  # fmt: skip
    return found


def _merged(
    deployments: Sequence[Deployment],
    pulls: Sequence[PullRequest],
    errors: Sequence[ErrorGroup],
    begin: datetime,
    now: datetime,
) -> list[Candidate]:
    """Merged pull requests that no known deployment brought: they went live some time after the merge, or not."""
    carried = {p.ref for d in deployments for p in shipped(d, pulls)}
    loose = [p for p in pulls if p.merged_at and begin <= p.merged_at <= now and p.ref not in carried]
    found = []
    for pull in loose:
        assert pull.merged_at is not None
        own = tuple(e for e in errors if e.release and pull.merge_sha and (e.release == pull.merge_sha))
        text = f"{pull.title}\n{'' if commands(pull.body) else pull.body}"
        moments = ((pull.merged_at, timedelta(minutes=50)), (pull.merged_at, timedelta(hours=5)))
        found.append(
            Candidate(
                pull,
                moments,
                text,
                tuple(f.path for f in pull.files),
                (pull,),
                own,
                peers=max(4, len(loose)),
                prior=1.2,
            )
        )
    return found


def _flags(records: Sequence[Noun], begin: datetime, now: datetime) -> list[Candidate]:
    changes = [noun for noun in records if isinstance(noun, FlagChange) and begin <= noun.at <= now]
    return [
        Candidate(
            c,
            ((c.at, _AT_ONCE),),
            f"{c.key.replace('-', ' ')} {c.title}",
            where=dict(c.where),
            peers=max(3, len(changes)),
            prior=1.4,
        )
        for c in changes
    ]


def _campaigns(records: Sequence[Noun], begin: datetime, now: datetime, sign: int) -> list[Candidate]:
    found = []
    for noun in records:
        if not isinstance(noun, Annotation):
            continue
        moments = []
        if sign <= 0 and noun.until and begin <= noun.until <= now:
            moments.append((noun.until, timedelta(hours=1)))
        if (sign >= 0 or noun.until is None) and begin <= noun.at <= now:
            moments.append((noun.at, timedelta(hours=1)))
        if moments:
            where = dict(noun.where) or None
            found.append(
                Candidate(noun, tuple(moments), noun.text(), where=where, peers=3, prior=1.2, until=noun.until)
            )
    return found


def _incidents(records: Sequence[Noun], begin: datetime, now: datetime) -> list[Candidate]:
    found = []
    for noun in records:
        if isinstance(noun, Incident) and begin <= noun.at <= now:
            moments = ((noun.at, _AT_ONCE), (noun.at - timedelta(minutes=45), timedelta(minutes=65)))
            text = "" if commands(noun.body) else noun.body
            found.append(Candidate(noun, moments, f"{noun.title}\n{text}", until=noun.resolved_at, peers=3, prior=0.8))
    return found


def _messages(records: Sequence[Noun], begin: datetime, now: datetime, tz: ZoneInfo) -> list[Candidate]:
    said = [
        (noun, weight)
        for noun in records
        if isinstance(noun, Message)
        and begin <= noun.at <= now
        and not commands(noun.body)
        and (weight := announces(noun.body)) > 0
    ]
    return [
        Candidate(
            noun, tuple(effective(noun.body, noun.at, tz)), noun.body, peers=max(3, len(said)), prior=weight - 1.2
        )
        for noun, weight in said
    ]
