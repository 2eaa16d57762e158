"""What the vault promises on every database: sealed, opened by the right key alone, and with a record of consent."""

from __future__ import annotations

import asyncio
import base64
import logging
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.stores.audit import AuditLog
from app.stores.consents import Consent
from app.stores.database import Database
from app.stores.migrations import migrate
from app.stores.vault import Vault
from app.vaults.local import LocalKey
from tools.kit.errors import UserMustMend

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)
KEY, OTHER = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
GIVEN = {"token": "ghp_Unmistakable0123456789", "base_url": "https://api.github.test"}


class StillClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
async def database(database: Database) -> Database:
    await migrate(database)
    return database


def vault(database: Database, folder: Path, key: str | None = None) -> Vault:
    return Vault(database, LocalKey(folder / "vault-key", key), StillClock())


def consent(service: str = "github", actor: str = "ann") -> Consent:
    return Consent(service, actor, NOW, "acme-bot", ("3 repositories",))


async def everything(database: Database) -> str:
    """All that stands in the database, as text."""

    def rows(connection: sa.Connection) -> str:
        names = sa.inspect(connection).get_table_names()
        tables = [sa.Table(name, sa.MetaData(), autoload_with=connection) for name in names if "words" not in name]
        return "\n".join(str(tuple(row)) for table in tables for row in connection.execute(sa.select(table)))

    async with database.read() as connection:
        return await connection.run_sync(rows)


async def test_what_is_kept_comes_back_and_stands_nowhere_in_plain(database: Database, tmp_path: Path) -> None:
    opened = vault(database, tmp_path)
    assert await opened.services() == {}
    assert not (tmp_path / "vault-key").exists()
    await opened.keep(GIVEN, consent())
    await opened.keep({"token": "xoxb-also-secret-1234567890"}, consent("slack"))
    assert stat.S_IMODE((tmp_path / "vault-key").stat().st_mode) == 0o600
    again = await vault(database, tmp_path).services()
    assert again == {"github": GIVEN, "slack": {"token": "xoxb-also-secret-1234567890"}}
    text = await everything(database)
    assert "acme-bot" in text
    assert "Unmistakable" not in text
    assert "also-secret" not in text


async def test_the_key_of_the_environment_needs_no_file(database: Database, tmp_path: Path) -> None:
    await vault(database, tmp_path, KEY).keep(GIVEN, consent())
    assert not (tmp_path / "vault-key").exists()
    assert await vault(database, tmp_path, KEY).services() == {"github": GIVEN}


@pytest.mark.parametrize("key", [OTHER, None])
async def test_a_wrong_or_missing_key_opens_nothing_and_says_what_to_do(
    database: Database, tmp_path: Path, key: str | None
) -> None:
    await vault(database, tmp_path, KEY).keep(GIVEN, consent())
    with pytest.raises(UserMustMend, match=r"DEUS_VAULT_KEY.*--forget"):
        await vault(database, tmp_path, key).services()
    with pytest.raises(UserMustMend, match="DEUS_VAULT_KEY"):
        await vault(database, tmp_path, key).keep({"token": "t"}, consent("slack"))
    assert not (tmp_path / "vault-key").exists()
    assert await vault(database, tmp_path, KEY).services() == {"github": GIVEN}


async def test_a_key_that_is_none_is_named_and_not_shown(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="DEUS_VAULT_KEY is no key") as raised:
        await vault(database, tmp_path, "correct horse battery").keep(GIVEN, consent())
    assert "horse" not in str(raised.value)


async def test_sealed_text_opens_for_its_own_service_only(database: Database, tmp_path: Path) -> None:
    opened = vault(database, tmp_path)
    await opened.keep(GIVEN, consent())
    await opened.keep({"token": "t"}, consent("slack"))
    swap = "UPDATE vault SET sealed = (SELECT sealed FROM vault WHERE service = 'slack') WHERE service = 'github'"
    async with database.write() as connection:
        await connection.execute(sa.text(swap))
    with pytest.raises(UserMustMend, match=r"keeps for github was changed.*--forget"):
        await opened.services()


async def test_forgetting_needs_no_key_and_makes_room_for_a_new_one(database: Database, tmp_path: Path) -> None:
    await vault(database, tmp_path, KEY).keep(GIVEN, consent())
    lost = vault(database, tmp_path, OTHER)
    assert await lost.forget("github", "bob")
    assert not await lost.forget("github", "bob")
    await lost.keep(GIVEN, consent())
    assert await lost.services() == {"github": GIVEN}


async def test_another_keeper_is_refused_by_name(database: Database, tmp_path: Path) -> None:
    await vault(database, tmp_path, KEY).keep(GIVEN, consent())
    elsewhere = LocalKey(tmp_path / "vault-key", KEY)
    elsewhere.name = "aws"
    with pytest.raises(UserMustMend, match="DEUS_VAULT_KEEPER=local"):
        await Vault(database, elsewhere, StillClock()).services()


async def test_consent_says_who_when_and_what_and_when_it_ended(database: Database, tmp_path: Path) -> None:
    opened = vault(database, tmp_path)
    await opened.keep(GIVEN, consent(actor="ann"))
    await opened.keep(GIVEN, Consent("github", "bob", NOW, "acme-bot", (), ("repo", "read:org")))
    await opened.forget("github", "cy")
    found = {one.actor: one for one in await opened.consents()}
    assert (found["ann"].ended_by, found["ann"].rights) == ("bob", "scopes not told")
    assert (found["bob"].ended_by, found["bob"].rights) == ("cy", "scopes repo, read:org")
    told = [(row.kind, row.actor) async for row in AuditLog(database).rows()]
    assert told == [("service.connected", "ann"), ("service.connected", "bob"), ("service.forgotten", "cy")]
    assert await AuditLog(database).verify() == (3, None)


async def test_what_an_earlier_version_kept_in_plain_is_sealed_and_removed(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "services.toml"
    path.write_text('[github]\ntoken = "ghp_InPlainText0123456789"\n', encoding="utf-8")
    opened = vault(database, tmp_path)
    await opened.keep({"token": "newer"}, consent("slack"))
    with caplog.at_level(logging.WARNING):
        await opened.adopt(path, {"github": GIVEN, "slack": {"token": "older"}})
    assert await opened.services() == {"github": GIVEN, "slack": {"token": "newer"}}
    assert not path.exists()
    assert "now in the vault" in caplog.text
    assert "Unmistakable" not in caplog.text


async def test_two_that_make_the_first_key_at_once_do_not_lose_each_other(database: Database, tmp_path: Path) -> None:
    async def kept(service: str) -> bool:
        try:
            await vault(database, tmp_path).keep(GIVEN, consent(service))
        except UserMustMend as error:
            return "Try once more" not in str(error)
        return True

    async with asyncio.TaskGroup() as group:
        tasks = {service: group.create_task(kept(service)) for service in ("github", "slack")}
    expected = {service: GIVEN for service, task in tasks.items() if task.result()}
    assert expected
    assert await vault(database, tmp_path).services() == expected
