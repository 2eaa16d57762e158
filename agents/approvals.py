"""The door to what waits for people: every channel lists, shows, decides, changes and takes back through it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from agents.admission import Admission
from agents.admitted_approvals import AdmittedApprovals
from agents.approval import ANYONE, Approval, Choice, Decision, folded, same_person
from agents.effect import Effect, Ledger
from agents.errors import PersonMustDecide
from agents.identity import Role
from agents.planners.taking_back import undo_order
from agents.ports import Clock, Turn
from agents.undoing import UndoAsks, Undoing, UndoWrite
from tools.nouns import Receipt

# How many proposals are looked through for those about the same undo.
MOST = 1000
_NAMESPACE = uuid.UUID("7a0d2c1e-3c0b-4d0e-9a55-5f2b1d9b3c27")
# Starts a run and returns its id.
Say = Callable[[Turn], Awaitable[str]]


class UndoAsked(PersonMustDecide):
    """Taking a write back waits for a yes, which `run` asks for in a conversation; nothing has been taken back yet.
    `begun` says that it asks because of this very order; otherwise it was asked before."""

    def __init__(self, asks: UndoAsks, run: str, conversation: str | None, *, begun: bool) -> None:
        whom = ", ".join(asks.verdict.deciders) if ANYONE not in asks.verdict.deciders else "somebody"
        super().__init__(
            f"Taking “{asks.effect.title}” back waits for a yes of {whom}. {' '.join(asks.verdict.why)}".strip(),
            remedy="It stands under /approvals.",
        )
        self.run = run
        self.conversation = conversation
        self.begun = begun


class Decisions(Protocol):
    """The store of approvals, to those who decide."""

    async def get(self, approval: str) -> Approval | None: ...

    async def of_run(self, run: str) -> Sequence[Approval]: ...

    async def listed(self, state: str | None = None, limit: int = 100) -> Sequence[Approval]: ...

    async def decide(self, approval: str, decision: Decision) -> Approval: ...

    async def edit(self, approval: str, args: Mapping[str, Any], by: str, channel: str) -> Approval: ...

    async def withdraw(self, approval: str, by: str, channel: str) -> Approval: ...


class Approvals:
    """What channels do with proposals and receipts. `ready` is awaited before a run is made to go on."""

    def __init__(
        self,
        decisions: Decisions,
        ledger: Ledger,
        undoing: Undoing,
        clock: Clock,
        ready: Callable[[], Awaitable[object]],
        admission: Admission | None = None,
        say: Say | None = None,
    ) -> None:
        self._decisions = decisions
        self._ledger = ledger
        self._undoing = undoing
        self._clock = clock
        self._ready = ready
        self._admission = admission
        self._say = say

    def of(self, actor: str) -> Desk:
        """The same door as that person sees it: only what belongs to runs that they may see."""
        return AdmittedApprovals(self, self._admission, actor) if self._admission is not None else self

    async def open(self, limit: int = 100) -> Sequence[Approval]:
        """What waits for a decision now, newest first."""
        now = self._clock.now()
        waiting = await self._decisions.listed("requested", limit)
        return [one for one in waiting if now < one.proposal.expires_at]

    async def listed(self, state: str | None = None, limit: int = 100) -> Sequence[Approval]:
        """The last approvals, newest first; those in one state only, if given."""
        return await self._decisions.listed(state, limit)

    async def get(self, approval: str) -> Approval:
        """One approval. Raises LookupError for an unknown one."""
        found = await self._decisions.get(approval)
        if found is None:
            raise LookupError(f"There is no approval {approval!r}.")
        return found

    async def of_run(self, run: str) -> Sequence[Approval]:
        """The approvals of a run, oldest first."""
        return await self._decisions.of_run(run)

    async def decide(
        self, approval: str, choice: Choice, *, by: str, channel: str, digest: str, note: str = ""
    ) -> Approval:
        """Says yes or no to what was shown (`digest`); the run goes on. Raises NotDecided where that does not count,
        Forbidden for one whose role decides nothing."""
        await self._may(approval, by, channel)
        await self._ready()
        said = Decision(choice=choice, by=by, channel=channel, at=self._clock.now(), digest=digest, note=note)
        return await self._decisions.decide(approval, said)

    async def edit(self, approval: str, args: Mapping[str, Any], *, by: str, channel: str) -> Approval:
        """Wants other arguments; they are shown and asked about anew. Raises NotDecided, BadArgument, Forbidden."""
        await self._may(approval, by, channel)
        await self._ready()
        return await self._decisions.edit(approval, args, by, channel)

    async def withdraw(self, approval: str, *, by: str, channel: str) -> Approval:
        """Takes a proposal back; the run goes on without it. Raises NotDecided if it is settled, Forbidden."""
        await self._may(approval, by, channel)
        await self._ready()
        return await self._decisions.withdraw(approval, by, channel)

    async def receipts(self, run: str) -> Sequence[Effect]:
        """What a run has changed, or tried to, in order."""
        return await self._ledger.of_run(run)

    async def undo(self, effect: str, *, by: str, channel: str, audience: Role | None = None) -> Receipt:
        """Takes a write back. Where the rules want a yes for that, a run asks for it: UndoAsked; `audience` is the
        least role among those who read it there. Raises LookupError, NotUndone, Forbidden, or the service's failure."""
        if self._admission is not None:
            person, there = await self._admission.decider(by, channel), await self._ledger.get(effect)
            if there is not None and there.run not in await self._admission.visible(person, [there.run]):
                raise LookupError(f"There is no change {effect!r}.")
        try:
            return await self._undoing.undo(effect, by, channel)
        except UndoAsks as asks:
            if self._say is None:
                raise
            raise await self._asked(asks, self._say, by, channel, audience) from None

    async def _asked(self, asks: UndoAsks, say: Say, by: str, channel: str, audience: Role | None) -> UndoAsked:
        """Begins a run that asks for the yes, unless one has asked already."""
        key = asks.effect.key
        earlier = [
            one
            for one in await self._decisions.listed(None, MOST)
            if one.proposal.verb == UndoWrite.name and one.proposal.args == {"effect": key}
        ]
        for one in earlier:
            if one.state == "requested":
                run = one.proposal.run
                return UndoAsked(asks, run, await self._undoing.conversation_of(run), begun=False)
        await self._ready()
        # Whoever asked for the write sees it where that was said; for others it is a conversation of their own.
        mine = same_person(by, asks.effect.requester)
        said_in = await self._undoing.conversation_of(asks.effect.run) if mine else None
        conversation = said_in or str(uuid.uuid5(_NAMESPACE, f"{key}/{folded(by)}"))
        # Pressed twice in a row it is one run; after a no, or after one that came to nothing, it is another.
        minute = int((await self._ledger.now()).timestamp()) // 60
        message = f"undo-{key}-{len(earlier)}-{minute}"
        order = undo_order(asks.effect)
        turn = Turn(order, by, channel, conversation, self._clock.now(), message_id=message, audience=audience)
        return UndoAsked(asks, await say(turn), conversation, begun=True)

    async def admit(self, by: str, channel: str) -> None:
        """Raises Forbidden for one whose role decides nothing, whatever it is about."""
        if self._admission is not None:
            await self._admission.decider(by, channel)

    async def _may(self, approval: str, by: str, channel: str) -> None:
        """Raises Forbidden for one whose role decides nothing, LookupError for one who may not see the run."""
        if self._admission is None:
            return
        person = await self._admission.decider(by, channel)
        run = (await self.get(approval)).proposal.run
        if run not in await self._admission.visible(person, [run]):
            raise LookupError(f"There is no approval {approval!r}.")


# The same methods, for all or as one person may use them.
Desk = Approvals | AdmittedApprovals
