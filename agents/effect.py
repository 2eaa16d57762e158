"""The effect ledger's words: a write is an intent before it is sent, and done only by the service's own word."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import AwareDatetime

from agents.errors import StepFailed
from agents.record import Frozen
from tools.kit.action import Change, Landed
from tools.nouns import Receipt

# intent: it may have been sent · done: the service says so · failed: the service refused, nothing happened ·
# unknown: nobody can tell, a person looks · undone: taken back · retry: it failed, and somebody wants it tried again.
EffectState = Literal["intent", "done", "failed", "unknown", "undone", "retry"]


class Effect(Frozen):
    """One write of one step. `attempt` counts the senders; only the last one may send. `by` are those who approved,
    `rule` is the policy's that allowed it where nobody was asked.

    By the ledger's own time: `begun` is since when it is tried (None: an older version recorded it), `left` when the
    last request of the last sender went out, before its first byte. `sent` counts the senders that came so far.
    """

    key: str
    run: str
    step: str
    service: str
    verb: str
    title: str
    digest: str
    args: dict[str, Any]
    change: Change
    approval: str | None = None
    by: tuple[str, ...] = ()
    rule: str = ""
    requester: str = ""
    state: EffectState = "intent"
    attempt: int = 1
    at: AwareDatetime
    begun: AwareDatetime | None = None
    left: AwareDatetime | None = None
    sent: int = 0
    landed: Landed | None = None
    error: str = ""
    undone_by: str = ""

    @property
    def unsent(self) -> bool:
        """Whether the last sender has certainly not sent it, so that it can be sent without asking anybody."""
        return self.begun is not None and self.left is None


class Ledger(Protocol):
    """The effects of a workspace. Every method is one transaction."""

    async def intend(self, effect: Effect) -> Effect:
        """Records the intent, or returns what is there for its key. An approval is used up by its first intent: one
        that another key has used raises NotDecided."""
        ...

    async def attempt(
        self,
        key: str,
        after: int,
        approval: str | None = None,
        intent: Effect | None = None,
        *,
        unsent: bool = False,
    ) -> bool:
        """Takes the right to send from the sender number `after`; False if another has it by now, or, for one that is
        `unsent`, if that one has sent it meanwhile. An approval of this very repetition is used up; `intent` replaces
        what failed before."""
        ...

    async def leave(self, key: str, attempt: int) -> bool:
        """Records that a request of this sender goes out now; False, and nothing may go out, if another took over."""
        ...

    async def now(self) -> datetime:
        """The ledger's own time, one for all processes; it goes on where the workspace's clock stands still."""
        ...

    async def settle(
        self,
        key: str,
        state: EffectState,
        *,
        landed: Landed | None = None,
        error: str = "",
        undone_by: str = "",
        attempt: int | None = None,
    ) -> Effect:
        """Records what became of an effect. One that is done stays done, but for being undone.

        A sender gives its `attempt`: only the last one may say that it failed or that nobody knows, while the
        service's word that it is done counts whoever brings it.
        """
        ...

    async def get(self, key: str) -> Effect | None: ...

    async def of_run(self, run: str) -> Sequence[Effect]: ...

    async def of_conversation(self, conversation: str, limit: int = 20) -> Sequence[Effect]:
        """The effects of a conversation's runs, newest first."""
        ...


def effect_key(run: str, step: str, what: str = "do") -> str:
    """The key under which a step's write is sent: the same after every restart (40 hexadecimal digits)."""
    return hashlib.sha256(f"{run}\0{step}\0{what}".encode()).hexdigest()[:40]


def receipt_of(effect: Effect, at: datetime) -> Receipt:
    """What came of a write, as people and later steps see it. Raises StepFailed unless it is done."""
    landed, change = effect.landed, effect.change
    if landed is None or effect.state not in ("done", "undone"):
        raise StepFailed(f"{effect.title} is not done, so that there is no receipt.", service=effect.service)
    undone = effect.state == "undone"
    return Receipt(
        service=effect.service,
        ref=landed.ref,
        url=landed.url,
        at=at,
        title=landed.title or effect.title,
        effect=effect.key,
        verb=effect.verb,
        approved_by=effect.by,
        allowed_by="" if effect.by else effect.rule,
        said=" ".join(filter(None, (landed.said, effect.error))),
        before=change.before,
        after=landed.state or change.after,
        undo="" if undone else change.undo,
        undo_until=at + change.undo_for if change.undo and change.undo_for else None,
    )
