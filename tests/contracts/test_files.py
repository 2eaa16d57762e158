"""Files on every database: kept once, found again, gone with their conversation."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from agents.errors import UserMustMend
from app.stores.database import Database
from app.stores.files import StoredFiles, file_contents, forget_files
from app.stores.migrations import migrate
from tests.scenarios.engine.script import NOW, StillClock


class LaterClock:
    """Three days later."""

    def now(self) -> object:
        return NOW + timedelta(days=3)


async def contents(database: Database) -> int:
    async with database.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(file_contents))).scalar_one())


async def test_a_file_is_kept_and_its_content_only_once(database: Database) -> None:
    await migrate(database)
    files = StoredFiles(database, StillClock(), most_mib=1)
    content = bytes(range(256)) * 40
    one = await files.keep(content, name="a/b/sales.csv", actor="ada")
    two = await files.keep(content, name="copy.csv", actor="bea", conversation="c2", run="r2")
    again = await files.keep(content, name="copy.csv", actor="bea", conversation="c2", run="r2")
    assert (one.name, one.size, one.origin, one.conversation) == ("sales.csv", 10_240, "upload", None)
    assert (two.origin, two.id) == ("made", again.id)
    assert one.id != two.id
    assert await files.get(one.id) == one
    assert await files.content(two.id) == content
    assert await contents(database) == 1


async def test_a_file_is_given_to_one_conversation(database: Database) -> None:
    await migrate(database)
    files = StoredFiles(database, StillClock())
    one = await files.keep(b"x", name="a.csv", actor="ada")
    await files.attach([one.id], "c1", "r1")
    await files.attach([one.id], "c2", "r2")
    found = await files.get(one.id)
    assert found is not None
    assert (found.conversation, found.run) == ("c1", "r1")


async def test_files_go_with_their_conversation_and_unused_ones_by_themselves(database: Database) -> None:
    await migrate(database)
    files = StoredFiles(database, StillClock())
    kept, same = [await files.keep(b"shared", name="a.csv", actor="ada") for _ in range(2)]
    unused = await files.keep(b"unused", name="b.csv", actor="ada")
    await files.attach([kept.id], "c1", "r1")
    await files.attach([same.id], "c2", "r2")
    async with database.write() as connection:
        await forget_files(connection, "c1")
    assert await files.get(kept.id) is None
    assert await files.content(same.id) == b"shared"
    await files.sweep()
    assert await files.get(unused.id) is not None
    await StoredFiles(database, LaterClock()).sweep()  # type: ignore[arg-type]
    assert await files.get(unused.id) is None
    assert await files.get(same.id) is not None
    assert await contents(database) == 1
    with pytest.raises(LookupError):
        await files.content(unused.id)


async def test_what_is_too_large_is_not_kept(database: Database) -> None:
    await migrate(database)
    files = StoredFiles(database, StillClock(), most_mib=1)
    with pytest.raises(UserMustMend, match="DEUS_FILE_MB"):
        await files.keep(bytes(1024 * 1024 + 1), name="a.csv", actor="ada")
    assert await contents(database) == 0
