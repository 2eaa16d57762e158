"""What people corrected about where writes go and whom they mean, in the database."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from agents.destination import Preference
from app.stores.database import Database
from app.stores.schema import Moment, metadata

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("about", sa.String(300), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("by", sa.String(256), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)


class StoredPreferences:
    """The Preferences of a workspace: one for each thing that was corrected."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self) -> Sequence[Preference]:
        """All of them, the last first."""
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(preferences).order_by(preferences.c.at.desc()))
            return [Preference.model_validate(dict(row)) for row in found.mappings()]

    async def keep(self, preference: Preference) -> None:
        """Keeps one in place of what was kept about the same thing."""
        about = preference.about[:300]
        async with self._database.write() as connection:
            await connection.execute(_one(preference.kind, about))
            await connection.execute(preferences.insert().values(**{**preference.model_dump(), "about": about}))

    async def forget(self, kind: str, about: str) -> bool:
        """Forgets one; False if there is none."""
        async with self._database.write() as connection:
            return bool((await connection.execute(_one(kind, about.casefold()))).rowcount)


def _one(kind: str, about: str) -> sa.Delete:
    return preferences.delete().where(preferences.c.kind == kind, preferences.c.about == about)
