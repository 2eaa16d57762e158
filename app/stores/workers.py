"""The processes that share a database: their signs of life, by the database's clock, and who sees to the others."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from app.stores.database import Database, Seconds
from app.stores.schema import leases, workers
from app.worker import Worker


class Workers:
    """The table of workers. One that gave no sign of life for `patience` seconds counts as gone, as does one whose
    process is seen to have ended."""

    def __init__(self, database: Database, me: Worker, patience: float) -> None:
        self._database = database
        self.me = me
        self.patience = patience

    async def beat(self) -> bool:
        """Gives a sign of life; False if this worker was not in the table: it is new, or was given up meanwhile."""
        async with self._database.write() as connection:
            mine = workers.update().where(workers.c.id == self.me.id).values(beat=Seconds())
            if (await connection.execute(mine)).rowcount:
                return True
            await connection.execute(workers.insert().values(**vars(self.me), beat=Seconds()))
        return False

    async def alive(self) -> set[str]:
        """The ids of the workers that live."""
        async with self._database.read() as connection:
            found = await connection.execute(
                sa.select(workers.c.id, workers.c.place, workers.c.pid, workers.c.born).where(
                    workers.c.beat > Seconds() - self.patience
                )
            )
            living = [Worker(**row) for row in found.mappings()]
        return {one.id for one in living if one.id == self.me.id or not one.has_ended()}

    async def bury(self, living: Collection[str]) -> list[str]:
        """Strikes out all others; returns their ids. One that comes back sees that it was given up."""
        gone = workers.delete().where(workers.c.id.not_in(living)).returning(workers.c.id)
        async with self._database.write() as connection:
            return list(await connection.scalars(gone))

    async def leave(self) -> None:
        """Strikes this worker out."""
        async with self._database.write() as connection:
            await connection.execute(workers.delete().where(workers.c.id == self.me.id))
            await connection.execute(leases.delete().where(leases.c.holder == self.me.id))

    async def lease(self, name: str, living: Collection[str]) -> bool:
        """Takes a duty that one worker has at a time, or keeps it; False while another living one has it."""
        term = {"holder": self.me.id, "until": Seconds() + self.patience}
        free = sa.or_(leases.c.holder == self.me.id, leases.c.holder.not_in(living), leases.c.until < Seconds())
        async with self._database.write() as connection:
            if (await connection.execute(leases.update().where(leases.c.name == name, free).values(**term))).rowcount:
                return True
            values = sa.select(sa.literal(name), sa.literal(self.me.id), Seconds() + self.patience)
            first = values.where(~sa.exists().where(leases.c.name == name))
            try:
                made = leases.insert().from_select(["name", "holder", "until"], first).returning(leases.c.name)
                return await connection.scalar(made) is not None
            except sa.exc.IntegrityError:
                return False
