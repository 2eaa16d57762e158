"""Why did it happen? Each candidate weighed by time, segment, mechanism, dose and what else is known. Pure.

Weights are logarithms of odds against "something that nobody recorded", so that they add up; the time's weight is the
likelihood of the change having begun then, over that of any hour of a fortnight. bench/causes.py measures the sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tools.analysis.candidates import Candidate
from tools.analysis.contrast import Likelihood
from tools.analysis.subject import HARMLESS, measures, mentions, relevance
from tools.nouns import Alert, Deployment, ErrorGroup, Incident, Message, PullRequest

# The log-odds from which a cause is named, and the share of hours in which an unrecorded one could have begun.
NAMED = 2.4
_FORTNIGHT = float(np.log(14 * 24))
# A change shows at once, but for this share of causes, which take up to half a day.
_LATE = 0.10
# What weighs less is not worth a word.
_HOPELESS = -25.0


@dataclass(frozen=True)
class Situation:
    """What the candidates are weighed against. `lost` is how many events an hour are missing (or too many)."""

    metric: str
    relatives: tuple[str, ...]
    where: Mapping[str, str]
    dims: Mapping[str, Sequence[str]]
    alternatives: Sequence[tuple[Mapping[str, str], float]]
    sign: int
    lost: float
    factor: float
    onset: datetime
    until: datetime | None
    now: datetime
    likelihood: Likelihood
    blind: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """A candidate's weight and the reasons for it: words with the figures they rest on, and what each weighs."""

    candidate: Candidate
    score: float
    at: datetime
    reasons: tuple[tuple[str, float], ...]
    measuring: bool = False
    share: float = 0.0


def rank(candidates: Sequence[Candidate], situation: Situation) -> list[Verdict]:
    """The candidates, weightiest first, with the probability that each has beside the others and the unknown."""
    verdicts = [weigh(candidate, situation, candidates) for candidate in candidates]
    verdicts = [verdict for verdict in verdicts if verdict.score > _HOPELESS]
    weights = np.exp(np.array([verdict.score for verdict in verdicts], dtype=np.float64))
    whole = 1.0 + float(weights.sum())
    shared = [
        Verdict(v.candidate, v.score, v.at, v.reasons, v.measuring, float(w / whole))
        for v, w in zip(verdicts, weights, strict=True)
    ]
    return sorted(shared, key=lambda verdict: -verdict.score)


def weigh(candidate: Candidate, situation: Situation, others: Sequence[Candidate]) -> Verdict:
    """One candidate's log-odds and reasons."""
    at, timed = _timed(candidate, situation)
    reasons: list[tuple[str, float]] = [(_when(at, situation), timed)]
    reasons += _subject(candidate, situation)
    reasons += _segment(candidate, situation)
    reasons += _errors(candidate, situation)
    reasons += _ended(candidate, situation)
    reasons += _kind(candidate, situation, others, at)
    base = candidate.prior - float(np.log(candidate.peers))
    score = base + sum(weight for _, weight in reasons)
    telling = tuple((text, weight) for text, weight in reasons if text)
    return Verdict(candidate, score, at, telling, is_measuring(candidate))


def is_measuring(candidate: Candidate) -> bool:
    """Whether the candidate changes what is counted."""
    broke = any(error.level in ("error", "fatal") and error.state != "ignored" for error in candidate.errors)
    return measures(candidate.text, candidate.paths) and not broke


def _timed(candidate: Candidate, situation: Situation) -> tuple[datetime, float]:
    """The moment at which the candidate fits best, and how well."""
    likelihood = situation.likelihood
    best: tuple[float, datetime] | None = None
    for at, spread in candidate.moments:
        second = at.timestamp()
        prompt = likelihood.within(second, max(60.0, spread.total_seconds()))
        late = likelihood.within(second, 12 * 3600)
        weight = float(np.logaddexp(np.log(1 - _LATE) + prompt, np.log(_LATE) + late)) - likelihood.total + _FORTNIGHT
        if best is None or weight > best[0]:
            # An incident is written down a while after it begins, and is known by the time of its record.
            best = weight, candidate.noun.at if isinstance(candidate.noun, Incident) else at
    assert best is not None
    price = float(np.log(max(1, len(candidate.moments) - 1)))
    return best[1], max(-20.0, best[0] - price)


def _when(at: datetime, situation: Situation) -> str:
    hours = (situation.onset - at).total_seconds() / 3600
    likelihood = situation.likelihood
    if abs(hours) < 1 or likelihood.within(at.timestamp(), 1800.0) > -3.0:
        return "took effect when the change began, as closely as the numbers tell"
    return f"took effect {abs(hours):.0f} h {'before' if hours > 0 else 'after'} the change began"


