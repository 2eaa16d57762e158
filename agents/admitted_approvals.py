"""The door to proposals and receipts as one person sees it: those of runs that they may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.admission import Admission
from agents.approval import Approval, Choice
from agents.effect import Effect
from agents.identity import Role
from tools.nouns import Receipt

if TYPE_CHECKING:
    from agents.approvals import Approvals

# A list is filtered after it was read; this many more are read at once.
AHEAD = 4
MOST = 1000


class AdmittedApprovals:
    """Approvals for one actor, by the same methods. What may be decided is checked by the door itself."""

    def __init__(self, approvals: Approvals, admission: Admission, actor: str) -> None:
        self._all = approvals
        self._admission = admission
        self._actor = actor

    async def open(self, limit: int = 100) -> Sequence[Approval]:
        """What waits for a decision now, newest first."""
        return (await self._visible(await self._all.open(min(limit * AHEAD, MOST))))[:limit]

    async def listed(self, state: str | None = None, limit: int = 100) -> Sequence[Approval]:
        """The last approvals, newest first; those in one state only, if given."""
        return (await self._visible(await self._all.listed(state, min(limit * AHEAD, MOST))))[:limit]

    async def get(self, approval: str) -> Approval:
        """One approval. Raises LookupError for one that is not theirs to see."""
        found = await self._visible([await self._all.get(approval)])
        if not found:
            raise LookupError(f"There is no approval {approval!r}.")
        return found[0]

    async def of_run(self, run: str) -> Sequence[Approval]:
        """The approvals of a run, oldest first."""
        return await self._visible(await self._all.of_run(run))

    async def receipts(self, run: str) -> Sequence[Effect]:
        """What a run has changed, or tried to; nothing of a run that is not theirs to see."""
        return await self._all.receipts(run) if run in await self._runs([run]) else ()

    async def admit(self, by: str, channel: str) -> None:
        """Raises Forbidden for one whose role decides nothing, whatever it is about."""
        await self._all.admit(by, channel)

    async def decide(
        self, approval: str, choice: Choice, *, by: str, channel: str, digest: str, note: str = ""
    ) -> Approval:
        """Says yes or no to what was shown."""
        await self.admit(by, channel)
        await self.get(approval)
        return await self._all.decide(approval, choice, by=by, channel=channel, digest=digest, note=note)

    async def edit(self, approval: str, args: Mapping[str, Any], *, by: str, channel: str) -> Approval:
        """Wants other arguments."""
        await self.admit(by, channel)
        await self.get(approval)
        return await self._all.edit(approval, args, by=by, channel=channel)

    async def withdraw(self, approval: str, *, by: str, channel: str) -> Approval:
        """Takes a proposal back."""
        await self.admit(by, channel)
        await self.get(approval)
        return await self._all.withdraw(approval, by=by, channel=channel)

    async def undo(self, effect: str, *, by: str, channel: str, audience: Role | None = None) -> Receipt:
        """Takes a write back."""
        return await self._all.undo(effect, by=by, channel=channel, audience=audience)

    async def _runs(self, runs: Sequence[str]) -> frozenset[str]:
        return await self._admission.visible(await self._admission.person(self._actor), runs)

    async def _visible(self, found: Sequence[Approval]) -> list[Approval]:
        runs = await self._runs(list({one.proposal.run for one in found}))
        return [one for one in found if one.proposal.run in runs]
