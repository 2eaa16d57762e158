"""Proposal and Approval: a write that is being shown, and what people decided about it. Pure."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from agents.errors import PersonMustDecide
from agents.record import Frozen
from tools.kit.action import Change
from tools.kit.errors import BadArgument
from tools.kit.tool import Write, verbs

State = Literal["requested", "approved", "rejected", "expired", "withdrawn"]
Choice = Literal["approve", "reject"]
Level = Literal["low", "medium", "high", "critical"]
ANYONE = "*"


class Source(Frozen):
    """A text that a write depends on and that nobody in charge wrote: where it stands and how it begins."""

    evidence: str = ""
    service: str = ""
    title: str = ""
    url: str | None = None
    excerpt: str = ""


class Risk(Frozen):
    """How much a write can cost, and why that is thought."""

    level: Level
    reasons: tuple[str, ...] = ()


class Proposal(Frozen):
    """A write as it is shown: exact arguments, what they would change, why a person is asked, who that may be.

    `args` are what would be sent; one like `$create[0].url` is filled in by the service's answer to that other write.
    `requester` is the actor who asked, `asker` the same in words: who, by what right, where.
    `deciders` are actors' names, or "*" for everyone who may use this workspace; `barred` may not decide. `revision`
    counts how often the arguments were changed.
    """

    id: str
    workspace: str
    run: str
    step: str
    revision: int = 1
    title: str
    service: str
    verb: str
    args: dict[str, Any]
    change: Change
    risk: Risk
    why: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    requester: str
    asker: str = ""
    deciders: tuple[str, ...] = (ANYONE,)
    barred: tuple[str, ...] = ()
    needed: int = Field(default=1, ge=1)
    at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def digest(self) -> str:
        """What a yes is bound to: verb, service, arguments, the change as shown, workspace and expiry."""
        shown = self.model_dump(mode="json", include=BOUND)
        return hashlib.sha256(canonical(shown).encode()).hexdigest()


# How many people it reaches may change while it waits; what it does, to what and to whom may not.
BOUND: Any = {
    **dict.fromkeys(("id", "workspace", "run", "step", "revision", "service", "verb", "args", "expires_at"), True),
    "change": {
        "target": {"service", "kind", "ref", "environment"},
        "before": True,
        "after": True,
        "bound": True,
        "people": True,
    },
}


class Decision(Frozen):
    """What one person said about a proposal. `digest` is of what that person was shown."""

    choice: Choice
    by: str
    channel: str
    at: AwareDatetime
    digest: str
    note: str = ""


class Approval(Frozen):
    """The durable record: the proposal, every decision, and what came of it. `edited` holds other arguments that a
    person (`edited_by`) gave instead; they are proposed anew. `asked_on` and `settled_on` are of the database's clock,
    which goes on where the workspace's stands still."""

    proposal: Proposal
    state: State = "requested"
    decisions: tuple[Decision, ...] = ()
    resolved_at: AwareDatetime | None = None
    edited: dict[str, Any] | None = None
    edited_by: str = ""
    asked_on: AwareDatetime | None = None
    settled_on: AwareDatetime | None = None

    @property
    def id(self) -> str:
        return self.proposal.id


class NotDecided(PersonMustDecide):
    """A decision that does not count: too late, not allowed, or about something else than what stands there."""


def proposal_id(run: str, step: str, revision: int) -> str:
    """The same for the same step of a run, however often the process dies while it asks."""
    return "apr_" + hashlib.sha256(f"{run}\0{step}\0{revision}".encode()).hexdigest()[:20]


def canonical(value: Any) -> str:
    """One text for equal JSON values, whatever their keys' order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def decide(approval: Approval, decision: Decision) -> Approval:
    """The record after a decision. Raises NotDecided where it does not count; the record then stays as it is."""
    proposal = approval.proposal
    if approval.state != "requested":
        raise NotDecided(f"This is settled already: {settled(approval)}.")
    if decision.at >= proposal.expires_at:
        raise NotDecided("This has expired: nobody decided in time, so nothing was done.", remedy="Ask for it again.")
    if decision.digest != proposal.digest:
        raise NotDecided("What you were shown is no longer what is asked.", remedy="Look at it again and decide anew.")
    if not may_decide(proposal, decision.by):
        raise NotDecided(f"{decision.by} may not decide this; {who_may(proposal)} may.")
    if any(same_person(one.by, decision.by) for one in approval.decisions):
        raise NotDecided(f"{decision.by} has decided already; another person's decision is needed.")
    decisions = (*approval.decisions, decision)
    yes = sum(one.choice == "approve" for one in decisions)
    state: State = "requested"
    if decision.choice == "reject":
        state = "rejected"
    elif yes >= proposal.needed:
        state = "approved"
    resolved = None if state == "requested" else decision.at
    return approval.model_copy(update={"decisions": decisions, "state": state, "resolved_at": resolved})


def outlived(approval: Approval, on: datetime) -> bool:
    """Whether as much time has gone by as it was given, by the database's clock."""
    proposal = approval.proposal
    return approval.asked_on is not None and on >= approval.asked_on + (proposal.expires_at - proposal.at)