def _subject(candidate: Candidate, situation: Situation) -> list[tuple[str, float]]:
    """Whether its words and files are about this step of the funnel."""
    text = "\n".join((candidate.text, *candidate.paths))
    if is_measuring(candidate):
        return [("changes how events are counted", 1.6)]
    near = relevance(text, situation.metric, situation.relatives)
    if isinstance(candidate.noun, Alert | Incident):
        return [("is about this step", 1.5)] if near else [("", -0.8)]
    if HARMLESS.search(candidate.text) and not near:
        return [("says that it changes no behaviour", -2.5)]
    if near >= 1:
        return [("touches this step", 1.7)]
    if near:
        return [("touches the same funnel", 0.7)]
    if isinstance(candidate.noun, Message):
        return [("", -1.2)]
    if isinstance(candidate.noun, Deployment) and not candidate.pulls:
        return [("", -0.4 if "github" in situation.blind else -0.9)]
    if _broke_here(candidate, situation):
        return [("", -1.0)]
    return [("is about something else", -2.6)] if candidate.where is None else [("", -0.3 if candidate.where else -1.2)]


def _segment(candidate: Candidate, situation: Situation) -> list[tuple[str, float]]:
    """Whether the segment that it names is the one that changed."""
    where = dict(situation.where)
    if candidate.where:
        named = ", ".join(f"{dim} {value}" for dim, value in candidate.where.items())
        if candidate.where == where:
            return [(f"concerns {named}, as the change does", 3.2)]
        if where and all(where.get(dim) == value for dim, value in candidate.where.items()):
            return [(f"concerns {named}, as the change does", 2.6)]
        for other, worth in situation.alternatives:
            if dict(candidate.where) == dict(other):
                best = max((w for _, w in situation.alternatives), default=0.0)
                return [(f"concerns {named}", max(-4.0, 1.5 - 0.8 * (best - worth)) if worth > -2 else -4.0)]
        if candidate.where.keys() <= situation.dims.keys():
            return [(f"concerns {named}, which did not change by itself", -5.0)]
        return [("", -0.5)]
    text = "\n".join((candidate.text, *candidate.paths))
    if isinstance(candidate.noun, Deployment):
        text += f"\n{candidate.noun.component}"
    found: list[tuple[str, float]] = []
    for dim, value in where.items():
        if mentions(text, dim, value):
            found.append((f"names {value}", 1.3))
        elif dim in ("platform", "os", "$os") and _other_platform(candidate, value):
            found.append((f"does not reach {value}", -4.0))
    if candidate.where == {} and where and candidate.kind == "flag_change":
        found.append(("is for everybody", -0.8))
    if not where and candidate.kind != "flag_change":
        for dim in ("platform", "os", "$os"):
            if len(situation.dims.get(dim, ())) > 1 and any(_only_platform(candidate, v) for v in situation.dims[dim]):
                found.append(("reaches one platform alone", -2.5))
                break
    return found


_NATIVE = ("ios", "android")


def _only_platform(candidate: Candidate, value: str) -> bool:
    component = candidate.noun.component.lower() if isinstance(candidate.noun, Deployment) else ""
    roots = {path.split("/")[0].lower() for path in candidate.paths}
    return value.lower() in (*_NATIVE, "web") and (component == value.lower() or roots == {value.lower()})


def _other_platform(candidate: Candidate, value: str) -> bool:
    return any(other != value.lower() and _only_platform(candidate, other) for other in (*_NATIVE, "web"))


def dose(error: ErrorGroup, situation: Situation) -> float:
    """Events of an error an hour, over the events that are missing an hour."""
    until = min(situation.until or situation.now, error.last_seen)
    hours = max(0.5, (until - error.at).total_seconds() / 3600)
    return float(error.count / hours / max(situation.lost, 1e-6))


def agrees(error: ErrorGroup, where: Mapping[str, str], dims: Mapping[str, Sequence[str]]) -> int:
    """1 where the error's tags name the segment, -1 where they name another value of a known property, else 0."""
    signs = [1 if error.tags[d] == v else -1 for d, v in where.items() if d in error.tags]
    if signs:
        return min(signs)
    strange = [d for d in error.tags if d in dims and d not in where and len(dims[d]) > 1]
    return -1 if strange else 0


