"""A workspace's database, audit log and vault, each opened alone, beside a running Deus or without one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from app.clock import clock_of
from app.settings import Settings, plain_services, with_kept
from app.stores.audit import AuditLog
from app.stores.database import Database
from app.stores.migrations import migrate
from app.stores.vault import Vault
from app.vaults.keeper import keeper_of
from tools.kit.wire import open_client


@contextlib.asynccontextmanager
async def open_audit(settings: Settings) -> AsyncIterator[AuditLog]:
    """Opens the workspace's audit log alone."""
    database = open_database(settings)
    try:
        await migrate(database)
        yield AuditLog(database)
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def open_vault(settings: Settings) -> AsyncIterator[Vault]:
    """Opens the workspace's vault alone."""
    database = open_database(settings)
    try:
        await migrate(database)
        async with open_client() as client:
            yield Vault(database, keeper_of(settings, client), clock_of(settings.clock))
    finally:
        await database.close()


async def kept_services(settings: Settings, vault: Vault) -> Mapping[str, Mapping[str, str]]:
    """The services' settings: those of the environment and deus.toml, and beneath them the vault's."""
    path, plain = plain_services(settings.data_dir)
    if plain:
        await vault.adopt(path, plain)
    return with_kept(settings.services, await vault.services())


def open_database(settings: Settings) -> Database:
    """The database that the settings name, not yet migrated; whoever opens it closes it."""
    if settings.database_url is not None:
        from app.stores.postgres import Postgres

        return Postgres(settings.database_url.get_secret_value())
    from app.stores.sqlite import SQLite

    return SQLite(settings.data_dir / "deus.db")
