"""Whether a write may happen, needs a person, or is out of the question. Pure; first match decides, none means no."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from pydantic import Field

from agents.approval import ANYONE, Level, Risk, same_person
from agents.ask import Ask, ask_of
from agents.hours import Hours
from agents.record import Frozen
from agents.rights import Reading
from agents.risk import assess, exceeds
from agents.rules import Rule, Then, kind_of, people_of, reaches

__all__ = [
    "Ask",
    "Mode",
    "Most",
    "Outcome",
    "Policy",
    "Spend",
    "Undo",
    "Verdict",
    "acting",
    "ask_of",
    "judge",
    "judge_undo",
    "proposing",
]

# allow: it is done at once · ask: a person is asked · shadow: it is shown as if done, and nothing is sent · deny: no.
Outcome = Then
# investigate: nothing is written · propose: every write asks · act: what is harmless and ordered is done by itself.
Mode = Literal["investigate", "propose", "act"]


class Verdict(Frozen):
    """What the rules say, and which `rule` said it. `deciders`, `barred`, `needed`, `expires_in` hold
    wherever a person is asked."""

    decision: Outcome
    risk: Risk
    why: tuple[str, ...] = ()
    deciders: tuple[str, ...] = (ANYONE,)
    barred: tuple[str, ...] = ()
    needed: int = Field(default=1, ge=1)
    expires_in: timedelta = timedelta(days=7)
    rule: str = ""


class Most(Frozen):
    """The most of each thing that may be used; None for what the settings say."""

    usd: float | None = Field(default=None, ge=0)
    model_calls: int | None = Field(default=None, ge=0)
    tool_calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)


class Spend(Frozen):
    """What a run, a person in a month and the workspace in a month may use; where the settings are lower, they hold."""

    run: Most = Most()
    actor_month: Most = Most()
    workspace_month: Most = Most()


class Undo(Frozen):
    """When a write that the rules ask about is taken back with no second yes: by whoever asked for it or said yes to
    it, and may say yes to taking it back alone, for so long; unless a rule with `undo: true` asks. With `own: ask`
    never."""

    own: Literal["allow", "ask"] = "allow"
    within: timedelta = Field(default=timedelta(days=1), ge=timedelta(0))


class Policy(Frozen):
    """The rules of a workspace, in order; without any nothing may be written. `threshold` is the highest risk at which
    something is done by itself; `reading` says which sources each role may read."""

    rules: tuple[Rule, ...] = ()
    threshold: Level = "medium"
    hours: Hours = Hours()
    spend: Spend = Spend()
    undo: Undo = Undo()
    reading: Reading = Reading()


def judge(ask: Ask, policy: Policy) -> Verdict:
    """What the rules say of a write: the first that speaks of it decides, and none means no.

    An `allow` becomes a question where untrusted text is on its path, where nobody ordered the write, or where its risk
    is above the threshold, whatever the rule says.
    """
    risk = assess(ask, policy.hours)
    rule = _deciding(ask, risk, policy)
    if rule is None:
        return Verdict(decision="deny", risk=risk, why=("No rule allows it.",))
    said = f"The rule “{rule.name}” says so."
    if rule.then == "deny":
        return Verdict(decision="deny", risk=risk, why=(f"This is not allowed here. {said}",), rule=rule.name)
    if rule.then == "shadow":
        return Verdict(decision="shadow", risk=risk, why=(f"It is shown and not done. {said}",), rule=rule.name)
    held = _held(ask, risk, rule.threshold or policy.threshold)
    done = rule.then == "allow" and not held
    return Verdict(
        decision="allow" if done else "ask",
        risk=risk,
        why=held if rule.then == "allow" and held else (said, *_tainted(ask)),
        deciders=people_of(rule.deciders, ask.requester),
        barred=people_of(rule.barred, ask.requester),
        needed=rule.needed,
        expires_in=rule.expires_in,
        rule=rule.name,
    )


def judge_undo(ask: Ask, policy: Policy, owners: Iterable[str], since: timedelta) -> Verdict:
    """What the rules say of taking a write back, which `owners` asked for or said yes to so long ago.

    It is judged like the write. Where a person must be asked, and whoever takes it back is one whose yes would do, that
    yes is given with the order, as `Undo` has it; never where untrusted text is on its path.
    """
    verdict = judge(ask, policy)
    rule = _deciding(ask, verdict.risk, policy)
    if verdict.decision != "ask" or rule is None or rule.when.undo or policy.undo.own == "ask":
        return verdict
    barred = any(same_person(ask.requester, one) for one in verdict.barred)
    decides = ANYONE in verdict.deciders or any(same_person(ask.requester, one) for one in verdict.deciders)
    owns = any(same_person(ask.requester, one) for one in owners)
    fresh = timedelta(0) <= since < policy.undo.within
    if not (owns and fresh and decides and verdict.needed == 1) or barred or ask.taint.sources:
        return verdict
    why = f"{ask.requester} takes back what was theirs, and may say yes to that; the rule “{rule.name}” asks no other."
    return verdict.model_copy(update={"decision": "allow", "why": (why,)})


def _deciding(ask: Ask, risk: Risk, policy: Policy) -> Rule | None:
    """The rule that speaks of it."""
    return next((one for one in policy.rules if one.decides(ask, risk.level, policy.hours)), None)


def proposing() -> Policy:
    """The policy that is shipped: every write waits for a yes, which anyone may give within seven days."""
    return Policy(rules=(Rule(name="every write waits for a yes", then="ask"),))


def acting(threshold: Level = "medium") -> Policy:
    """What is ordered, clean and of no higher risk is done by itself; everything else waits for a yes."""
    return Policy(rules=(Rule(name="act", then="allow"),), threshold=threshold)


def _held(ask: Ask, risk: Risk, threshold: Level) -> tuple[str, ...]:
    """Why a write that a rule allows needs a person all the same."""
    why = list(_tainted(ask))
    if not ask.explicit:
        why.append("Nobody ordered it in so many words.")
    if exceeds(risk.level, threshold):
        why.append(f"Its risk is {risk.level}; by itself Deus does what is {threshold} at most.")
    return tuple(why)


def _tainted(ask: Ask) -> tuple[str, ...]:
    """What untrusted text decides in a write, or says to people."""
    kind = kind_of(ask)
    if kind == "decisive":
        what = "Whether it is done depends" if ask.taint.existence else _names(ask)
        return (f"{what} on text that nobody here vouches for: {_titles(ask.taint.decisive)}.",)
    if kind == "content" and reaches(ask):
        return (f"People would read text that nobody here vouches for: {_titles(ask.taint.content)}.",)
    return ()


def _names(ask: Ask) -> str:
    found = [name for name, texts in ask.taint.args.items() if texts and name not in ask.taint.body]
    named = " and ".join(f"“{name.replace('_', ' ')}”" for name in found)
    return f"Its {named} {'depends' if len(found) == 1 else 'depend'}"


def _titles(sources: tuple[object, ...]) -> str:
    names = list(dict.fromkeys(str(getattr(one, "title", "") or getattr(one, "service", "")) for one in sources))
    shown = [f"“{name if len(name) <= 60 else name[:59] + '…'}”" for name in names[:3]]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
