"""Whose words a conversation carries: Deus', or those of the person who took it over. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from agents.errors import PersonMustDecide

State = Literal["open", "waiting", "taken", "closed"]
STATES: tuple[str, ...] = get_args(State)
LONGEST_WHY = 500


@dataclass(frozen=True)
class Handover:
    """How a conversation stands: open (Deus answers), waiting (a person is asked for; `why` says what for), taken or
    closed. `by`, called `name`, has it or closed it. `since` is when that began; None where it was only ever open."""

    state: State = "open"
    by: str = ""
    why: str = ""
    since: datetime | None = None
    name: str = ""


@dataclass(frozen=True)
class Ruling:
    """What happens to a turn: whether Deus plans it, and how the conversation stands after it."""

    planned: bool
    after: Handover


class HeldByAnother(PersonMustDecide):
    """Somebody else has the conversation, or nobody has it yet."""


def said(there: Handover, now: datetime) -> Ruling:
    """Somebody says something: while a person has the conversation Deus stays silent, and what was closed opens.

    While a person is asked for and has not come, Deus goes on answering.
    """
    if there.state == "taken":
        return Ruling(False, there)
    return Ruling(True, Handover(since=now) if there.state == "closed" else there)


def ask(there: Handover, why: str, now: datetime) -> Handover:
    """A person is asked for. Who asks twice waits since the first time; where somebody is there, nothing changes."""
    why = " ".join(why.split())[:LONGEST_WHY]
    if there.state == "taken":
        return there
    if there.state == "waiting":
        return replace(there, why=why or there.why)
    return Handover("waiting", "", why, now)


def take(there: Handover, by: str, name: str, now: datetime, *, gone: bool = False) -> Handover:
    """Takes a conversation over. The first one wins, unless they are `gone`. Raises HeldByAnother."""
    if there.state == "taken" and there.by == by:
        return there
    _free(there, by, gone=gone)
    return Handover("taken", by, there.why, now, name)


def hand_back(there: Handover, by: str, now: datetime, *, gone: bool = False) -> Handover:
    """Lets Deus answer again. Raises HeldByAnother."""
    _free(there, by, gone=gone)
    return there if there.state == "open" else Handover(since=now)


def close(there: Handover, by: str, now: datetime, *, gone: bool = False) -> Handover:
    """Ends a conversation; the next turn opens it again. Raises HeldByAnother."""
    _free(there, by, gone=gone)
    return there if there.state == "closed" else Handover("closed", by, "", now)


def writes(there: Handover, by: str) -> Handover:
    """A person writes in the place of Deus, which only who has the conversation may. Raises HeldByAnother."""
    _free(there, by, gone=False)
    if there.state != "taken":
        raise HeldByAnother("You do not have this conversation, so Deus would answer as well.", remedy="Take it over.")
    return there


def require_deus(there: Handover) -> None:
    """Raises HeldByAnother where a person has the conversation."""
    _free(there, "", gone=False)


def left(there: Handover, now: datetime) -> Handover:
    """Who had the conversation has not been seen for too long: somebody else is asked for."""
    return there if there.state != "taken" else Handover("waiting", "", there.why or "who had it has left", now)


def _free(there: Handover, by: str, *, gone: bool) -> None:
    if there.state == "taken" and there.by != by and not gone:
        raise HeldByAnother(
            f"{there.name or there.by} has this conversation.",
            remedy="It is free once they hand it back, or have left.",
        )
