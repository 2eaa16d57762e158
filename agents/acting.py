"""The writes of one run: judged by the rules, proposed to people, done once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from agents.approval import Approval, NotDecided, Proposal, permits, settled
from agents.asking import Acted, Asking, Desk, dumped, title_of, under
from agents.effect import Effect, effect_key, receipt_of
from agents.errors import DeusError
from agents.evidence import digest
from agents.ports import RunLog, Turn
from agents.sending import ASKED_FOR, Open, Sender
from agents.undoing import UndoAsks
from agents.wanted import Wanted
from tools.kit.action import Change, worse
from tools.kit.errors import RateLimited, TimedOut, Unavailable

__all__ = ["Acted", "Acting", "Desk"]

AGAIN = "It may have happened already. Look there first: a yes sends it again."
CHANGED = "What is there has changed since this was shown."
# A service that says this may be there again in a moment.
AWAY = (RateLimited, TimedOut, Unavailable)
STRICTER = "The rules have become stricter since this was approved."
EDITED = "The arguments were changed by hand."


class Acting:
    """Brings each write of a run as far as it may go now."""

    def __init__(self, desk: Desk, run_log: RunLog, turn: Turn) -> None:
        self._asking = Asking(desk, run_log.run, turn)
        self._desk = desk
        self._log = run_log
        self._turn = turn
        self._sender = Sender(desk.workbench, desk.ledger, desk.looks, desk.settles)

    @property
    def proposals(self) -> list[Proposal]:
        """What people are asked about next."""
        return self._asking.proposals

    async def perform(self, wanted: Wanted) -> Acted:
        """Takes a write up where it stands: in the ledger, in the queue, or nowhere yet. Raises the typed errors."""
        last = await self._desk.queue.of_step(self._log.run, wanted.step.id)
        effect = await self._desk.ledger.get(effect_key(self._log.run, wanted.step.id))
        if effect is not None and effect.state != "retry":
            return await self._begun(wanted, effect, last)
        if last is not None and not (effect is not None and last.id == effect.approval):
            return await self._asked(wanted, last, effect)
        return await self._new(wanted, last, effect)

    async def to_undo(self, key: str | None) -> Sequence[Effect]:
        """What “undo that” means here: the last run's changes, latest first, or the one that is named."""
        if key is not None:
            return [await self._desk.undoing.named(key)]
        return await self._desk.undoing.last(self._turn.conversation, self._log.run)

    async def undo(self, step: str, effect: Effect) -> Acted:
        """Takes one write back for whoever asks here, or asks people where the rules want that. Raises NotUndone, or
        what the service says."""
        place = f"{step}:{effect.key[:12]}"
        last = await self._desk.queue.of_step(self._log.run, place)
        if last is not None and last.state == "requested":
            return Acted("awaiting", service=effect.service)
        if last is not None and last.state != "approved":
            return Acted("declined", service=effect.service, reason=f"Nothing was taken back: {settled(last)}.")
        undoing, turn = self._desk.undoing, self._turn
        try:
            receipt = await undoing.undo(
                effect.key, turn.actor, turn.channel, self._log.run, dry=turn.dry, approval=last
            )
        except UndoAsks as asks:
            self.proposals.append(undoing.proposed(asks, self._log.run, place, turn.actor, last))
            return Acted("awaiting", service=effect.service)
        except DeusError as error:
            if last is None:
                raise
            return await self._unseen(last, error)
        return Acted("done", receipt, effect.service)

    async def withdraw(self, run: str) -> None:
        """Takes back what another run proposed for the same person, as far as nobody has decided it."""
        for one in [] if self._turn.dry else await self._desk.queue.of_run(run):
            if one.state == "requested" and one.proposal.requester == self._turn.actor:
                # Whoever decides at the same moment was first.
                with suppress(NotDecided):
                    await self._desk.queue.withdraw(one.id, self._turn.actor, self._turn.channel)

    async def _begun(self, wanted: Wanted, effect: Effect, last: Approval | None) -> Acted:
        """A write that was sent, or may have been."""
        if effect.state not in ("intent", "unknown"):
            return await self._told(effect)
        found = await self._sender.find_out(effect, wanted.verb.model_validate(effect.args))
        if not isinstance(found, Open):
            return await self._told(found)
        if found.again is None:
            return await self._again(wanted, found.effect, last)
        return Acted("later", service=effect.service, reason=found.effect.error, again=found.again)

    async def _again(self, wanted: Wanted, effect: Effect, last: Approval | None) -> Acted:
        """Nobody can find out whether it happened: a person looks, and says whether it is sent again, and how."""
        asked = last if last is not None and last.id != effect.approval else None
        if asked is None:
            return self._ask_again(wanted, effect, effect.args, _warned(effect.change), last, (AGAIN,))
        if asked.state == "requested":
            return Acted("awaiting", service=effect.service)
        if asked.edited is not None:
            request = wanted.verb.model_validate(asked.edited)
            try:
                change = await self._desk.workbench.preview(effect.service, request)
            except DeusError as error:
                return await self._unseen(asked, error)
            return self._ask_again(wanted, effect, dumped(request), _warned(change), last, (EDITED, AGAIN))
        proposal, now = asked.proposal, self._desk.clock.now()
        if not permits(asked, proposal, now):
            return Acted("failed", service=effect.service, reason=effect.error or AGAIN)
        # The rules may have become stricter while it waited.
        verdict = self._asking.judged(wanted, effect.service, proposal.args, proposal.change)
        strict = verdict.decision == "ask" and not permits(asked, under(verdict, proposal), now)
        if strict or verdict.decision in ("deny", "shadow"):
            return self._ask_again(wanted, effect, proposal.args, proposal.change, last, (STRICTER, AGAIN))
        news: dict[str, Any] = {"by": tuple(dict.fromkeys((*effect.by, *_yes(asked))))}
        if proposal.args != effect.args:
            news |= {"args": proposal.args, "change": proposal.change, "digest": proposal.digest, "error": ""}
        anew = effect.model_copy(update=news)
        if not await self._desk.ledger.attempt(effect.key, effect.attempt, asked.id, anew):
            # Somebody else has brought it further meanwhile.
            return await self.perform(wanted)
        sending = anew.model_copy(update={"attempt": effect.attempt + 1, "approval": asked.id})
        sent = await self._sender.send(sending, wanted.verb.model_validate(sending.args))
        return await self._sent(wanted, sent, asked)

    def _ask_again(
        self,
        wanted: Wanted,
        effect: Effect,
        args: Mapping[str, Any],
        change: Change,
        last: Approval | None,
        why: tuple[str, ...],
    ) -> Acted:
        """Asks whether it is sent again, unless the rules forbid that by now: then it stays unknown."""
        verdict = self._asking.judged(wanted, effect.service, args, change)
        if verdict.decision in ("deny", "shadow"):
            reason = " ".join(filter(None, (effect.error, *verdict.why)))
            return Acted("failed", service=effect.service, reason=reason)
        return self._asking.propose(wanted, effect.service, args, change, last, why, verdict)

    async def _sent(self, wanted: Wanted, sent: Effect, approval: Approval | None) -> Acted:
        """What came of a sending."""
        unsettled = sent.state in ("intent", "unknown")  # with intent another sender has it by now
        return await self._begun(wanted, sent, approval) if unsettled else await self._told(sent)

    async def _unseen(self, asked: Approval, error: DeusError) -> Acted:
        """What cannot be shown just now: people may still decide, and what they decided is not lost at once."""
        service = asked.proposal.service
        if asked.state == "requested":
            return Acted("awaiting", service=service)
        since = asked.settled_on
        if isinstance(error, AWAY) and since and await self._desk.ledger.now() < since + ASKED_FOR:
            return Acted("later", service=service, reason=str(error))
        raise error

    async def _asked(self, wanted: Wanted, last: Approval, effect: Effect | None) -> Acted:
        """A write that people were asked about, and that was not sent since."""
        proposal = last.proposal
        if last.state in ("rejected", "expired") or (last.state == "withdrawn" and last.edited is None):
            return Acted("declined", service=proposal.service, reason=f"Nothing was done: {settled(last)}.")
        args = proposal.args if last.edited is None else last.edited
        request = wanted.verb.model_validate(args)
        try:
            change = await self._desk.workbench.preview(proposal.service, request)
        except DeusError as error:
            return await self._unseen(last, error)
        now = self._desk.clock.now()
        same = proposal.model_copy(update={"change": change})
        if last.edited is not None:
            await self._desk.destinations.corrected(proposal, wanted.shown, last.edited, self._turn.actor)
            return self._asking.propose(wanted, proposal.service, dumped(request), change, last, (EDITED,))
        if same.digest != proposal.digest or worse(proposal.change, change):
            return self._asking.propose(wanted, proposal.service, args, change, last, (CHANGED,))
        if last.state == "requested":
            return Acted("awaiting", service=proposal.service)
        if (verdict := self._asking.judged(wanted, proposal.service, args, change)).decision in ("deny", "shadow"):
            # The rules may have become stricter while it waited.
            return Acted("declined", service=proposal.service, reason=" ".join(verdict.why))
        if not permits(last, same, now):
            return Acted("declined", service=proposal.service, reason="Nothing was done: the approval had expired.")
        if verdict.decision == "ask" and not permits(last, under(verdict, same), now):
            return self._asking.propose(wanted, proposal.service, args, change, last, (STRICTER,), verdict)
        return await self._do(wanted, proposal.service, args, change, last, effect)

    async def _new(self, wanted: Wanted, last: Approval | None, effect: Effect | None) -> Acted:
        """A write that nobody was asked about: the rules decide."""
        goes = await self._desk.destinations.settle(wanted, self._turn)
        wanted = replace(wanted, taint=goes.tainting(wanted.taint))
        service, request = goes.service, wanted.verb.model_validate(goes.args)
        args = dumped(request)
        change = await self._desk.workbench.preview(service, request)
        verdict = self._asking.judged(wanted, service, args, change)
        if verdict.decision != "deny" and (self._turn.dry or verdict.decision == "shadow"):
            if wanted.lost:
                return Acted("declined", service=service, reason=wanted.lost)
            return Acted("done", self._asking.shadow(wanted, service, change, verdict), service)
        if verdict.decision == "allow":
            return await self._do(wanted, service, args, change, None, effect, verdict.rule)
        return self._asking.propose(wanted, service, args, change, last, goes.why, verdict)

    async def _do(
        self,
        wanted: Wanted,
        service: str,
        args: Mapping[str, Any],
        change: Change,
        approval: Approval | None,
        effect: Effect | None,
        rule: str = "",
    ) -> Acted:
        if wanted.lost:
            return Acted("declined", service=service, reason=wanted.lost)
        if any(value is None for value in wanted.late.values()):
            return Acted("awaiting", service=service)
        request = wanted.verb.model_validate(_filled(args, wanted.late))
        if (reason := await self._desk.workbench.blocked(service, request, change)) is not None:
            return Acted("later", service=service, reason=reason)
        intent = Effect(
            key=effect_key(self._log.run, wanted.step.id),
            run=self._log.run,
            step=wanted.step.id,
            service=service,
            verb=wanted.verb.name,
            title=title_of(wanted),
            digest=approval.proposal.digest if approval else digest([dict(args)]),
            args=dumped(request),
            change=change,
            approval=approval.id if approval else None,
            by=_yes(approval) if approval else (),
            rule=rule,
            requester=self._turn.actor,
            at=self._desk.clock.now(),
        )
        if effect is None:
            there = await self._desk.ledger.intend(intent)
            if there is not intent:
                return await self._begun(wanted, there, approval)
        else:
            if not await self._desk.ledger.attempt(intent.key, effect.attempt, intent.approval, intent):
                return await self.perform(wanted)
            intent = intent.model_copy(update={"attempt": effect.attempt + 1})
        try:
            sent = await self._sender.send(intent, request)
        except asyncio.CancelledError:
            if (ended := await self._desk.ledger.get(intent.key)) is not None:
                # Whoever stopped the run is told what was done all the same.
                await self._told(ended)
            raise
        return await self._sent(wanted, sent, approval)

    async def _told(self, effect: Effect) -> Acted:
        """What the ledger says of a write, told once in the run's log if it is done."""
        if effect.state not in ("done", "undone"):
            return Acted("failed", service=effect.service, reason=effect.error)
        receipt = receipt_of(effect, effect.at)
        if not self._log.has("receipt.added", effect.key):
            await self._log.emit(
                "receipt.added",
                id=effect.key,
                step=effect.step,
                verified=not effect.error,
                **receipt.model_dump(mode="json", exclude={"dry", "effect"}),
            )
        return Acted("done", receipt, effect.service)


def _warned(change: Change) -> Change:
    """A change of which nobody knows whether it has happened already."""
    return change.model_copy(update={"warnings": tuple(dict.fromkeys((*change.warnings, AGAIN)))})


def _yes(approval: Approval) -> tuple[str, ...]:
    """Who said yes."""
    return tuple(one.by for one in approval.decisions if one.choice == "approve")


def _filled(value: Any, late: Mapping[str, Any]) -> Any:
    """The arguments with what other writes brought in the places that were kept for it."""
    if isinstance(value, str):
        return late.get(value, value)
    if isinstance(value, list | tuple):
        return [_filled(part, late) for part in value]
    if isinstance(value, Mapping):
        return {key: _filled(part, late) for key, part in value.items()}
    return value
