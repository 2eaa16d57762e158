"""An approval as people see it, whatever the channel: what changes, why they are asked, until when. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from agents.approval import Approval, Decision, Risk, Source, who_may


class Line(BaseModel):
    """One field of a change: as it is and as it will be; `before` is None for what is not there yet."""

    model_config = ConfigDict(frozen=True)
    field: str
    before: Any = None
    after: Any = None


class ApprovalView(BaseModel):
    """An approval, ready to be drawn."""

    model_config = ConfigDict(frozen=True)
    id: str
    digest: str
    state: str
    run: str
    step: str
    revision: int
    title: str
    service: str
    verb: str
    args: dict[str, Any]
    target: dict[str, Any]
    diff: tuple[Line, ...]
    people: tuple[str, ...] = ()
    affects: int = 1
    warnings: tuple[str, ...] = ()
    undo: str = ""
    risk: Risk
    why: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    requester: str
    asker: str = ""
    who: str
    needed: int
    decisions: tuple[Decision, ...] = ()
    at: AwareDatetime
    expires_at: AwareDatetime
    resolved_at: AwareDatetime | None = None


def view(approval: Approval, now: datetime) -> ApprovalView:
    """What is shown of an approval. One whose time has run out shows as expired before the sweep says so."""
    proposal, change = approval.proposal, approval.proposal.change
    state = "expired" if approval.state == "requested" and now >= proposal.expires_at else approval.state
    return ApprovalView(
        id=approval.id,
        digest=proposal.digest,
        state=state,
        target=change.target.model_dump(mode="json"),
        diff=diff(change.before, change.after),
        people=change.people,
        affects=change.affects,
        warnings=change.warnings,
        undo=change.undo,
        who=who_may(proposal),
        decisions=approval.decisions,
        resolved_at=approval.resolved_at,
        **{name: getattr(proposal, name) for name in SAME},
    )


SAME = (
    "run", "step", "revision", "title", "service", "verb", "args", "risk", "why", "sources", "requester", "asker",
    "needed", "at", "expires_at",
)  # fmt: skip


def diff(before: dict[str, Any], after: dict[str, Any]) -> tuple[Line, ...]:
    """The fields that a change touches, in the order in which it names them; what stays the same is left out."""
    names = [*after, *(name for name in before if name not in after)]
    lines = (Line(field=name, before=before.get(name), after=after.get(name)) for name in names)
    return tuple(line for line in lines if line.before != line.after)
