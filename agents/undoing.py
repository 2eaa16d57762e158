"""Taking a write back: looked at first, refused where the target has moved on, recorded like the write itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Protocol

from pydantic import Field

from agents.approval import Approval, Proposal, may_decide, permits, proposal_id, same_person, who_may
from agents.effect import Effect, Ledger, effect_key
from agents.errors import DeusError, PersonMustDecide
from agents.policy import Policy, Verdict, ask_of, judge_undo, proposing
from agents.ports import Clock, Workbench
from agents.taint import Taint
from agents.way_back import back_to, in_words, is_back, only_shown, taken_back
from tools.kit.action import drift
from tools.kit.errors import Unavailable
from tools.kit.leave import Moment, sent_only_if
from tools.kit.tool import Verb, Write, verbs
from tools.nouns import Receipt

# For how many seconds what was seen at a service counts as how it is there, before an undo writes over it.
SEEN = 60.0


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


class UndoAsks(PersonMustDecide):
    """Taking a write back waits for a yes; `verdict` says whose. Nothing has been done yet."""

    def __init__(self, effect: Effect, verdict: Verdict) -> None:
        super().__init__(f"Taking “{effect.title}” back waits for a yes. {' '.join(verdict.why)}".strip())
        self.effect = effect
        self.verdict = verdict


class Told(Protocol):
    """Where it is told that a write was taken back: the log of the run that did it."""

    async def undone(self, run: str, data: Mapping[str, Any]) -> None:
        """Appends undo.finished to a run's log, with its audit entry."""
        ...

    async def get(self, approval: str) -> Approval | None:
        """The approval on the strength of which a write was done."""
        ...

    async def conversation(self, run: str) -> str | None:
        """The conversation of a run."""
        ...


