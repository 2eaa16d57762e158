"""The audit log over HTTP: newest first, in pages, for those who may look."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
from fastapi import FastAPI

from agents.audit import AuditEntry
from app.api import audit, problem
from app.api.access import api_token
from app.settings import Settings
from app.stores import audit as audit_table
from app.stores.audit import AuditLog
from app.stores.migrations import migrate
from app.stores.sqlite import SQLite

NOW = datetime(2026, 11, 18, 15, tzinfo=UTC)


async def test_the_log_is_read_newest_first_in_pages(tmp_path: Path) -> None:
    settings, database = Settings(data_dir=tmp_path), SQLite(tmp_path / "deus.db")
    await migrate(database)
    async with database.write() as connection:
        told = [AuditEntry("noted", NOW, "ann", f"run_{n % 2}", {"number": n}) for n in range(5)]
        await audit_table.append(connection, told)
    server = FastAPI()
    server.include_router(audit.router)
    problem.install(server)
    server.state.product = SimpleNamespace(audit=AuditLog(database), settings=settings, people=None)
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get("/api/audit")).status_code == 401
        client.headers["Authorization"] = f"Bearer {api_token(settings)}"
        page = (await client.get("/api/audit", params={"limit": 2})).json()
        assert [row["n"] for row in page] == [5, 4]
        assert page[0]["data"] == {"number": 4}
        older = (await client.get("/api/audit", params={"limit": 2, "before": 4, "run": "run_0"})).json()
        assert [row["n"] for row in older] == [3, 1]
        head = (await client.get("/api/audit/head")).json()
        assert (head["n"], head["hash"]) == (5, page[0]["hash"])
    await database.close()
