"""Somebody's session at the web, as a browser keeps it after signing in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt

from app.channels.sign_in import sign_in
from app.channels.sign_in_session import Sessions
from app.settings import Settings
from app.stores.people import StoredPeople

HASH = "scrypt$15$8$1$c2FsdA==$bm90aGluZyBmaXRzIHRoaXM="


async def session(settings: Settings, actor: str, people: StoredPeople | None = None) -> str:
    """A session that holds, for somebody who has a password; one who is known and has none is given one."""
    account = sign_in(settings.data_dir, settings.user, settings.password)
    sessions = Sessions(account, people)
    claims = await sessions.claims(actor)
    if claims is None and people is not None and await people.get(actor) is not None:
        await people.set_password(actor, HASH, by="a test")
        claims = await sessions.claims(actor)
    until = datetime.now(UTC) + timedelta(hours=1)
    return jwt.encode({"identifier": actor, "metadata": claims or {}, "exp": until}, account.secret, algorithm="HS256")
