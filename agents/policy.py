"""Whether a write may happen, needs a person, or is out of the question. Pure; first match decides, none means no."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from agents.approval import ANYONE, Risk
from agents.record import Frozen
from agents.taint import Taint
from tools.kit.action import Change
from tools.kit.tool import Stakes, Write

# allow: it is done at once · ask: a person is asked · shadow: it is shown as if done, and nothing is sent · deny: no.
Outcome = Literal["allow", "ask", "shadow", "deny"]


class Ask(Frozen):
    """A write that somebody's run wants to do. `at` is in the company's zone; `explicit` says that the asker's own
    words ordered it, in a plan that was bound before anything was read."""

    verb: str
    service: str
    args: dict[str, Any]
    change: Change
    taint: Taint
    stakes: Stakes = "high"
    reaches_people: bool = True
    requester: str
    channel: str
    workspace: str
    at: AwareDatetime
    explicit: bool = False


class Verdict(Frozen):
    """What the rules say. `deciders`, `barred`, `needed` and `expires_in` hold for an `ask`."""

    decision: Outcome
    risk: Risk
    why: tuple[str, ...] = ()
    deciders: tuple[str, ...] = (ANYONE,)
    barred: tuple[str, ...] = ()
    needed: int = Field(default=1, ge=1)
    expires_in: timedelta = timedelta(days=7)


class Policy(Frozen):
    """The rules of a workspace."""


def ask_of(verb: type[Write], **given: Any) -> Ask:
    """The question that a request of this verb puts to the rules."""
    return Ask(verb=verb.name, stakes=verb.stakes, reaches_people=verb.reaches_people, **given)


def judge(ask: Ask, policy: Policy) -> Verdict:
    """What the rules say of a write."""
    return Verdict(decision="ask", risk=Risk(level=ask.stakes), why=("Every write waits for a yes.",))
