"""Asking: a write of a run is put to the rules, and to people where these want it, or shown as if it were done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from agents.approval import ANYONE, Approval, Proposal, own, proposal_id
from agents.destinations import Destinations
from agents.effect import Ledger, effect_key
from agents.policy import Policy, Verdict, ask_of, judge
from agents.ports import Clock, Queue, Turn, Workbench
from agents.sending import Looks
from agents.undoing import Undoing
from agents.wanted import Wanted
from tools.kit.action import SETTLES, Change
from tools.kit.tool import Write
from tools.nouns import Receipt

State = Literal["done", "awaiting", "later", "declined", "failed"]


@dataclass(frozen=True)
class Acted:
    """How a write step stands. `awaiting` waits for a person, `later` for the world; both are looked at again, the
    latter after `again` seconds if that is known."""

    state: State
    receipt: Receipt | None = None
    service: str = ""
    reason: str = ""
    again: float | None = None


@dataclass(frozen=True)
class Desk:
    """What all writes of a workspace share. `looks` and `settles` are the Sender's."""

    workbench: Workbench
    queue: Queue
    ledger: Ledger
    undoing: Undoing
    clock: Clock
    policy: Policy
    workspace: str
    timezone: ZoneInfo
    destinations: Destinations
    looks: Looks | None = None
    settles: Callable[[str, str], timedelta | None] = lambda service, verb: SETTLES


class Asking:
    """What one run wants to write, under the rules of its workspace. `proposals` are those that people are asked about
    next."""

    def __init__(self, desk: Desk, run: str, turn: Turn) -> None:
        self.proposals: list[Proposal] = []
        self._desk = desk
        self._run = run
        self._turn = turn

    def judged(self, wanted: Wanted, service: str, args: Mapping[str, Any], change: Change) -> Verdict:
        """What the rules say of it."""
        asked = ask_of(
            wanted.verb,
            service=service,
            args=dict(args),
            change=change,
            taint=wanted.taint,
            requester=self._turn.actor,
            channel=self._turn.channel,
            workspace=self._desk.workspace,
            at=self._desk.clock.now().astimezone(self._desk.timezone),
            explicit=not wanted.taint.existence,
        )
        return judge(asked, self._desk.policy)

    def propose(
        self,
        wanted: Wanted,
        service: str,
        args: Mapping[str, Any],
        change: Change,
        last: Approval | None,
        why: tuple[str, ...] = (),
        verdict: Verdict | None = None,
    ) -> Acted:
        """Asks people, unless the rules forbid it outright: awaiting, or declined."""
        verdict = verdict or self.judged(wanted, service, args, change)
        if verdict.decision == "deny":
            return Acted("declined", service=service, reason=" ".join(verdict.why))
        now, revision = self._desk.clock.now(), last.proposal.revision + 1 if last else 1
        self.proposals.append(
            Proposal(
                id=proposal_id(self._run, wanted.step.id, revision),
                workspace=self._desk.workspace,
                run=self._run,
                step=wanted.step.id,
                revision=revision,
                title=title_of(wanted),
                service=service,
                verb=wanted.verb.name,
                args=dict(args),
                change=change,
                risk=verdict.risk,
                why=(*why, *verdict.why),
                sources=(*wanted.taint.decisive, *wanted.taint.content),
                requester=self._turn.actor,
                deciders=verdict.deciders,
                barred=tuple(dict.fromkeys((*verdict.barred, *(own(last) if last else ())))),
                needed=verdict.needed,
                at=now,
                expires_at=now + verdict.expires_in,
            )
        )
        return Acted("awaiting", service=service)

    def shadow(self, wanted: Wanted, service: str, change: Change, verdict: Verdict) -> Receipt:
        """The receipt of a write that is only shown."""
        target = change.target
        whom = " and ".join(verdict.deciders) if ANYONE not in verdict.deciders else "somebody"
        then = f" It would have waited for a yes of {whom}." if verdict.decision == "ask" else ""
        return Receipt(
            service=service,
            ref=target.ref or "dry run",
            url=target.url,
            at=self._desk.clock.now(),
            title=target.title or title_of(wanted),
            effect=effect_key(self._run, wanted.step.id),
            verb=wanted.verb.name,
            said=f"Only shown: nothing was sent.{then}",
            before=change.before,
            after=change.after,
            dry=True,
        )


def title_of(wanted: Wanted) -> str:
    """What a write is called where people see it."""
    return wanted.step.title or wanted.verb.name


def under(verdict: Verdict, proposal: Proposal) -> Proposal:
    """A proposal as the rules would have it now."""
    rules = {"deciders": verdict.deciders, "barred": verdict.barred, "needed": verdict.needed}
    return proposal.model_copy(update=rules)


def dumped(request: Write) -> dict[str, Any]:
    """A request's arguments, as they are shown and kept."""
    return request.model_dump(mode="json", exclude_none=True)
