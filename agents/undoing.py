"""Taking a write back: looked at first, refused where the target has moved on, recorded like the write itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import Field

from agents.approval import Approval, may_decide, same_person, who_may
from agents.effect import Effect, Ledger, effect_key, receipt_of
from agents.errors import DeusError, PersonMustDecide
from agents.policy import Policy, closed, proposing
from agents.ports import Clock, Workbench
from tools.kit.action import drift
from tools.kit.tool import Verb, Write, verbs
from tools.nouns import Receipt


class UndoWrite(Verb):
    """Take back what was done in this conversation: the last run's changes, or one of them by its effect's key.

    It is refused where somebody has changed the record since, and says what differs.
    """

    name = "writes.undo"
    returns = Receipt
    effect: str | None = Field(
        default=None, description="the effect's key, as a receipt names it; the last ones if empty"
    )
    waiting: str | None = Field(
        default=None,
        description="a run of this conversation: what it proposed and nobody has decided is withdrawn instead",
    )


class NotUndone(PersonMustDecide):
    """A write that is not taken back: it cannot be, or its target has moved on (`drift`: field → (left, now))."""

    def __init__(self, message: str, *, differs: Mapping[str, tuple[Any, Any]] | None = None) -> None:
        super().__init__(message)
        self.drift = dict(differs or {})


class Told(Protocol):
    """Where it is told that a write was taken back: the log of the run that did it."""

    async def undone(self, run: str, data: Mapping[str, Any]) -> None:
        """Appends undo.finished to a run's log, with its audit entry."""
        ...

    async def get(self, approval: str) -> Approval | None:
        """The approval on the strength of which a write was done."""
        ...


class Undoing:
    """Takes writes of a workspace back."""

    def __init__(
        self, workbench: Workbench, ledger: Ledger, told: Told, clock: Clock, policy: Policy | None = None
    ) -> None:
        self._workbench = workbench
        self._ledger = ledger
        self._told = told
        self._clock = clock
        self._policy = policy or proposing()

    async def last(self, conversation: str, run: str) -> Sequence[Effect]:
        """What the last run that changed something did, latest first; empty if nothing is left to take back.

        What `run` took back itself still counts: a process that died in the middle finds the same again.
        """
        effects = await self._ledger.of_conversation(conversation)
        done = [one for one in effects if one.state == "done" or (run and one.undone_by == run)]
        return [one for one in done if one.run == done[0].run] if done else []

    async def undo(self, key: str, by: str, channel: str, run: str = "") -> Receipt:
        """Takes one write back, on behalf of `run` if it was said in one.

        Raises LookupError for an unknown key, NotUndone, or what the service says.

        Each refusal and each failure is told in the log of the run that did the write.
        """
        effect = await self._ledger.get(key)
        if effect is None:
            raise LookupError(f"There is no receipt {key!r}.")
        try:
            if rule := closed(effect.service, channel, self._policy):
                raise NotUndone(f"“{effect.title}” was not taken back, for nothing may be written there ({rule}).")
            await self._check_may(effect, by)
            back = await self._undo(effect, by, run)
        except DeusError as error:
            differs = {k: list(v) for k, v in error.drift.items()} if isinstance(error, NotUndone) else {}
            await self._tell(effect, by, channel, ok=False, summary=str(error), drift=differs)
            raise
        await self._tell(effect, by, channel, ok=True, summary=back.said, drift={})
        return back

    async def _check_may(self, effect: Effect, by: str) -> None:
        """Raises NotUndone for somebody who neither asked for a write nor could have said yes to it."""
        if effect.approval is None or same_person(by, effect.requester):
            return
        asked = await self._told.get(effect.approval)
        if asked is None or not may_decide(asked.proposal, by):
            whom = f"{who_may(asked.proposal)} may, and {effect.requester}" if asked else f"{effect.requester} may"
            raise NotUndone(f"“{effect.title}” is not for {by} to take back; {whom}.")

    async def _undo(self, effect: Effect, by: str, run: str) -> Receipt:
        landed, change, now = effect.landed, effect.change, self._clock.now()
        if effect.state == "undone":
            return _taken_back(effect, by, "It was taken back already.")
        if effect.state != "done" or landed is None:
            raise NotUndone(f"“{effect.title}” was not done, so there is nothing to take back.")
        if not change.undo:
            raise NotUndone(f"“{effect.title}” cannot be taken back. {' '.join(change.warnings)}".strip())
        if change.undo_for is not None and now >= effect.at + change.undo_for:
            raise NotUndone(
                f"“{effect.title}” could be taken back until {effect.at + change.undo_for:%d %b %H:%M} UTC."
            )
        verb = verbs(Write).get(effect.verb)
        if verb is None or effect.service not in self._workbench.services(effect.verb):
            raise NotUndone(f"“{effect.title}” cannot be taken back: {effect.service} is no longer connected.")
        request = verb.model_validate(effect.args)
        state = await self._workbench.state(effect.service, request, change, landed)
        differs = drift(landed.state, state)
        if differs and not _is_back(change.before, state):
            raise NotUndone(
                f"“{effect.title}” was not taken back, because somebody changed it since: {in_words(differs)}.",
                differs=differs,
            )
        if differs or state is None:
            said = f"{landed.title or effect.title} was back already."
        else:
            again = effect_key(effect.run, effect.step, "undo")
            await self._workbench.undo(effect.service, request, change, landed, again)
            left = await self._workbench.state(effect.service, request, change, landed)
            if left is not None and not drift(landed.state, left):
                raise NotUndone(
                    f"{effect.service} took the undo of “{effect.title}”, and shows the change all the same."
                )
            said = change.undo
        settled = await self._ledger.settle(effect.key, "undone", undone_by=run)
        return _taken_back(settled, by, said)

    async def _tell(self, effect: Effect, by: str, channel: str, **outcome: Any) -> None:
        data = {"id": effect.key, "step": effect.step, "title": effect.title, "service": effect.service}
        await self._told.undone(effect.run, {**data, "by": by, "channel": channel, **outcome})


def in_words(differs: Mapping[str, tuple[Any, Any]]) -> str:
    """A drift in words: "priority was urgent and is now low"."""
    parts = [
        f"{name.replace('_', ' ')} was {_word(left)} and is now {_word(now)}" for name, (left, now) in differs.items()
    ]
    return "; ".join(parts)


def _word(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _is_back(before: Mapping[str, Any], state: Mapping[str, Any] | None) -> bool:
    """Whether the record is as it was before the write, or, for one that the write made, gone."""
    if state is None:
        return not before
    common = [name for name in before if name in state]
    return bool(common) and all(state[name] == before[name] for name in common)


def _taken_back(effect: Effect, by: str, said: str) -> Receipt:
    done = receipt_of(effect, effect.at)
    return done.model_copy(
        update={"said": said, "before": done.after, "after": done.before, "approved_by": (by,), "undo": ""}
    )