class Undoing:
    """Takes writes of a workspace back."""

    def __init__(
        self,
        workbench: Workbench,
        ledger: Ledger,
        told: Told,
        clock: Clock,
        policy: Policy | None = None,
        *,
        workspace: str = "",
        timezone: tzinfo = UTC,
    ) -> None:
        self._workbench = workbench
        self._ledger = ledger
        self._told = told
        self._clock = clock
        self._policy = policy or proposing()
        self._workspace = workspace
        self._timezone = timezone

    async def last(self, conversation: str, run: str) -> Sequence[Effect]:
        """What the last run that changed something did, latest first; empty if nothing is left to take back.

        What `run` took back itself still counts: a process that died in the middle finds the same again.
        """
        effects = await self._ledger.of_conversation(conversation)
        done = [one for one in effects if one.state == "done" or (run and one.undone_by == run)]
        return [one for one in done if one.run == done[0].run] if done else []

    async def named(self, key: str) -> Effect:
        """The write of that key. Raises LookupError."""
        effect = await self._ledger.get(key)
        if effect is None:
            raise LookupError(f"There is no receipt {key!r}.")
        return effect

    async def conversation_of(self, run: str) -> str | None:
        """The conversation of a run; None where that is gone."""
        return await self._told.conversation(run)

    async def undo(
        self, key: str, by: str, channel: str, run: str = "", *, dry: bool = False, approval: Approval | None = None
    ) -> Receipt:
        """Takes one write back, on behalf of `run` if it was said in one; the rules decide, as they do for a write.

        Where they ask, `approval` is the yes to what `proposed` shows. In a `dry` run, or where the rules only show
        what is written, it is only shown. Raises LookupError for an unknown key, UndoAsks where a yes is needed,
        NotUndone, or what the service says.

        Each refusal and each failure is told in the log of the run that did the write.
        """
        effect = await self.named(key)
        try:
            if effect.state == "undone":
                return taken_back(effect, (by,), "It was taken back already.")
            await self._check_may(effect, by)
            verdict = self.judged(effect, by, channel)
            if verdict.decision == "deny":
                raise NotUndone(f"“{effect.title}” was not taken back. {' '.join(verdict.why)}")
            looked = Moment()
            differs, state = await self._look(effect)
            if dry or verdict.decision == "shadow":
                return only_shown(effect, UndoWrite.name, asks=verdict.decision == "ask")
            if verdict.decision == "ask" and not self._permitted(effect, verdict, approval):
                raise UndoAsks(effect, verdict)
            yes = tuple(one.by for one in approval.decisions if one.choice == "approve") if approval else ()
            back = await self._undo(effect, yes or (by,), run, differs, state, looked)
        except UndoAsks:
            raise
        except DeusError as error:
            differing = {k: list(v) for k, v in error.drift.items()} if isinstance(error, NotUndone) else {}
            if not dry:
                await self._tell(effect, by, channel, ok=False, summary=str(error), drift=differing)
            raise
        await self._tell(effect, by, channel, ok=True, summary=back.said, drift={})
        return back

    def judged(self, effect: Effect, by: str, channel: str) -> Verdict:
        """What the rules say of taking it back."""
        verb, now = verbs(Write).get(effect.verb), self._clock.now()
        if verb is None:
            raise NotUndone(f"“{effect.title}” cannot be taken back: nothing serves {effect.verb} any more.")
        asked = ask_of(
            verb,
            service=effect.service,
            args=effect.args,
            change=back_to(effect),
            taint=Taint(),
            requester=by,
            channel=channel,
            workspace=self._workspace,
            at=now.astimezone(self._timezone),
            explicit=True,
            undo=True,
        )
        return judge_undo(asked, self._policy, (effect.requester, *effect.by), now - effect.at)

    def proposed(self, asks: UndoAsks, run: str, step: str, by: str, last: Approval | None) -> Proposal:
        """Taking a write back as people are asked about it: what is there, and what will be put back."""
        effect, verdict, now = asks.effect, asks.verdict, self._clock.now()
        revision = last.proposal.revision + 1 if last else 1
        return Proposal(
            id=proposal_id(run, step, revision),
            workspace=self._workspace,
            run=run,
            step=step,
            revision=revision,
            title=f"Take back: {effect.title}",
            service=effect.service,
            verb=UndoWrite.name,
            args={"effect": effect.key},
            change=back_to(effect),
            risk=verdict.risk,
            why=verdict.why,
            requester=by,
            deciders=verdict.deciders,
            barred=verdict.barred,
            needed=verdict.needed,
            at=now,
            expires_at=now + verdict.expires_in,
        )

    def _permitted(self, effect: Effect, verdict: Verdict, approval: Approval | None) -> bool:
        """Whether that yes is for taking exactly this back, from as many and such people as the rules want now."""
        if approval is None or approval.proposal.args != {"effect": effect.key}:
            return False
        news = {"change": back_to(effect), "deciders": verdict.deciders, "barred": verdict.barred}
        now_asked = approval.proposal.model_copy(update={**news, "needed": verdict.needed})
        return permits(approval, now_asked, self._clock.now())

    async def _check_may(self, effect: Effect, by: str) -> None:
        """Raises NotUndone for somebody who neither asked for a write nor could have said yes to it."""
        if effect.approval is None or same_person(by, effect.requester):
            return
        asked = await self._told.get(effect.approval)
        if asked is None or not may_decide(asked.proposal, by):
            whom = f"{who_may(asked.proposal)} may, and {effect.requester}" if asked else f"{effect.requester} may"
            raise NotUndone(f"“{effect.title}” is not for {by} to take back; {whom}.")

    async def _look(self, effect: Effect) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        """What differs from what the write left, and how it is now. Raises NotUndone for what cannot be taken back."""
        landed, change, now = effect.landed, effect.change, self._clock.now()
        if effect.state != "done" or landed is None:
            raise NotUndone(f"“{effect.title}” was not done, so there is nothing to take back.")
        if not change.undo:
            raise NotUndone(f"“{effect.title}” cannot be taken back. {' '.join(change.warnings)}".strip())
        if change.undo_for is not None and now >= effect.at + change.undo_for:
            raise NotUndone(
                f"“{effect.title}” could be taken back until {effect.at + change.undo_for:%d %b %H:%M} UTC."
            )
        if effect.service not in self._workbench.services(effect.verb):
            raise NotUndone(f"“{effect.title}” cannot be taken back: {effect.service} is no longer connected.")
        state = await self._workbench.state(effect.service, _request(effect), change, landed)
        differs = drift(landed.state, state)
        if differs and not is_back(change.before, state):
            raise NotUndone(
                f"“{effect.title}” was not taken back, because somebody changed it since: {in_words(differs)}.",
                differs=differs,
            )
        return differs, state

    async def _undo(
        self,
        effect: Effect,
        by: tuple[str, ...],
        run: str,
        differs: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        looked: Moment,
    ) -> Receipt:
        landed, change, request = effect.landed, effect.change, _request(effect)
        assert landed is not None, "what is not done is not taken back"
        if differs or state is None:
            said = f"{landed.title or effect.title} was back already."
        else:
            again = effect_key(effect.run, effect.step, "undo")
            with sent_only_if(lambda: self._still(effect, looked)):
                await self._workbench.undo(effect.service, request, change, landed, again)
            left = await self._workbench.state(effect.service, request, change, landed)
            if left is not None and not drift(landed.state, left):
                raise NotUndone(
                    f"{effect.service} took the undo of “{effect.title}”, and shows the change all the same."
                )
            said = change.undo
        settled = await self._ledger.settle(effect.key, "undone", undone_by=run)
        return taken_back(settled, by, said)

    async def _still(self, effect: Effect, looked: Moment) -> None:
        """Raises Unavailable where another process has taken it back, or what was looked at may be so no longer."""
        there = await self._ledger.get(effect.key)
        if there is None or there.state != "done":
            raise Unavailable(f"“{effect.title}” is being taken back already.", service=effect.service)
        if looked.past(SEEN):
            said = f"Nobody knows how “{effect.title}” stands by now; it was not taken back."
            raise Unavailable(said, service=effect.service, remedy="Try it again.")

    async def _tell(self, effect: Effect, by: str, channel: str, **outcome: Any) -> None:
        data = {"id": effect.key, "step": effect.step, "title": effect.title, "service": effect.service}
        await self._told.undone(effect.run, {**data, "by": by, "channel": channel, **outcome})


def _request(effect: Effect) -> Write:
    return verbs(Write)[effect.verb].model_validate(effect.args)