def _errors(candidate: Candidate, situation: Situation) -> list[tuple[str, float]]:
    """Whether errors came in with it that are many enough, in its files and in the segment."""
    if not isinstance(candidate.noun, Deployment | PullRequest):
        return []
    best: tuple[str, float] | None = None
    for error in candidate.errors:
        after = (error.at - candidate.moments[0][0]).total_seconds() / 3600
        if error.state == "ignored" or not -0.5 <= after <= 24:
            continue
        strength = dose(error, situation)
        agreement = agrees(error, situation.where, situation.dims)
        near = relevance(
            "\n".join((candidate.text, *candidate.paths, error.title)), situation.metric, situation.relatives
        )
        told = near or (agreement > 0 and _broke_here(candidate, situation))
        doubt = (0.0 if told else -1.5) + (-1.2 if error.level in ("warning", "info") and agreement <= 0 else 0.0)
        in_files = bool(error.culprit) and any(_same_file(error.culprit, path) for path in candidate.paths)
        if strength >= 0.12:
            weight = (
                (3.0 if strength >= 0.35 else 1.5)
                + doubt
                + (1.2 if agreement > 0 else -2.5 if agreement < 0 else 0.0)
                + (0.8 if in_files else 0.0)
            )
        else:
            weight = 0.0 if agreement > 0 else -0.8
        said = f"brought {error.ref}, {strength:.1f} errors for each event that is missing"
        if best is None or weight > best[1]:
            best = said, weight
    if best is not None:
        return [best]
    return [] if situation.blind & {"sentry"} else [("", -0.3)]


def _broke_here(candidate: Candidate, situation: Situation) -> bool:
    """Whether it broke its own files at once and as often as events are missing: then its words need not say where."""
    return any(
        error.state != "ignored"
        and -0.5 <= (error.at - candidate.moments[0][0]).total_seconds() / 3600 <= 2
        and dose(error, situation) >= 0.35
        and agrees(error, situation.where, situation.dims) >= (0 if error.level in ("error", "fatal") else 1)
        and any(_same_file(error.culprit, path) for path in candidate.paths if error.culprit)
        for error in candidate.errors
    )


def _same_file(culprit: str, path: str) -> bool:
    return (
        culprit == path or culprit.endswith("/" + path) or path.endswith("/" + culprit) or culprit.split(" ")[0] == path
    )


def _ended(candidate: Candidate, situation: Situation) -> list[tuple[str, float]]:
    """Whether it was over when the change was."""
    if situation.until is None:
        if (
            isinstance(candidate.noun, Incident | Alert)
            and candidate.until
            and candidate.until < situation.now - timedelta(hours=12)
        ):
            return [("was over while the change went on", -4.0)]
        return []
    if candidate.rollback is not None:
        hours = abs((candidate.rollback.at - situation.until).total_seconds()) / 3600
        return [("was rolled back when the change ended", 4.0 if hours < 2 else 1.0)]
    if isinstance(candidate.noun, Incident | Alert) and candidate.until:
        hours = abs((candidate.until - situation.until).total_seconds()) / 3600
        return [("ended when the change did", 2.5)] if hours < 1.5 else [("", -0.5)]
    return []


def _kind(
    candidate: Candidate, situation: Situation, others: Sequence[Candidate], at: datetime
) -> list[tuple[str, float]]:
    """What only holds for one kind of record."""
    found: list[tuple[str, float]] = []
    noun = candidate.noun
    if candidate.kind == "flag_change":
        moved = abs((getattr(noun, "after", 0) or 0) - (getattr(noun, "before", 0) or 0)) / 100
        needed = abs(1 - situation.factor)
        if situation.sign < 0 and needed > moved * 1.15 + 0.05:
            found.append((f"moved {moved:.0%} of people, too few for this", -3.0))
        elif moved >= 0.5:
            found.append((f"moved {moved:.0%} of people", 0.8))
    if isinstance(noun, Message):
        for other in others:
            if isinstance(other.noun, Message) or not other.moments:
                continue
            gap = (noun.at - other.moments[0][0]).total_seconds() / 60
            if 0 <= gap <= 45 and other.kind in ("deployment", "flag_change", "annotation"):
                found.append(("tells of a release", -2.0))
                break
        if situation.where and not any(mentions(noun.body, d, v) for d, v in situation.where.items()):
            found.append(("", -1.0))
    if candidate.kind == "annotation" and candidate.where is None:
        found.append(("", -0.7))
    if isinstance(noun, Deployment) and noun.component in ("worker", "docs", "push") and not candidate.errors:
        found.append(("", -0.5))
    del at
    return found
