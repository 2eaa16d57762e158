"""The vault: each service's credentials, sealed with the workspace's own key, which a keeper seals."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.ports import Clock
from app.stores import consents
from app.stores.consents import Consent
from app.stores.database import Database
from app.stores.schema import context_workspace, vault, vault_key
from app.vaults.keeper import KeyKeeper
from app.vaults.sealing import WrongKey, new_key, seal, unseal
from tools.kit.errors import UserMustMend

log = logging.getLogger(__name__)


class Vault:
    """Keeps the credentials of a workspace's services. Nothing of them is in the database in plain."""

    def __init__(self, database: Database, keeper: KeyKeeper, clock: Clock) -> None:
        self._database = database
        self._keeper = keeper
        self._clock = clock

    async def services(self) -> dict[str, dict[str, str]]:
        """Every service's settings, in plain. Raises UserMustMend where the key is missing or another one."""
        async with self._database.read() as connection:
            rows = (await connection.execute(sa.select(vault).order_by(vault.c.service))).all()
            if not rows:
                return {}
            workspace, kept = await self._kept_key(connection)
        key = await self._opened(workspace, kept)
        return {row.service: self._unsealed(key, workspace, row.service, row.sealed) for row in rows}

    async def keep(self, given: Mapping[str, str], consent: Consent) -> None:
        """Seals a service's settings in place of those that are there, with who allowed it, in one transaction."""
        async with self._database.read() as connection:
            workspace, kept = await self._kept_key(connection)
        # The keeper may be a server: it is asked outside the transaction.
        key = new_key() if kept is None else await self._opened(workspace, kept)
        sealed_key = await self._keeper.seal(key, workspace) if kept is None else None
        sealed = seal(key, json.dumps(dict(given)).encode(), _purpose(workspace, consent.service))
        async with self._database.write() as connection:
            if sealed_key is not None:
                await self._introduce(connection, workspace, sealed_key)
            await connection.execute(vault.delete().where(vault.c.service == consent.service))
            await connection.execute(vault.insert().values(service=consent.service, sealed=sealed, at=consent.at))
            await consents.give(connection, consent)

    async def forget(self, service: str, actor: str) -> bool:
        """Removes a service's settings; False if there are none. Needs no key; with the last service the key goes."""
        async with self._database.write() as connection:
            gone = await connection.execute(vault.delete().where(vault.c.service == service))
            if not gone.rowcount:
                return False
            if not await connection.scalar(sa.select(sa.func.count()).select_from(vault)):
                await connection.execute(vault_key.delete())
            await consents.withdraw(connection, service, actor, self._clock.now())
        return True

    async def adopt(self, path: Path, services: Mapping[str, Mapping[str, str]]) -> None:
        """Seals what an earlier version kept in the plain file `path`, and removes the file."""
        async with self._database.read() as connection:
            sealed = set(await connection.scalars(sa.select(vault.c.service)))
        for service, given in services.items():
            if service not in sealed:
                await self.keep(given, Consent(service, f"the file {path.name}", self._clock.now(), "not told"))
        await asyncio.to_thread(path.unlink)
        log.warning("The credentials of %s are now in the vault; %s is removed.", ", ".join(services), path)

    async def consents(self) -> Sequence[Consent]:
        """Who connected what, newest first."""
        async with self._database.read() as connection:
            return await consents.listed(connection)

    async def _kept_key(self, connection: AsyncConnection) -> tuple[str, sa.Row[Any, Any] | None]:
        workspace: str = (await connection.execute(sa.select(context_workspace.c.id))).scalar_one()
        query = sa.select(vault_key.c.keeper, vault_key.c.sealed).where(vault_key.c.workspace == workspace)
        return workspace, (await connection.execute(query)).one_or_none()

    async def _introduce(self, connection: AsyncConnection, workspace: str, sealed: str) -> None:
        row = {"workspace": workspace, "keeper": self._keeper.name, "sealed": sealed, "at": self._clock.now()}
        try:
            await connection.execute(vault_key.insert().values(**row))
        except sa.exc.IntegrityError as error:
            raise UserMustMend("Another process has just made the vault's key.", remedy="Try once more.") from error

    async def _opened(self, workspace: str, kept: sa.Row[Any, Any] | None) -> bytes:
        if kept is None:
            raise UserMustMend("The vault's key is gone from the database.", remedy=f"Put a backup back; or {ANEW}")
        if kept.keeper != self._keeper.name:
            raise UserMustMend(
                f"The vault was sealed with DEUS_VAULT_KEEPER={kept.keeper}, and now it is {self._keeper.name}.",
                remedy=f"Set it back; or {ANEW}",
            )
        try:
            return await self._keeper.unseal(kept.sealed, workspace)
        except WrongKey as error:
            raise UserMustMend(error.message, remedy=error.remedy or MEND) from error

    def _unsealed(self, key: bytes, workspace: str, service: str, sealed: str) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads(unseal(key, sealed, _purpose(workspace, service)))
        except WrongKey as error:
            raise UserMustMend(
                f"What the vault keeps for {service} was changed.",
                remedy=f"`deus connect {service} --forget`, then connect it anew.",
            ) from error
        return found


ANEW = "`deus connect NAME --forget` each service and connect it anew."
MEND = f"Set DEUS_VAULT_KEY to the key that it was sealed with, or put the old vault-key file back; or {ANEW}"


def _purpose(workspace: str, service: str) -> str:
    return f"deus credentials {workspace} {service}"
