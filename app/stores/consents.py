"""Consent records: who connected which service, when, with which rights, and when that ended."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from agents.audit import AuditEntry
from app.stores import audit
from app.stores.schema import consents


@dataclass(frozen=True)
class Consent:
    """One connection of a service: `account` and `sees` are what its check told, and so are `scopes`, if not None."""

    service: str
    actor: str
    at: datetime
    account: str
    sees: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None

    @property
    def rights(self) -> str:
        """The scopes in words."""
        return "scopes not told" if self.scopes is None else f"scopes {', '.join(self.scopes) or 'none'}"


async def give(connection: AsyncConnection, consent: Consent) -> None:
    """Records a consent, which ends the service's former one, and tells the audit log."""
    await _end(connection, consent.service, consent.actor, consent.at)
    row = {"id": secrets.token_hex(8), "service": consent.service, "actor": consent.actor, "at": consent.at}
    scopes = None if consent.scopes is None else list(consent.scopes)
    told = {"account": consent.account, "sees": list(consent.sees), "scopes": sa.null() if scopes is None else scopes}
    await connection.execute(consents.insert().values(**row, **told))
    data = {"service": consent.service, "account": consent.account, "scopes": scopes or "not told"}
    await audit.append(connection, [AuditEntry("service.connected", consent.at, consent.actor, None, data)])


async def withdraw(connection: AsyncConnection, service: str, actor: str, at: datetime) -> None:
    """Ends a service's consent and tells the audit log."""
    await _end(connection, service, actor, at)
    await audit.append(connection, [AuditEntry("service.forgotten", at, actor, None, {"service": service})])


async def listed(connection: AsyncConnection) -> Sequence[Consent]:
    """All consents, the newest first, those that have ended included."""
    found = await connection.execute(sa.select(consents).order_by(consents.c.at.desc(), consents.c.id))
    return [
        Consent(
            row.service,
            row.actor,
            row.at,
            row.account,
            tuple(row.sees),
            None if row.scopes is None else tuple(row.scopes),
            row.ended_at,
            row.ended_by,
        )
        for row in found
    ]


async def _end(connection: AsyncConnection, service: str, actor: str, at: datetime) -> None:
    standing = consents.update().where(consents.c.service == service, consents.c.ended_at.is_(None))
    await connection.execute(standing.values(ended_at=at, ended_by=actor))
