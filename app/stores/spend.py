"""What runs, actors and the workspace spend, month by month: set aside before a call, settled after it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.budget import Ceiling, Cost
from agents.errors import BudgetSpent
from agents.ports import Clock
from app.stores.database import Database, is_outage
from app.stores.schema import spend, spend_reserved

Scope = Literal["workspace", "actor", "run"]
AMOUNTS = tuple(field.name for field in fields(Cost))
# Sums of dollars are sums of binary fractions; a millionth of a cent is nothing.
NOTHING = 1e-8
NO_END = Ceiling()
# How often a database that cannot be reached is tried.
TRIES = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Spent:
    """What somebody has used in a month, what is set aside for calls under way, and the most that there may be."""

    scope: Scope
    name: str
    month: str
    used: Cost
    reserved: Cost
    ceiling: Ceiling


class StoredSpend:
    """The books of a workspace. Each reservation is one transaction over the rows of the workspace, the actor and the
    run, in this order: what two processes reserve at once never passes a ceiling."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        zone: ZoneInfo,
        *,
        actor: Ceiling = NO_END,
        workspace: Ceiling = NO_END,
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self._ceilings: Mapping[Scope, Ceiling] = {"actor": actor, "workspace": workspace, "run": NO_END}

    def account(self, run: str, actor: str) -> RunAccount:
        """The account on which a run draws."""
        return RunAccount(self, run, actor)

    def month(self) -> str:
        """The month by the company's wall clock: "2026-11"."""
        return f"{self._clock.now().astimezone(self._zone):%Y-%m}"

    async def reserve(self, run: str, actor: str, most: Cost) -> str:
        """Sets an amount aside for a run, all or nothing. Raises BudgetSpent, naming the budget."""
        month, taken = self.month(), f"res_{secrets.token_hex(12)}"
        async with self._database.write() as connection:
            for scope, name in _rows(run, actor):
                await _ensure(connection, scope, name, month)
                fits = [_used(one) + getattr(most, one) <= limit + NOTHING for one, limit in self._limits(scope)]
                add = {f"reserved_{one}": spend.c[f"reserved_{one}"] + getattr(most, one) for one in AMOUNTS}
                done = await connection.execute(spend.update().where(_row(scope, name, month), *fits).values(**add))
                if not done.rowcount:
                    raise BudgetSpent(await self._which(connection, scope, name, month, most))
            row = {"id": taken, "run": run, "actor": actor, "month": month, **asdict(most)}
            await connection.execute(spend_reserved.insert().values(**row))
        return taken

    async def settle(self, reservation: str, cost: Cost) -> None:
        """Puts what a call cost in the place of its reservation, in the month in which that was made."""
        async with self._database.write() as connection:
            gone = spend_reserved.delete().where(spend_reserved.c.id == reservation).returning(*spend_reserved.c)
            row = (await connection.execute(gone)).one_or_none()
            if row is not None:
                held = Cost(**{one: getattr(row, one) for one in AMOUNTS})
                await _book(connection, row.run, row.actor, row.month, held, cost)

    async def spend(self, run: str, actor: str, cost: Cost) -> None:
        """Books what was used and not set aside before, such as the time of a call that was under way."""
        month = self.month()
        async with self._database.write() as connection:
            for scope, name in _rows(run, actor):
                await _ensure(connection, scope, name, month)
            await _book(connection, run, actor, month, Cost(), cost)

    async def recover(self, run: str) -> Cost:
        """Counts what a process that died had set aside as spent, for the calls may have been made, but for its time.
        Returns all that the run has used."""
        async with self._database.write() as connection:
            gone = spend_reserved.delete().where(spend_reserved.c.run == run).returning(*spend_reserved.c)
            for row in (await connection.execute(gone)).all():
                held = Cost(**{one: getattr(row, one) for one in AMOUNTS})
                lost = Cost(**{one: getattr(row, one) for one in AMOUNTS if one != "seconds"})
                await _book(connection, row.run, row.actor, row.month, held, lost)
            sums = sa.select(*(sa.func.coalesce(sa.func.sum(spend.c[one]), 0.0).label(one) for one in AMOUNTS))
            found = await connection.execute(sums.where(spend.c.scope == "run", spend.c.name == run))
            return Cost(**found.mappings().one())

    async def totals(self, month: str | None = None) -> Sequence[Spent]:
        """What the workspace and its actors have used in a month (this one if left out), who used most first."""
        chosen = month or self.month()
        wanted = sa.and_(spend.c.month == chosen, spend.c.scope.in_(("workspace", "actor")))
        query = sa.select(spend).where(wanted).order_by(spend.c.scope.desc(), spend.c.usd.desc(), spend.c.name)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        found = [self._spent(row) for row in rows]
        if not any(one.scope == "workspace" for one in found):
            found.insert(0, Spent("workspace", "", chosen, Cost(), Cost(), self._ceilings["workspace"]))
        return found

    def _spent(self, row: Mapping[Any, Any]) -> Spent:
        used = Cost(**{one: row[one] for one in AMOUNTS})
        reserved = Cost(**{one: row[f"reserved_{one}"] for one in AMOUNTS})
        return Spent(row["scope"], row["name"], row["month"], used, reserved, self._ceilings[row["scope"]])

    def _limits(self, scope: Scope) -> list[tuple[str, float]]:
        ceiling = asdict(self._ceilings[scope])
        return [(one, most) for one, most in ceiling.items() if most is not None]

    async def _which(self, connection: AsyncConnection, scope: Scope, name: str, month: str, most: Cost) -> str:
        """The sentence about the budget that does not hold an amount."""
        row = (await connection.execute(sa.select(spend).where(_row(scope, name, month)))).mappings().one()
        whose = "This workspace's" if scope == "workspace" else f"{name}'s"
        when = datetime.strptime(month, "%Y-%m").strftime("%B %Y")  # noqa: DTZ007
        for one, limit in self._limits(scope):
            if row[one] + row[f"reserved_{one}"] + getattr(most, one) > limit + NOTHING:
                return f"{whose} budget of {amount(one, limit)} for {when} is used up."
        return f"{whose} budget for {when} is used up."


