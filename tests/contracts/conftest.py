"""The databases on which the contracts of the stores run: a SQLite file and a real Postgres server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.stores.database import Database
from app.stores.postgres import Postgres
from app.stores.sqlite import SQLite
from tests.postgres import fresh_database, server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server that is there for the whole session."""
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database, of either kind."""
    if request.param == "sqlite":
        file = SQLite(tmp_path / "deus.db")
        yield file
        await file.close()
    else:
        with fresh_database(request.getfixturevalue("postgres_server")) as url:
            opened = Postgres(url)
            yield opened
            await opened.close()