def end(approval: Approval, state: Literal["expired", "withdrawn"], at: datetime) -> Approval:
    """The record after its time ran out, or after it was taken back. Raises NotDecided if it is settled."""
    if approval.state != "requested":
        raise NotDecided(f"This is settled already: {settled(approval)}.")
    return approval.model_copy(update={"state": state, "resolved_at": at})


def withdraw(approval: Approval, by: str, at: datetime) -> Approval:
    """The record taken back by who asked for it or may decide it. Raises NotDecided to others."""
    if not same_person(by, approval.proposal.requester) and not may_decide(approval.proposal, by):
        raise NotDecided(f"{by} may not take this back; {approval.proposal.requester} may, and who decides it.")
    return end(approval, "withdrawn", at)


def edit(approval: Approval, args: Mapping[str, Any], by: str, at: datetime) -> Approval:
    """The record withdrawn in favour of other arguments, which are proposed anew.

    Raises NotDecided, and BadArgument for arguments that the verb does not take; the record then stays as it is.
    """
    verb = verbs(Write).get(approval.proposal.verb)
    if verb is None and approval.proposal.verb == "writes.undo":
        raise NotDecided("Taking something back has nothing that could be changed; say yes or no.")
    if verb is None:
        raise NotDecided(f"No connected service serves {approval.proposal.verb} any more.")
    try:
        given = verb.model_validate(dict(args))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "an argument"
        raise BadArgument(f"{approval.proposal.verb} cannot take {name}: {first['msg']}.") from None
    if not may_decide(approval.proposal, by) and not same_person(by, approval.proposal.requester):
        raise NotDecided(f"{by} may not change this; {who_may(approval.proposal)} may.")
    return end(approval, "withdrawn", at).model_copy(
        update={"edited": given.model_dump(mode="json", exclude_none=True), "edited_by": by}
    )


def may_decide(proposal: Proposal, actor: str) -> bool:
    """Whether that person's decision counts."""
    allowed = ANYONE in proposal.deciders or any(same_person(actor, one) for one in proposal.deciders)
    return allowed and bool(folded(actor)) and not any(same_person(actor, one) for one in proposal.barred)


def same_person(one: str, other: str) -> bool:
    """Whether two spellings name one person, who has one voice and gets around no bar however the name is written."""
    return folded(one) == folded(other)


def folded(text: str) -> str:
    """A text in one form: compatible letters alike, without case, without characters that cannot be seen."""
    seen = (one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    return " ".join("".join(seen).casefold().split())


def own(approval: Approval) -> tuple[str, ...]:
    """Who may not decide what is asked in place of this because it is their own: where the requester may not, neither
    may whoever gave other arguments."""
    proposal = approval.proposal
    barred = any(same_person(proposal.requester, one) for one in proposal.barred)
    return tuple(filter(None, (*proposal.barred, approval.edited_by))) if barred else ()


def who_may(proposal: Proposal) -> str:
    """Who may decide, in words."""
    others = ", ".join(proposal.barred)
    if ANYONE in proposal.deciders:
        return f"anyone but {others}" if others else "anyone"
    return ", ".join(proposal.deciders) or "nobody"


def settled(approval: Approval) -> str:
    """How it was settled, in words: "approved by sam"."""
    last = approval.decisions[-1].by if approval.decisions else ""
    return f"{approval.state} by {last}" if last and approval.state in ("approved", "rejected") else approval.state


def permits(approval: Approval, proposal: Proposal, now: datetime) -> bool:
    """Whether exactly this may be done on the strength of that approval, now.

    Everything is counted again rather than believed: the digest, the people, their number, the time.
    """
    valid = {
        folded(one.by)
        for one in approval.decisions
        if one.choice == "approve"
        and one.digest == proposal.digest
        and may_decide(proposal, one.by)
        and one.at < proposal.expires_at
    }
    return (
        approval.state == "approved"
        and approval.proposal.digest == proposal.digest
        and now < proposal.expires_at
        and len(valid) >= proposal.needed
    )