class RunAccount:
    """The Account of one run."""

    def __init__(self, books: StoredSpend, run: str, actor: str) -> None:
        self._books = books
        self._run = run
        self._actor = actor

    async def reserve(self, most: Cost) -> str:
        """Sets an amount aside. Raises BudgetSpent.

        If the database had taken it when the connection broke, it is taken twice; the run's end counts both.
        """
        return await patiently(lambda: self._books.reserve(self._run, self._actor, most))

    async def settle(self, reservation: str, cost: Cost) -> None:
        """Puts what it cost in the place of a reservation."""
        await patiently(lambda: self._books.settle(reservation, cost))

    async def spend(self, cost: Cost) -> None:
        """Books what was not set aside."""
        await patiently(lambda: self._books.spend(self._run, self._actor, cost))

    async def recover(self) -> Cost:
        """Counts what an earlier process left unsettled as spent; returns all that the run has used."""
        return await self._books.recover(self._run)


async def patiently(act: Callable[[], Awaitable[T]], pause: float = 0.2) -> T:
    """Does it as soon as the database can be reached; raises what that says if it cannot for some seconds."""
    for n in range(1, TRIES):
        try:
            return await act()
        except Exception as error:
            if not is_outage(error):
                raise
            await asyncio.sleep(pause * n)
    return await act()


def amount(name: str, value: float) -> str:
    """An amount in words: "$20.00", "500 model calls"."""
    return f"${value:,.2f}" if name == "usd" else f"{value:,.0f} {name.replace('_', ' ')}"


def _rows(run: str, actor: str) -> tuple[tuple[Scope, str], ...]:
    return (("workspace", ""), ("actor", actor), ("run", run))


def _row(scope: Scope, name: str, month: str) -> sa.ColumnElement[bool]:
    return sa.and_(spend.c.scope == scope, spend.c.name == name, spend.c.month == month)


def _used(name: str) -> sa.ColumnElement[float]:
    return spend.c[name] + spend.c[f"reserved_{name}"]


async def _ensure(connection: AsyncConnection, scope: Scope, name: str, month: str) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    nothing = dict.fromkeys((*AMOUNTS, *(f"reserved_{one}" for one in AMOUNTS)), 0.0)
    row = {"scope": scope, "name": name, "month": month, **nothing}
    await connection.execute(dialect.insert(spend).values(**row).on_conflict_do_nothing())


async def _book(connection: AsyncConnection, run: str, actor: str, month: str, held: Cost, cost: Cost) -> None:
    """Takes a reservation off and adds what was used."""
    changed: dict[str, Any] = {}
    for one in AMOUNTS:
        left = spend.c[f"reserved_{one}"] - getattr(held, one)
        changed[f"reserved_{one}"] = sa.case((left < NOTHING, 0.0), else_=left)
        changed[one] = spend.c[one] + getattr(cost, one)
    for scope, name in _rows(run, actor):
        await connection.execute(spend.update().where(_row(scope, name, month)).values(**changed))
