"""Numbered changes of the schema, applied in order and never changed once released."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import sqlalchemy as sa

from app.stores.database import Database

versions = sa.Table("schema_version", sa.MetaData(), sa.Column("version", sa.Integer, primary_key=True))


def migrations() -> dict[int, Callable[[sa.Connection], None]]:
    """Every migration beside this file, by number: m0001_….py has `upgrade(connection)`."""
    found: dict[int, Callable[[sa.Connection], None]] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        found[int(module.name[1:5])] = loaded.upgrade
    return found


async def migrate(database: Database) -> list[int]:
    """Brings the schema up to date and returns the numbers that were applied. Several processes may call it at once."""
    async with database.migrating() as connection:
        return await connection.run_sync(_apply)


def _apply(connection: sa.Connection) -> list[int]:
    versions.create(connection, checkfirst=True)
    done = set(connection.scalars(sa.select(versions.c.version)))
    applied = [(number, upgrade) for number, upgrade in sorted(migrations().items()) if number not in done]
    for number, upgrade in applied:
        upgrade(connection)
        connection.execute(versions.insert().values(version=number))
    return [number for number, _ in applied]
