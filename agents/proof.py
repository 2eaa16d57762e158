"""The gate: every claim is checked against its evidence before anyone sees it. Pure.

A claim whose figures, refs or links are not in its evidence is dropped; one that names no evidence is shown as a
hypothesis; one that says that Deus did something needs the receipt; a cause that comes after what it should have caused
loses its place in the finding.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from agents.answer import compose, numbered
from agents.proof_acts import unreceipted
from agents.proof_facts import Facts, gather
from agents.proof_mentions import Mentions, mentions
from agents.proof_states import unborne
from agents.record import Answer, Claim, Evidence, Finding

log = logging.getLogger(__name__)

# An artefact's time is when its service wrote it down, which may lag the moment at which it took effect.
LAG = timedelta(minutes=20)


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a claim: `stands` as it is, `hypothesis`, or `dropped`, and why."""

    outcome: str
    reason: str = ""


def prove(answer: Answer, evidence: Sequence[Evidence], zone: ZoneInfo, now: datetime) -> Answer:
    """The answer made of what stands, with its text composed anew. Abstains where nothing stands.

    `zone` is the reader's, in which the text writes times; durations may be counted up to `now`.
    """
    by_id = {item.id: item for item in evidence}
    kept: list[Claim] = []
    for claim in answer.claims:
        verdict = judge(claim, by_id, zone, now)
        if verdict.outcome == "stands":
            kept.append(claim)
        elif verdict.outcome == "hypothesis":
            kept.append(claim.model_copy(update={"kind": "hypothesis"}))
        else:
            log.info("A claim did not pass the gate, %s: %s", verdict.reason, claim.text)
    proven = answer.model_copy(
        update={
            "claims": tuple(kept),
            "finding": _ordered(answer.finding, by_id),
            "abstained": answer.abstained or not (kept or answer.preface),
        }
    )
    return compose(proven, numbered(evidence, kept))


def judge(claim: Claim, evidence: Mapping[str, Evidence], zone: ZoneInfo, now: datetime) -> Verdict:
    """Checks one claim: its evidence exists; figures, times, refs and links of its text are found there, and for what
    it says that was done here there is a receipt."""
    named = [evidence[e] for e in claim.evidence if e in evidence]
    if len(named) < len(claim.evidence):
        return Verdict("dropped", "it names evidence that does not exist")
    said = mentions(claim.text)
    act = unreceipted(claim.text, (record for item in named for record in item.content))
    if act is not None:
        return Verdict("dropped", f"it says {act!r}, and no receipt says so")
    if not named:
        if said.empty():
            return Verdict("hypothesis", "it names no evidence")
        return Verdict("dropped", "it states figures or refs without evidence")
    facts = gather(named, zone, now)
    problem = unsupported(said, facts)
    if problem:
        return Verdict("dropped", problem)
    # What Deus has computed says so of itself; a service's record has a state.
    computed = any(item.service == "deus" for item in named)
    state = None if computed else unborne(claim.text, (record for item in named for record in item.content))
    if state is not None:
        return Verdict("hypothesis", f"it says {state!r}, and no record of its evidence is in that state")
    return Verdict("stands")


def unsupported(said: Mentions, facts: Facts) -> str | None:
    """The first thing that a text mentions and the evidence does not bear out, in words; None if all is there."""
    if said.unsafe:
        return f"it would load or open {said.unsafe!r}"
    checks: Iterable[tuple[bool, str]] = chain(
        ((facts.has_link(link), f"the link {link} is not in its evidence") for link in said.links),
        ((facts.has_ref(ref), f"{ref} is not in its evidence") for ref in said.refs),
        ((facts.has_words(quoted), f"nothing in its evidence says {quoted[:60]!r}") for quoted in said.quotes),
        ((facts.has_time(moment), f"the time {moment.text!r} is not in its evidence") for moment in said.times),
        ((facts.has_number(n, said), f"the figure {n.text!r} is not borne out by its evidence") for n in said.numbers),
    )
    return next((problem for borne_out, problem in checks if not borne_out), None)


def _ordered(finding: Finding | None, evidence: Mapping[str, Evidence]) -> Finding | None:
    """The finding without causes that began after the onset, or whose evidence is not there."""
    if finding is None or finding.onset is None:
        return finding
    onset = finding.onset
    kept = tuple(
        cause
        for cause in finding.causes
        if cause.ref is None or any(_before(evidence[e], cause.ref, onset) for e in cause.evidence if e in evidence)
    )
    return finding.model_copy(update={"causes": kept})


def _before(item: Evidence, ref: str, onset: datetime) -> bool:
    return any(
        moment <= onset + LAG for record in item.content if record.get("ref") == ref for moment in _times(record)
    )


def _times(record: Mapping[str, object]) -> Iterable[datetime]:
    for name in ("at", "until", "ready_at", "merged_at"):
        value = record.get(name)
        if isinstance(value, str):
            yield datetime.fromisoformat(value)
