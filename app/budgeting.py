"""The budgets that the settings give, and that of a run which is taken up: what it has used goes on counting."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from agents.budget import Books, Budget, Ceiling, Cost, Limits
from agents.event import Event
from agents.evidence import call_digest
from agents.policy import Most, Spend
from agents.ports import Clock
from agents.record import Usage
from app.clock import clock_of
from app.policy_file import policy_of
from app.settings import Settings
from app.stores.database import Database
from app.stores.migrations import migrate
from app.stores.spend import AMOUNTS, StoredSpend
from app.workspace import open_database


def limits_of(settings: Settings, spend: Spend) -> Limits:
    """The most that one run may use, by the settings and the policy."""
    lower = {name: _lower(getattr(settings, f"budget_{name}"), getattr(spend.run, name)) for name in AMOUNTS}
    return Limits(**lower, equal_calls=settings.budget_equal_calls)


def books_of(settings: Settings, spend: Spend, database: Database, clock: Clock) -> StoredSpend:
    """The workspace's books with the months' ceilings, by the settings and the policy."""

    def ceiling(whose: str, most: Most) -> Ceiling:
        given = {name: (getattr(settings, f"budget_{whose}_month_{name}"), getattr(most, name)) for name in AMOUNTS}
        return Ceiling(**{name: _lower(*both) for name, both in given.items()})

    actor, workspace = ceiling("actor", spend.actor_month), ceiling("workspace", spend.workspace_month)
    return StoredSpend(database, clock, ZoneInfo(settings.timezone), actor=actor, workspace=workspace)


def _lower(one: Any, other: Any) -> Any:
    return min((each for each in (one, other) if each is not None), default=None)


@contextlib.asynccontextmanager
async def open_books(settings: Settings) -> AsyncIterator[StoredSpend]:
    """Opens the workspace's books alone, beside a running Deus or without one."""
    database = open_database(settings)
    try:
        await migrate(database)
        yield books_of(settings, policy_of(settings).spend, database, clock_of(settings.clock))
    finally:
        await database.close()


async def budget_of(limits: Limits, books: Books | None, run: str, actor: str, events: Sequence[Event]) -> Budget:
    """The budget with what the run's log and its account say was used: the larger of both, for each may have missed the
    last moment before a process died."""
    account = books.account(run, actor) if books is not None else None
    told = [event.data["usage"] for event in events if event.kind in ("usage.updated", "run.finished")]
    used = Usage.model_validate(told[-1]) if told else Usage()
    budget = Budget(limits, used if account is None else larger(used, await account.recover()), account=account)
    for event in events:
        if event.kind == "call.started":
            data = event.data
            budget.remember(data["step"], call_digest(data["service"], data["verb"], data["args"]))
    return budget


def larger(used: Usage, booked: Cost) -> Usage:
    """The most that either says; tokens that only the account knows count as read."""
    more = max(0, round(booked.tokens) - used.tokens_in - used.tokens_out)
    return used.model_copy(
        update={
            "usd": max(used.usd, booked.usd),
            "model_calls": max(used.model_calls, round(booked.model_calls)),
            "tool_calls": max(used.tool_calls, round(booked.tool_calls)),
            "tokens_in": used.tokens_in + more,
        }
    )
